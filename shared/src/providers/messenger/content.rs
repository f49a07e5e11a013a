//! What a message says: its text, its attachments as files or as text that a salesperson can read (Meta, Messenger Platform,
//! Webhooks, `messages`). An attachment that Meta invents tomorrow becomes a placeholder in brackets.

use serde_json::Value;

use super::files::{Place, Source};
use crate::{
    model::content::{Content, FileKind},
    providers::{
        event::InboundFile,
        lenient::{id, items, text},
    },
};

pub(super) const UNSUPPORTED: &str = "[unsupported message]";
/// The thumb in its three sizes, which comes as a sticker.
const LIKES: [&str; 3] = ["369239263222822", "369239343222814", "369239383222810"];
const LIKE: &str = "👍";
/// Relative links lead here.
const FACEBOOK: &str = "https://www.facebook.com";
/// Longest link that is repeated in a text, in bytes.
const MAX_LINK: usize = 2048;
/// Longest word for a type of attachment that is repeated in a text, in bytes.
const MAX_WORD: usize = 40;
/// How Messenger's apps name what was spoken into the phone.
const VOICE_FILE: &str = "audioclip";

/// What a message says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// Empty only if there are files.
    pub(super) text: String,
    pub(super) content: Option<Content>,
    pub(super) files: Vec<InboundFile>,
}

/// Reads the `message` of a webhook. `mid` is its id, if it has one.
pub(super) fn of(message: &Value, mid: Option<&str>) -> Said {
    let words = text(message, "/text");
    let mut reader = Reader { mid, words, lines: words.map(str::to_owned).into_iter().collect(), ..Reader::default() };
    let attachments = items(message, "attachments");
    let sticker = id(message, "/sticker_id");
    for attachment in attachments {
        reader.attachment(attachment, attachments, sticker.as_deref());
    }
    if let Some(sticker) = sticker {
        reader.sticker(Some(sticker), None);
    }
    if message.get("is_unsupported") == Some(&Value::Bool(true)) {
        reader.unknown = Some("unsupported".to_owned());
    }
    reader.said(message)
}

#[derive(Default)]
struct Reader<'a> {
    mid: Option<&'a str>,
    words: Option<&'a str>,
    lines: Vec<String>,
    content: Option<Content>,
    files: Vec<InboundFile>,
    /// Files among the attachments so far, with a link or without.
    counted: usize,
    /// Stickers that are read already: one may come in several forms.
    stickers: Vec<String>,
    /// Meta's word for what can't be shown.
    unknown: Option<String>,
}

