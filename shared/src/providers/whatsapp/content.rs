//! What a message says, whatever its type, readable by a salesperson (Meta, WhatsApp Cloud API, Webhooks, Messages). What
//! has no text of its own becomes a placeholder in brackets; a type that Meta invents tomorrow does too.

use serde_json::Value;

use super::cards;
use crate::{
    model::content::{Content, FileKind, FileSource},
    providers::{
        event::InboundFile,
        lenient::{id, items, text},
    },
};

/// Longest id of a file. Meta's have up to 20 digits.
const MAX_FILE_ID: usize = 128;

/// What a message says. Never empty: text or files.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) content: Option<Content>,
    pub(super) files: Vec<InboundFile>,
}

impl Said {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    fn unsupported(what: &str) -> Self {
        let words = what.replace('_', " ");
        let content = Some(Content::Unsupported { what: what.to_owned() });
        Self { text: format!("[unsupported message: {words}]"), content, ..Self::default() }
    }
}

/// What `message` says: its own words, and where they come from (an advertisement, a product, another chat).
pub(super) fn said(message: &Value) -> Said {
    let mut said = own_words(message);
    let flag = |pointer| message.pointer(pointer) == Some(&Value::Bool(true));
    if flag("/context/frequently_forwarded") {
        before(&mut said, "[forwarded many times]");
    } else if flag("/context/forwarded") {
        before(&mut said, "[forwarded]");
    }
    if let Some(product) = id(message, "/context/referred_product/product_retailer_id") {
        after(&mut said, &format!("[about product {product}]"));
    }
    if let Some(line) = message.get("referral").and_then(referral) {
        after(&mut said, &line);
    }
    said
}

fn before(said: &mut Said, line: &str) {
    said.text = if said.text.is_empty() { line.to_owned() } else { format!("{line}\n{}", said.text) };
}

fn after(said: &mut Said, line: &str) {
    if !said.text.is_empty() {
        said.text.push('\n');
    }
    said.text.push_str(line);
}

/// Where somebody came from who opened the chat from an advertisement or a post. Its picture is not the customer's file.
fn referral(referral: &Value) -> Option<String> {
    let what = if text(referral, "/source_type") == Some("post") { "a post" } else { "an ad" };
    let told: Vec<&str> = ["/headline", "/source_url"].into_iter().filter_map(|part| text(referral, part)).collect();
    let known = referral.as_object().is_some_and(|members| !members.is_empty());
    match told.as_slice() {
        [] => known.then(|| format!("[came from {what}]")),
        told => Some(format!("[came from {what}: {}]", told.join(", "))),
    }
}

fn own_words(message: &Value) -> Said {
    let kind = text(message, "/type").unwrap_or("unknown");
    let known = match kind {
        "text" => text(message, "/text/body").map(Said::text),
        "image" => Some(media(message, kind, FileKind::Image)),
        "video" => Some(media(message, kind, FileKind::Video)),
        "sticker" => Some(media(message, kind, FileKind::Sticker)),
        "document" => Some(media(message, kind, FileKind::Document)),
        "audio" if message.pointer("/audio/voice") != Some(&Value::Bool(true)) => Some(media(message, kind, FileKind::Audio)),
        "audio" | "voice" => Some(media(message, kind, FileKind::Voice)),
        // A file of the imported history that WhatsApp does not pass on with its message.
        "media_placeholder" => Some(Said::text("[file]")),
        "location" => location(message),
        "contacts" => contacts(message),
        "reaction" => message.get("reaction").filter(|reaction| reaction.is_object()).map(reaction),
        "button" => text(message, "/button/text").map(Said::text),
        "interactive" => interactive(message).map(Said::text),
        "order" => Some(Said::text(cards::order(message))),
        _ => None,
    };
    known.unwrap_or_else(|| {
        let finer = ["/unsupported/type", "/interactive/type"].into_iter().find_map(|part| text(message, part));
        Said::unsupported(finer.unwrap_or(kind))
    })
}

/// A file with its caption; a placeholder in its place if WhatsApp does not tell where it is.
fn media(message: &Value, member: &str, kind: FileKind) -> Said {
    let object = message.get(member).unwrap_or(&Value::Null);
    let caption = text(object, "/caption").unwrap_or_default().to_owned();
    let name = text(object, "/filename").map(|name| name.trim().to_owned());
    let Some(source) = id(object, "/id").filter(|id| is_file_id(id)) else {
        let what = name.map_or_else(|| kind.word().to_owned(), |name| format!("{} {name}", kind.word()));
        return Said::text(format!("[{what}] {caption}").trim_end());
    };
    let mime = text(object, "/mime_type").map(|mime| mime.trim().to_owned());
    let file = InboundFile { source: FileSource(source), kind, mime, name, size: None };
    Said { text: caption, content: None, files: vec![file] }
}

