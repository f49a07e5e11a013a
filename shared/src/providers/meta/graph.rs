//! The Graph API as a transport: a bearer token, JSON both ways, errors decoded. Knows nothing of messages.

use http::{HeaderMap, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    http::client::LazyClient,
    providers::{error::ProviderError, lenient, transport},
};

/// Longest answer that is read. Those that we ask for have less than a kilobyte.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

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

    /// The base URL.
    pub(in crate::providers) fn base(&self) -> &str {
        &self.base
    }

    /// Reads `fields` of an object.
    pub(in crate::providers) async fn get(&self, token: &SecretString, id: &str, fields: &str) -> Result<Value, ProviderError> {
        self.call(self.http.get(self.url(&[id])).query(&[("fields", fields)]), token).await
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
