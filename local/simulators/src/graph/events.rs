//! The JSON of the app's webhook (Meta, WhatsApp Cloud API, "Webhooks").

use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::{status::Status, time::Timestamp};

use super::{Incoming, Number, Sent, errors::title};

/// A webhook's body. Each event is `{"waba": …, "field": …, "value": …}` (`messages` where there is no field); those of one account
/// that follow each other share an entry.
pub(super) fn envelope(events: &[Value]) -> Bytes {
    let mut entries: Vec<Value> = Vec::new();
    for event in events {
        let field = event.get("field").and_then(Value::as_str).unwrap_or("messages");
        let change = json!({"field": field, "value": event["value"]});
        match entries.last_mut().filter(|entry| entry["id"] == event["waba"]).and_then(|entry| entry["changes"].as_array_mut()) {
            Some(changes) => changes.push(change),
            None => entries.push(json!({"id": event["waba"], "changes": [change]})),
        }
    }
    Bytes::from(json!({"object": "whatsapp_business_account", "entry": entries}).to_string())
}

/// The content of a text.
pub(super) fn text(body: &str) -> Value {
    json!({"type": "text", "text": {"body": body}})
}

/// A customer's message: `content` has its type, the member that the type names, and perhaps a context.
pub(super) fn message(number: &Number, incoming: &Incoming<'_>, id: &str, content: &Value) -> Value {
    let user = user_id(incoming.from);
    let mut contact = json!({"profile": {"name": incoming.name}, "user_id": user});
    let mut message = content.clone();
    message["id"] = id.into();
    message["timestamp"] = incoming.at.secs().to_string().into();
    message["from_user_id"] = user.clone().into();
    // Somebody who hides their number is known by the user id alone.
    if user != incoming.from {
        contact["wa_id"] = incoming.from.into();
        message["from"] = incoming.from.into();
    }
    event(number, json!({"contacts": [contact], "messages": [message]}))
}

/// A message that the company wrote on its phone.
pub(super) fn echo(number: &Number, to: &str, at: Timestamp, id: &str, content: &Value) -> Value {
    let user = user_id(to);
    let mut message = content.clone();
    message["from"] = digits(number).into();
    message["id"] = id.into();
    message["timestamp"] = at.secs().to_string().into();
    message["to_user_id"] = user.clone().into();
    if user != to {
        message["to"] = to.into();
    }
    let mut event = event(number, json!({"message_echoes": [message]}));
    event["field"] = "smb_message_echoes".into();
    event
}

/// A customer has another phone number, and with it another user id.
pub(super) fn changed_number(number: &Number, from: &str, to: &str, at: Timestamp, id: &str) -> Value {
    let system = json!({
        "type": "user_changed_number", "body": format!("User changed from {from} to {to}"), "wa_id": to,
        "user_id": user_id(to), "previous_user_id": user_id(from),
    });
    let message = json!({"from": from, "id": id, "timestamp": at.secs().to_string(), "type": "system", "system": system});
    event(number, json!({"messages": [message]}))
}

/// News of a message that the company sent; `code` says why it failed, if it did.
pub(super) fn status(number: &Number, sent: &Sent, status: Status, code: u32, at: Timestamp) -> Value {
    let user = user_id(&sent.to);
    let mut news = json!({
        "id": sent.id, "status": status.as_str(), "timestamp": at.secs().to_string(), "recipient_user_id": user,
    });
    if user != sent.to {
        news["recipient_id"] = sent.to.clone().into();
    }
    if let Some(data) = &sent.callback_data {
        news["biz_opaque_callback_data"] = data.clone().into();
    }
    match status {
        Status::Sent => news["pricing"] = json!({"billable": true, "pricing_model": "PMP", "category": "service"}),
        Status::Failed => {
            news["errors"] = json!([{"code": code, "title": title(code), "message": title(code),
                "error_data": {"details": title(code)}}]);
        }
        Status::Delivered | Status::Read => {}
    }
    event(number, json!({"statuses": [news]}))
}

fn event(number: &Number, mut value: Value) -> Value {
    value["messaging_product"] = "whatsapp".into();
    value["metadata"] = json!({"display_phone_number": digits(number), "phone_number_id": number.id});
    json!({"waba": number.waba_id, "value": value})
}

/// The number as WhatsApp writes it.
pub(super) fn digits(number: &Number) -> String {
    number.display.chars().filter(char::is_ascii_digit).collect()
}

/// The business-scoped user id that Meta gives somebody with that phone number here.
pub(super) fn user_id(customer: &str) -> String {
    if customer.contains('.') { customer.to_owned() } else { format!("US.9{customer}") }
}