/// Whether it is safe in a path.
pub(super) fn is_file_id(id: &str) -> bool {
    (1..=MAX_FILE_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn location(message: &Value) -> Option<Said> {
    let part = |pointer| text(message, pointer).map(|part| part.trim().to_owned());
    let (name, address) = (part("/location/name"), part("/location/address"));
    let mut lines = vec!["[location]".to_owned()];
    lines.extend(name.iter().chain(&address).cloned());
    let coordinates = degrees(message, "/location/latitude", 90.0).zip(degrees(message, "/location/longitude", 180.0));
    let content = coordinates.map(|(latitude, longitude)| {
        // Google, Maps URLs, "Search".
        lines.push(format!("https://www.google.com/maps/search/?api=1&query={latitude},{longitude}"));
        Content::Location { latitude, longitude, name, address }
    });
    (lines.len() > 1).then(|| Said { text: lines.join("\n"), content, files: Vec::new() })
}

fn degrees(message: &Value, pointer: &str, max: f64) -> Option<f64> {
    let degrees = match message.pointer(pointer)? {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()?,
    };
    (-max..=max).contains(&degrees).then_some(degrees)
}

fn contacts(message: &Value) -> Option<Said> {
    let people: Vec<_> = items(message, "contacts").iter().filter_map(cards::person).collect();
    if people.is_empty() {
        return None;
    }
    let lines: Vec<String> = people.iter().map(cards::line).collect();
    let text = format!("[contact]\n{}", lines.join("\n"));
    Some(Said { text, content: Some(Content::Contacts { people }), files: Vec::new() })
}

/// Taken back: without an emoji.
fn reaction(reaction: &Value) -> Said {
    let emoji = text(reaction, "/emoji").map(str::to_owned);
    let text = emoji.as_ref().map_or_else(|| "Removed a reaction".to_owned(), |emoji| format!("Reacted {emoji}"));
    Said { text, content: Some(Content::Reaction { emoji }), files: Vec::new() }
}

fn interactive(message: &Value) -> Option<String> {
    if let Some(title) = text(message, "/interactive/button_reply/title") {
        return Some(title.to_owned());
    }
    if let Some(title) = text(message, "/interactive/list_reply/title") {
        let description = text(message, "/interactive/list_reply/description");
        return Some(description.map_or_else(|| title.to_owned(), |description| format!("{title}\n{description}")));
    }
    message.pointer("/interactive/nfm_reply").and_then(cards::form)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a fixture's row expects, of what a message says.
    fn seen(said: &Said) -> Value {
        let mut seen = json!({"text": said.text});
        if let Some(content) = &said.content {
            seen["content"] = serde_json::to_value(content).unwrap();
        }
        if let [file] = said.files.as_slice() {
            seen["file"] = json!([file.source.0, file.kind, file.mime, file.name]);
        }
        seen
    }

    #[test]
    fn every_type_is_readable_and_structured() {
        let fixture: Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/whatsapp/message_types.json")).expect("a fixture");
        let rows = fixture.as_array().expect("rows");
        assert!(rows.len() >= 45);
        for row in rows {
            let mut row = row.clone();
            let message = row.as_object_mut().unwrap().remove("message").unwrap();
            assert_eq!(seen(&said(&message)), row, "{message}");
        }
    }

    #[test]
    fn types_without_their_content_are_unsupported_and_not_lost() {
        for kind in ["text", "location", "contacts", "reaction", "button", "interactive", "unsupported", "hologram"] {
            for message in [
                json!({"type": kind}),
                json!({"type": kind, kind: "a string"}),
                json!({"type": kind, kind: null}),
                json!({"type": kind, kind: []}),
                json!({"type": kind, kind: 7}),
            ] {
                let said = said(&message);
                assert_eq!(said.text, format!("[unsupported message: {kind}]"), "{message}");
                assert_eq!(said.content, Some(Content::Unsupported { what: kind.to_owned() }));
            }
        }
        assert_eq!(said(&json!({"text": {"body": "no type"}})).text, "[unsupported message: unknown]");
        assert_eq!(said(&json!({"type": 7})).text, "[unsupported message: unknown]");
    }

    #[test]
    fn files_that_are_nowhere_have_a_placeholder() {
        for kind in ["image", "video", "sticker", "audio"] {
            for id in [json!(null), json!(""), json!("../me"), json!({"a": 1}), json!("1".repeat(129))] {
                let said = said(&json!({"type": kind, kind: {"id": id, "mime_type": 7}}));
                assert_eq!((said.text, said.files.len()), (format!("[{kind}]"), 0), "{id}");
            }
        }
        let document = said(&json!({"type": "document", "document": {"filename": "a.pdf", "caption": "see"}}));
        assert_eq!(document.text, "[document a.pdf] see");
        assert_eq!(said(&json!({"type": "voice", "voice": "x"})).text, "[voice message]");
        assert_eq!(said(&json!({"type": "image", "image": {"id": 9_000_001}})).files[0].source.0, "9000001");
    }
}
