//! Requests over the bundle's real router, as browsers, pages, Pipedrive and providers send them, and their answers whole.

use std::collections::BTreeMap;

use http::{HeaderMap, Method, header};
use local::bundle::Bundle;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A header's text; empty if it is not there.
    pub fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Asserts a refusal of the documented shape, and gives its words.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> String {
        let body = self.json();
        let message = body["data"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(body, json!({"success": false, "data": {"message": message, "code": code}}), "{self:?}");
        assert_eq!((self.status, self.header(header::CONTENT_TYPE)), (status, "application/json"), "{self:?}");
        assert!(!message.is_empty(), "{self:?}");
        message
    }
}

/// A client that follows no redirects.
///
/// # Panics
/// If the TLS stack does not start.
#[expect(clippy::expect_used, reason = "tests")]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

/// Sends a request.
///
/// # Panics
/// If there is no answer.
#[expect(clippy::expect_used, reason = "tests")]
pub async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, body: answer.text().await.expect("a body") }
}

/// Calls an API of the bundle with a session, as its pages do.
pub async fn api(bundle: &Bundle, session: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let mut request = client().request(method, format!("{}{path}", bundle.url())).bearer_auth(session);
    if let Some(body) = body {
        request = request.json(body);
    }
    send(request).await
}

/// A browser, as far as the bundle's own cookies go. It stops at each redirect.
#[derive(Debug, Default)]
pub struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Opens a path of the bundle, or any address.
    pub async fn open(&mut self, bundle: &Bundle, address: &str) -> Answer {
        let address = if address.starts_with('/') { format!("{}{address}", bundle.url()) } else { address.to_owned() };
        let mut request = client().get(&address);
        if address.starts_with(bundle.url()) && !self.cookies.is_empty() {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        let answer = send(request).await;
        for line in answer.headers.get_all(header::SET_COOKIE).iter().filter_map(|line| line.to_str().ok()) {
            if let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}
