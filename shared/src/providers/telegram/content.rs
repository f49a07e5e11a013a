//! What a message says: text, file and structure, whatever its kind (Telegram Bot API, "Message"). What can't be shown is
//! named in brackets; so is a kind that Telegram invents tomorrow. What only reports a change of the chat says nothing.

use serde_json::Value;

use super::files;
use crate::{
    model::content::{Content, Person},
    providers::{
        event::InboundFile,
        lenient::{id, items, text},
    },
};

/// What is said in a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// Readable alone; empty if there is only a file.
    pub(super) text: String,
    pub(super) content: Option<Content>,
    pub(super) file: Option<InboundFile>,
}

/// Kinds that can't be shown, each with what it is called.
const UNSHOWN: [(&str, &str); 20] = [
    ("dice", "dice"),
    ("poll", "poll"),
    ("game", "game"),
    ("checklist", "checklist"),
    ("rich_message", "rich message"),
    ("paid_media", "paid media"),
    ("live_photo", "live photo"),
    ("story", "story"),
    ("giveaway", "giveaway"),
    ("giveaway_winners", "giveaway winners"),
    ("gift", "gift"),
    ("unique_gift", "gift"),
    ("invoice", "invoice"),
    ("successful_payment", "payment"),
    ("refunded_payment", "refunded payment"),
    ("web_app_data", "form"),
    ("users_shared", "shared users"),
    ("user_shared", "shared user"),
    ("chat_shared", "shared chat"),
    ("passport_data", "passport data"),
];

/// Members of messages that nobody wrote.
const SERVICE: [&str; 49] = [
    "new_chat_members",
    "new_chat_member",
    "new_chat_participant",
    "left_chat_member",
    "left_chat_participant",
    "new_chat_title",
    "new_chat_photo",
    "delete_chat_photo",
    "group_chat_created",
    "supergroup_chat_created",
    "channel_chat_created",
    "message_auto_delete_timer_changed",
    "migrate_to_chat_id",
    "migrate_from_chat_id",
    "pinned_message",
    "connected_website",
    "write_access_allowed",
    "proximity_alert_triggered",
    "boost_added",
    "chat_background_set",
    "chat_owner_left",
    "chat_owner_changed",
    "checklist_tasks_done",
    "checklist_tasks_added",
    "direct_message_price_changed",
    "paid_message_price_changed",
    "forum_topic_created",
    "forum_topic_edited",
    "forum_topic_closed",
    "forum_topic_reopened",
    "general_forum_topic_hidden",
    "general_forum_topic_unhidden",
    "giveaway_created",
    "giveaway_completed",
    "gift_upgrade_sent",
    "managed_bot_created",
    "poll_option_added",
    "poll_option_deleted",
    "suggested_post_approved",
    "suggested_post_approval_failed",
    "suggested_post_declined",
    "suggested_post_paid",
    "suggested_post_refunded",
    "video_chat_scheduled",
    "video_chat_started",
    "video_chat_ended",
    "video_chat_participants_invited",
    "voice_chat_started",
    "voice_chat_ended",
];

/// What a message says; none for one that nobody wrote.
pub(super) fn read(message: &Value) -> Option<Said> {
    let mut said = match known(message) {
        Some(said) => said,
        None if SERVICE.iter().any(|member| has(message, member)) => return None,
        None => unshown("unknown", "[unsupported message]".to_owned()),
    };
    if let Some(mark) = forwarded(message) {
        said.text = if said.text.is_empty() { mark } else { format!("{mark} {}", said.text) };
    }
    Some(said)
}

/// What a message said, in words, for where it is answered.
pub(super) fn quote(message: &Value) -> Option<String> {
    let said = known(message)?;
    match said.file {
        Some(file) if said.text.is_empty() => Some(format!("[{}]", file.kind.word())),
        _ => Some(said.text),
    }
}

fn has(message: &Value, member: &str) -> bool {
    message.get(member).is_some_and(|value| !value.is_null())
}

fn plain(text: impl Into<String>) -> Said {
    Said { text: text.into(), ..Said::default() }
}

fn unshown(what: &str, text: String) -> Said {
    Said { content: Some(Content::Unsupported { what: what.to_owned() }), ..plain(text) }
}

fn known(message: &Value) -> Option<Said> {
    if let Some(words) = text(message, "/text") {
        return Some(plain(words));
    }
    with_file(message)
        .or_else(|| place(message))
        .or_else(|| contact(message))
        .or_else(|| {
            let (member, label) = UNSHOWN.iter().find(|(member, _)| has(message, member))?;
            Some(unshown(member, placeholder(&message[*member], member, label)))
        })
        .or_else(|| text(message, "/caption").map(plain))
}

