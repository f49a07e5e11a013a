//! The JSON that a chat posts (`docs/custom-provider.md`, version 1): messages of customers and statuses of ours. Unknown
//! fields are left for later versions; anything else that is not as documented is an [`InvalidWebhook`] that names it.

use serde_json::Value;
use url::Url;

use crate::{
    http::outside::MAX_URL_BYTES,
    model::{
        conversation::Customer,
        ids::{ContactKey, ProviderMessageId},
        message::FailureReason,
        status::Status,
        text::{MAX_MESSAGE_BYTES, clean},
        time::Timestamp,
    },
    providers::{EventKind, InboundMessage, InvalidWebhook, StatusUpdate, outgoing::PartId},
};

/// Longest body, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Most events in a body.
const MAX_EVENTS: usize = 100;
/// Longest id, in characters.
pub(super) const MAX_ID_CHARS: usize = 200;
/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 120;
/// Longest reason of a failure, in characters.
const MAX_REASON_CHARS: usize = 500;
/// For a customer whose name and number the chat does not tell.
const NAMELESS: &str = "Chat user";
/// For a failure whose reason the chat does not tell.
const NO_REASON: &str = "The chat reported that the message could not be delivered.";

type Invalid = InvalidWebhook;

/// Reads a body: `{"version":1,"events":[…]}`, or one event by itself. Fails as a whole only when the events can't be told
/// apart.
pub(super) fn read(body: &[u8]) -> Result<Vec<Result<EventKind, Invalid>>, Invalid> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Invalid::new("body", "must not be longer than 1 MiB"));
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| Invalid::new("body", "must be JSON"))?;
    if !body.is_object() {
        return Err(Invalid::new("body", "must be a JSON object"));
    }
    let bare = body.get("type").is_some();
    match body.get("version") {
        Some(version) if version.as_u64() == Some(1) => {}
        None if bare => {}
        None => return Err(Invalid::new("version", "is required")),
        Some(_) => return Err(Invalid::new("version", "must be 1")),
    }
    if bare {
        return Ok(vec![event(&Object { value: &body, path: String::new() })]);
    }
    let events = body.get("events").ok_or_else(|| Invalid::new("events", "is required"))?;
    let events = events.as_array().ok_or_else(|| Invalid::new("events", "must be an array"))?;
    if events.len() > MAX_EVENTS {
        return Err(Invalid::new("events", "must not hold more than 100"));
    }
    let object = |(index, value)| Object { value, path: format!("events[{index}].") };
    Ok(events.iter().enumerate().map(object).map(|object| event(&object)).collect())
}

fn event(object: &Object<'_>) -> Result<EventKind, Invalid> {
    match object.required("type", usize::MAX)? {
        "message" => message(object).map(EventKind::Message),
        "status" => status(object).map(EventKind::Status),
        _ => Err(object.invalid("type", "must be message or status")),
    }
}

fn message(event: &Object<'_>) -> Result<InboundMessage, Invalid> {
    let from = event.object("from")?;
    let id = from.id()?;
    let phone = from.phone("phone")?;
    let name = from.optional("name", MAX_NAME_CHARS)?.map(|name| name.trim().to_owned());
    let text = event.required("text", usize::MAX)?;
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(event.invalid("text", "must not be longer than 32768 bytes"));
    }
    if clean(text, MAX_MESSAGE_BYTES).trim().is_empty() {
        return Err(event.invalid("text", "must hold something to read"));
    }
    let key = ContactKey::parse(&format!("user:{id}")).map_err(|_| from.invalid("id", "is too long"))?;
    let name_known = name.is_some();
    let name = name.or_else(|| phone.clone()).unwrap_or_else(|| NAMELESS.to_owned());
    let customer = Customer { phone, avatar_url: from.url("avatar_url")?, ..Customer::new(vec![key], name) };
    Ok(InboundMessage {
        name_known,
        sent_at: event.time("sent_at")?,
        reply_by: event.time("reply_by")?,
        link: event.url("link")?.unwrap_or_default(),
        ..InboundMessage::new(event.provider_id()?, customer, text.to_owned())
    })
}

