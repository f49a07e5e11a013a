//! Whether the body of a send is a message that Meta takes (Meta, Messenger Platform, Send API).

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::stream;
use http::{StatusCode, header};
use serde_json::{Map, Value, json};
use shared::model::time::Timestamp;

use super::{
    Fault, Messenger, MessengerError, Page,
    api::{Call, answer},
    messages::{File, Message},
};
use crate::{locked, phones::Behaviour};

/// Longest text, in characters.
const MAX_TEXT: usize = 2000;
/// Longest metadata, in characters.
const MAX_METADATA: usize = 1000;
/// Largest file, in bytes.
const MAX_FILE: usize = 25 * 1024 * 1024;
/// How long after something that a customer did they may be written to by anybody.
const WINDOW: Duration = Duration::from_hours(24);
/// And by a person.
const HUMAN_AGENT_WINDOW: Duration = Duration::from_hours(7 * 24);

type Checked<T> = Result<T, MessengerError>;

/// A send as it came, in either form.
struct Given {
    fields: Map<String, Value>,
    file: Option<File>,
}

pub(super) async fn send(messenger: &Messenger, page: &Page, call: &Call) -> Checked<Response> {
    let given = given(call).await?;
    known(&given.fields, &["recipient", "messaging_type", "message", "tag", "reply_to"])?;
    let psid = recipient(messenger, page, &given.fields)?;
    let human_agent = by_tag(page, &given.fields)?;
    let now = messenger.0.clock.now();
    let (message, file) = message(&given, now)?;
    let reply_to = reply_to(messenger, page, &psid, &given.fields)?;

    let fault = locked(&messenger.0.state).faults.pop_front();
    match fault {
        Some(Fault::Refused(error)) => return Err(error),
        Some(Fault::Html(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            return Ok((status, [(header::CONTENT_TYPE, "text/html")], "<html><body>Sorry</body></html>").into_response());
        }
        Some(Fault::LostAnswer) | None => {}
    }
    if messenger.0.phones.behaviour(&psid) == Behaviour::Fails {
        // Messenger finds out at once, and never later.
        return Err(MessengerError::code(551, Some(1_545_041)));
    }
    if !may_write(messenger, &psid, now, human_agent) {
        return Err(MessengerError::code(10, Some(2_018_278)));
    }
    let files = file.map(|(kind, file)| (kind, messenger.keep(file))).into_iter().collect();
    let message = Message { page: page.id.clone(), psid: psid.clone(), files, reply_to, ..message };
    let sent = messenger.accept(message, human_agent);
    if fault == Some(Fault::LostAnswer) {
        let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection is gone")) });
        return Ok(Body::from_stream(broken).into_response());
    }
    Ok(answer(&json!({"recipient_id": psid, "message_id": sent.id})))
}

/// A JSON object, or a form whose members are JSON where they are objects.
async fn given(call: &Call) -> Checked<Given> {
    let kind = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Ok(boundary) = multer::parse_boundary(kind) {
        return form(boundary, call.body.clone()).await;
    }
    if kind.split(';').next().unwrap_or_default().trim() != "application/json" {
        return Err(MessengerError::parameter("the body is declared neither as JSON nor as a form"));
    }
    let fields = serde_json::from_slice(&call.body).map_err(|_| MessengerError::parameter("the body is no JSON object"))?;
    Ok(Given { fields, file: None })
}

async fn form(boundary: String, body: Bytes) -> Checked<Given> {
    let malformed = |_| MessengerError::parameter("the form is malformed");
    let mut parts = multer::Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let mut given = Given { fields: Map::new(), file: None };
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "filedata" {
            let mime = part.content_type().map_or("application/octet-stream", |mime| mime.essence_str()).to_owned();
            let file_name = part.file_name().unwrap_or_default().to_owned();
            let bytes = part.bytes().await.map_err(malformed)?;
            given.file = Some(File { name: file_name, mime, bytes });
            continue;
        }
        let text = part.text().await.map_err(malformed)?;
        let is_object = matches!(name.as_str(), "recipient" | "message" | "reply_to");
        let value = if is_object { serde_json::from_str(&text).ok() } else { Some(Value::String(text)) };
        given.fields.insert(name, value.ok_or_else(|| MessengerError::parameter("a field of the form is no JSON"))?);
    }
    Ok(given)
}

fn known(fields: &Map<String, Value>, names: &[&str]) -> Checked<()> {
    match fields.keys().find(|name| !names.contains(&name.as_str())) {
        Some(unknown) => Err(MessengerError::parameter(format!("Invalid keys \"{unknown}\" were found in param"))),
        None => Ok(()),
    }
}

