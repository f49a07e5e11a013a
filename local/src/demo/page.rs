//! The page of the bundle on one machine: Pipedrive's simulated inbox, and beside it a customer's phone to play with. Also the
//! demo company's API key, for whoever tries the examples of docs/contacts-api.md.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::simulators::{
    Simulators,
    handset::{Deed, GivenFile, Handset},
    phones::Behaviour,
};

/// No inline script, nothing from elsewhere.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; media-src 'self'; base-uri 'none'; object-src 'none'; \
    form-action 'none'; frame-ancestors 'none'";
/// Files of customers are shown, not run.
const FILE_POLICY: &str = "default-src 'none'; sandbox";
/// Longest text that a customer writes here, in characters.
const MAX_TEXT: usize = 4096;
/// Largest request, in bytes: a file of 20 MB in base64.
const MAX_BODY: usize = 28 * 1024 * 1024;

type Handsets = Arc<Vec<Box<dyn Handset>>>;

/// The page's routes: `/`, and what it loads and calls under `/sim/`.
pub fn router(simulators: &Simulators) -> Router {
    let key = simulators.api_key.clone();
    let file = |kind, text| get(move || async move { asset(kind, text) });
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page/index.html")))
        .route("/sim/style.css", file("text/css; charset=utf-8", include_str!("page/style.css")))
        .route("/sim/phone.js", file("text/javascript; charset=utf-8", include_str!("page/phone.js")))
        .route("/sim/voice.ogg", get(|| async { ([(header::CONTENT_TYPE, "audio/ogg")], super::VOICE) }))
        .route("/sim/api-key", get(move || async move { api_key(key.get()) }))
        .route("/sim/phones", get(show).post(play))
        .route("/sim/phones/{provider}/files/{id}", get(show_file))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(Arc::new(simulators.handsets()))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

/// `GET /sim/api-key`: the key, as text.
fn api_key(key: Option<&String>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    match key {
        Some(key) => (headers, key.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body.to_string()).into_response()
}

/// `GET /sim/phones`: all customers with their chats.
async fn show(State(handsets): State<Handsets>) -> Response {
    let view =
        |handset: &dyn Handset| json!({"id": handset.provider(), "name": handset.name(), "chats": handset.phones().chats()});
    let providers: Vec<Value> = handsets.iter().map(|handset| view(&**handset)).collect();
    answer(StatusCode::OK, &json!({ "providers": providers }))
}

/// `GET /sim/phones/{provider}/files/{id}`: a file in a chat.
async fn show_file(State(handsets): State<Handsets>, Path((provider, id)): Path<(String, String)>) -> Response {
    let handset = handsets.iter().find(|handset| handset.provider().as_str() == provider);
    let Some((mime, bytes)) = handset.and_then(|handset| handset.file(&id)) else {
        return answer(StatusCode::NOT_FOUND, &json!({"error": "no such file"}));
    };
    let headers = [
        (header::CONTENT_TYPE, mime.as_str()),
        (header::CONTENT_SECURITY_POLICY, FILE_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, bytes).into_response()
}

/// What the page sends: what a customer does, or what their phone does from now on.
#[derive(Deserialize)]
struct Play {
    provider: String,
    customer: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    does: Option<Does>,
    #[serde(default)]
    behaviour: Option<Behaviour>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Does {
    Text(String),
    Reply(String),
    Edit(String),
    Reaction(String),
    Delete,
    Location { latitude: f64, longitude: f64, name: String },
    File(SentFile),
}

#[derive(Deserialize)]
struct SentFile {
    name: String,
    #[serde(rename = "type")]
    mime: String,
    /// Base64.
    data: String,
    #[serde(default)]
    caption: String,
    #[serde(default)]
    voice: bool,
}

impl Does {
    /// None if it is too much or nothing.
    fn deed(self) -> Option<Deed> {
        let said = |text: String| (!text.trim().is_empty() && text.chars().count() <= MAX_TEXT).then_some(text);
        Some(match self {
            Self::Text(text) => Deed::Text(said(text)?),
            Self::Reply(text) => Deed::Reply(said(text)?),
            Self::Edit(text) => Deed::Edit(said(text)?),
            Self::Reaction(emoji) => Deed::Reaction(said(emoji)?),
            Self::Delete => Deed::Delete,
            Self::Location { latitude, longitude, name } => Deed::Location { latitude, longitude, name },
            Self::File(SentFile { name, mime, data, caption, voice }) => {
                let mime = if mime.is_empty() { "application/octet-stream".to_owned() } else { mime };
                Deed::File(GivenFile { name, mime, voice, bytes: STANDARD.decode(data).ok()?.into(), caption })
            }
        })
    }
}

/// `POST /sim/phones`. As JSON, which other sites cannot send without asking first.
async fn play(State(handsets): State<Handsets>, headers: HeaderMap, body: Bytes) -> Response {
    let refused = |problem: &str| answer(StatusCode::BAD_REQUEST, &json!({ "error": problem }));
    if !headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return refused("the body must be JSON");
    }
    let Ok(play) = serde_json::from_slice::<Play>(&body) else { return refused("the body is not as expected") };
    let Some(handset) = handsets.iter().find(|handset| handset.provider().as_str() == play.provider) else {
        return refused("there is no such provider");
    };
    let Some(customer) = handset.customer(play.customer.trim()) else {
        return refused("this is no phone number or id that the provider knows");
    };
    if let Some(behaviour) = play.behaviour {
        handset.phones().set_behaviour(&customer, behaviour);
    }
    if let Some(does) = play.does {
        let Some(deed) = does.deed() else { return refused("a message has 1 to 4096 characters, and a file is base64") };
        let known = handset.phones().chat(&customer).map(|chat| chat.name);
        let name = Some(play.name.trim().to_owned()).filter(|name| !name.is_empty()).or(known);
        if let Err(problem) = handset.does(&customer, name.as_deref().unwrap_or(&customer), &deed) {
            return refused(&problem.to_string());
        }
    }
    answer(StatusCode::OK, &json!({ "customer": customer }))
}
