//! For tests of the adapters: a server on this machine that answers as told and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    extract::State,
};
use http::{HeaderMap, Request, Response};
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    Outgoing, Outside,
    error::{ProviderError, Refusal},
    outgoing::{OutgoingFile, PartContent},
};
use crate::{
    clock::SystemClock,
    http::error::respond,
    inbox::error::InboxError,
    model::{
        content::FileKind,
        conversation::Customer,
        ids::{ContactKey, MessageId},
        time::Timestamp,
    },
};

/// How long the client of a test waits for an answer.
const TIMEOUT: Duration = Duration::from_millis(500);

/// What the server answers.
pub(crate) enum Reply {
    /// Status, headers and body.
    Answer(u16, Vec<(&'static str, &'static str)>, String),
    /// Nothing at all.
    Never,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Answer(status, vec![("content-type", "application/json")], body.to_string())
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::Answer(status, Vec::new(), body.to_owned())
    }
}

/// A request that the server got.
#[derive(Clone)]
pub(crate) struct Seen {
    /// `POST /path?query`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }
}

#[derive(Clone)]
struct Script {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// The server.
pub(crate) struct Stub {
    pub(crate) url: String,
    script: Script,
}

impl Stub {
    /// Answers with each of `replies` in turn, then 599.
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Script { replies: Arc::new(Mutex::new(replies.into_iter().collect())), seen: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = axum::Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, script }
    }

    /// What came so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.script.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(State(script): State<Script>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let seen = Seen {
        line: format!("{} {}", head.method, head.uri),
        headers: head.headers,
        body: to_bytes(body, usize::MAX).await.expect("a body").to_vec(),
    };
    script.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    let reply = script.replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    match reply.unwrap_or(Reply::Answer(599, Vec::new(), String::new())) {
        Reply::Never => std::future::pending().await,
        Reply::Answer(status, headers, body) => headers
            .into_iter()
            .fold(Response::builder().status(status), |builder, (name, value)| builder.header(name, value))
            .body(Body::from(body))
            .expect("a response"),
    }
}

/// A client like the bundle's, with less patience.
pub(crate) fn client() -> crate::http::client::LazyClient {
    let client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
    client.expect("the TLS stack starts").into()
}

/// A base URL at which nobody listens.
pub(crate) async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A server that reads something of each request and hangs up.
pub(crate) async fn hangs_up() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let mut some = [0; 1024];
            if connection.readable().await.is_ok() {
                drop(connection.try_read(&mut some));
            }
        }
    });
    url
}

/// The id of the message in tests.
pub(crate) fn message_id() -> MessageId {
    MessageId::parse("m_0123456789abcdef0123456789abcdef01234567").expect("a message id")
}

/// A message to send, and what it refers to.
pub(crate) struct Draft {
    id: MessageId,
    to: ContactKey,
    customer: Customer,
}

impl Draft {
    /// To the customer of that name.
    pub(crate) fn new(key: &str) -> Self {
        let to = ContactKey::parse(key).expect("a key");
        let customer = Customer::new(vec![to.clone()], "Ada L.".to_owned());
        Self { id: message_id(), to, customer }
    }

    /// With this text.
    pub(crate) fn outgoing<'a>(&'a self, text: &'a str) -> Outgoing<'a> {
        self.part(PartContent::Text(text))
    }

    /// With this content.
    pub(crate) fn part<'a>(&'a self, content: PartContent<'a>) -> Outgoing<'a> {
        Outgoing {
            id: self.id.clone().into(),
            to: &self.to,
            customer: &self.customer,
            content,
            reply_to: None,
            reply_by: None,
            webhook_url: "https://bundle.example/webhooks/provider/ch_1",
            sent_at: Timestamp::from_secs(1_767_225_600),
        }
    }
}

/// A file to send.
pub(crate) fn file(kind: FileKind, mime: &str, name: &str, bytes: &'static [u8]) -> OutgoingFile {
    OutgoingFile {
        name: name.to_owned(),
        mime: mime.to_owned(),
        kind,
        bytes: bytes.into(),
        link: format!("https://bundle.example/media/{name}"),
    }
}

/// What adapters share, all of it at `url`.
pub(crate) fn outside(url: &str) -> Outside {
    Outside {
        http: client(),
        guarded: client(),
        graph_api_url: format!("{url}/v25.0"),
        telegram_api_url: url.to_owned(),
        twilio_api_url: url.to_owned(),
        allow_loopback_urls: true,
        clock: Arc::new(SystemClock),
    }
}

/// Asserts that whoever sent the message hears of `error` with the status, the code and the `retry_by` of the contract
/// (Pipedrive, "Channels API - Required endpoints in the vendor's integration", `postMessage`).
pub(crate) fn assert_heard(error: ProviderError) {
    let now = Timestamp::from_secs(1_767_290_400);
    let what = error.to_string();
    let expected = match &error {
        ProviderError::Refused { refusal, .. } => match refusal {
            Refusal::Invalid => (400, "INVALID_BODY", None),
            Refusal::Unauthorized => (401, "UNAUTHORIZED", None),
            Refusal::Suspended => (401, "ACCOUNT_SUSPENDED", None),
            Refusal::Forbidden => (403, "FORBIDDEN", None),
            Refusal::NotFound => (404, "NOT_FOUND", None),
        },
        ProviderError::RateLimited { retry_after, .. } => {
            // Rounded up, so that whoever obeys is not early.
            let seconds = retry_after.as_millis().div_ceil(1000);
            let retry_at = now.plus(Duration::from_secs(u64::try_from(seconds).unwrap()));
            (429, "RATE_LIMIT_EXCEEDED", Some(retry_at.rfc3339()))
        }
        ProviderError::Transient { .. } | ProviderError::Uncertain { .. } => (500, "INTERNAL_ERROR", None),
    };
    let response = respond(InboxError::from_provider(error, now));
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let data = &body["data"];
    let heard = (response.status().as_u16(), data["code"].as_str().unwrap(), data["retry_by"].as_str().map(str::to_owned));
    assert_eq!(heard, expected, "{what}");
    assert_eq!(body["success"], false);
}