fn with_file(message: &Value) -> Option<Said> {
    let file = files::of_message(message)?;
    // A sticker stands for an emoji.
    let words = text(message, "/caption").or_else(|| text(message, "/sticker/emoji"));
    Some(match (file, words) {
        (Ok(file), words) => Said { file: Some(file), ..plain(words.unwrap_or_default()) },
        (Err(kind), None) => plain(format!("[{}]", kind.word())),
        (Err(kind), Some(words)) => plain(format!("[{}] {words}", kind.word())),
    })
}

/// A place; a venue is one with a name, and comes as a location too.
fn place(message: &Value) -> Option<Said> {
    let venue = message.get("venue").filter(|venue| venue.is_object());
    let location = venue.and_then(|venue| venue.get("location")).or_else(|| message.get("location"));
    let location = location.or(venue).filter(|location| !location.is_null())?;
    let of_venue = |pointer| venue.and_then(|venue| text(venue, pointer)).map(str::to_owned);
    let (name, address) = (of_venue("/title"), of_venue("/address"));
    let label = if has(location, "live_period") { "[live location]" } else { "[location]" };
    let mut lines = vec![label.to_owned()];
    lines.extend([&name, &address].into_iter().flatten().cloned());
    let degrees = |pointer, most: f64| coordinate(location, pointer).filter(|degrees| degrees.abs() <= most);
    let (Some(latitude), Some(longitude)) = (degrees("/latitude", 90.0), degrees("/longitude", 180.0)) else {
        return Some(unshown("location", lines.join("\n")));
    };
    // Google, Maps URLs, "Search".
    lines.push(format!("https://www.google.com/maps/search/?api=1&query={latitude},{longitude}"));
    Some(Said { content: Some(Content::Location { latitude, longitude, name, address }), ..plain(lines.join("\n")) })
}

fn coordinate(location: &Value, pointer: &str) -> Option<f64> {
    match location.pointer(pointer)? {
        Value::String(text) => text.trim().parse().ok(),
        number => number.as_f64(),
    }
}

fn contact(message: &Value) -> Option<Said> {
    let contact = message.get("contact").filter(|contact| contact.is_object())?;
    let card = text(contact, "/vcard").unwrap_or_default();
    let mut phones: Vec<String> = id(contact, "/phone_number").into_iter().collect();
    for phone in card_values(card, "TEL") {
        // The same number in another spelling is no second one.
        if !phones.iter().any(|known| digits(known) == digits(&phone)) {
            phones.push(phone);
        }
    }
    let name = full_name(contact).or_else(|| card_values(card, "FN").into_iter().next()).unwrap_or_default();
    let person = Person { name, phones, emails: card_values(card, "EMAIL") };
    let ways: Vec<&str> = person.phones.iter().chain(&person.emails).map(String::as_str).collect();
    let name = if person.name.is_empty() { "(no name)" } else { &person.name };
    let words = if ways.is_empty() { name.to_owned() } else { format!("{name}: {}", ways.join(", ")) };
    Some(Said { content: Some(Content::Contacts { people: vec![person] }), ..plain(format!("[contact]\n{words}")) })
}

