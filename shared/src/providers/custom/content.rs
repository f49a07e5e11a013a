//! What a customer's message holds besides its text: files, a place, people. The text says all of it readably; the files are
//! named by their addresses and fetched later.

use super::fields::Object;
use crate::{
    model::content::{Content, FileKind, FileSource, Person},
    providers::{InvalidWebhook, event::InboundFile},
};

/// Most files in a message.
const MAX_FILES: usize = 10;
/// Most people whose address cards are in a message, and most numbers and addresses on each card.
const MAX_PEOPLE: usize = 20;
const MAX_WAYS: usize = 20;
/// Longest file name and MIME type, in characters.
const MAX_FILE_NAME_CHARS: usize = 255;
/// Longest name, address of a place, phone number or e-mail address, in characters.
const MAX_DETAIL_CHARS: usize = 300;

/// Largest size that is believed: the largest whole number that every JSON library keeps.
const MAX_SIZE: u64 = (1 << 53) - 1;

const KINDS: &[(&str, FileKind)] = &[
    ("image", FileKind::Image),
    ("video", FileKind::Video),
    ("audio", FileKind::Audio),
    ("voice", FileKind::Voice),
    ("sticker", FileKind::Sticker),
    ("document", FileKind::Document),
];

/// The files of an event.
pub(super) fn files(event: &Object<'_>) -> Result<Vec<InboundFile>, InvalidWebhook> {
    event.objects("files", MAX_FILES)?.iter().map(file).collect()
}

fn file(file: &Object<'_>) -> Result<InboundFile, InvalidWebhook> {
    let mime = file.said("type", MAX_FILE_NAME_CHARS)?.map(|mime| mime.trim().to_owned());
    let is_mime = |mime: &String| mime.split_once('/').is_some_and(|(kind, rest)| !kind.is_empty() && !rest.is_empty());
    if mime.as_ref().is_some_and(|mime| !is_mime(mime)) {
        return Err(file.invalid("type", "must be a MIME type like image/png"));
    }
    let kind = file.word("kind", KINDS, "must be image, video, audio, voice, sticker or document")?;
    Ok(InboundFile {
        source: FileSource(file.outside_url("url")?),
        kind: kind.unwrap_or_else(|| FileKind::of_mime(mime.as_deref().unwrap_or_default())),
        mime,
        name: file.said("name", MAX_FILE_NAME_CHARS)?.map(|name| name.trim().to_owned()),
        size: file.whole("size", MAX_SIZE)?,
    })
}

/// The place or the people in an event.
pub(super) fn content(event: &Object<'_>) -> Result<Option<Content>, InvalidWebhook> {
    let location = event.optional_object("location")?;
    let people = event.objects("contacts", MAX_PEOPLE)?;
    match (location, people.is_empty()) {
        (None, true) => Ok(None),
        (Some(place), true) => self::location(&place).map(Some),
        (None, false) => Ok(Some(Content::Contacts { people: people.iter().map(person).collect::<Result<_, _>>()? })),
        (Some(_), false) => Err(event.invalid("contacts", "must not stand beside location")),
    }
}

fn location(place: &Object<'_>) -> Result<Content, InvalidWebhook> {
    let detail = |field| Ok(place.said(field, MAX_DETAIL_CHARS)?.map(|text| text.trim().to_owned()));
    Ok(Content::Location {
        latitude: place.degrees("latitude", 90.0)?,
        longitude: place.degrees("longitude", 180.0)?,
        name: detail("name")?,
        address: detail("address")?,
    })
}

fn person(card: &Object<'_>) -> Result<Person, InvalidWebhook> {
    let person = Person {
        name: card.said("name", MAX_DETAIL_CHARS)?.unwrap_or_default().trim().to_owned(),
        phones: card.texts("phones", MAX_WAYS, MAX_DETAIL_CHARS)?,
        emails: card.texts("emails", MAX_WAYS, MAX_DETAIL_CHARS)?,
    };
    if person == Person::default() {
        Err(card.invalid("name", "is required where there are no phones or emails"))
    } else {
        Ok(person)
    }
}

