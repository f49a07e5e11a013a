//! Whether the body of a send is a message that Meta takes (Meta, WhatsApp Cloud API, "Send messages").

use serde_json::{Map, Value};

use super::GraphError;

/// Longest text, in characters.
const MAX_TEXT: usize = 4096;
/// Longest caption, in characters.
const MAX_CAPTION: usize = 1024;
/// What every message may have besides the member that its `type` names.
const COMMON: [&str; 7] =
    ["messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data"];

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Text(String),
    File(File),
    /// As it was given.
    Template(Value),
}

/// A file in a message.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    /// `image`, `video`, `audio`, `document` or `sticker`.
    pub(super) kind: String,
    pub(super) source: Source,
    pub(super) caption: String,
    pub(super) name: String,
}

/// Where a file is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// In the store.
    Id(String),
    /// Wherever this leads.
    Link(String),
}

/// Who a message goes to, and whether by user id. `to` wins when both are given.
pub(super) fn recipient(fields: &Map<String, Value>) -> Result<(String, bool), GraphError> {
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or("text");
    if let Some(unknown) = fields.keys().find(|name| !COMMON.contains(&name.as_str()) && *name != kind) {
        return Err(GraphError::parameter(format!("Unexpected key \"{unknown}\" on param")));
    }
    if fields.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(GraphError::parameter("The parameter messaging_product is required."));
    }
    if fields.get("recipient_type").is_some_and(|kind| kind != "individual") {
        return Err(GraphError::parameter("Param recipient_type must be one of {INDIVIDUAL}"));
    }
    if fields.get("biz_opaque_callback_data").is_some_and(|data| data.as_str().is_none_or(|data| data.len() > 512)) {
        return Err(GraphError::parameter("Param biz_opaque_callback_data must be at most 512 characters long"));
    }
    if let Some(to) = fields.get("to") {
        let digits = to.as_str().map(|to| to.strip_prefix('+').unwrap_or(to)).unwrap_or_default();
        let valid = (5..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        return if valid {
            Ok((digits.to_owned(), false))
        } else {
            Err(GraphError::code(131_009).because("to is no phone number"))
        };
    }
    let user = fields.get("recipient").ok_or_else(|| GraphError::code(131_008).because("to or recipient is required"))?;
    let valid = user.as_str().and_then(|user| user.split_once('.')).is_some_and(|(country, rest)| {
        country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) && !rest.is_empty() && rest.len() <= 132
    });
    match user.as_str() {
        Some(user) if valid => Ok((user.to_owned(), true)),
        _ => Err(GraphError::code(131_009).because("recipient is no user id")),
    }
}

/// The message that is answered.
pub(super) fn context(fields: &Map<String, Value>) -> Result<Option<String>, GraphError> {
    let Some(context) = fields.get("context") else { return Ok(None) };
    let id = context.get("message_id").and_then(Value::as_str).filter(|id| id.starts_with("wamid."));
    id.map(|id| Some(id.to_owned())).ok_or_else(|| GraphError::code(131_009).because("context.message_id is no message id"))
}

/// What a message says.
pub(super) fn content(fields: &Map<String, Value>) -> Result<Content, GraphError> {
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or("text");
    let missing = || GraphError::code(131_008).because(format!("{kind} is required"));
    let object = fields.get(kind).and_then(Value::as_object);
    match kind {
        "text" => text(object.ok_or_else(missing)?).map(Content::Text),
        "image" | "video" | "audio" | "document" | "sticker" => file(kind, object.ok_or_else(missing)?).map(Content::File),
        "template" => {
            let object = object.ok_or_else(missing)?;
            only(object, &["name", "language", "components"], kind)?;
            Ok(Content::Template(Value::Object(object.clone())))
        }
        _ => Err(GraphError::code(131_051)),
    }
}

fn only(object: &Map<String, Value>, known: &[&str], kind: &str) -> Result<(), GraphError> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(GraphError::parameter(format!("Unexpected key \"{unknown}\" on param \"{kind}\""))),
        None => Ok(()),
    }
}

fn text(object: &Map<String, Value>) -> Result<String, GraphError> {
    only(object, &["body", "preview_url"], "text")?;
    let body = object.get("body").and_then(Value::as_str).filter(|body| !body.is_empty());
    let body = body.ok_or_else(|| GraphError::code(131_008).because("text.body is required"))?;
    if body.chars().count() > MAX_TEXT {
        return Err(GraphError::parameter(format!("Param text['body'] must be at most {MAX_TEXT} characters long.")));
    }
    Ok(body.to_owned())
}

fn file(kind: &str, object: &Map<String, Value>) -> Result<File, GraphError> {
    let known: &[&str] = match kind {
        "image" | "video" => &["id", "link", "caption"],
        "document" => &["id", "link", "caption", "filename"],
        "audio" => &["id", "link", "voice"],
        _ => &["id", "link"],
    };
    only(object, known, kind)?;
    let member = |name: &str| object.get(name).and_then(Value::as_str);
    if object.get("voice").is_some_and(|voice| !voice.is_boolean()) {
        return Err(GraphError::parameter("Param audio['voice'] must be a boolean"));
    }
    let caption = member("caption").unwrap_or_default().to_owned();
    if caption.chars().count() > MAX_CAPTION {
        return Err(GraphError::parameter(format!("Param {kind}['caption'] must be at most {MAX_CAPTION} characters long.")));
    }
    let source = match (member("id"), member("link")) {
        (Some(id), None) => Source::Id(id.to_owned()),
        (None, Some(link)) if link.starts_with("https://") || link.starts_with("http://") => Source::Link(link.to_owned()),
        (None, Some(_)) => return Err(GraphError::code(131_009).because("link is no address")),
        _ => return Err(GraphError::parameter(format!("Param {kind} must have either id or link"))),
    };
    Ok(File { kind: kind.to_owned(), source, caption, name: member("filename").unwrap_or_default().to_owned() })
}
