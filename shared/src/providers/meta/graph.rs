//! The Graph API as a transport: a bearer token, JSON both ways, errors decoded. Knows nothing of messages.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::multipart::Form;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    http::client::LazyClient,
    providers::{error::ProviderError, lenient, transport},
};

/// Longest answer that is read. A page of a hundred templates is the largest that we ask for.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// How long an upload may take, all in all: longer than other calls, and short enough that the message can still be sent
/// within its function's time.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(20);

/// What is encoded in a path: all but letters, digits, `-` and `_`.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// What an answer that is not 2xx means: each product has codes of its own.
pub(in crate::providers) type ReadError = fn(StatusCode, &HeaderMap, &[u8]) -> ProviderError;

/// The Graph API at one base URL.
pub(in crate::providers) struct Graph {
    http: LazyClient,
    base: String,
    read_error: ReadError,
}

impl Graph {
    /// `base` holds the version and no slash at the end.
    pub(in crate::providers) fn new(http: LazyClient, base: String, read_error: ReadError) -> Self {
        Self { http, base, read_error }
    }

    /// Posts to an edge of an object what stands in the address alone, e.g. to `subscribed_apps`.
    pub(in crate::providers) async fn post_query(
        &self,
        token: &SecretString,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, ProviderError> {
        self.call(self.http.post(self.url(path)).query(query), token).await
    }

    /// The base URL.
    pub(in crate::providers) fn base(&self) -> &str {
        &self.base
    }

    /// Reads `fields` of an object.
    pub(in crate::providers) async fn get(&self, token: &SecretString, id: &str, fields: &str) -> Result<Value, ProviderError> {
        self.read(token, &[id], &[("fields", fields)]).await
    }

    /// Reads an object or an edge of it, e.g. `["2000000001", "phone_numbers"]`.
    pub(in crate::providers) async fn read(
        &self,
        token: &SecretString,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, ProviderError> {
        self.call(self.http.get(self.url(path)).query(query), token).await
    }

    /// Reads an edge to its end, at most `max_pages` pages of it.
    pub(in crate::providers) async fn read_all(
        &self,
        token: &SecretString,
        path: &[&str],
        query: &[(&str, &str)],
        max_pages: usize,
    ) -> Result<Vec<Value>, ProviderError> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..max_pages {
            let mut query = query.to_vec();
            query.extend(after.iter().map(|after| ("after", after.as_str())));
            let page = self.read(token, path, &query).await?;
            all.extend_from_slice(lenient::items(&page, "data"));
            // Its own address for the next page holds the token, so the cursor is used.
            let next = page.pointer("/paging/next").filter(|next| !next.is_null());
            match next.and_then(|_| lenient::id(&page, "/paging/cursors/after")) {
                Some(cursor) if after.as_ref() != Some(&cursor) => after = Some(cursor),
                _ => break,
            }
        }
        Ok(all)
    }

    /// Posts to an edge of an object, e.g. `messages`.
    pub(in crate::providers) async fn post(
        &self,
        token: &SecretString,
        id: &str,
        edge: &str,
        body: &Value,
    ) -> Result<Value, ProviderError> {
        self.call(self.http.post(self.url(&[id, edge])).json(body), token).await
    }

    /// Posts a form with files to an edge of an object, e.g. `media`.
    pub(in crate::providers) async fn upload(
        &self,
        token: &SecretString,
        id: &str,
        edge: &str,
        form: Form,
    ) -> Result<Value, ProviderError> {
        self.call(self.http.post(self.url(&[id, edge])).timeout(UPLOAD_TIMEOUT).multipart(form), token).await
    }

    /// Deletes an object, or what an edge of it stands for.
    pub(in crate::providers) async fn delete(&self, token: &SecretString, path: &[&str]) -> Result<Value, ProviderError> {
        self.call(self.http.delete(self.url(path)), token).await
    }

    fn url(&self, segments: &[&str]) -> String {
        segments.iter().fold(self.base.clone(), |url, segment| format!("{url}/{}", utf8_percent_encode(segment, SEGMENT)))
    }

    async fn call(&self, request: reqwest::RequestBuilder, token: &SecretString) -> Result<Value, ProviderError> {
        let response = request.bearer_auth(token.expose_secret()).send().await.map_err(|e| transport::failure(&e))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = transport::body(response, MAX_ANSWER_BYTES).await;
        if !status.is_success() {
            // Without its body, the answer still has a status.
            let body = body.ok().flatten().unwrap_or_default();
            return Err((self.read_error)(status, &headers, &body));
        }
        body.ok()
            .flatten()
            .and_then(|body| lenient::body(&body))
            .ok_or_else(|| ProviderError::Uncertain { code: "unreadable_answer".to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::stub::{self, Reply, Stub};

    fn graph(stub: &Stub) -> Graph {
        let read_error: ReadError = |status, _, _| ProviderError::Transient { code: status.to_string() };
        Graph::new(stub::client(), format!("{}/v25.0", stub.url), read_error)
    }

    fn page(item: u32, after: &str, more: bool) -> Reply {
        let mut page = json!({"data": [item], "paging": {"cursors": {"after": after}}});
        if more {
            page["paging"]["next"] = "https://graph.example/v25.0/1/things?access_token=CANARY".into();
        }
        Reply::json(200, &page)
    }

    #[tokio::test]
    async fn an_edge_is_read_by_cursors_to_its_end_or_the_bound() {
        let token = SecretString::from("T");
        let read = async |stub: &Stub, max| graph(stub).read_all(&token, &["1", "things"], &[("limit", "1")], max).await.unwrap();
        let stub = Stub::start([page(1, "A=", true), page(2, "B=", true), page(3, "B=", false)]).await;
        assert_eq!(read(&stub, 9).await, [json!(1), json!(2), json!(3)]);
        let lines: Vec<String> = stub.seen().into_iter().map(|seen| seen.line).collect();
        assert_eq!(lines[..2], ["GET /v25.0/1/things?limit=1", "GET /v25.0/1/things?limit=1&after=A%3D"]);
        let stub = Stub::start([page(1, "A", true), page(2, "B", true)]).await;
        assert_eq!(read(&stub, 2).await.len(), 2, "bounded");
        let stub = Stub::start([page(1, "A", true), page(2, "A", true)]).await;
        assert_eq!(read(&stub, 9).await.len(), 2, "a cursor that stands still ends it");
    }

    #[tokio::test]
    async fn forms_are_posted_and_edges_deleted_with_the_token() {
        let stub = Stub::start([Reply::json(200, &json!({"id": "9"})), Reply::json(200, &json!({"success": true}))]).await;
        let token = SecretString::from("T");
        let form = Form::new().text("type", "text/plain");
        assert_eq!(graph(&stub).upload(&token, "1", "media", form).await.unwrap(), json!({"id": "9"}));
        graph(&stub).delete(&token, &["2/..", "apps"]).await.unwrap();
        let seen = stub.seen();
        assert_eq!((seen[0].line.as_str(), seen[1].line.as_str()), ("POST /v25.0/1/media", "DELETE /v25.0/2%2F%2E%2E/apps"));
        assert!(seen[0].headers["content-type"].to_str().unwrap().starts_with("multipart/form-data; boundary="));
        assert!(seen.iter().all(|request| request.headers["authorization"] == "Bearer T"));
    }
}
