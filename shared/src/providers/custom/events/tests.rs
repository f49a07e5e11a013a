//! Every field of every event, and every fault of it.

use serde_json::json;

use super::*;
use crate::{
    model::{
        contact::Email,
        content::{FileKind, FileSource, Person},
        ids::{ContactKey, MessageId},
        time::Timestamp,
    },
    providers::{custom::schema, event::InboundFile},
};

const OURS: &str = "m_0123456789abcdef0123456789abcdef01234567";

fn read_json(body: &Value) -> Result<Vec<EventKind>, String> {
    read(body.to_string().as_bytes(), false).and_then(|events| events.into_iter().collect()).map_err(|e| e.to_string())
}

fn fixture(body: &[u8]) -> Vec<EventKind> {
    read(body, false).unwrap().into_iter().collect::<Result<_, _>>().unwrap()
}

fn id(text: &str) -> ProviderMessageId {
    ProviderMessageId::parse(text).unwrap()
}

/// The customer of the fixtures; nameless unless their name is told.
fn customer_7(name: &str) -> Customer {
    Customer::new(vec![ContactKey::parse("user:customer-7").unwrap()], name.to_owned())
}

fn to(text: &str) -> ProviderReply {
    ProviderReply { id: id(text), quote: None }
}

#[test]
fn every_field_is_read() {
    let events = fixture(include_bytes!("../../../../../tests/fixtures/custom/events.json"));
    let [EventKind::Message(full), EventKind::Message(least), EventKind::Message(phone), statuses @ ..] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(
        full,
        &InboundMessage {
            sent_at: Some(Timestamp::from_millis(1_767_225_600_500)),
            reply_by: Some(Timestamp::from_secs(1_767_312_000)),
            link: "https://chat.example.com/c/7".to_owned(),
            ..InboundMessage::new(
                id("msg-1"),
                Customer {
                    phone: Some("+15550100001".to_owned()),
                    email: Email::parse("ada@example.com"),
                    avatar_url: Some("https://chat.example.com/ada.png".to_owned()),
                    ..customer_7("Ada L.")
                },
                "Hello 😀".to_owned(),
            )
        }
    );
    assert_eq!((least.customer.name.as_str(), least.name_known, least.link.as_str()), ("Chat user", false, ""));
    assert_eq!((least.sent_at, least.reply_by), (None, None));
    assert_eq!((phone.customer.name.as_str(), phone.name_known), ("+15550100002", false));
    let got: Vec<(&str, Status, Option<&str>, bool)> = statuses
        .iter()
        .map(|event| match event {
            EventKind::Status(s) => {
                (s.provider_id.as_str(), s.status, s.failure.as_ref().map(|f| f.text.as_str()), s.message.is_some())
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        got,
        [
            (OURS, Status::Sent, None, true),
            ("out-1", Status::Delivered, None, false),
            ("out-1", Status::Read, None, false),
            ("out-2", Status::Failed, Some("The customer has left the chat."), false),
            ("out-3", Status::Failed, Some(NO_REASON), false),
        ]
    );
}

#[test]
fn messages_hold_files_places_and_people() {
    let events = fixture(include_bytes!("../../../../../tests/fixtures/custom/content.json"));
    let messages = events.into_iter().map(|event| if let EventKind::Message(m) = event { m } else { panic!("{event:?}") });
    let file = |url: &str, kind, mime: Option<&str>, name: Option<&str>, size| InboundFile {
        source: FileSource(url.to_owned()),
        kind,
        mime: mime.map(str::to_owned),
        name: name.map(str::to_owned),
        size,
    };
    let new = |own_id: &str, text: &str| InboundMessage {
        name_known: false,
        ..InboundMessage::new(id(own_id), customer_7(NAMELESS), text.to_owned())
    };
    let named = |message: InboundMessage| InboundMessage { name_known: true, customer: customer_7("Ada L."), ..message };
    let receipt = "https://chat.example.com/files/1?key=abc";
    let office = Content::Location {
        latitude: 59.437,
        longitude: 24.7536,
        name: Some("Office".to_owned()),
        address: Some("Main Street 1".to_owned()),
    };
    let bob =
        Person { name: "Bob".to_owned(), phones: vec!["+15550100002".to_owned()], emails: vec!["bob@example.com".to_owned()] };
    let map = "https://www.google.com/maps/search/?api=1&query=59.437,24.7536";
    let expected = [
        InboundMessage {
            files: vec![
                file(receipt, FileKind::Image, Some("image/jpeg"), Some("receipt.jpg"), Some(98000)),
                file("https://chat.example.com/files/2", FileKind::Voice, Some("audio/ogg"), None, None),
            ],
            ..named(new("msg-10", "My receipt"))
        },
        InboundMessage {
            files: vec![file("https://chat.example.com/files/3", FileKind::Document, None, Some("notes"), None)],
            reply_to: Some(to("out-1")),
            ..new("msg-11", "")
        },
        InboundMessage { content: Some(office), ..new("msg-12", &format!("[location]\nOffice\nMain Street 1\n{map}")) },
        InboundMessage {
            content: Some(Content::Contacts { people: vec![bob] }),
            ..new("msg-13", "My colleague\n[contact]\nBob: +15550100002, bob@example.com")
        },
        InboundMessage {
            direction: Direction::Out,
            sent_at: Some(Timestamp::from_secs(1_767_225_600)),
            ..named(new("msg-14", "Answered in the console"))
        },
        new("msg-15", "Thanks"),
    ];
    assert_eq!(messages.collect::<Vec<_>>(), expected);
}

#[test]
fn reactions_edits_and_deletions_name_their_message() {
    let events = fixture(include_bytes!("../../../../../tests/fixtures/custom/changes.json"));
    let at = |secs: i64| Some(Timestamp::from_secs(1_767_225_600 + secs));
    let [
        EventKind::Message(thumb),
        EventKind::Message(gone),
        EventKind::Message(our_own),
        EventKind::Edit(edit),
        EventKind::Edit(our_edit),
        EventKind::Deletion(deletion),
        EventKind::Deletion(timeless),
        ..,
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        thumb,
        &InboundMessage {
            content: Some(Content::Reaction { emoji: Some("👍".to_owned()) }),
            reply_to: Some(to("out-1")),
            sent_at: at(0),
            ..InboundMessage::new(id("rea-1"), customer_7("Ada L."), "Reacted 👍".to_owned())
        }
    );
    for (removed, target, direction) in [(gone, "out-1", Direction::In), (our_own, "msg-1", Direction::Out)] {
        assert_eq!((removed.text.as_str(), removed.direction), ("Removed a reaction", direction));
        assert_eq!((&removed.content, &removed.reply_to), (&Some(Content::Reaction { emoji: None }), &Some(to(target))));
    }
    assert_eq!((edit.target.as_str(), edit.message.text.as_str()), ("msg-1", "Hello!!"));
    assert_eq!((&edit.message.customer, edit.message.sent_at), (&customer_7("Ada L."), at(60)));
    assert_eq!((our_edit.target.as_str(), our_edit.message.direction), ("out-9", Direction::Out));
    assert_eq!(deletion, &Deletion { target: id("msg-2"), at: at(120) });
    assert_eq!(timeless, &Deletion { target: id("msg-3"), at: None });
}

#[test]
fn receipts_and_parts_say_how_far() {
    let events = fixture(include_bytes!("../../../../../tests/fixtures/custom/changes.json"));
    let customer = || ContactKey::parse("user:customer-7").unwrap();
    let up_to = |ms: i64| Timestamp::from_millis(1_767_225_780_000 + ms);
    let part = |part| Some(PartId { message: MessageId::parse(OURS).unwrap(), part });
    let status = |part_number, status| {
        let message: Option<PartId> = part(part_number);
        let provider_id = id(&message.as_ref().unwrap().to_string());
        EventKind::Status(StatusUpdate { provider_id, message, status, failure: None })
    };
    assert_eq!(
        events[7..],
        [
            EventKind::Receipt(Receipt { customer: customer(), status: Status::Read, up_to: up_to(0) }),
            EventKind::Receipt(Receipt { customer: customer(), status: Status::Delivered, up_to: up_to(500) }),
            status(1, Status::Delivered),
            status(1, Status::Read),
            status(0, Status::Read),
        ]
    );
}

#[test]
fn an_edit_is_the_same_when_it_is_repeated_and_no_message_of_the_chat() {
    let own_id = |text: &str, sent_at: &str| {
        let event = json!({"type": "edit", "id": "1", "from": {"id": "c"}, "text": text, "sent_at": sent_at});
        let Ok([EventKind::Edit(edit)]) = read_json(&event).as_deref().map(|events| <[_; 1]>::try_from(events.to_vec()).unwrap())
        else {
            panic!("no edit")
        };
        edit.message.provider_id
    };
    let first = own_id("a", "2026-01-01T00:00:00Z");
    assert_eq!(first, own_id("a", "2026-01-01T01:00:00+01:00"));
    assert_ne!(first, own_id("b", "2026-01-01T00:00:00Z"));
    assert_ne!(first, own_id("a", "2026-01-01T00:00:01Z"));
    assert!(!crate::providers::custom::fields::is_id(first.as_str()), "{first}");
}

#[test]
fn one_event_may_come_by_itself() {
    let bare = json!({"type": "status", "id": "out-1", "status": "read"});
    assert_eq!(read_json(&bare).unwrap().len(), 1);
    let with_version = json!({"version": 1, "type": "status", "id": "out-1", "status": "read"});
    assert_eq!(read_json(&with_version), read_json(&bare));
    assert_eq!(read_json(&json!({"version": 1, "type": "status"})).unwrap_err(), "id is required");
    assert_eq!(read_json(&json!({"version": 1, "events": []})), Ok(vec![]));
}

/// What is wrong with `event` when `value` stands at `pointer`, or when nothing does.
fn fault(event: &Value, pointer: &str, value: Option<Value>) -> String {
    let mut event = event.clone();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    match value {
        Some(value) => parent.insert(field.to_owned(), value),
        None => parent.remove(field),
    };
    let good = json!({"type": "status", "id": "1", "status": "read"});
    let body = json!({"version": 1, "events": [good, event]});
    let said = read_json(&body).expect_err(pointer);
    let problem = said.strip_prefix("events[1].").unwrap_or_else(|| panic!("{said}"));
    // The schema can't know every address that is not public.
    assert!(problem.starts_with("files[0].url") || !schema::accepts("toPigeonpost", &body), "the schema allows {body}");
    problem.to_owned()
}

#[test]
fn faults_name_their_field() {
    const NO_ID: &str = "must be 1 to 200 visible ASCII characters without spaces";
    let message = json!({"type": "message", "id": "1", "from": {"id": "c"}, "text": "x"});
    let console = json!({"type": "message", "id": "1", "direction": "out", "to": {"id": "c"}, "text": "x"});
    let reaction = json!({"type": "reaction", "id": "1", "from": {"id": "c"}, "reply_to": "2", "emoji": "x"});
    let edit = json!({"type": "edit", "id": "1", "from": {"id": "c"}, "text": "x"});
    let delete = json!({"type": "delete", "id": "1"});
    let status = json!({"type": "status", "id": "1", "status": "read"});
    let receipt = json!({"type": "receipt", "from": {"id": "c"}, "status": "read", "up_to": "2026-01-01T00:00:00Z"});
    let no_id = |field: &str| format!("{field} {NO_ID}");
    let no_time = "must be a time like 2026-11-20T09:15:00Z";
    let cases: Vec<(&Value, &str, Option<Value>, String)> = vec![
        (&message, "/type", Some(json!("fax")), format!("type {TYPES}")),
        (&message, "/id", None, "id is required".to_owned()),
        (&message, "/id", Some(json!(1)), "id must be a string".to_owned()),
        (&message, "/id", Some(json!("a b")), no_id("id")),
        (&message, "/id", Some(json!("x".repeat(201))), no_id("id")),
        (&message, "/from", None, "from is required".to_owned()),
        (&message, "/from", Some(json!("c")), "from must be an object".to_owned()),
        (&message, "/from/id", Some(Value::Null), "from.id is required".to_owned()),
        (&message, "/from/id", Some(json!("a b")), no_id("from.id")),
        (&message, "/from/name", Some(json!(" ")), "from.name must not be empty".to_owned()),
        (&message, "/from/name", Some(json!("x".repeat(121))), "from.name is too long".to_owned()),
        (
            &message,
            "/from/email",
            Some(json!("ada@nowhere")),
            "from.email must be an e-mail address, like ada@example.com".to_owned(),
        ),
        (&message, "/from/phone", Some(json!("0123")), "from.phone must be in E.164 form, like +15550100001".to_owned()),
        (&message, "/from/avatar_url", Some(json!("data:,x")), "from.avatar_url must be an http or https URL".to_owned()),
        (&message, "/text", None, "text is required".to_owned()),
        (&message, "/text", Some(json!("")), "text must not be empty".to_owned()),
        (&message, "/text", Some(json!("\u{0}")), "text must hold something to read".to_owned()),
        (&message, "/text", Some(json!("x".repeat(32_769))), "text must not be longer than 32768 bytes".to_owned()),
        (&message, "/sent_at", Some(json!("yesterday")), format!("sent_at {no_time}")),
        (&message, "/reply_by", Some(json!(5)), "reply_by must be a string".to_owned()),
        (&message, "/reply_to", Some(json!("a b")), no_id("reply_to")),
        (&message, "/link", Some(json!("javascript:x")), "link must be an http or https URL".to_owned()),
        (&message, "/direction", Some(json!("up")), "direction must be in or out".to_owned()),
        (&message, "/direction", Some(json!("out")), "to is required".to_owned()),
        (&console, "/direction", None, "from is required".to_owned()),
        (&console, "/to/id", None, "to.id is required".to_owned()),
        (&reaction, "/id", None, "id is required".to_owned()),
        (&reaction, "/reply_to", None, "reply_to is required".to_owned()),
        (&reaction, "/emoji", Some(json!(1)), "emoji must be a string".to_owned()),
        (&reaction, "/emoji", Some(json!("x".repeat(33))), "emoji is too long".to_owned()),
        (&reaction, "/from", None, "from is required".to_owned()),
        (&edit, "/id", None, "id is required".to_owned()),
        (&edit, "/text", Some(json!(" ")), "text must not be empty".to_owned()),
        (&edit, "/from", None, "from is required".to_owned()),
        (&delete, "/id", Some(Value::Null), "id is required".to_owned()),
        (&delete, "/sent_at", Some(json!("now")), format!("sent_at {no_time}")),
        (&status, "/status", Some(json!("seen")), "status must be sent, delivered, read or failed".to_owned()),
        (&status, "/status", None, "status is required".to_owned()),
        (&status, "/reason", Some(json!("x".repeat(501))), "reason is too long".to_owned()),
        (&status, "/part", Some(json!(100)), "part must be a whole number from 0 to 99".to_owned()),
        (&status, "/part", Some(json!("1")), "part must be a whole number from 0 to 99".to_owned()),
        (&receipt, "/from", None, "from is required".to_owned()),
        (&receipt, "/status", Some(json!("sent")), "status must be delivered or read".to_owned()),
        (&receipt, "/status", None, "status is required".to_owned()),
        (&receipt, "/up_to", None, "up_to is required".to_owned()),
        (&receipt, "/up_to", Some(json!("today")), format!("up_to {no_time}")),
    ];
    for (event, pointer, value, expected) in cases {
        assert_eq!(fault(event, pointer, value), expected);
    }
}

#[test]
fn faults_of_files_places_and_people_name_their_field() {
    let url = "https://chat.example.com/1";
    let message = json!({
        "type": "message", "id": "1", "from": {"id": "c"}, "files": [{"url": url}],
        "location": {"latitude": 1, "longitude": 2}, "nobody": {},
    });
    let card = json!({"type": "message", "id": "1", "from": {"id": "c"}, "contacts": [{"name": "Bob"}]});
    let file = |value: Value| json!([value]);
    let kinds = "must be image, video, audio, voice, sticker or document";
    for (event, pointer, value, expected) in [
        (&message, "/files", json!({}), "files must be an array"),
        (&message, "/files", json!(vec![json!({"url": url}); 11]), "files must not hold more than 10"),
        (&message, "/files", json!([url]), "files[0] must be an object"),
        (&message, "/files", file(json!({})), "files[0].url is required"),
        (&message, "/files", file(json!({"url": "http://chat.example.com/"})), "files[0].url must begin with https://"),
        (&message, "/files", file(json!({"url": "data:,x"})), "files[0].url must begin with https://"),
        (&message, "/files", file(json!({"url": "/1"})), "files[0].url must be a URL"),
        (&message, "/files", file(json!({"url": "https://10.0.0.1/"})), "files[0].url must not lead into a private network"),
        (&message, "/files", file(json!({"url": "https://localhost/"})), "files[0].url must name a host in the public DNS"),
        (
            &message,
            "/files",
            file(json!({"url": "https://a:b@chat.example.com/"})),
            "files[0].url must not hold a user name or password",
        ),
        (
            &message,
            "/files",
            file(json!({"url": format!("{url}{}", "x".repeat(2048))})),
            "files[0].url must not be longer than 2048 bytes",
        ),
        (&message, "/files", file(json!({"url": url, "type": "png"})), "files[0].type must be a MIME type like image/png"),
        (&message, "/files", file(json!({"url": url, "name": "x".repeat(256)})), "files[0].name is too long"),
        (
            &message,
            "/files",
            file(json!({"url": url, "size": -1})),
            "files[0].size must be a whole number from 0 to 9007199254740991",
        ),
        (&message, "/files", file(json!({"url": url, "kind": "gif"})), &format!("files[0].kind {kinds}")),
        (&message, "/location", json!("here"), "location must be an object"),
        (&message, "/location/latitude", json!(91), "location.latitude must be within -90 and 90"),
        (&message, "/location/longitude", json!("2"), "location.longitude must be a number"),
        (&message, "/location/longitude", Value::Null, "location.longitude is required"),
        (&message, "/location/name", json!("x".repeat(301)), "location.name is too long"),
        (&message, "/contacts", json!([{"name": "Bob"}]), "contacts must not stand beside location"),
        (&card, "/contacts", json!([{"name": "Bob"}, 1]), "contacts[1] must be an object"),
        (&card, "/contacts", json!(vec![json!({"name": "Bob"}); 21]), "contacts must not hold more than 20"),
        (
            &card,
            "/contacts",
            json!([{"name": " ", "phones": []}]),
            "contacts[0].name is required where there are no phones or emails",
        ),
        (&card, "/contacts", json!([{"phones": ["1", 2]}]), "contacts[0].phones[1] must be a string"),
        (&card, "/contacts", json!([{"emails": [" "]}]), "contacts[0].emails[0] must not be empty"),
        (&card, "/contacts", json!([{"emails": ["x".repeat(301)]}]), "contacts[0].emails[0] is too long"),
        (&card, "/contacts", json!([]), "text is required"),
    ] {
        assert_eq!(fault(event, pointer, Some(value)), expected);
    }
}

#[test]
fn bodies_that_hold_no_events_are_refused() {
    for (body, expected) in [
        (json!([]), "body must be a JSON object"),
        (json!({}), "version is required"),
        (json!({"version": 2, "events": []}), "version must be 1"),
        (json!({"version": "1", "events": []}), "version must be 1"),
        (json!({"version": 2, "type": "message"}), "version must be 1"),
        (json!({"version": 1}), "events is required"),
        (json!({"version": 1, "events": {}}), "events must be an array"),
        (json!({"version": 1, "events": vec![1; 101]}), "events must not hold more than 100"),
        (json!({"version": 1, "events": [1]}), "events[0].type is required"),
    ] {
        assert_eq!(read_json(&body), Err(expected.to_owned()));
        assert!(!schema::accepts("toPigeonpost", &body), "{body}");
    }
    let long = format!("{{\"version\":1,\"x\":\"{}\"}}", "x".repeat(MAX_BODY_BYTES));
    assert_eq!(read(long.as_bytes(), false).unwrap_err().to_string(), "body must not be longer than 1 MiB");
    assert_eq!(read(b"{", false).unwrap_err().to_string(), "body must be JSON");
}
