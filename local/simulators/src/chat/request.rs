//! What the bundle may ask of a chat, read as strictly as `docs/custom-provider.md` says it.

use serde_json::Value;
use shared::model::time::Timestamp;

use super::Template;

/// Longest text that is sent here, in characters.
const MAX_TEXT: usize = 8192;
/// Most files with it.
const MAX_FILES: usize = 10;
/// Largest of them, in bytes.
const MAX_FILE_BYTES: u64 = 25_000_000;
const KINDS: [&str; 6] = ["image", "video", "audio", "voice", "sticker", "document"];

/// A message, read.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) id: &'a str,
    pub(super) to: &'a str,
    pub(super) text: &'a str,
    pub(super) files: Vec<File<'a>>,
    pub(super) reply_to: Option<&'a str>,
    pub(super) template: Option<&'a str>,
}

/// A file of it.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) url: &'a str,
    pub(super) mime: &'a str,
    pub(super) name: &'a str,
    pub(super) size: u64,
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
}

/// Reads a message to a chat that offers `templates`.
pub(super) fn message<'a>(request: &'a Value, templates: &[Template]) -> Result<Message<'a>, &'static str> {
    if request["type"] != "message" {
        return Err("type is neither ping, templates nor message");
    }
    if text(request, "/sent_at").and_then(Timestamp::parse_rfc3339).is_none() {
        return Err("sent_at is no RFC 3339 time");
    }
    let id = text(request, "/id").filter(|id| is_message_id(id)).ok_or("id is none of Pigeonpost's")?;
    let part = id.split_once('.').and_then(|(_, part)| part.parse::<u64>().ok());
    if request.get("part").and_then(Value::as_u64) != part {
        return Err("part is not what id says");
    }
    let to = text(request, "/to/id").ok_or("to.id is required")?;
    text(request, "/to/name").ok_or("to.name is required")?;
    let said = request["text"].as_str().ok_or("text is no string")?;
    if said.chars().count() > MAX_TEXT {
        return Err("text is too long");
    }
    let files = request.get("files").map_or(Ok(Vec::new()), files)?;
    if said.trim().is_empty() && files.is_empty() {
        return Err("there is neither text nor a file");
    }
    if request.get("reply_to").is_some_and(|reply| reply.as_str().is_none_or(|id| id.is_empty() || id.contains(' '))) {
        return Err("reply_to is no id");
    }
    let template = request.get("template").map(|filled| template(filled, said, templates)).transpose()?;
    Ok(Message { id, to, text: said, files, reply_to: text(request, "/reply_to"), template })
}

fn is_message_id(id: &str) -> bool {
    let (message, part) = id.split_once('.').unwrap_or((id, "1"));
    let digits = message.strip_prefix("m_").unwrap_or_default();
    digits.len() == 40
        && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'v').contains(&b))
        && part.parse::<u64>().is_ok_and(|number| (1..100).contains(&number) && part == number.to_string())
}

fn files(given: &Value) -> Result<Vec<File<'_>>, &'static str> {
    let given = given.as_array().filter(|files| (1..=MAX_FILES).contains(&files.len())).ok_or("files are not 1 to 10")?;
    given.iter().map(file).collect()
}

fn file(given: &Value) -> Result<File<'_>, &'static str> {
    let field = |name: &str| text(given, name);
    let url = field("/url").filter(|url| url.starts_with("http")).ok_or("a file has no url")?;
    let (Some(mime), Some(name)) = (field("/type").filter(|mime| mime.contains('/')), field("/name")) else {
        return Err("a file has no type or name");
    };
    if !KINDS.iter().any(|kind| given["kind"] == *kind) {
        return Err("a file has no kind");
    }
    let size = given["size"].as_u64().filter(|size| *size <= MAX_FILE_BYTES).ok_or("a file has no size up to 25 MB")?;
    Ok(File { url, mime, name, size })
}

/// The id of a template that `said` is, filled as told.
fn template<'a>(filled: &'a Value, said: &str, templates: &[Template]) -> Result<&'a str, &'static str> {
    let id = text(filled, "/id").ok_or("template.id is required")?;
    let offered = templates.iter().find(|offered| offered.id == id).ok_or("there is no such template")?;
    let values = filled["values"].as_array().ok_or("template.values is required")?;
    let mut values = values.iter().map(Value::as_str);
    let mut expected = String::new();
    let mut rest = offered.content.as_str();
    while let Some((before, after)) = rest.split_once("{{") {
        let (_, behind) = after.split_once("}}").ok_or("the template's content is malformed")?;
        expected.push_str(before);
        expected.push_str(values.next().flatten().ok_or("the template has more gaps")?);
        rest = behind;
    }
    if values.next().is_some() {
        return Err("the template has fewer gaps");
    }
    if expected + rest == said { Ok(id) } else { Err("text is not the filled template") }
}
