//! From a webhook of Meta's to events (Meta, WhatsApp Cloud API, Webhooks). One webhook may hold up to 1000 items, for
//! several numbers; each is read on its own, so that one broken item never loses the others.

use std::time::Duration;

use serde_json::Value;

use super::{content, errors};
use crate::{
    model::{
        conversation::Customer,
        ids::{AccountId, ContactKey, ProviderMessageId},
        status::Status,
        time::Timestamp,
    },
    providers::{
        Event, EventKind, InboundMessage, StatusUpdate,
        lenient::{self, id, items, text},
        outgoing::PartId,
    },
};

/// How long after a customer's message it may be answered freely.
const REPLY_WINDOW: Duration = Duration::from_hours(24);
/// Digits at the end of a number that are the same however it is written.
const SAME_DIGITS: usize = 8;
/// For a customer of whom WhatsApp tells neither name nor number.
const NAMELESS: &str = "WhatsApp user";

/// Every event in a webhook's body.
pub(super) fn events(body: &[u8]) -> Vec<Event> {
    let Some(envelope) = lenient::body(body) else {
        return vec![ignored(None, "unreadable_body")];
    };
    if text(&envelope, "/object") != Some("whatsapp_business_account") {
        return vec![ignored(None, "other_object")];
    }
    items(&envelope, "entry").iter().flat_map(|entry| items(entry, "changes")).flat_map(change_events).collect()
}

fn change_events(change: &Value) -> Vec<Event> {
    match text(change, "/field") {
        Some("messages") => {}
        Some("smb_message_echoes") => return vec![ignored(None, "echo")],
        _ => return vec![ignored(None, "other_field")],
    }
    let value = change.get("value").unwrap_or(&Value::Null);
    let account = id(value, "/metadata/phone_number_id").and_then(|id| AccountId::parse(&id).ok());
    if account.is_none() {
        return vec![ignored(None, "no_account")];
    }
    let kinds = items(value, "messages")
        .iter()
        .map(|item| message(item, items(value, "contacts")).map(EventKind::Message))
        .chain(items(value, "statuses").iter().map(|item| status(item).map(EventKind::Status)))
        .chain(items(value, "errors").iter().map(|_| Err("account_error")));
    kinds.map(|kind| Event { account: account.clone(), kind: kind.unwrap_or_else(|what| EventKind::Ignored { what }) }).collect()
}

fn ignored(account: Option<AccountId>, what: &'static str) -> Event {
    Event { account, kind: EventKind::Ignored { what } }
}

fn message(item: &Value, contacts: &[Value]) -> Result<InboundMessage, &'static str> {
    let provider_id = id(item, "/id").and_then(|id| ProviderMessageId::parse(&id).ok()).ok_or("unreadable_message")?;
    if item.get("group_id").is_some_and(|group| !group.is_null()) {
        return Err("group_message");
    }
    match text(item, "/type") {
        // About the customer's number, not from the customer.
        Some("system") => return Err("system"),
        // The customer opened the chat and has not written.
        Some("request_welcome") => return Err("request_welcome"),
        _ => {}
    }
    let sender = Sender::of(item, contacts);
    let (customer, name_known) = sender.customer().ok_or("no_sender")?;
    let sent_at = lenient::time(item, "/timestamp");
    Ok(InboundMessage {
        link: sender.digits.map(|digits| format!("https://wa.me/{digits}")).unwrap_or_default(),
        name_known,
        sent_at,
        reply_by: sent_at.map(reply_by),
        ..InboundMessage::new(provider_id, customer, content::summary(item))
    })
}

/// The end of the reply window, rounded down to the minute, which is as finely as Pipedrive is told.
fn reply_by(sent_at: Timestamp) -> Timestamp {
    let minute = 60;
    Timestamp::from_secs(sent_at.plus(REPLY_WINDOW).secs() / minute * minute)
}

/// Who wrote. Customers with a user name may have no number for us, only a business-scoped user id ("BSUID").
struct Sender<'a> {
    /// The number as WhatsApp writes it, without `+`. Some countries' numbers differ from what people dial; answers go to
    /// this form.
    digits: Option<String>,
    user_id: Option<String>,
    contact: Option<&'a Value>,
}

