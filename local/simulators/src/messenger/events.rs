//! The app's webhooks as Meta shapes them (Meta, Messenger Platform, "Webhook Events Reference"). A webhook's events are
//! `{"page": …, "item": …}` here; each becomes an entry with one item, as Messenger sends them.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::time::Timestamp;

use super::messages::{Message, files_of};

/// The app's own id, which echoes bear.
pub(super) const APP_ID: u64 = 1_517_776_481_860_111;
/// The id of the page's inbox at Facebook.
pub(super) const PAGE_INBOX: u64 = 26_390_203_743_090;

/// What an app may subscribe to.
pub(super) const FIELDS: [&str; 10] = [
    "messages",
    "messaging_postbacks",
    "message_deliveries",
    "message_reads",
    "message_echoes",
    "message_reactions",
    "message_edits",
    "messaging_referrals",
    "messaging_policy_enforcement",
    "feed",
];

/// The subscribed field under which an item comes.
pub(super) fn field_of(item: &Value) -> &'static str {
    let by_member = [
        ("postback", "messaging_postbacks"),
        ("delivery", "message_deliveries"),
        ("read", "message_reads"),
        ("reaction", "message_reactions"),
        ("message_edit", "message_edits"),
        ("referral", "messaging_referrals"),
        ("policy-enforcement", "messaging_policy_enforcement"),
    ];
    let is_echo = item.pointer("/message/is_echo") == Some(&Value::Bool(true));
    let other = if is_echo { "message_echoes" } else { "messages" };
    by_member.into_iter().find(|(member, _)| item.get(member).is_some()).map_or(other, |(_, field)| field)
}

/// A webhook's body.
pub(super) fn envelope(events: &[Value], now: Timestamp) -> Bytes {
    let entry = |event: &Value| json!({"id": event["page"], "time": now.millis(), "messaging": [event["item"]]});
    let entries: Vec<Value> = events.iter().map(entry).collect();
    Bytes::from(json!({"object": "page", "entry": entries}).to_string())
}

/// Something that a customer did.
pub(super) fn from_customer(page: &str, psid: &str, at: Timestamp, member: &str, value: &Value) -> Value {
    json!({"sender": {"id": psid}, "recipient": {"id": page}, "timestamp": at.millis(), member: value})
}

/// A message, of the customer or as an echo of the page's. `link` tells where a file lies.
pub(super) fn message(message: &Message, link: impl Fn(&str) -> String) -> Value {
    let mut body = json!({"mid": message.mid});
    if !message.text.is_empty() {
        body["text"] = message.text.clone().into();
    }
    if let Some(mid) = &message.reply_to {
        body["reply_to"] = json!({"mid": mid});
    }
    let mut attachments: Vec<Value> =
        files_of(message).map(|(kind, id)| json!({"type": kind, "payload": {"url": link(id)}})).collect();
    attachments.extend(message.place.clone());
    if !attachments.is_empty() {
        body["attachments"] = attachments.into();
    }
    if !message.from_page {
        return from_customer(&message.page, &message.psid, message.at, "message", &body);
    }
    body["is_echo"] = true.into();
    body["app_id"] = message.app_id.into();
    if let Some(metadata) = &message.metadata {
        body["metadata"] = metadata.clone().into();
    }
    json!({
        "sender": {"id": message.page}, "recipient": {"id": message.psid}, "timestamp": message.at.millis(), "message": body,
    })
}

/// A place, as an attachment.
pub(super) fn place(latitude: f64, longitude: f64, name: &str) -> Value {
    json!({"title": name, "url": "https://www.bing.com/maps", "type": "location",
        "payload": {"coordinates": {"lat": latitude, "long": longitude}}})
}
