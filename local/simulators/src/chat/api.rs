//! What the bundle calls: the chat's `send_url`, each request checked against `docs/custom-provider.md`, and the addresses of
//! its customers' files.

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::{Chat, Fault, SIGNING_SECRET, request, signature};
use crate::locked;

pub(super) fn router(chat: Chat) -> Router {
    Router::new().route("/send", post(send)).route("/files/{id}", get(file)).with_state(chat)
}

fn json_answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

async fn send(State(chat): State<Chat>, headers: HeaderMap, body: Bytes) -> Response {
    let refused = |status: StatusCode, problem: &str| {
        locked(&chat.0.state).violations.push(problem.to_owned());
        json_answer(status, &json!({ "error": problem }))
    };
    if !signature::matches(SIGNING_SECRET, &headers, chat.0.clock.now(), &body) {
        return refused(StatusCode::UNAUTHORIZED, "the signature does not match");
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return refused(StatusCode::BAD_REQUEST, "the body is no JSON");
    };
    if request["version"] != 1 {
        return refused(StatusCode::BAD_REQUEST, "version is not 1");
    }
    let templates = locked(&chat.0.state).templates.clone();
    match request["type"].as_str() {
        Some("ping") => return StatusCode::NO_CONTENT.into_response(),
        Some("templates") => return json_answer(StatusCode::OK, &json!({ "templates": templates })),
        _ => {}
    }
    let message = match request::message(&request, &templates) {
        Ok(message) => message,
        Err(problem) => return refused(StatusCode::BAD_REQUEST, problem),
    };
    if headers.get("webhook-id").and_then(|id| id.to_str().ok()) != Some(message.id) {
        return refused(StatusCode::BAD_REQUEST, "webhook-id is not the message's id");
    }
    let fault = locked(&chat.0.state).faults.pop_front();
    if let Some(Fault::Status(status)) = fault {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return (status, [(header::RETRY_AFTER, "5")]).into_response();
    }
    if message.template.is_none() && chat.is_window_closed(message.to) {
        return json_answer(StatusCode::FORBIDDEN, &json!({"error": "the time to answer this customer is over"}));
    }
    // The same id is the same message.
    let known = chat.sent().into_iter().find(|sent| sent.message == message.id);
    let sent = known.unwrap_or_else(|| chat.accept(&message));
    if fault == Some(Fault::LostAnswer) {
        let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection is gone")) });
        return Body::from_stream(broken).into_response();
    }
    json_answer(StatusCode::OK, &json!({ "id": sent.id }))
}

/// A file that a customer sent. Its address is its secret.
async fn file(State(chat): State<Chat>, Path(id): Path<String>) -> Response {
    let stored = locked(&chat.0.state).files.get(&id).cloned();
    match stored {
        Some((mime, bytes)) => ([(header::CONTENT_TYPE, mime)], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
