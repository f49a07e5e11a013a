//! A service of AWS for tests: it answers as it was told, and keeps what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
};
use bytes::Bytes;
use http::{StatusCode, request::Parts};

/// Largest body of a request.
const LARGEST: usize = 10_000;

/// A running service. It ends with the test.
pub(crate) struct StandIn {
    /// Where it is.
    pub(crate) url: String,
    kept: Arc<Kept>,
}

struct Kept {
    answers: Mutex<VecDeque<(u16, &'static str)>>,
    requests: Mutex<Vec<(Parts, Bytes)>>,
}

impl StandIn {
    /// One that gives these answers one after the other, and 500 afterwards.
    pub(crate) async fn answering(answers: &[(u16, &'static str)]) -> Self {
        let kept = Arc::new(Kept { answers: Mutex::new(answers.iter().copied().collect()), requests: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(kept.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, kept }
    }

    /// What it was asked so far.
    pub(crate) fn requests(&self) -> Vec<(Parts, Bytes)> {
        self.kept.requests.lock().unwrap().clone()
    }
}

async fn answer(State(kept): State<Arc<Kept>>, request: Request) -> (StatusCode, &'static str) {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST).await.unwrap();
    kept.requests.lock().unwrap().push((head, body));
    let (status, body) = kept.answers.lock().unwrap().pop_front().unwrap_or((500, ""));
    (StatusCode::from_u16(status).unwrap(), body)
}
