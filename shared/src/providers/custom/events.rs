//! The JSON that a chat posts (`docs/custom-provider.md`, version 1): messages of customers and what became of ours. Unknown
//! fields are left for later versions; anything else that is not as documented is an [`InvalidWebhook`] that names it.

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{content, fields::Object};
use crate::{
    model::{
        content::Content,
        conversation::Customer,
        ids::ProviderMessageId,
        message::{Direction, FailureReason},
        status::Status,
        text::{MAX_MESSAGE_BYTES, clean},
    },
    providers::{
        EventKind, InboundMessage, InvalidWebhook, StatusUpdate,
        event::{Deletion, Edit, ProviderReply, Receipt},
        outgoing::PartId,
    },
};

/// Longest body, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Most events in a body.
const MAX_EVENTS: usize = 100;
/// Longest name, in characters.
const MAX_NAME_CHARS: usize = 120;
/// Longest emoji, in characters: families of several people with their skin tones are the longest.
const MAX_EMOJI_CHARS: usize = 32;
/// Longest reason of a failure, in characters.
const MAX_REASON_CHARS: usize = 500;
/// Highest number of a part.
const MAX_PART: u64 = 99;
/// For a customer whose name and number the chat does not tell.
const NAMELESS: &str = "Chat user";
/// For a failure whose reason the chat does not tell.
const NO_REASON: &str = "The chat reported that the message could not be delivered.";

const TYPES: &str = "must be message, reaction, edit, delete, status or receipt";

type Invalid = InvalidWebhook;

/// Reads a body: `{"version":1,"events":[…]}`, or one event by itself. Fails as a whole only when the events can't be told
/// apart. `allow_loopback` as in [`Object::new`].
pub(super) fn read(body: &[u8], allow_loopback: bool) -> Result<Vec<Result<EventKind, Invalid>>, Invalid> {
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
        return Ok(vec![event(&Object::new(&body, String::new(), allow_loopback))]);
    }
    let events = body.get("events").ok_or_else(|| Invalid::new("events", "is required"))?;
    let events = events.as_array().ok_or_else(|| Invalid::new("events", "must be an array"))?;
    if events.len() > MAX_EVENTS {
        return Err(Invalid::new("events", format!("must not hold more than {MAX_EVENTS}")));
    }
    let object = |(index, value)| Object::new(value, format!("events[{index}]."), allow_loopback);
    Ok(events.iter().enumerate().map(object).map(|object| event(&object)).collect())
}

fn event(object: &Object<'_>) -> Result<EventKind, Invalid> {
    match object.required("type", usize::MAX)? {
        "message" => message(object).map(EventKind::Message),
        "reaction" => reaction(object).map(EventKind::Message),
        "edit" => edit(object).map(EventKind::Edit),
        "delete" => deletion(object).map(EventKind::Deletion),
        "status" => status(object).map(EventKind::Status),
        "receipt" => receipt(object).map(EventKind::Receipt),
        _ => Err(object.invalid("type", TYPES)),
    }
}

fn message(event: &Object<'_>) -> Result<InboundMessage, Invalid> {
    let (files, content) = (content::files(event)?, content::content(event)?);
    let text = text(event, files.is_empty() && content.is_none())?;
    let reply_to = event.optional_id("reply_to")?;
    Ok(InboundMessage {
        text: content::readable(text, content.as_ref()),
        content,
        files,
        reply_to: reply_to.map(|id| ProviderReply { id, quote: None }),
        reply_by: event.time("reply_by")?,
        link: event.url("link")?.unwrap_or_default(),
        ..written(event, event.required_id("id")?)?
    })
}

fn reaction(event: &Object<'_>) -> Result<InboundMessage, Invalid> {
    let emoji = event.said("emoji", MAX_EMOJI_CHARS)?.map(|emoji| emoji.trim().to_owned());
    Ok(InboundMessage {
        text: emoji.as_ref().map_or_else(|| "Removed a reaction".to_owned(), |emoji| format!("Reacted {emoji}")),
        content: Some(Content::Reaction { emoji }),
        reply_to: Some(ProviderReply { id: event.required_id("reply_to")?, quote: None }),
        ..written(event, event.required_id("id")?)?
    })
}

