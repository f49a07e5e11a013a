//! What was written in the phone's app before the number was connected, where the owner shares that (Meta, WhatsApp Cloud
//! API, Webhooks, `history`). It comes in parts, over hours, in no order. Files come on their own, those of the last two
//! weeks; the message that such a file belongs to comes too, as a placeholder.

use serde_json::Value;

use super::{
    message,
    party::{Party, phone_digits},
};
use crate::{
    model::{ids::ProviderMessageId, message::Direction},
    providers::{
        EventKind,
        lenient::{id, items, text},
    },
};

/// Every message in a part of the history.
pub(super) fn events(value: &Value) -> Vec<Result<EventKind, &'static str>> {
    let number: Option<String> =
        id(value, "/metadata/display_phone_number").map(|shown| shown.chars().filter(char::is_ascii_digit).collect());
    let number = number.as_deref();
    let parts = items(value, "history").iter().flat_map(|part| {
        let declined = items(part, "errors").iter().map(|_| Err("history_declined"));
        declined.chain(items(part, "threads").iter().flat_map(|thread| thread_events(thread, number)))
    });
    let contacts = items(value, "contacts");
    let files = items(value, "messages").iter().map(|item| match direction(item, number) {
        Direction::In => message::received(item, contacts),
        Direction::Out => message::echo(item, contacts),
    });
    parts.chain(files).map(|event| event.map(past)).collect()
}

fn past(mut event: EventKind) -> EventKind {
    if let EventKind::Message(message) = &mut event {
        message.past = true;
    }
    event
}

fn thread_events(thread: &Value, number: Option<&str>) -> Vec<Result<EventKind, &'static str>> {
    let party = Party::thread(thread);
    let event = |item: &Value| {
        let mut event = message::event(item, &party, direction(item, number))?;
        if let EventKind::Message(message) = &mut event
            && text(item, "/type") == Some("media_placeholder")
        {
            // The message's own id is left to the file that may follow.
            let own = format!("placeholder:{}", message.provider_id);
            message.provider_id = ProviderMessageId::parse(&own).map_err(|_| "unreadable_message")?;
        }
        Ok(event)
    };
    items(thread, "messages").iter().map(event).collect()
}

/// The company's messages come from its number, as far as that is told, or name whom they went to.
fn direction(item: &Value, number: Option<&str>) -> Direction {
    let from = id(item, "/from").as_deref().and_then(phone_digits);
    let from_company = match (from.as_deref(), number) {
        (Some(from), Some(number)) => from == number,
        _ => text(item, "/to").or_else(|| text(item, "/to_user_id")).is_some(),
    };
    if from_company { Direction::Out } else { Direction::In }
}
