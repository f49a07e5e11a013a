//! From a webhook of Meta's to events (Meta, WhatsApp Cloud API, Webhooks). One webhook may hold up to 1000 items, for
//! several numbers; each is read on its own, so that one broken item never loses the others.

use serde_json::Value;

use super::{errors, history, message, news};
use crate::{
    model::{ids::AccountId, status::Status},
    providers::{
        Event, EventKind, StatusUpdate,
        event::AccountNews,
        lenient::{self, id, items, text},
        outgoing::PartId,
    },
};

/// Every event in a webhook's body.
pub(super) fn events(body: &[u8]) -> Vec<Event> {
    let Some(envelope) = lenient::body(body) else {
        return vec![ignored("unreadable_body")];
    };
    if text(&envelope, "/object") != Some("whatsapp_business_account") {
        return vec![ignored("other_object")];
    }
    let entries = items(&envelope, "entry").iter();
    entries.flat_map(|entry| items(entry, "changes").iter().flat_map(|change| change_events(entry, change))).collect()
}

fn ignored(what: &'static str) -> Event {
    Event { account: None, kind: EventKind::Ignored { what } }
}

/// The events in one change: of a phone number, or of the business account as a whole.
fn change_events(entry: &Value, change: &Value) -> Vec<Event> {
    let value = change.get("value").unwrap_or(&Value::Null);
    let of_number = || id(value, "/metadata/phone_number_id").and_then(|id| AccountId::parse(&id).ok());
    let contacts = items(value, "contacts");
    let (account, kinds) = match text(change, "/field").unwrap_or_default() {
        "messages" => (of_number(), message_kinds(value)),
        "smb_message_echoes" => {
            (of_number(), items(value, "message_echoes").iter().map(|item| message::echo(item, contacts)).collect())
        }
        "history" => (of_number(), history::events(value)),
        "user_id_update" => (of_number(), user_id_updates(value)),
        "account_update" => (news::business_account(entry), vec![news::account_update(value).map(EventKind::Account)]),
        field if field == "template_category_update" || field.starts_with("message_template_") => {
            (news::business_account(entry), vec![Ok(EventKind::Account(AccountNews::TemplatesChanged))])
        }
        _ => return vec![ignored("other_field")],
    };
    if account.is_none() {
        return vec![ignored("no_account")];
    }
    let event = |kind: Result<EventKind, _>| Event {
        account: account.clone(),
        kind: kind.unwrap_or_else(|what| EventKind::Ignored { what }),
    };
    kinds.into_iter().map(event).collect()
}

fn message_kinds(value: &Value) -> Vec<Result<EventKind, &'static str>> {
    let contacts = items(value, "contacts");
    let messages = items(value, "messages").iter().map(|item| message::received(item, contacts));
    let statuses = items(value, "statuses").iter().map(|item| status(item).map(EventKind::Status));
    let errors = items(value, "errors").iter().map(|error| news::account_error(error).map(EventKind::Account));
    messages.chain(statuses).chain(errors).collect()
}

/// One or several, in a list or not.
fn user_id_updates(value: &Value) -> Vec<Result<EventKind, &'static str>> {
    match value.get("user_id_update") {
        Some(Value::Array(updates)) => updates.iter().map(message::user_id_update).collect(),
        Some(update @ Value::Object(_)) => vec![message::user_id_update(update)],
        _ => vec![message::user_id_update(value)],
    }
}

fn status(item: &Value) -> Result<StatusUpdate, &'static str> {
    if text(item, "/recipient_type") == Some("group") {
        return Err("group_message");
    }
    let provider_id = message::message_id(item, "/id").ok_or("unreadable_status")?;
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
mod tests;
