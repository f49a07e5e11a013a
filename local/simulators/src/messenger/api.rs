//! What the bundle calls, each request checked as Meta checks it (Meta, Graph API, Page; Messenger Platform, Send API).

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Messenger, MessengerError, Page, VERSION, events, objects, send};
use crate::locked;

/// Largest body that is read, in bytes: somewhat more than the largest file.
const MAX_BODY: usize = 40 * 1024 * 1024;

pub(super) fn router(messenger: Messenger) -> Router {
    Router::new().route("/cdn/{generation}/{file}/{name}", get(cdn)).fallback(call).with_state(messenger)
}

pub(super) fn in_front_of(messenger: Messenger, other: Router) -> Router {
    other.layer(middleware::from_fn_with_state(messenger, choose))
}

async fn choose(State(messenger): State<Messenger>, request: Request, next: Next) -> Response {
    let is_own = segments(request.uri().path()).get(1).is_some_and(|id| messenger.knows(id));
    if is_own { call(State(messenger), request).await } else { next.run(request).await }
}

fn segments(path: &str) -> Vec<String> {
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    path.trim_start_matches('/').split('/').map(decoded).collect()
}

/// A call as the handlers see it.
pub(super) struct Call {
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The bearer token; every call has one, in the header, where it gets into no log.
    fn token(&self) -> Option<&str> {
        self.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }
}

async fn call(State(messenger): State<Messenger>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let query = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let call = Call { query, headers: head.headers, body };
    let path = segments(head.uri.path());
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    answered(&messenger, &head.method, &path, &call).await.unwrap_or_else(IntoResponse::into_response)
}

async fn answered(messenger: &Messenger, method: &Method, path: &[&str], call: &Call) -> Result<Response, MessengerError> {
    let [VERSION, id, edge @ ..] = path else {
        return Err(MessengerError::code(2500, None));
    };
    let page = messenger.page_of(call.token())?;
    let own = || if *id == page.id { Ok(()) } else { Err(MessengerError::unknown_object(id)) };
    match (method.as_str(), edge) {
        ("GET", []) => objects::read(messenger, &page, id, call).map(|object| answer(&object)),
        ("GET", ["conversations"]) => {
            own()?;
            objects::conversations(messenger, &page, call).map(|list| answer(&list))
        }
        ("POST", ["messages"]) => {
            own()?;
            send::send(messenger, &page, call).await
        }
        (method @ ("POST" | "DELETE" | "GET"), ["subscribed_apps"]) => {
            own()?;
            subscription(messenger, &page, method, call).map(|object| answer(&object))
        }
        _ => Err(MessengerError::code(2500, None)),
    }
}

pub(super) fn answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body.to_string()).into_response()
}

fn subscription(messenger: &Messenger, page: &Page, method: &str, call: &Call) -> Result<Value, MessengerError> {
    let mut state = locked(&messenger.0.state);
    match method {
        "POST" => {
            let fields = call.parameter("subscribed_fields").filter(|fields| !fields.is_empty());
            let fields = fields.ok_or_else(|| MessengerError::parameter("The parameter subscribed_fields is required."))?;
            if let Some(unknown) = fields.split(',').find(|field| !events::FIELDS.contains(field)) {
                return Err(MessengerError::parameter(format!("Param subscribed_fields[0] must be one of the list: {unknown}")));
            }
            state.subscribed.insert(page.id.clone(), fields.split(',').map(str::to_owned).collect());
            Ok(json!({"success": true}))
        }
        "DELETE" => {
            state.subscribed.remove(&page.id);
            Ok(json!({"success": true}))
        }
        _ => {
            let fields = state.subscribed.get(&page.id);
            let app = fields.map(|fields| json!({"id": events::APP_ID.to_string(), "subscribed_fields": fields}));
            Ok(json!({"data": Vec::from_iter(app)}))
        }
    }
}

/// A file, to whoever has its link, as long as the link works.
async fn cdn(
    State(messenger): State<Messenger>,
    Path((generation, id, _)): Path<(u32, String, String)>,
    headers: HeaderMap,
) -> Response {
    // A token that gets here leaks: these hosts are not the API's.
    if headers.contains_key(header::AUTHORIZATION) {
        return (StatusCode::BAD_REQUEST, "no credentials here").into_response();
    }
    let state = locked(&messenger.0.state);
    if generation != state.generation {
        return (StatusCode::FORBIDDEN, "URL signature expired").into_response();
    }
    match state.files.get(&id) {
        Some(file) => ([(header::CONTENT_TYPE, file.mime.clone())], Body::from(file.bytes.clone())).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Messenger {
    fn page_of(&self, token: Option<&str>) -> Result<Page, MessengerError> {
        let state = locked(&self.0.state);
        let page = state.pages.values().find(|page| Some(page.token.as_str()) == token).cloned();
        page.ok_or_else(|| MessengerError::code(190, None))
    }

    /// Whether an id is a page's, a customer's or a message's here.
    fn knows(&self, id: &str) -> bool {
        let state = locked(&self.0.state);
        id.starts_with("m_") || state.pages.contains_key(id) || state.messages.iter().any(|message| message.psid == id)
    }
}