impl Reader<'_> {
    fn attachment(&mut self, attachment: &Value, all: &[Value], sticker: Option<&str>) {
        let kind = text(attachment, "/type").unwrap_or_default();
        match kind {
            "image" | "sticker" => match sticker_id(attachment).or(sticker.map(str::to_owned)) {
                Some(sticker) => self.sticker(Some(sticker.clone()), sticker_link(all, &sticker, attachment)),
                None if kind == "sticker" => self.sticker(None, link(attachment)),
                None => self.file(FileKind::Image, attachment),
            },
            "video" => self.file(FileKind::Video, attachment),
            "audio" if link(attachment).is_some_and(|link| is_voice(&file_name(&link))) => self.file(FileKind::Voice, attachment),
            "audio" => self.file(FileKind::Audio, attachment),
            "file" => self.file(FileKind::Document, attachment),
            "location" => self.location(attachment),
            "fallback" => self.shared(None, attachment),
            "reel" | "ig_reel" => self.shared(Some("reel"), attachment),
            "post" | "ig_post" => self.shared(Some("post"), attachment),
            "share" => self.shared(Some("share"), attachment),
            "template" => self.template(attachment),
            "like_heart" => self.lines.push("❤".to_owned()),
            other => {
                let word = readable(other);
                self.shared(Some(&word), attachment);
                self.unknown = Some(word);
            }
        }
    }

    fn file(&mut self, kind: FileKind, attachment: &Value) {
        let place = Place::File(self.counted);
        self.counted += 1;
        match link(attachment) {
            Some(link) => self.add_file(kind, place, link),
            None => self.lines.push(format!("[{}]", kind.word())),
        }
    }

    fn add_file(&mut self, kind: FileKind, place: Place, link: String) {
        // Pictures and sounds are named by Meta, documents by their sender.
        let name = (kind == FileKind::Document).then(|| file_name(&link)).filter(|name| name.contains('.'));
        let source = Source::new(self.mid, place, link).into();
        self.files.push(InboundFile { source, kind, mime: None, name, size: None });
    }

    fn sticker(&mut self, id: Option<String>, link: Option<String>) {
        if let Some(id) = id {
            if self.stickers.contains(&id) {
                return;
            }
            let like = LIKES.contains(&id.as_str());
            self.stickers.push(id);
            if like {
                return self.lines.push(LIKE.to_owned());
            }
        }
        match link {
            Some(link) => self.add_file(FileKind::Sticker, Place::Sticker, link),
            None => self.lines.push("[sticker]".to_owned()),
        }
    }

    fn location(&mut self, attachment: &Value) {
        let name = text(attachment, "/title").or_else(|| text(attachment, "/payload/title")).map(|name| name.trim().to_owned());
        let latitude = degrees(attachment, "/payload/coordinates/lat", 90.0);
        let longitude = degrees(attachment, "/payload/coordinates/long", 180.0);
        self.lines.push("[location]".to_owned());
        self.lines.extend(name.clone());
        if let (Some(latitude), Some(longitude)) = (latitude, longitude) {
            // Google, Maps URLs, "Search".
            self.lines.push(format!("https://www.google.com/maps/search/?api=1&query={latitude},{longitude}"));
            self.content = Some(Content::Location { latitude, longitude, name, address: None });
        } else {
            self.lines.extend(link(attachment));
        }
    }

    /// A link, with what it is called. What the text says already is not repeated.
    fn shared(&mut self, label: Option<&str>, attachment: &Value) {
        let said = |part: &String| self.words.is_some_and(|words| words.contains(part.as_str()));
        let title = ["/payload/title", "/title"].into_iter().find_map(|part| text(attachment, part));
        let title = title.or_else(|| attachment.get("payload").and_then(Value::as_str).filter(|text| absolute(text).is_none()));
        let title = title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty());
        let link = link(attachment);
        // Meta shows the link that somebody typed once more as an attachment.
        if label.is_none() && (self.words.is_some() && title.is_none() && link.is_none() || link.as_ref().is_some_and(said)) {
            self.lines.extend(title.filter(|title| !said(title)));
            return;
        }
        match (label, title) {
            (Some(label), Some(title)) => self.lines.push(format!("[{label}] {title}")),
            (Some(label), None) => self.lines.push(format!("[{label}]")),
            (None, Some(title)) => self.lines.push(title),
            (None, None) if link.is_none() => self.lines.push("[shared content]".to_owned()),
            (None, None) => {}
        }
        self.lines.extend(link);
    }

    fn template(&mut self, attachment: &Value) {
        let payload = attachment.get("payload").unwrap_or(&Value::Null);
        let product = payload.get("product").unwrap_or(&Value::Null);
        let before = self.lines.len();
        self.lines.extend(text(payload, "/text").map(str::to_owned));
        self.lines.extend(items(product, "elements").iter().filter_map(element).map(|product| format!("[product] {product}")));
        self.lines.extend(items(payload, "elements").iter().filter_map(element));
        self.lines.extend(buttons(payload));
        if self.lines.len() == before {
            self.lines.push(match text(attachment, "/title") {
                Some(title) => format!("[template] {}", title.trim()),
                None => "[template]".to_owned(),
            });
        }
    }

    fn said(mut self, message: &Value) -> Said {
        if self.lines.is_empty() && self.files.is_empty() {
            if message.get("quick_reply").is_some_and(Value::is_object) {
                self.lines.push("[quick reply]".to_owned());
            } else {
                self.lines.push(UNSUPPORTED.to_owned());
                self.unknown.get_or_insert_with(|| "empty".to_owned());
            }
        }
        let only = self.words.is_none() && self.files.is_empty();
        let unknown = self.unknown.filter(|_| only).map(|what| Content::Unsupported { what });
        Said { text: self.lines.join("\n"), content: self.content.or(unknown), files: self.files }
    }
}

fn sticker_id(attachment: &Value) -> Option<String> {
    id(attachment, "/payload/sticker_id").or_else(|| id(attachment, "/sticker_id"))
}

/// Where a sticker lies: in 2026 it came as an image and as a sticker, of which one may lack the link.
fn sticker_link(all: &[Value], sticker: &str, this: &Value) -> Option<String> {
    let same = |other: &&Value| sticker_id(other).as_deref() == Some(sticker);
    link(this).or_else(|| all.iter().filter(same).find_map(link))
}

fn element(element: &Value) -> Option<String> {
    let title = text(element, "/title")?.trim();
    let line = match text(element, "/subtitle") {
        Some(subtitle) => format!("{title}\n{}", subtitle.trim()),
        None => title.to_owned(),
    };
    let lines: Vec<String> = std::iter::once(line).chain(buttons(element)).collect();
    Some(lines.join("\n"))
}

