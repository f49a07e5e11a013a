//! For the tests of this folder: a server that gives one answer to everything and keeps what it was asked.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Response, Uri},
};
use secrecy::SecretString;

use super::{Access, spend::Spend};
use crate::secrets::Secrets;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// A header's value, or nothing.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, as JSON.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// The server, and a client to ask it with.
pub(super) struct Stub {
    pub(super) url: String,
    pub(super) http: reqwest::Client,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Stub {
    /// The one request that arrived.
    pub(super) fn only_request(&self) -> Asked {
        let asked = self.asked.lock().unwrap();
        assert_eq!(asked.len(), 1, "requests");
        asked[0].clone()
    }

    /// Every request that arrived.
    pub(super) fn requests(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A client whose every call goes to this server.
    pub(super) fn client(&self) -> super::client::Client {
        super::client::Client::new(self.http.clone(), self.url.clone(), Some(self.url.clone()))
    }
}

/// Starts a server that answers everything the same way.
pub(super) async fn stub(status: u16, headers: &[(&'static str, &'static str)], body: impl Into<String>) -> Stub {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, headers, answer) = (asked.clone(), headers.to_vec(), body.into());
    let app = Router::new().fallback(move |method: Method, uri: Uri, asked: HeaderMap, body: Bytes| {
        let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        seen.lock().unwrap().push(Asked { method, path, headers: asked, body: body.to_vec() });
        let mut response = Response::builder().status(status);
        for (name, value) in &headers {
            response = response.header(*name, *value);
        }
        let response = response.body(Body::from(answer.clone())).unwrap();
        async move { response }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Stub { url, http, asked }
}

/// Access with a token that must never show in an error.
pub(super) fn access(api_domain: &str) -> Access {
    Access {
        api_domain: api_domain.to_owned(),
        token: SecretString::from("v1u:secret-token"),
        version: 1,
        spend: Spend::default(),
    }
}

/// The bundle's secret with a known client id and client secret.
pub(super) fn secrets() -> Secrets {
    let json = serde_json::json!({
        "pipedrive_client_id": "client-id",
        "pipedrive_client_secret": "client-secret",
        "encryption_key": "0123456789abcdef0123456789abcdef",
    });
    Secrets::parse(&json.to_string()).unwrap()
}