/// First and last name.
pub(super) fn full_name(person: &Value) -> Option<String> {
    let names: Vec<&str> =
        ["/first_name", "/last_name"].into_iter().filter_map(|name| text(person, name)).map(str::trim).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

/// The values of a property in a vCard (RFC 6350): `TEL;TYPE=cell:+1…`, `item1.EMAIL:…`, long lines folded.
fn card_values(card: &str, property: &str) -> Vec<String> {
    let card = card.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let value = |line: &str| {
        let (head, value) = line.split_once(':')?;
        let name = head.split(';').next()?;
        let name = name.rsplit('.').next()?;
        let value = value.trim().strip_prefix("tel:").unwrap_or(value.trim());
        (name.eq_ignore_ascii_case(property) && !value.is_empty()).then(|| value.to_owned())
    };
    card.lines().filter_map(value).collect()
}

/// What stands for a kind that can't be shown, with as much of it as is words.
fn placeholder(value: &Value, member: &str, label: &str) -> String {
    let with = |words: &str| format!("[{label}] {words}");
    let list = |head: &str, key: &str| {
        let points = items(value, key).iter().filter_map(|item| text(item, "/text")).map(|point| format!("\n- {point}"));
        text(value, head).map(|head| with(head) + &points.collect::<String>())
    };
    let words = match member {
        "dice" => text(value, "/emoji").map(|emoji| match id(value, "/value") {
            Some(number) => format!("[{label} {emoji} {number}]"),
            None => format!("[{label} {emoji}]"),
        }),
        "poll" => list("/question", "options"),
        "checklist" => list("/title", "tasks"),
        "game" | "invoice" => text(value, "/title").map(with),
        "web_app_data" => text(value, "/data").map(with),
        _ => None,
    };
    words.unwrap_or_else(|| format!("[{label}]"))
}

/// Who first wrote a message that was passed on; `forward_from` and the like are of older servers.
fn forwarded(message: &Value) -> Option<String> {
    if !["forward_origin", "forward_date", "forward_from"].iter().any(|member| has(message, member)) {
        return None;
    }
    let people = ["/forward_origin/sender_user", "/forward_from"];
    let names = ["/forward_origin/sender_user_name", "/forward_sender_name"];
    let chats = ["/forward_origin/sender_chat/title", "/forward_origin/chat/title", "/forward_from_chat/title"];
    let person = people.iter().find_map(|pointer| message.pointer(pointer).and_then(full_name));
    let name = person.or_else(|| names.iter().chain(&chats).find_map(|name| text(message, name)).map(str::to_owned));
    Some(name.map_or_else(|| "[forwarded]".to_owned(), |name| format!("[forwarded from {name}]")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_is_readable() {
        let fixture: Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/telegram/message_types.json")).expect("a fixture");
        let rows = fixture.as_array().expect("rows");
        assert!(rows.len() >= 45);
        for row in rows {
            let said = read(&row["message"]);
            let text = said.as_ref().map(|said| said.text.as_str());
            assert_eq!(text, row["text"].as_str(), "{}", row["message"]);
            let said = said.unwrap_or_default();
            let content = said.content.map_or(Value::Null, |content| serde_json::to_value(content).expect("JSON"));
            assert_eq!(content, row["content"], "{}", row["message"]);
            let file = said.file.map(|file| file.source.0);
            assert_eq!(file.as_deref(), row["file"].as_str(), "{}", row["message"]);
        }
    }

    #[test]
    fn broken_kinds_are_named_and_not_lost() {
        for member in UNSHOWN.iter().map(|(member, _)| *member) {
            for value in [json!({}), json!("a string"), json!([1]), json!(true)] {
                let said = read(&json!({member: value})).expect("something to show");
                assert!(said.text.starts_with('[') && matches!(said.content, Some(Content::Unsupported { .. })), "{said:?}");
            }
            assert_eq!(read(&json!({member: null})).unwrap().text, "[unsupported message]");
        }
        for (member, value) in [("text", json!(5)), ("photo", json!("x")), ("contact", json!(1)), ("hologram", json!({}))] {
            assert_eq!(read(&json!({member: value})).unwrap().text, "[unsupported message]", "{member}");
        }
        for location in
            [json!({}), json!({"latitude": 1}), json!({"latitude": "x", "longitude": 2}), json!({"latitude": 91, "longitude": 2})]
        {
            assert_eq!(read(&json!({ "location": location })).unwrap().text, "[location]", "{location}");
        }
    }

    #[test]
    fn service_messages_say_nothing() {
        for member in SERVICE {
            assert_eq!(read(&json!({member: {"x": 1}})), None, "{member}");
            assert_eq!(read(&json!({member: true, "text": "words"})).unwrap().text, "words", "{member}");
        }
    }

    #[test]
    fn cards_are_read_in_their_spellings() {
        let card = "BEGIN:VCARD\r\nFN:Bob B.\r\nTEL;TYPE=cell:+1 555 010 0002\r\nTEL;VALUE=uri:tel:+15550100003\r\n\
                    item1.EMAIL;type=INTERNET:bob@exam\r\n ple.com\r\nEND:VCARD";
        assert_eq!(card_values(card, "TEL"), ["+1 555 010 0002", "+15550100003"]);
        assert_eq!(card_values(card, "EMAIL"), ["bob@example.com"]);
        let said = read(&json!({"contact": {"phone_number": 15_550_100_002_u64, "vcard": card}})).unwrap();
        assert_eq!(said.text, "[contact]\nBob B.: 15550100002, +15550100003, bob@example.com");
    }

    #[test]
    fn quotes_name_what_has_no_words() {
        let photo = json!({"photo": [{"file_id": "P"}]});
        assert_eq!(quote(&photo).as_deref(), Some("[image]"));
        assert_eq!(quote(&json!({"text": "Hi", "forward_date": 1})).as_deref(), Some("Hi"));
        assert_eq!(quote(&json!({"message_id": 1, "date": 0})), None, "an inaccessible one says nothing");
    }
}
