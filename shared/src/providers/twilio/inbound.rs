//! From a webhook of Twilio's to events (Twilio, "Twilio's request to your incoming message Webhook URL" and "Track the
//! message status of outbound messages"). Each webhook is one event; messages and statuses come to the same address.

use std::time::Duration;

use url::Url;

use super::{address::Address, content, errors, form::Form, send::PART_PARAMETER};
use crate::{
    model::{contact::Phone, conversation::Customer, ids::ProviderMessageId, status::Status, time::Timestamp},
    providers::{
        Event, EventKind, InboundMessage, Reached, StatusUpdate, VerifiedWebhook, event::ProviderReply, outgoing::PartId,
    },
};

/// How long after a customer's message on WhatsApp it may be answered freely.
const REPLY_WINDOW: Duration = Duration::from_hours(24);

/// The event in a webhook. `now` stands for the time of sending, which Twilio does not tell.
pub(super) fn event(webhook: &VerifiedWebhook, now: Timestamp) -> Event {
    let form = Form::parse(webhook.body());
    let kind = match told_by(&form) {
        Told::Message => message(&form, now).map(EventKind::Message),
        Told::Status(word) => status(&form, word, webhook.url()).map(EventKind::Status),
        Told::Nothing(what) => Err(what),
    };
    Event { account: None, kind: kind.unwrap_or_else(|what| EventKind::Ignored { what }) }
}

/// What a webhook tells of.
enum Told<'a> {
    Message,
    Status(&'a str),
    Nothing(&'static str),
}

fn told_by(form: &Form) -> Told<'_> {
    let says_something = form.has("Body") || form.has("NumMedia");
    match form.text("MessageStatus").or_else(|| form.text("SmsStatus")) {
        Some("received" | "receiving") | None if says_something => Told::Message,
        Some("received" | "receiving") => Told::Nothing("inbound_status"),
        Some(word) => Told::Status(word),
        None => Told::Nothing("other_webhook"),
    }
}

fn provider_id(form: &Form) -> Option<ProviderMessageId> {
    let sid = ["MessageSid", "SmsSid", "SmsMessageSid"].into_iter().find_map(|name| form.text(name))?;
    ProviderMessageId::parse(sid).ok()
}

fn message(form: &Form, now: Timestamp) -> Result<InboundMessage, &'static str> {
    let provider_id = provider_id(form).ok_or("unreadable_message")?;
    let from = form.text("From").and_then(Address::parse).ok_or("no_sender")?;
    let profile_name = form.text("ProfileName");
    let mut customer = customer(&from, profile_name).ok_or("no_sender")?;
    // Somebody on WhatsApp who hides their number some day is found by their other name then.
    let other_name = form.text("ExternalUserId").filter(|_| from.is_whatsapp());
    let other_key = other_name.and_then(|id| Address::Whatsapp(id.to_owned()).key());
    customer.keys.extend(other_key.filter(|key| *key != customer.keys[0]));
    let content = content::read(form);
    let reply_to = form.text("OriginalRepliedMessageSid").and_then(|sid| ProviderMessageId::parse(sid).ok());
    Ok(InboundMessage {
        name_known: profile_name.is_some(),
        content: content.structure,
        files: content.files,
        reply_to: reply_to.map(|id| ProviderReply { id, quote: None }),
        reply_by: reply_by(&from, now),
        link: link(&from),
        ..InboundMessage::new(provider_id, customer, content.text)
    })
}

/// The customer behind an address. Text messages bring no name; the number stands for it.
pub(super) fn customer(from: &Address, name: Option<&str>) -> Option<Customer> {
    let phone = from.phone();
    let name = name.map(str::to_owned).or_else(|| phone.clone()).unwrap_or_else(|| match from {
        Address::Whatsapp(_) => "WhatsApp user".to_owned(),
        address => address.to_string(),
    });
    Some(Customer { phone, ..Customer::new(vec![from.key()?], name) })
}

/// Whoever has that number, in text messages. Without its country it is nobody's.
pub(super) fn reached(phone: &Phone) -> Option<Reached> {
    let address = Address::Phone(phone.as_str().strip_prefix('+')?.to_owned());
    Some(Reached { customer: customer(&address, None)?, link: link(&address) })
}

/// Until when a message of `sent_at` may be answered, rounded down to the minute. Text messages have no such limit.
pub(super) fn reply_by(from: &Address, sent_at: Timestamp) -> Option<Timestamp> {
    let minute = 60;
    from.is_whatsapp().then(|| Timestamp::from_secs(sent_at.plus(REPLY_WINDOW).secs() / minute * minute))
}

/// The chat at WhatsApp, where the customer has a number there.
pub(super) fn link(from: &Address) -> String {
    let number = from.phone().filter(|_| from.is_whatsapp());
    number.map(|number| format!("https://wa.me/{}", number.trim_start_matches('+'))).unwrap_or_default()
}