impl<'a> Sender<'a> {
    fn of(item: &Value, contacts: &'a [Value]) -> Self {
        let from = id(item, "/from");
        let user_id = id(item, "/from_user_id");
        let only = if let [only] = contacts { Some(only) } else { None };
        let matching = contacts.iter().find(|contact| {
            let same = |pointer, own: &Option<String>| own.is_some() && id(contact, pointer) == *own;
            same("/user_id", &user_id) || same("/wa_id", &from) || same("/user_id", &from)
        });
        // A contact that is somebody else lends its ids to nobody, or two customers would share a conversation.
        let anonymous = from.is_none() && user_id.is_none();
        let identity =
            matching.or(only.filter(|contact| anonymous || same_number(id(contact, "/wa_id").as_deref(), from.as_deref())));
        // Nor its name, unless it names nobody.
        let unnamed = only.filter(|contact| id(contact, "/wa_id").is_none() && id(contact, "/user_id").is_none());
        let contact = identity.or(unnamed);
        let of_contact = |pointer| identity.and_then(|contact| id(contact, pointer));
        let digits = from.as_deref().and_then(phone_digits);
        // `from` has been seen to hold the user id of a customer without a number.
        let user_id = user_id.or(from.filter(|_| digits.is_none())).or_else(|| of_contact("/user_id"));
        let digits = digits.or_else(|| of_contact("/wa_id").as_deref().and_then(phone_digits));
        Self { digits, user_id, contact }
    }

    /// None if nothing says who wrote. With it, whether the name is the customer's own.
    fn customer(&self) -> Option<(Customer, bool)> {
        let phone_key = self.digits.as_ref().map(|digits| format!("phone:{digits}"));
        let user_key = self.user_id.as_ref().map(|id| format!("user:{id}"));
        let keys: Vec<ContactKey> =
            phone_key.into_iter().chain(user_key).filter_map(|key| ContactKey::parse(&key).ok()).collect();
        if keys.is_empty() {
            return None;
        }
        let own_name = self
            .contact
            .and_then(|contact| text(contact, "/profile/name").or_else(|| text(contact, "/profile/username")))
            .map(|name| name.trim().to_owned());
        let phone = self.digits.as_ref().map(|digits| format!("+{digits}"));
        let name_known = own_name.is_some();
        let name = own_name.or_else(|| phone.clone()).unwrap_or_else(|| NAMELESS.to_owned());
        Some((Customer { phone, ..Customer::new(keys, name) }, name_known))
    }
}

/// Whether both are one number, as it is dialled and as WhatsApp writes it: some countries' mobile numbers have a digit
/// more or less in front (Brazil, Mexico, Argentina).
fn same_number(wa_id: Option<&str>, from: Option<&str>) -> bool {
    let end = |text: &str| text.len().checked_sub(SAME_DIGITS).and_then(|start| text.get(start..).map(str::to_owned));
    match (wa_id.and_then(end), from.and_then(end)) {
        (Some(a), Some(b)) => a == b,
        _ => false,
    }
}

/// The digits of a phone number; E.164 has at most 15, and a few more do no harm.
fn phone_digits(text: &str) -> Option<String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let plausible = (5..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    plausible.then(|| digits.to_owned())
}