fn buttons(value: &Value) -> Option<String> {
    let titles = items(value, "buttons").iter().filter_map(|button| text(button, "/title"));
    let titles: Vec<String> = titles.map(|title| format!("[{}]", title.trim())).collect();
    (!titles.is_empty()).then(|| titles.join(" "))
}

/// The address that an attachment leads to.
fn link(attachment: &Value) -> Option<String> {
    let given = ["/payload/url", "/payload", "/url"].into_iter().filter_map(|part| text(attachment, part));
    given.into_iter().find_map(absolute)
}

fn absolute(link: &str) -> Option<String> {
    let link = link.trim();
    if link.len() > MAX_LINK || link.contains(char::is_whitespace) {
        return None;
    }
    if link.starts_with("https://") || link.starts_with("http://") {
        return Some(link.to_owned());
    }
    (link.starts_with('/') && !link.starts_with("//")).then(|| format!("{FACEBOOK}{link}"))
}

/// The last part of a link's path.
fn file_name(link: &str) -> String {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned()
}

/// Whether a sound of that name was spoken into the phone.
pub(super) fn is_voice(file_name: &str) -> bool {
    file_name.starts_with(VOICE_FILE)
}

fn degrees(value: &Value, pointer: &str, max: f64) -> Option<f64> {
    let degrees = match value.pointer(pointer)? {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_f64(),
    };
    degrees.filter(|degrees: &f64| degrees.abs() <= max)
}

/// A word of Meta's as one of ours: `story_mention` is a story mention.
fn readable(word: &str) -> String {
    let plain = word.len() <= MAX_WORD && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b' '));
    let word = if plain { word.replace('_', " ") } else { String::new() };
    if word.trim().is_empty() { "unsupported attachment".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn word(kind: FileKind) -> Value {
        serde_json::to_value(kind).unwrap()
    }

    #[test]
    fn every_type_is_readable() {
        let fixture: Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/messenger/message_types.json")).expect("a fixture");
        let rows = fixture.as_array().expect("rows");
        assert!(rows.len() >= 45, "{}", rows.len());
        for row in rows {
            let message = &row["message"];
            let said = of(message, Some("m_1"));
            assert_eq!(Some(said.text.as_str()), row["text"].as_str(), "{message}");
            let files: Vec<Value> = said.files.iter().map(|file| json!([word(file.kind), file.name])).collect();
            assert_eq!(json!(files), row.get("files").cloned().unwrap_or_else(|| json!([])), "{message}");
            let content = said.content.map(|content| serde_json::to_value(content).unwrap());
            assert_eq!(content.as_ref(), row.get("content"), "{message}");
        }
    }

    #[test]
    fn files_are_counted_as_meta_lists_them() {
        let image = |n: u32| json!({"type": "image", "payload": {"url": format!("https://scontent.xx.fbcdn.net/{n}.jpg")}});
        let attachments = json!([image(0), {"type": "fallback", "payload": null}, {"type": "video"}, image(2)]);
        let said = of(&json!({"attachments": attachments}), Some("m_1"));
        let sources: Vec<Source> = said.files.iter().map(|file| Source::read(&file.source).unwrap()).collect();
        let expected = |place, n| Source::new(Some("m_1"), Place::File(place), format!("https://scontent.xx.fbcdn.net/{n}.jpg"));
        assert_eq!(sources, [expected(0, 0), expected(2, 2)]);
        assert_eq!(said.text, "[shared content]\n[video]");
    }

    #[test]
    fn a_sticker_is_one_in_whatever_form() {
        let link = "https://scontent.xx.fbcdn.net/s.png";
        let image = json!({"type": "image", "payload": {"url": link, "sticker_id": 5}});
        let sticker = json!({"type": "sticker", "payload": {"url": link, "sticker_id": "5"}});
        let bare = json!({"type": "sticker", "payload": {"sticker_id": 5}});
        let plain = json!({"type": "image", "payload": {"url": link}});
        for message in [
            json!({"sticker_id": 5, "attachments": [image, sticker]}),
            json!({"attachments": [sticker, image]}),
            json!({"attachments": [bare, image]}),
            json!({"attachments": [image]}),
            json!({"attachments": [sticker]}),
            json!({"sticker_id": 5, "attachments": [plain]}),
            json!({"sticker_id": 5, "attachments": [plain, sticker]}),
        ] {
            let said = of(&message, Some("m_1"));
            assert_eq!((said.text.as_str(), said.files.len(), said.content), ("", 1, None), "{message}");
            assert_eq!(said.files[0].kind, FileKind::Sticker);
            assert_eq!(said.files[0].source, Source::new(Some("m_1"), Place::Sticker, link.to_owned()).into());
        }
    }
}
