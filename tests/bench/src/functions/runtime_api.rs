//! Lambda's Runtime API for one function (AWS Lambda Developer Guide, "Using the Lambda runtime API"): hears what the function says,
//! and gives it the invocations that somebody else thinks of.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{StatusCode, header};
use shared::clock::{Clock, SystemClock};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use crate::error::BenchError;

/// How long an invocation may take, as far as the function is told.
const DEADLINE: Duration = Duration::from_mins(1);

/// What a function says.
pub(crate) enum Heard {
    /// It asks for its next invocation, at that time, and waits for the event. If there is none to come it ends.
    Next(Instant, oneshot::Sender<String>),
    /// Its answer.
    Answer(Bytes),
    /// It could not start, or could not do its work.
    Failure(Bytes),
}

#[derive(Clone)]
struct Ears {
    heard: mpsc::UnboundedSender<Heard>,
    count: Arc<AtomicU64>,
}

/// A running API. It ends when it is dropped.
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    heard: mpsc::UnboundedReceiver<Heard>,
    _server: JoinSet<()>,
}

impl RuntimeApi {
    /// Starts one on a free port of 127.0.0.1.
    pub(crate) async fn start() -> Result<Self, BenchError> {
        let failed = || BenchError::failed("serve a Runtime API");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let (sender, heard) = mpsc::unbounded_channel();
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answer))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failure))
            .route("/2018-06-01/runtime/init/error", post(failure))
            .with_state(Ears { heard: sender, count: Arc::default() });
        let mut server = JoinSet::new();
        server.spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, heard, _server: server })
    }

    /// For `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What the function says next; none if nobody listens to it any more.
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        self.heard.recv().await
    }
}

async fn next(State(ears): State<Ears>) -> Response {
    let (event, given) = oneshot::channel();
    let at = Instant::now();
    // Whoever is measuring may have ended; then nothing comes either.
    drop(ears.heard.send(Heard::Next(at, event)));
    let Ok(event) = given.await else {
        // Without an id this is no invocation, and the runtime gives up.
        return StatusCode::OK.into_response();
    };
    let number = ears.count.fetch_add(1, Ordering::Relaxed);
    let deadline = SystemClock.now().plus(DEADLINE).millis();
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", format!("8476a536-e9f4-11e8-9739-{number:012}")),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0".to_owned()),
    ];
    (headers, event).into_response()
}

async fn answer(State(ears): State<Ears>, body: Bytes) -> StatusCode {
    drop(ears.heard.send(Heard::Answer(body)));
    StatusCode::ACCEPTED
}

async fn failure(State(ears): State<Ears>, body: Bytes) -> StatusCode {
    drop(ears.heard.send(Heard::Failure(body)));
    StatusCode::ACCEPTED
}