fn status(item: &Value) -> Result<StatusUpdate, &'static str> {
    let provider_id = id(item, "/id").and_then(|id| ProviderMessageId::parse(&id).ok()).ok_or("unreadable_status")?;
    let status = match text(item, "/status") {
        Some("sent") => Status::Sent,
        Some("delivered") => Status::Delivered,
        // A voice message that was played was seen.
        Some("read" | "played") => Status::Read,
        Some("failed") => Status::Failed,
        _ => return Err("other_status"),
    };
    Ok(StatusUpdate {
        provider_id,
        message: text(item, "/biz_opaque_callback_data").and_then(PartId::parse),
        status,
        failure: (status == Status::Failed).then(|| errors::of_status(item)),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            events(include_bytes!(concat!("../../../../tests/fixtures/whatsapp/", $name, ".json")))
        };
    }

    fn messages(events: &[Event]) -> Vec<&InboundMessage> {
        events
            .iter()
            .filter_map(|event| if let EventKind::Message(message) = &event.kind { Some(message) } else { None })
            .collect()
    }

    fn statuses(events: &[Event]) -> Vec<&StatusUpdate> {
        events.iter().filter_map(|event| if let EventKind::Status(status) = &event.kind { Some(status) } else { None }).collect()
    }

    fn ignored_words(events: &[Event]) -> Vec<&'static str> {
        events.iter().filter_map(|event| if let EventKind::Ignored { what } = event.kind { Some(what) } else { None }).collect()
    }

    fn keys(message: &InboundMessage) -> Vec<&str> {
        message.customer.keys.iter().map(ContactKey::as_str).collect()
    }

    fn of_value(value: &Value) -> Vec<Event> {
        let change = json!({"field": "messages", "value": value});
        events(json!({"object": "whatsapp_business_account", "entry": [{"changes": [change]}]}).to_string().as_bytes())
    }

    #[test]
    fn a_text_message_is_read_whole() {
        let events = fixture!("text");
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].account.as_ref().map(AccountId::as_str), Some("3000000001"));
        let [message] = messages(&events)[..] else { panic!("{events:?}") };
        assert_eq!(message.provider_id.as_str(), "wamid.TESTAAA=");
        assert_eq!(keys(message), ["phone:15550100001", "user:US.1000000000000001"]);
        assert_eq!((message.customer.name.as_str(), message.name_known), ("Ada L.", true));
        assert_eq!(message.customer.phone.as_deref(), Some("+15550100001"));
        assert_eq!(message.text, "Hello");
        assert_eq!(message.sent_at, Some(Timestamp::from_secs(1_767_225_600)));
        assert_eq!(message.reply_by.map(Timestamp::minute).as_deref(), Some("2026-01-02 00:00"));
        assert_eq!(message.link, "https://wa.me/15550100001");
    }

    #[test]
    fn a_broken_item_loses_itself_alone() {
        // 2 entries × 2 changes × 2 messages, one of them without an id.
        let events = fixture!("batch");
        assert_eq!((events.len(), messages(&events).len()), (8, 7));
        assert_eq!(ignored_words(&events), ["unreadable_message"]);
        let texts: Vec<&str> = messages(&events).iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["1", "2", "3", "5", "6", "7", "8"]);
        let accounts: Vec<&str> = events.iter().filter_map(|e| e.account.as_ref().map(AccountId::as_str)).collect();
        assert_eq!(accounts[..2], ["3000000001"; 2]);
        assert_eq!(accounts[6..], ["3000000004"; 2]);
    }

    #[test]
    fn senders_without_a_number_are_known_by_their_user_id() {
        let events = fixture!("senders");
        let got: Vec<(Vec<&str>, &str, bool, &str)> =
            messages(&events).into_iter().map(|m| (keys(m), m.customer.name.as_str(), m.name_known, m.link.as_str())).collect();
        assert_eq!(
            got,
            [
                (vec!["user:US.2"], "Grace H.", true, ""),
                (vec!["user:US.3"], "WhatsApp user", false, ""),
                (vec!["phone:15550100004"], "+15550100004", false, "https://wa.me/15550100004"),
                (vec!["phone:15550100005", "user:US.5"], "Lin", true, "https://wa.me/15550100005"),
                (vec!["user:US.6"], "katherine.j", true, ""),
            ]
        );
        assert_eq!(messages(&events)[0].customer.phone, None);
        assert_eq!(ignored_words(&events), ["no_sender"]);
    }

    #[test]
    fn the_only_contact_of_a_change_is_the_sender_unless_it_has_another_number() {
        let from = |number: &str| {
            let contacts = json!([{"profile": {"name": "Ada"}, "wa_id": "5511999990001", "user_id": "BR.1"}]);
            let message = json!({"from": number, "id": "wamid.1", "type": "text", "text": {"body": "Oi"}});
            let metadata = json!({"phone_number_id": 3_000_000_001_u64});
            of_value(&json!({"metadata": metadata, "contacts": contacts, "messages": [message]}))
        };
        let events = from("551188880002");
        assert_eq!(keys(messages(&events)[0]), ["phone:551188880002"], "two customers do not share a conversation");
        assert_eq!(messages(&events)[0].customer.name, "+551188880002", "nor a name");
        let events = from("551199990001");
        let [message] = messages(&events)[..] else { panic!("{events:?}") };
        assert_eq!(keys(message), ["phone:551199990001", "user:BR.1"], "answers go to `from`, not to `wa_id`");
        assert_eq!(message.customer.name, "Ada");
        assert_eq!((message.sent_at, message.reply_by), (None, None));
    }

    #[test]
    fn times_come_as_strings_numbers_and_milliseconds() {
        for (timestamp, sent_at, reply_by) in [
            (json!("1767225659"), 1_767_225_659_000, "2026-01-02 00:00"),
            (json!(1_767_225_659), 1_767_225_659_000, "2026-01-02 00:00"),
            (json!("1767225659123"), 1_767_225_659_123, "2026-01-02 00:00"),
            (json!("1767225660"), 1_767_225_660_000, "2026-01-02 00:01"),
        ] {
            let message = json!({"from": "15550100001", "id": "wamid.1", "type": "text", "timestamp": timestamp});
            let events = of_value(&json!({"metadata": {"phone_number_id": "3"}, "messages": [message]}));
            let [message] = messages(&events)[..] else { panic!("{events:?}") };
            assert_eq!(message.sent_at, Some(Timestamp::from_millis(sent_at)));
            let got = message.reply_by.unwrap();
            assert_eq!((got.minute().as_str(), got.millis() % 60_000), (reply_by, 0));
        }
    }

    #[test]
    fn what_is_not_shown_is_ignored() {
        let events = fixture!("ignored");
        assert_eq!(
            ignored_words(&events),
            [
                "group_message",
                "system",
                "request_welcome",
                "unreadable_message",
                "other_status",
                "unreadable_status",
                "account_error",
                "no_account",
                "echo",
                "other_field",
                "other_field",
            ]
        );
        assert_eq!(events.len(), 11);
    }

    #[test]
    fn statuses_bring_our_id_and_our_reason() {
        let events = fixture!("statuses");
        let got: Vec<(&str, Status, Option<&str>)> = statuses(&events)
            .into_iter()
            .map(|s| (s.provider_id.as_str(), s.status, s.failure.as_ref().map(|reason| reason.code.as_str())))
            .collect();
        assert_eq!(
            got,
            [
                ("wamid.OUT1", Status::Sent, None),
                ("wamid.OUT1", Status::Delivered, None),
                ("wamid.OUT1", Status::Read, None),
                ("wamid.OUT1", Status::Read, None),
                ("wamid.OUT2", Status::Failed, Some("window_closed")),
                ("wamid.OUT3", Status::Failed, Some("undeliverable")),
                ("wamid.OUT4", Status::Failed, Some("not_delivered")),
            ]
        );
        let ids: Vec<Option<String>> = statuses(&events).iter().map(|s| s.message.as_ref().map(PartId::to_string)).collect();
        assert_eq!(ids[..2], [Some("m_0123456789abcdef0123456789abcdef01234567".to_owned()), None]);
        let failure = statuses(&events)[4].failure.as_ref().unwrap();
        assert!(!failure.text.contains("Re-engagement"), "our own sentence");
        assert_eq!(ignored_words(&events), ["other_status"], "`deleted` changes nothing");
    }

    #[test]
    fn other_bodies_change_nothing() {
        for (body, what) in [
            ("", "unreadable_body"),
            ("{", "unreadable_body"),
            ("[]", "other_object"),
            (r#"{"object":"page","entry":[]}"#, "other_object"),
        ] {
            assert_eq!(ignored_words(&events(body.as_bytes())), [what]);
        }
        for entry in ["[]", "{}", "null", "[null,1]", r#"[{"changes":{}}]"#] {
            let body = format!(r#"{{"object":"whatsapp_business_account","entry":{entry}}}"#);
            assert_eq!(events(body.as_bytes()), [], "{entry}");
        }
    }

    #[test]
    fn half_an_emoji_does_not_lose_the_batch() {
        let messages_json = r#"{"from":"15550100001","id":"1","type":"text","text":{"body":"cut \ud83d"}},{"from":"15550100001","id":"2","type":"text","text":{"body":"whole"}}"#;
        let body = format!(
            r#"{{"object":"whatsapp_business_account","entry":[{{"changes":[{{"field":"messages","value":{{"metadata":{{"phone_number_id":"3"}},"messages":[{messages_json}]}}}}]}}]}}"#
        );
        let events = events(body.as_bytes());
        let texts: Vec<&str> = messages(&events).iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["cut \u{fffd}", "whole"]);
    }
}
