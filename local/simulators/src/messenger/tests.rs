//! The simulator by itself, and the adapter against it.

mod against;
mod checks;

use std::sync::Arc;

use axum::{Router, extract::RawQuery, routing::post};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use super::{Messenger, Page, VERSION};
use crate::{clock::AdjustableClock, graph::App, locked};

const SECRET: &str = "test-app-secret-0123456789abcdef";
const ADA: &str = "7001";

/// Bodies and headers of webhooks, as they came.
type Seen = Arc<std::sync::Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A page with its API and its files on one port, as the bundle meets them.
struct World {
    messenger: Messenger,
    clock: Arc<AdjustableClock>,
    /// The API's base URL, with the version.
    url: String,
    seen: Seen,
}

fn page() -> Page {
    Page { id: "400".to_owned(), name: "Acme".to_owned(), token: "EAATEST".to_owned(), human_agent: false }
}

async fn listen(router: impl FnOnce(&str) -> Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router(&url);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(AdjustableClock::default());
        let app = App { secret: SECRET.to_owned(), verify_token: "v".to_owned() };
        let mut made = None;
        let url = listen(|url| {
            let messenger = Messenger::new(app, url, clock.clone());
            made.insert(messenger).router()
        })
        .await;
        let messenger = made.unwrap();
        messenger.add_page(page());
        let seen = Seen::default();
        let keep = seen.clone();
        let hook = post(move |headers: HeaderMap, body: Bytes| async move {
            locked(&keep).push((headers, body));
        });
        let shake = |RawQuery(query): RawQuery| async move {
            let query = query.unwrap_or_default();
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == "hub.challenge").map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let callback = listen(|_| Router::new().route("/", hook.get(shake))).await;
        assert!(messenger.set_callback(&callback).await);
        Self { messenger, clock, url: format!("{url}/{VERSION}"), seen }
    }

    /// Waits until nothing is under way, and hands over the webhooks that came since.
    async fn webhooks(&self) -> Vec<(HeaderMap, Bytes)> {
        let settled = async {
            while !self.messenger.webhooks().idle() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), settled).await.unwrap();
        std::mem::take(&mut *locked(&self.seen))
    }

    async fn call(&self, method: http::Method, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let client = reqwest::Client::builder().build().unwrap();
        let mut request = client.request(method, format!("{}{path}", self.url)).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}
