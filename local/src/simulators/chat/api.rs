//! What the bundle calls: the chat's `send_url`, each request checked against `docs/custom-provider.md`.

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use shared::model::time::Timestamp;

use super::{Chat, Fault, SIGNING_SECRET, signature};
use crate::simulators::locked;

/// Longest text that is sent here, in characters.
const MAX_TEXT: usize = 8192;

pub(super) fn router(chat: Chat) -> Router {
    Router::new().route("/send", post(send)).with_state(chat)
}

async fn send(State(chat): State<Chat>, headers: HeaderMap, body: Bytes) -> Response {
    let refused = |status: StatusCode, problem: &str| {
        locked(&chat.0.state).violations.push(problem.to_owned());
        (status, [(header::CONTENT_TYPE, "application/json")], json!({ "error": problem }).to_string()).into_response()
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
    if request["type"] == "ping" {
        return StatusCode::NO_CONTENT.into_response();
    }
    let (message, to, text) = match read(&request) {
        Ok(read) => read,
        Err(problem) => return refused(StatusCode::BAD_REQUEST, problem),
    };
    if headers.get("webhook-id").and_then(|id| id.to_str().ok()) != Some(message) {
        return refused(StatusCode::BAD_REQUEST, "webhook-id is not the message's id");
    }
    let fault = locked(&chat.0.state).faults.pop_front();
    if let Some(Fault::Status(status)) = fault {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return (status, [(header::RETRY_AFTER, "5")]).into_response();
    }
    // The same id is the same message.
    let known = chat.sent().into_iter().find(|sent| sent.message == message);
    let sent = known.unwrap_or_else(|| chat.accept(message, to, text));
    if fault == Some(Fault::LostAnswer) {
        let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection is gone")) });
        return Body::from_stream(broken).into_response();
    }
    ([(header::CONTENT_TYPE, "application/json")], json!({ "id": sent.id }).to_string()).into_response()
}

/// Id, recipient and text of a send.
fn read(request: &Value) -> Result<(&str, &str, &str), &'static str> {
    if request["type"] != "message" {
        return Err("type is neither ping nor message");
    }
    if request["sent_at"].as_str().and_then(Timestamp::parse_rfc3339).is_none() {
        return Err("sent_at is no RFC 3339 time");
    }
    let field = |value: &'static str| request.pointer(value)?.as_str().filter(|text| !text.is_empty());
    let (Some(id), Some(to), Some(text)) = (field("/id"), field("/to/id"), field("/text")) else {
        return Err("id, to.id and text are required");
    };
    if text.chars().count() > MAX_TEXT {
        return Err("text is too long");
    }
    Ok((id, to, text))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::clock::{Clock, SystemClock};

    use super::*;

    fn signed(body: &Value, id: &str) -> (HeaderMap, Bytes) {
        let body = Bytes::from(body.to_string());
        (signature::headers(SIGNING_SECRET, id, SystemClock.now(), &body), body)
    }

    fn message() -> Value {
        json!({"version": 1, "type": "message", "id": "m_1", "to": {"id": "customer-7", "name": "Ada"}, "text": "Hi",
            "sent_at": "2026-11-20T09:16:00.000Z"})
    }

    async fn status(chat: &Chat, body: &Value, id: &str) -> u16 {
        let (headers, body) = signed(body, id);
        send(State(chat.clone()), headers, body).await.status().as_u16()
    }

    #[tokio::test]
    async fn sends_are_checked_and_taken_once() {
        let chat = Chat::new("http://127.0.0.1:9", Arc::new(SystemClock));
        assert_eq!(status(&chat, &json!({"version": 1, "type": "ping"}), "x").await, 204);
        assert_eq!(status(&chat, &message(), "m_1").await, 200);
        assert_eq!(status(&chat, &message(), "m_1").await, 200);
        assert_eq!(chat.sent().len(), 1, "a repetition is the same message");
        assert!(chat.violations().is_empty());

        assert_eq!(status(&chat, &message(), "m_2").await, 400);
        for (field, wrong) in [("version", json!(2)), ("type", json!("fax")), ("text", json!("")), ("sent_at", json!("now"))] {
            let mut body = message();
            body[field] = wrong;
            assert_eq!(status(&chat, &body, "m_1").await, 400, "{field}");
        }
        let (mut headers, body) = signed(&message(), "m_1");
        headers.insert("webhook-signature", "v1,AAAA".parse().unwrap());
        assert_eq!(send(State(chat.clone()), headers, body).await.status(), 401);
        chat.fail_next(Fault::Status(503));
        assert_eq!(status(&chat, &message(), "m_1").await, 503);
    }
}