/// Somebody who has written to the page.
fn recipient(messenger: &Messenger, page: &Page, fields: &Map<String, Value>) -> Checked<String> {
    let psid = fields.get("recipient").and_then(|recipient| recipient.get("id")).and_then(Value::as_str);
    let psid = psid.ok_or_else(|| MessengerError::parameter("The parameter recipient is required"))?;
    if messenger.messages_with(page, psid).is_empty() && messenger.0.phones.last_written(psid).is_none() {
        return Err(MessengerError::code(100, Some(2_018_001)));
    }
    Ok(psid.to_owned())
}

/// Whether the message is sent by the tag of a person.
fn by_tag(page: &Page, fields: &Map<String, Value>) -> Checked<bool> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    match (text("messaging_type"), text("tag")) {
        (Some("RESPONSE" | "UPDATE"), None) => Ok(false),
        (Some("MESSAGE_TAG"), Some("HUMAN_AGENT")) if page.human_agent => Ok(true),
        // The feature was not granted.
        (Some("MESSAGE_TAG"), Some("HUMAN_AGENT")) => Err(MessengerError::code(10, None)),
        // The other tags ended on 2026-04-27.
        (Some("MESSAGE_TAG"), _) => Err(MessengerError::parameter("Invalid message tag")),
        (Some(_), _) => Err(MessengerError::parameter("Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}")),
        (None, _) => Err(MessengerError::parameter("The parameter messaging_type is required")),
    }
}

fn may_write(messenger: &Messenger, psid: &str, now: Timestamp, human_agent: bool) -> bool {
    let window = if human_agent { HUMAN_AGENT_WINDOW } else { WINDOW };
    let acted = locked(&messenger.0.state).acted.get(psid).copied();
    messenger.0.phones.last_written(psid).max(acted).is_some_and(|at| now <= at.plus(window))
}

/// What the message says: a text, or a file with the type of its attachment, never both.
fn message(given: &Given, at: Timestamp) -> Checked<(Message, Option<(&'static str, File)>)> {
    let empty = || MessengerError::code(100, Some(2_018_034));
    let message = given.fields.get("message").and_then(Value::as_object).ok_or_else(empty)?;
    known(message, &["text", "attachment", "metadata"])?;
    let metadata = match message.get("metadata") {
        None => None,
        Some(Value::String(metadata)) if metadata.chars().count() <= MAX_METADATA => Some(metadata.clone()),
        Some(_) => return Err(MessengerError::parameter("Length of param message[metadata] must be at most 1000")),
    };
    let said = Message { metadata, ..Message::new(at) };
    match (message.get("text"), message.get("attachment"), &given.file) {
        (Some(Value::String(text)), None, None) if text.trim().is_empty() => Err(empty()),
        (Some(Value::String(text)), None, None) if text.chars().count() > MAX_TEXT => {
            Err(MessengerError::parameter("Length of param message[text] must be less than or equal to 2000"))
        }
        (Some(Value::String(text)), None, None) => Ok((Message { text: text.clone(), ..said }, None)),
        (None, Some(attachment), Some(file)) => Ok((said, Some((kind(attachment, file)?, file.clone())))),
        // Nothing is fetched from the bundle's links: the bundle uploads.
        (None, Some(_), None) => Err(MessengerError::code(100, Some(2_018_008))),
        (None, None, _) => Err(empty()),
        _ => Err(MessengerError::parameter("text and attachment can't be sent in one message")),
    }
}

/// The type of an attachment, if the file is one.
fn kind(attachment: &Value, file: &File) -> Checked<&'static str> {
    let attachment = attachment.as_object().ok_or_else(|| MessengerError::parameter("attachment is no object"))?;
    known(attachment, &["type", "payload"])?;
    let payload = attachment.get("payload").and_then(Value::as_object);
    known(payload.ok_or_else(|| MessengerError::parameter("payload is required"))?, &["is_reusable"])?;
    let kind = attachment.get("type").and_then(Value::as_str).unwrap_or_default();
    let kind = ["image", "audio", "video", "file"].into_iter().find(|known| *known == kind);
    let kind = kind.ok_or_else(|| MessengerError::parameter("Param message[attachment][type] is no known type"))?;
    if kind != "file" && file.mime.split('/').next() != Some(kind) || file.bytes.is_empty() || file.name.is_empty() {
        return Err(MessengerError::code(100, Some(2_018_047)));
    }
    if file.bytes.len() > MAX_FILE {
        return Err(MessengerError::code(100, Some(2_018_109)));
    }
    Ok(kind)
}

/// A message of the same chat.
fn reply_to(messenger: &Messenger, page: &Page, psid: &str, fields: &Map<String, Value>) -> Checked<Option<String>> {
    let Some(reply_to) = fields.get("reply_to") else { return Ok(None) };
    let mid = reply_to.get("mid").and_then(Value::as_str).unwrap_or_default();
    if messenger.messages_with(page, psid).iter().any(|message| message.mid == mid) {
        Ok(Some(mid.to_owned()))
    } else {
        Err(MessengerError::parameter("Param reply_to[mid] is no message of this conversation"))
    }
}
