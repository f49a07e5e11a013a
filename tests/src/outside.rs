//! The way from a function to the world outside, to Pipedrive and the providers: counts what passes, and fails where a test
//! wants it to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use shared::{config::Config, environment::Environment};

/// What goes wrong at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is answered 503, and nothing happened.
    Before,
    /// It is carried out, and answered 503.
    After,
}

impl Fault {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];
}

#[derive(Default)]
struct Inner {
    /// Where requests go that come for the n-th address.
    leads_to: Vec<String>,
    requests: Vec<String>,
    fault: Option<(usize, Fault)>,
}

/// A way. Clones are the same way.
#[derive(Clone, Default)]
pub struct Way(Arc<Mutex<Inner>>);

impl Way {
    /// Opens one from `environment` to where its calls go, and gives the same environment with this way out. It ends with the
    /// test's runtime.
    ///
    /// # Panics
    /// If there is no port for it.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn open(environment: &Environment) -> (Self, Environment) {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port for the way");
        let address = listener.local_addr().expect("it has an address");
        let way = Self::default();
        let lead = |url: &str| {
            let mut inner = way.inner();
            inner.leads_to.push(url.to_owned());
            format!("http://{address}/{}", inner.leads_to.len() - 1)
        };
        let config = &environment.config;
        let config = Config {
            pipedrive_oauth_url: lead(&config.pipedrive_oauth_url),
            pipedrive_api_url: config.pipedrive_api_url.as_deref().map(lead),
            graph_api_url: lead(&config.graph_api_url),
            telegram_api_url: lead(&config.telegram_api_url),
            twilio_api_url: lead(&config.twilio_api_url),
            ..Config::clone(config)
        };
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let router = Router::new().fallback(pass).with_state((way.clone(), client));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut there = environment.clone();
        there.config = Arc::new(config);
        (way, there)
    }

    /// Counts anew, with a fault at the `at`th request (from 0) if any.
    pub fn reset(&self, fault: Option<(usize, Fault)>) {
        let mut inner = self.inner();
        inner.requests.clear();
        inner.fault = fault;
    }

    /// Methods and paths of the requests since the last reset, in their order.
    pub fn requests(&self) -> Vec<String> {
        self.inner().requests.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a request goes, and what goes wrong with it.
    fn note(&self, request: &Request) -> Option<(String, Option<Fault>)> {
        let path = request.uri().path_and_query()?.as_str().strip_prefix('/')?;
        let end = path.find('/').unwrap_or(path.len());
        let (n, path) = (path[..end].parse::<usize>().ok()?, &path[end..]);
        let mut inner = self.inner();
        let fault = inner.fault.filter(|(at, _)| *at == inner.requests.len()).map(|(_, fault)| fault);
        inner.requests.push(format!("{} {path}", request.method()));
        Some((format!("{}{path}", inner.leads_to.get(n)?), fault))
    }
}

async fn pass(State((way, client)): State<(Way, reqwest::Client)>, request: Request) -> Response {
    let Some((url, fault)) = way.note(&request) else { return StatusCode::NOT_FOUND.into_response() };
    if fault == Some(Fault::Before) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(header::HOST);
    let Ok(body) = to_bytes(body, usize::MAX).await else { return StatusCode::BAD_REQUEST.into_response() };
    let sent = client.request(parts.method, url).headers(parts.headers).body(body).send().await;
    let Ok(answer) = sent else { return StatusCode::BAD_GATEWAY.into_response() };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(header::TRANSFER_ENCODING);
    let Ok(body) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    if fault == Some(Fault::After) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    (status, headers, Body::from(body)).into_response()
}