fn edit(event: &Object<'_>) -> Result<Edit, Invalid> {
    let target = event.required_id("id")?;
    let text = text(event, true)?.to_owned();
    // An edit has no id of its own, so what it says is its name. The blank keeps it apart from all that are the chat's.
    let at = event.time("sent_at")?.map(|at| at.millis().to_string()).unwrap_or_default();
    let hash = digest::digest(&digest::SHA256, format!("{at} {text}").as_bytes());
    let name: String = URL_SAFE_NO_PAD.encode(hash).chars().take(16).collect();
    let own_id = ProviderMessageId::parse(&format!("{target} edit:{name}")).map_err(|_| event.invalid("id", "is too long"))?;
    Ok(Edit { message: InboundMessage { text, ..written(event, own_id)? }, target })
}

fn deletion(event: &Object<'_>) -> Result<Deletion, Invalid> {
    Ok(Deletion { target: event.required_id("id")?, at: event.time("sent_at")? })
}

/// Who wrote when, as all that is written tells it.
fn written(event: &Object<'_>, id: ProviderMessageId) -> Result<InboundMessage, Invalid> {
    let directions = [("in", Direction::In), ("out", Direction::Out)];
    let direction = event.word("direction", &directions, "must be in or out")?.unwrap_or(Direction::In);
    let (customer, name_known) = customer(&event.object(match direction {
        Direction::In => "from",
        Direction::Out => "to",
    })?)?;
    Ok(InboundMessage {
        direction,
        name_known,
        sent_at: event.time("sent_at")?,
        ..InboundMessage::new(id, customer, String::new())
    })
}

/// The customer, and whether the chat tells their name.
fn customer(person: &Object<'_>) -> Result<(Customer, bool), Invalid> {
    let key = person.customer_key()?;
    let (phone, email) = (person.phone("phone")?, person.email("email")?);
    let name = person.optional("name", MAX_NAME_CHARS)?.map(|name| name.trim().to_owned());
    let name_known = name.is_some();
    let name = name.or_else(|| phone.clone()).unwrap_or_else(|| NAMELESS.to_owned());
    let avatar_url = person.url("avatar_url")?;
    Ok((Customer { phone, email, avatar_url, ..Customer::new(vec![key], name) }, name_known))
}

/// The event's text. Blank only where it is not `required`, because there is something else to see.
fn text<'a>(event: &Object<'a>, required: bool) -> Result<&'a str, Invalid> {
    let text = if required { event.required("text", usize::MAX)? } else { event.said("text", usize::MAX)?.unwrap_or_default() };
    if text.len() > MAX_MESSAGE_BYTES {
        return Err(event.invalid("text", format!("must not be longer than {MAX_MESSAGE_BYTES} bytes")));
    }
    if required && clean(text, MAX_MESSAGE_BYTES).trim().is_empty() {
        return Err(event.invalid("text", "must hold something to read"));
    }
    Ok(text)
}

fn status(event: &Object<'_>) -> Result<StatusUpdate, Invalid> {
    let named = event.required_id("id")?;
    let part = event.whole("part", MAX_PART)?.and_then(|part| usize::try_from(part).ok());
    // A chat may name a message by its own id or by ours. Ours names the part too, or leaves that to `part`.
    let ours = PartId::parse(named.as_str()).map(|ours| match part {
        Some(part) if ours.part == 0 => PartId { part, ..ours },
        _ => ours,
    });
    let whole = ours.as_ref().and_then(|ours| ProviderMessageId::parse(&ours.to_string()).ok());
    let statuses = [("sent", Status::Sent), ("delivered", Status::Delivered), ("read", Status::Read), ("failed", Status::Failed)];
    let status = event.word("status", &statuses, "must be sent, delivered, read or failed")?;
    let status = status.ok_or_else(|| event.invalid("status", "is required"))?;
    let reason = event.optional("reason", MAX_REASON_CHARS)?.unwrap_or(NO_REASON);
    let failure = FailureReason { code: "failed_in_chat".to_owned(), text: reason.to_owned() };
    Ok(StatusUpdate {
        message: ours,
        provider_id: whole.unwrap_or(named),
        status,
        failure: (status == Status::Failed).then_some(failure),
    })
}

fn receipt(event: &Object<'_>) -> Result<Receipt, Invalid> {
    let statuses = [("delivered", Status::Delivered), ("read", Status::Read)];
    let status = event.word("status", &statuses, "must be delivered or read")?;
    Ok(Receipt {
        customer: event.object("from")?.customer_key()?,
        status: status.ok_or_else(|| event.invalid("status", "is required"))?,
        up_to: event.time("up_to")?.ok_or_else(|| event.invalid("up_to", "is required"))?,
    })
}

#[cfg(test)]
mod tests;