fn status(form: &Form, word: &str, url: &str) -> Result<StatusUpdate, &'static str> {
    let provider_id = provider_id(form).ok_or("unreadable_status")?;
    let status = match word {
        "accepted" | "scheduled" | "queued" | "sending" | "sent" => Status::Sent,
        "delivered" | "partially_delivered" => Status::Delivered,
        "read" => Status::Read,
        "undelivered" | "failed" | "canceled" => Status::Failed,
        _ => return Err("other_status"),
    };
    let error = form.text("ErrorCode").and_then(|code| code.parse().ok());
    Ok(StatusUpdate {
        provider_id,
        message: part_id(url),
        status,
        failure: (status == Status::Failed).then(|| errors::of_status(error)),
    })
}

/// Our own id of the message, from the address that was given to Twilio for its statuses.
fn part_id(url: &str) -> Option<PartId> {
    let url = Url::parse(url).ok()?;
    let (_, id) = url.query_pairs().find(|(name, _)| name == PART_PARAMETER)?;
    PartId::parse(&id)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::{Map, Value, json};
    use url::form_urlencoded;

    use super::*;
    use crate::providers::{RawWebhook, stub};

    /// 2026-01-01 00:00:59 UTC.
    const NOW: i64 = 1_767_225_659;

    fn parsed(url: &str, body: &[u8]) -> EventKind {
        let raw = RawWebhook { url: url.to_owned(), headers: HeaderMap::new(), body: Bytes::copy_from_slice(body) };
        let event = event(&raw.trust(), Timestamp::from_secs(NOW));
        assert_eq!(event.account, None, "the channel is in the path");
        event.kind
    }

    fn of_row(row: &Value) -> EventKind {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in row["form"].as_object().expect("a form") {
            form.append_pair(name, value.as_str().expect("a string"));
        }
        parsed("https://x.example/webhooks/twilio/ch_1", form.finish().as_bytes())
    }

    fn rows(fixture: &str) -> Vec<Value> {
        serde_json::from_str(fixture).expect("a fixture")
    }

    fn told(message: &InboundMessage) -> Value {
        let file = |file: &crate::providers::event::InboundFile| json!([file.source, file.kind, file.mime, file.name]);
        json!({
            "id": message.provider_id,
            "keys": message.customer.keys,
            "name": message.customer.name,
            "name_known": message.name_known,
            "phone": message.customer.phone,
            "text": message.text,
            "content": message.content,
            "files": message.files.iter().map(file).collect::<Vec<_>>(),
            "reply_to": message.reply_to.as_ref().map(|reply| &reply.id),
            "reply_by": message.reply_by.map(Timestamp::minute),
            "link": message.link,
        })
    }

    #[test]
    fn every_kind_of_message_is_read() {
        for row in rows(include_str!("../../../../tests/fixtures/twilio/inbound.json")) {
            let case = &row["case"];
            match of_row(&row) {
                EventKind::Message(message) => {
                    let told = told(&message);
                    // What a row leaves out does not matter to it.
                    let expected: &Map<String, Value> = row["message"].as_object().unwrap_or_else(|| panic!("{case}: {told}"));
                    for (name, value) in expected {
                        assert_eq!(&told[name], value, "{case}: {name}");
                    }
                    assert_eq!((message.sent_at, message.direction), (None, crate::model::message::Direction::In));
                }
                EventKind::Ignored { what } => assert_eq!(row["ignored"], what, "{case}"),
                other => panic!("{case}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_status_moves_its_message() {
        for row in rows(include_str!("../../../../tests/fixtures/twilio/statuses.json")) {
            match of_row(&row) {
                EventKind::Status(update) => {
                    let failure = update.failure.as_ref();
                    let got = (json!(update.provider_id), json!(update.status), json!(failure.map(|reason| &reason.code)));
                    assert_eq!(got, (json!("SM1"), row["status"].clone(), row["failure"].clone()), "{row}");
                    assert!(failure.is_none_or(|reason| !reason.text.contains("secret")));
                    assert_eq!(update.message, None);
                }
                EventKind::Ignored { what } => assert_eq!(row["ignored"], what, "{row}"),
                other => panic!("{row}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_status_brings_our_id_back() {
        let part = |url: &str| match parsed(url, b"MessageSid=SM1&MessageStatus=sent") {
            EventKind::Status(update) => update.message.map(|part| part.to_string()),
            other => panic!("{other:?}"),
        };
        let id = stub::message_id();
        let url = format!("https://x.example/webhooks/twilio/ch_1?a=b&message={id}.2");
        assert_eq!(part(&url), Some(format!("{id}.2")));
        for url in ["https://x.example/w?message=m_1", "https://x.example/w?message=", "https://x.example/w", "/w", ""] {
            assert_eq!(part(url), None, "{url}");
        }
    }

    #[test]
    fn bodies_that_are_no_form_do_no_harm() {
        for body in [&b"{\"MessageSid\":\"SM1\"}"[..], b"\xff\xfe", b"&&==&", b"%zz=%"] {
            assert_eq!(parsed("", body), EventKind::Ignored { what: "other_webhook" });
        }
        let EventKind::Message(message) = parsed("", b"MessageSid=SM1&From=%2B15005550006&Body=a%ffb") else { panic!() };
        assert_eq!(message.text, "a\u{fffd}b");
    }
}
