//! One item of a webhook that somebody wrote: a message, a change of one, or news of who the writer is (Meta, WhatsApp
//! Cloud API, Webhooks, Messages).

use std::time::Duration;

use serde_json::Value;

use super::{
    content::said,
    party::{Party, keys, phone_digits},
};
use crate::{
    model::{content::Content, ids::ProviderMessageId, message::Direction, time::Timestamp},
    providers::{
        EventKind, InboundMessage,
        event::{Deletion, Edit, ProviderReply, Rename},
        lenient::{self, id, text},
    },
};

/// How long after a customer's message it may be answered freely.
const REPLY_WINDOW: Duration = Duration::from_hours(24);

/// What a customer did.
pub(super) fn received(item: &Value, contacts: &[Value]) -> Result<EventKind, &'static str> {
    event(item, &Party::sender(item, contacts), Direction::In)
}

/// What the company did on its phone, where the number is used in the app too.
pub(super) fn echo(item: &Value, contacts: &[Value]) -> Result<EventKind, &'static str> {
    event(item, &Party::recipient(item, contacts), Direction::Out)
}

/// The same in a chat that is known to be with `party`.
pub(super) fn event(item: &Value, party: &Party<'_>, direction: Direction) -> Result<EventKind, &'static str> {
    if item.get("group_id").is_some_and(|group| !group.is_null()) {
        return Err("group_message");
    }
    match text(item, "/type") {
        // About the customer's number, not from the customer.
        Some("system") => return rename(item).map(EventKind::Rename),
        // The customer opened the chat and has not written.
        Some("request_welcome") => return Err("request_welcome"),
        Some("revoke") => {
            let target = message_id(item, "/revoke/original_message_id").ok_or("unreadable_message")?;
            return Ok(EventKind::Deletion(Deletion { target, at: lenient::time(item, "/timestamp") }));
        }
        Some("edit") => {
            let mut message = message(item, item.pointer("/edit/message").unwrap_or(&Value::Null), party, direction)?;
            if let Some(target) = message_id(item, "/edit/original_message_id") {
                return Ok(EventKind::Edit(Edit { target, message }));
            }
            message.text.insert_str(0, "[edited] ");
            return Ok(EventKind::Message(message));
        }
        _ => {}
    }
    message(item, item, party, direction).map(EventKind::Message)
}

/// A message whose id and time are in `item`, and whose content is in `words`.
fn message(item: &Value, words: &Value, party: &Party<'_>, direction: Direction) -> Result<InboundMessage, &'static str> {
    let provider_id = message_id(item, "/id").ok_or("unreadable_message")?;
    let (customer, name_known) = party.customer().ok_or("no_customer")?;
    let sent_at = lenient::time(item, "/timestamp");
    let said = said(words);
    let target = match said.content {
        Some(Content::Reaction { .. }) => "/reaction/message_id",
        _ => "/context/id",
    };
    Ok(InboundMessage {
        direction,
        name_known,
        sent_at,
        content: said.content,
        files: said.files,
        reply_to: message_id(words, target).map(|id| ProviderReply { id, quote: None }),
        reply_by: sent_at.filter(|_| direction == Direction::In).map(reply_by),
        link: party.link(),
        ..InboundMessage::new(provider_id, customer, said.text)
    })
}

pub(super) fn message_id(item: &Value, pointer: &str) -> Option<ProviderMessageId> {
    id(item, pointer).and_then(|id| ProviderMessageId::parse(&id).ok())
}

/// The end of the reply window, rounded down to the minute, which is as finely as Pipedrive is told.
fn reply_by(sent_at: Timestamp) -> Timestamp {
    let minute = 60;
    Timestamp::from_secs(sent_at.plus(REPLY_WINDOW).secs() / minute * minute)
}

/// A customer has another number or user id ("system" messages).
fn rename(item: &Value) -> Result<Rename, &'static str> {
    let changes = ["user_changed_number", "customer_changed_number", "user_changed_user_id"];
    if !text(item, "/system/type").is_some_and(|kind| changes.contains(&kind)) {
        return Err("system");
    }
    let number = |pointer| id(item, pointer).as_deref().and_then(phone_digits);
    // The new number has had two names; where both are there, the older one holds the old number.
    let (new, old) = match (number("/system/new_wa_id"), number("/system/wa_id")) {
        (Some(new), old) => (Some(new), old),
        (None, new) => (new, None),
    };
    let known_numbers = [number("/from"), number("/system/customer"), old];
    let known_users = [id(item, "/from_user_id"), id(item, "/system/previous_user_id")];
    let new_user = id(item, "/system/user_id");
    renamed(&known_numbers, &known_users, new.as_deref(), new_user.as_deref()).ok_or("system")
}

/// The entry of a `user_id_update`: a customer has another user id.
pub(super) fn user_id_update(item: &Value) -> Result<EventKind, &'static str> {
    let first = |pointers: [&str; 2]| pointers.into_iter().find_map(|pointer| id(item, pointer));
    let known_number = id(item, "/wa_id").as_deref().and_then(phone_digits);
    let known_user = first(["/user_id/previous", "/old_user_id"]);
    let new_user = first(["/user_id/current", "/new_user_id"]);
    let renamed = renamed(&[known_number], &[known_user], None, new_user.as_deref());
    renamed.map(EventKind::Rename).ok_or("unreadable_user_id_update")
}

/// None if nothing is known of the customer, or nothing is new.
fn renamed(numbers: &[Option<String>], users: &[Option<String>], number: Option<&str>, user: Option<&str>) -> Option<Rename> {
    let numbers = numbers.iter().flatten().flat_map(|number| keys(Some(number), None));
    let users = users.iter().flatten().flat_map(|user| keys(None, Some(user)));
    let mut known = Vec::new();
    for key in numbers.chain(users) {
        if !known.contains(&key) {
            known.push(key);
        }
    }
    let keys = keys(number, user);
    let is_news = keys.iter().any(|key| !known.contains(key));
    let phone = number.map(|digits| format!("+{digits}"));
    (is_news && !known.is_empty()).then_some(Rename { known, keys, phone })
}