fn status(event: &Object<'_>) -> Result<StatusUpdate, Invalid> {
    let provider_id = event.provider_id()?;
    let status = match event.required("status", usize::MAX)? {
        "sent" => Status::Sent,
        "delivered" => Status::Delivered,
        "read" => Status::Read,
        "failed" => Status::Failed,
        _ => return Err(event.invalid("status", "must be sent, delivered, read or failed")),
    };
    let reason = event.optional("reason", MAX_REASON_CHARS)?.unwrap_or(NO_REASON);
    let failure = FailureReason { code: "failed_in_chat".to_owned(), text: reason.to_owned() };
    Ok(StatusUpdate {
        // A chat may name a message by its own id or by ours.
        message: PartId::parse(provider_id.as_str()),
        provider_id,
        status,
        failure: (status == Status::Failed).then_some(failure),
    })
}

/// Whether `text` can be an id in this contract: 1 to 200 visible ASCII characters.
pub(super) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A JSON object and where in the body it stands (with a dot at the end, or empty).
struct Object<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Object<'a> {
    fn invalid(&self, field: &str, problem: &'static str) -> Invalid {
        Invalid::new(format!("{}{field}", self.path), problem)
    }

    /// A text of at most `max_chars`, not blank. `null` counts as absent.
    fn optional(&self, field: &str, max_chars: usize) -> Result<Option<&'a str>, Invalid> {
        match self.value.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Err(self.invalid(field, "must not be empty")),
            Some(Value::String(text)) if text.chars().count() > max_chars => Err(self.invalid(field, "is too long")),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.invalid(field, "must be a string")),
        }
    }

    fn required(&self, field: &str, max_chars: usize) -> Result<&'a str, Invalid> {
        self.optional(field, max_chars)?.ok_or_else(|| self.invalid(field, "is required"))
    }

    fn object(&self, field: &str) -> Result<Object<'a>, Invalid> {
        match self.value.get(field) {
            None | Some(Value::Null) => Err(self.invalid(field, "is required")),
            Some(value) if value.is_object() => Ok(Object { value, path: format!("{}{field}.", self.path) }),
            Some(_) => Err(self.invalid(field, "must be an object")),
        }
    }

    fn id(&self) -> Result<&'a str, Invalid> {
        let id = self.required("id", usize::MAX)?;
        if is_id(id) { Ok(id) } else { Err(self.invalid("id", "must be 1 to 200 visible ASCII characters without spaces")) }
    }

    fn provider_id(&self) -> Result<ProviderMessageId, Invalid> {
        ProviderMessageId::parse(self.id()?).map_err(|_| self.invalid("id", "is too long"))
    }

    fn time(&self, field: &str) -> Result<Option<Timestamp>, Invalid> {
        let Some(text) = self.optional(field, usize::MAX)? else { return Ok(None) };
        let malformed = || self.invalid(field, "must be a time like 2026-11-20T09:15:00Z");
        Timestamp::parse_rfc3339(text).map(Some).ok_or_else(malformed)
    }

    fn phone(&self, field: &str) -> Result<Option<String>, Invalid> {
        let Some(text) = self.optional(field, usize::MAX)? else { return Ok(None) };
        let digits = text.strip_prefix('+').unwrap_or_default();
        let is_e164 = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        if is_e164 { Ok(Some(text.to_owned())) } else { Err(self.invalid(field, "must be in E.164 form, like +15550100001")) }
    }

    fn url(&self, field: &str) -> Result<Option<String>, Invalid> {
        let Some(text) = self.optional(field, MAX_URL_BYTES)? else { return Ok(None) };
        match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "https" | "http") => Ok(Some(url.into())),
            _ => Err(self.invalid(field, "must be an http or https URL")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(body: &Value) -> Result<Vec<EventKind>, String> {
        read(body.to_string().as_bytes()).and_then(|events| events.into_iter().collect()).map_err(|e| e.to_string())
    }

    #[test]
    fn every_field_is_read() {
        let events = read(include_bytes!("../../../../tests/fixtures/custom/events.json")).unwrap();
        let events: Vec<EventKind> = events.into_iter().collect::<Result<_, _>>().unwrap();
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
                    ProviderMessageId::parse("msg-1").unwrap(),
                    Customer {
                        phone: Some("+15550100001".to_owned()),
                        avatar_url: Some("https://chat.example.com/ada.png".to_owned()),
                        ..Customer::new(vec![ContactKey::parse("user:customer-7").unwrap()], "Ada L.".to_owned())
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
        let ours = "m_0123456789abcdef0123456789abcdef01234567";
        assert_eq!(
            got,
            [
                (ours, Status::Sent, None, true),
                ("out-1", Status::Delivered, None, false),
                ("out-1", Status::Read, None, false),
                ("out-2", Status::Failed, Some("The customer has left the chat."), false),
                ("out-3", Status::Failed, Some(NO_REASON), false),
            ]
        );
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

    #[test]
    fn faults_name_their_field() {
        let message = json!({"type": "message", "id": "1", "from": {"id": "c"}, "text": "x"});
        let status = json!({"type": "status", "id": "1", "status": "read"});
        let cases = [
            (&message, "/type", Some(json!("edit")), "type must be message or status"),
            (&message, "/id", None, "id is required"),
            (&message, "/id", Some(json!(1)), "id must be a string"),
            (&message, "/id", Some(json!("a b")), "id must be 1 to 200 visible ASCII characters without spaces"),
            (&message, "/id", Some(json!("x".repeat(201))), "id must be 1 to 200 visible ASCII characters without spaces"),
            (&message, "/from", None, "from is required"),
            (&message, "/from", Some(json!("c")), "from must be an object"),
            (&message, "/from/id", Some(Value::Null), "from.id is required"),
            (&message, "/from/name", Some(json!(" ")), "from.name must not be empty"),
            (&message, "/from/name", Some(json!("x".repeat(121))), "from.name is too long"),
            (&message, "/from/phone", Some(json!("0123")), "from.phone must be in E.164 form, like +15550100001"),
            (&message, "/from/avatar_url", Some(json!("data:,x")), "from.avatar_url must be an http or https URL"),
            (&message, "/text", None, "text is required"),
            (&message, "/text", Some(json!("")), "text must not be empty"),
            (&message, "/text", Some(json!("\u{0}")), "text must hold something to read"),
            (&message, "/text", Some(json!("x".repeat(32_769))), "text must not be longer than 32768 bytes"),
            (&message, "/sent_at", Some(json!("yesterday")), "sent_at must be a time like 2026-11-20T09:15:00Z"),
            (&message, "/reply_by", Some(json!(5)), "reply_by must be a string"),
            (&message, "/link", Some(json!("javascript:x")), "link must be an http or https URL"),
            (&status, "/status", Some(json!("seen")), "status must be sent, delivered, read or failed"),
            (&status, "/reason", Some(json!("x".repeat(501))), "reason is too long"),
        ];
        for (event, pointer, value, problem) in cases {
            let mut event = event.clone();
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            let parent = event.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
            match value {
                Some(value) => parent.insert(field.to_owned(), value),
                None => parent.remove(field),
            };
            let expected = format!("events[1].{problem}");
            assert_eq!(read_json(&json!({"version": 1, "events": [status, event]})), Err(expected));
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
        }
        let long = format!("{{\"version\":1,\"x\":\"{}\"}}", "x".repeat(MAX_BODY_BYTES));
        assert_eq!(read(long.as_bytes()).unwrap_err().to_string(), "body must not be longer than 1 MiB");
        assert_eq!(read(b"{").unwrap_err().to_string(), "body must be JSON");
    }
}