/// `text` and, below it, what `content` says in words.
pub(super) fn readable(text: &str, content: Option<&Content>) -> String {
    let mut lines: Vec<String> = Some(text.to_owned()).filter(|text| !text.is_empty()).into_iter().collect();
    match content {
        Some(Content::Location { latitude, longitude, name, address }) => {
            lines.push("[location]".to_owned());
            lines.extend([name, address].into_iter().flatten().cloned());
            // Google, Maps URLs, "Search".
            lines.push(format!("https://www.google.com/maps/search/?api=1&query={latitude},{longitude}"));
        }
        Some(Content::Contacts { people }) => {
            lines.push("[contact]".to_owned());
            lines.extend(people.iter().map(card_line));
        }
        _ => {}
    }
    lines.join("\n")
}

fn card_line(person: &Person) -> String {
    let name = if person.name.is_empty() { "(no name)" } else { &person.name };
    let ways: Vec<&str> = person.phones.iter().chain(&person.emails).map(String::as_str).collect();
    if ways.is_empty() { name.to_owned() } else { format!("{name}: {}", ways.join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(event: &Value) -> Result<(Vec<InboundFile>, Option<Content>), String> {
        let object = Object::new(event, String::new(), false);
        files(&object).and_then(|files| Ok((files, content(&object)?))).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn files_have_a_kind_by_word_or_by_type() {
        let url = "https://chat.example.com/f/1?key=2#page";
        for (file, kind, mime, name, size) in [
            (json!({"url": url}), FileKind::Document, None, None, None),
            (
                json!({"url": url, "type": "image/png", "name": " a.png ", "size": 7}),
                FileKind::Image,
                Some("image/png"),
                Some("a.png"),
                Some(7),
            ),
            (json!({"url": url, "type": "audio/ogg", "kind": "voice"}), FileKind::Voice, Some("audio/ogg"), None, None),
            (json!({"url": url, "type": "image/webp", "kind": "sticker"}), FileKind::Sticker, Some("image/webp"), None, None),
            (json!({"url": url, "type": "", "name": "", "kind": null}), FileKind::Document, None, None, None),
        ] {
            let (files, _) = read(&json!({"files": [file]})).unwrap();
            let source = FileSource("https://chat.example.com/f/1?key=2".to_owned());
            let expected = InboundFile { source, kind, mime: mime.map(str::to_owned), name: name.map(str::to_owned), size };
            assert_eq!(files, [expected], "{file}");
        }
        assert_eq!(read(&json!({"files": []})).unwrap(), (vec![], None));
    }

    #[test]
    fn places_and_people_read_as_text() {
        let cases = [
            (
                json!({"location": {"latitude": 59.437, "longitude": -24, "name": "Office", "address": "Main Street 1"}}),
                "[location]\nOffice\nMain Street 1\nhttps://www.google.com/maps/search/?api=1&query=59.437,-24",
            ),
            (
                json!({"location": {"latitude": 0, "longitude": 180, "name": null}}),
                "[location]\nhttps://www.google.com/maps/search/?api=1&query=0,180",
            ),
            (
                json!({"contacts": [
                    {"name": "Bob", "phones": ["+15550100002", "0555"], "emails": ["bob@example.com"]},
                    {"phones": ["1"]},
                    {"name": "Eve"},
                ]}),
                "[contact]\nBob: +15550100002, 0555, bob@example.com\n(no name): 1\nEve",
            ),
        ];
        for (event, expected) in cases {
            let (_, content) = read(&event).unwrap();
            assert!(content.is_some());
            assert_eq!(readable("", content.as_ref()), expected);
            assert_eq!(readable("Here", content.as_ref()), format!("Here\n{expected}"));
        }
    }
}
