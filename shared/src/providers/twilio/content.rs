//! What a message says (Twilio, "Twilio's request to your incoming message Webhook URL"): its text, its files, and what
//! WhatsApp adds to that: places and pressed buttons. What has no text of its own is named in brackets.

use super::form::Form;
use crate::{
    model::content::{Content, FileKind, FileSource},
    providers::event::InboundFile,
};

/// Most files that are taken from one message; Twilio puts up to ten into one.
const MAX_FILES: usize = 30;
const EMPTY: &str = "[empty message]";

/// A message's contents.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) structure: Option<Content>,
    pub(super) files: Vec<InboundFile>,
}

/// Reads a message. Its text is only empty if it has files.
pub(super) fn read(form: &Form) -> Said {
    let files = files(form);
    let words = ["Body", "ButtonText", "ListTitle"].into_iter().find_map(|name| form.raw(name));
    let (lines, structure) = if let Some(location) = location(form) {
        (vec![words.map(str::to_owned), Some(describe(&location))], Some(location))
    } else if let Some((notice, note)) = opt_out(form) {
        (vec![words.map(str::to_owned), Some(note.to_owned())], Some(Content::Notice { what: notice.to_owned() }))
    } else {
        (vec![words.map(str::to_owned)], None)
    };
    let text = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
    if !text.is_empty() {
        return Said { text, structure, files };
    }
    if !files.is_empty() {
        let are_cards = files.iter().all(|file| file.mime.as_deref().is_some_and(is_card));
        let text = if are_cards { "[contact]".to_owned() } else { String::new() };
        return Said { text, structure, files };
    }
    if form.number("NumMedia").is_some_and(|count| count > 0.0) {
        return Said { text: "[a file that Twilio did not pass on]".to_owned(), structure, files };
    }
    match form.text("MessageType").filter(|kind| *kind != "text") {
        Some(kind) => {
            let structure = Some(Content::Unsupported { what: kind.to_owned() });
            Said { text: "[unsupported message]".to_owned(), structure, files }
        }
        None => Said { text: EMPTY.to_owned(), structure, files },
    }
}

/// The text of a message that Twilio keeps, as a list of messages tells it.
pub(super) fn kept_text(body: Option<&str>, has_files: bool) -> String {
    match body.filter(|body| !body.trim().is_empty()) {
        Some(body) => body.to_owned(),
        None if has_files => String::new(),
        None => EMPTY.to_owned(),
    }
}

fn files(form: &Form) -> Vec<InboundFile> {
    let types = form.numbered("MediaContentType");
    let sticker = form.text("MessageType") == Some("sticker");
    let file = |(number, address): (usize, &str)| {
        let mime = types.iter().find(|(other, _)| *other == number).map(|(_, mime)| (*mime).to_owned());
        InboundFile {
            source: FileSource(address.to_owned()),
            kind: if sticker { FileKind::Sticker } else { FileKind::of_mime(mime.as_deref().unwrap_or_default()) },
            name: mime.as_deref().filter(|mime| is_card(mime)).map(|_| "contact.vcf".to_owned()),
            mime,
            size: None,
        }
    };
    form.numbered("MediaUrl").into_iter().take(MAX_FILES).map(file).collect()
}

/// Whether a file is an address card.
fn is_card(mime: &str) -> bool {
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(mime.as_str(), "text/vcard" | "text/x-vcard" | "application/vcard" | "text/directory")
}

fn location(form: &Form) -> Option<Content> {
    Some(Content::Location {
        latitude: form.number("Latitude")?,
        longitude: form.number("Longitude")?,
        name: form.text("Label").map(str::to_owned),
        address: form.text("Address").map(str::to_owned),
    })
}

/// A place in words, with a link to a map.
fn describe(location: &Content) -> String {
    let Content::Location { latitude, longitude, name, address } = location else { return String::new() };
    let mut lines = vec!["[location]".to_owned()];
    lines.extend([name, address].into_iter().flatten().cloned());
    // Google, Maps URLs, "Search".
    lines.push(format!("https://www.google.com/maps/search/?api=1&query={latitude},{longitude}"));
    lines.join("\n")
}

/// What a keyword of the customer's did (Twilio, "Advanced Opt-Out"): a stable word, and a note for the salesperson.
fn opt_out(form: &Form) -> Option<(&'static str, &'static str)> {
    Some(match form.text("OptOutType")?.to_ascii_uppercase().as_str() {
        "STOP" => ("opted_out", "[The customer opted out. They can't be written to until they write START.]"),
        "START" => ("opted_in", "[The customer wants to get messages again.]"),
        "HELP" => ("asked_for_help", "[The customer asked for help. Twilio has sent them the answer that is set there.]"),
        _ => return None,
    })
}
