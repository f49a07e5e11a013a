//! From an update to events (Telegram Bot API, "Update"). A webhook holds one update, which holds one thing that happened.
//! Telegram keeps a chat's updates in order and repeats one until it is taken, so everything is taken, and what is not
//! shown is counted.

use std::time::Duration;

use serde_json::Value;

use super::{address::Address, content, reactions};
use crate::{
    model::{content::Content, conversation::Customer, ids::ProviderMessageId, message::Direction, time::Timestamp},
    providers::{
        Event, EventKind, InboundMessage,
        event::{Deletion, Edit, ProviderReply, Rename},
        lenient::{self, id, integer, items, text},
    },
};

/// For a customer of whom Telegram tells no name.
const NAMELESS: &str = "Telegram user";
/// How long after a customer's message a bot may answer in the chats of a Telegram Business account.
const BUSINESS_WINDOW: Duration = Duration::from_hours(24);

/// Why something is not shown, in a word.
type What = &'static str;

/// Every event in a webhook's body.
pub(super) fn events(body: &[u8]) -> Vec<Event> {
    let kinds = match lenient::body(body).filter(Value::is_object) {
        Some(update) => kinds(&update),
        None => Err("unreadable_body"),
    };
    let kinds = kinds.unwrap_or_else(|what| vec![EventKind::Ignored { what }]);
    kinds.into_iter().map(|kind| Event { account: None, kind }).collect()
}

fn kinds(update: &Value) -> Result<Vec<EventKind>, What> {
    let of = |member: &str| update.get(member).filter(|value| !value.is_null());
    let one = |kind: Result<EventKind, What>| kind.map(|kind| vec![kind]);
    if let Some(item) = of("message").or_else(|| of("business_message")) {
        return one(message(item));
    }
    if let Some(item) = of("edited_message").or_else(|| of("edited_business_message")) {
        return one(edit(item));
    }
    if let Some(item) = of("callback_query") {
        return one(button(item));
    }
    if let Some(item) = of("message_reaction") {
        return reaction(item, id(update, "/update_id"));
    }
    if let Some(item) = of("my_chat_member") {
        return one(membership(item));
    }
    if let Some(item) = of("deleted_business_messages") {
        return deletions(item);
    }
    if of("channel_post").or_else(|| of("edited_channel_post")).is_some() {
        return Err("group_message");
    }
    Err(if of("business_connection").is_some() { "business_connection" } else { "other_update" })
}

fn message(item: &Value) -> Result<EventKind, What> {
    if let Some(rename) = upgraded_group(item) {
        return Ok(EventKind::Rename(rename));
    }
    inbound(item, &Address::of(item)?).map(EventKind::Message)
}

fn inbound(item: &Value, address: &Address) -> Result<InboundMessage, What> {
    let number = integer(item, "/message_id").ok_or("unreadable_message")?;
    let direction = direction(item, address)?;
    let said = content::read(item).ok_or("service_message")?;
    let provider_id = address.message(number).ok_or("unreadable_message")?;
    let sent_at = lenient::time(item, "/date");
    let sender = item.get("from").filter(|_| direction == Direction::In);
    let mut message = new_message(provider_id, address, sender, item.get("chat"))?;
    message.customer.phone = own_phone(item);
    Ok(InboundMessage {
        direction,
        sent_at,
        text: said.text,
        content: said.content,
        files: said.file.into_iter().collect(),
        reply_to: reply_to(item, address, number),
        reply_by: sent_at.filter(|_| address.business.is_some() && direction == Direction::In).map(reply_by),
        ..message
    })
}

/// Who wrote. In a chat of a Telegram Business account that may be its owner; what the bot itself sent there was sent by us.
fn direction(item: &Value, address: &Address) -> Result<Direction, What> {
    if item.get("sender_business_bot").is_some_and(|bot| !bot.is_null()) {
        return Err("own_message");
    }
    if item.pointer("/from/is_bot") == Some(&Value::Bool(true)) {
        return Err("bot_message");
    }
    let by_owner = address.business.is_some() && integer(item, "/from/id").is_some_and(|from| from != address.chat);
    Ok(if by_owner { Direction::Out } else { Direction::In })
}

/// A message with nothing to it but who it is from. `sender` and `chat` both describe the customer, as far as they do.
fn new_message(
    provider_id: ProviderMessageId,
    address: &Address,
    sender: Option<&Value>,
    chat: Option<&Value>,
) -> Result<InboundMessage, What> {
    let key = address.key().ok_or("unreadable_chat")?;
    let described = || sender.into_iter().chain(chat);
    let username = described().find_map(|person| text(person, "/username")).map(str::trim);
    let name = described().find_map(content::full_name).or_else(|| username.map(str::to_owned));
    let name_known = name.is_some();
    let customer = Customer::new(vec![key], name.unwrap_or_else(|| NAMELESS.to_owned()));
    let is_plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let link = username.filter(is_plain).map(|name| format!("https://t.me/{name}")).unwrap_or_default();
    Ok(InboundMessage { name_known, link, ..InboundMessage::new(provider_id, customer, String::new()) })
}

/// The customer's phone number, if they sent their own address card: Telegram says whose a card is.
fn own_phone(item: &Value) -> Option<String> {
    let owner = integer(item, "/contact/user_id")?;
    let phone = id(item, "/contact/phone_number").filter(|_| integer(item, "/from/id") == Some(owner))?;
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    (5..=15).contains(&digits.len()).then(|| format!("+{digits}"))
}

/// The end of the reply window, rounded down to the minute, which is as finely as Pipedrive is told.
fn reply_by(sent_at: Timestamp) -> Timestamp {
    Timestamp::from_secs(sent_at.plus(BUSINESS_WINDOW).secs() / 60 * 60)
}

/// What a message answers: a message of the same chat, one of another chat, or a story.
fn reply_to(item: &Value, address: &Address, number: i64) -> Option<ProviderReply> {
    let quoted = text(item, "/quote/text").map(str::to_owned);
    let target = |member: &str| item.get(member).filter(|target| target.is_object());
    if let Some(target) = target("reply_to_message") {
        let id = address.message(integer(target, "/message_id")?)?;
        return Some(ProviderReply { id, quote: quoted.or_else(|| content::quote(target)) });
    }
    // Neither is a message that we could know, so the name only has to be nobody else's.
    if let Some(target) = target("external_reply") {
        let quote = quoted.or_else(|| content::quote(target));
        return Some(ProviderReply { id: address.event(number, "external")?, quote });
    }
    target("reply_to_story")?;
    Some(ProviderReply { id: address.event(number, "story")?, quote: Some("[story]".to_owned()) })
}

fn edit(item: &Value) -> Result<EventKind, What> {
    let address = Address::of(item)?;
    // The only change of a place is that it moves on.
    if item.get("location").is_some_and(|location| !location.is_null()) {
        return Err("live_location");
    }
    let number = integer(item, "/message_id").ok_or("unreadable_message")?;
    let edited_at = lenient::time(item, "/edit_date");
    let message = inbound(item, &address)?;
    let sent_at = edited_at.or(message.sent_at);
    let stamp = sent_at.unwrap_or(Timestamp::EPOCH).secs();
    let provider_id = address.event(number, format_args!("edit.{stamp}")).ok_or("unreadable_message")?;
    let target = message.provider_id.clone();
    Ok(EventKind::Edit(Edit { target, message: InboundMessage { provider_id, sent_at, ..message } }))
}

/// A button under a message of the bot's was pressed. Telegram does not say when.
fn button(item: &Value) -> Result<EventKind, What> {
    let query = id(item, "/id").ok_or("unreadable_callback")?;
    let pressed = item.get("message").filter(|message| message.is_object());
    let address = match pressed {
        Some(message) => Address::of(message)?,
        // Under a message in somebody else's chat.
        None if text(item, "/inline_message_id").is_some() => return Err("inline_callback"),
        // A private chat has the customer's id.
        None => Address { chat: integer(item, "/from/id").ok_or("unreadable_callback")?, business: None },
    };
    let target = pressed.and_then(|message| Some((message, integer(message, "/message_id")?)));
    let provider_id = match target {
        Some((_, number)) => address.event(number, format_args!("callback.{query}")),
        None => ProviderMessageId::parse(&format!("{}#callback.{query}", address.chat)).ok(),
    };
    let data = text(item, "/data");
    let label = pressed.zip(data).and_then(|(message, data)| label(message, data));
    let words = label.or(data).or_else(|| text(item, "/game_short_name")).unwrap_or("[button]").to_owned();
    let chat = pressed.and_then(|message| message.get("chat"));
    let message = new_message(provider_id.ok_or("unreadable_callback")?, &address, item.get("from"), chat)?;
    let reply_to =
        target.and_then(|(message, number)| Some(ProviderReply { id: address.message(number)?, quote: content::quote(message) }));
    Ok(EventKind::Message(InboundMessage { text: words, reply_to, ..message }))
}

/// What stands on the button that sends `data`.
fn label<'a>(message: &'a Value, data: &str) -> Option<&'a str> {
    let rows = items(message.get("reply_markup")?, "inline_keyboard").iter().filter_map(Value::as_array);
    let button = rows.flatten().find(|button| text(button, "/callback_data") == Some(data))?;
    text(button, "/text")
}

fn reaction(item: &Value, update: Option<String>) -> Result<Vec<EventKind>, What> {
    let address = Address::of(item)?;
    let number = integer(item, "/message_id").ok_or("unreadable_reaction")?;
    if item.pointer("/user/is_bot") == Some(&Value::Bool(true)) {
        return Err("bot_message");
    }
    let sent_at = lenient::time(item, "/date");
    let stamp = format!("{}.{}", sent_at.unwrap_or(Timestamp::EPOCH).secs(), update.unwrap_or_default());
    let message = |(place, (text, content)): (usize, (String, Content))| {
        let provider_id = address.event(number, format_args!("reaction.{stamp}.{place}")).ok_or("unreadable_reaction")?;
        let reply_to = address.message(number).map(|id| ProviderReply { id, quote: None });
        let message = new_message(provider_id, &address, item.get("user"), item.get("chat"))?;
        Ok(EventKind::Message(InboundMessage { sent_at, text, content: Some(content), reply_to, ..message }))
    };
    let messages: Vec<EventKind> = reactions::changes(item).into_iter().enumerate().map(message).collect::<Result<_, What>>()?;
    if messages.is_empty() { Err("same_reaction") } else { Ok(messages) }
}

/// In a private chat, the bot's membership says whether the customer has blocked it.
fn membership(item: &Value) -> Result<EventKind, What> {
    let address = Address::of(item)?;
    let status = text(item, "/new_chat_member/status");
    if status == text(item, "/old_chat_member/status") {
        return Err("chat_member");
    }
    let (what, words) = match status {
        Some("kicked") => ("blocked", "[The customer blocked the bot. Messages do not reach them any more.]"),
        Some("member") => ("unblocked", "[The customer unblocked the bot.]"),
        _ => return Err("chat_member"),
    };
    let sent_at = lenient::time(item, "/date");
    let stamp = sent_at.unwrap_or(Timestamp::EPOCH).secs();
    let provider_id = ProviderMessageId::parse(&format!("{}#{what}.{stamp}", address.chat)).map_err(|_| "unreadable_chat")?;
    let message = new_message(provider_id, &address, item.get("from"), item.get("chat"))?;
    let content = Some(Content::Notice { what: what.to_owned() });
    Ok(EventKind::Message(InboundMessage { sent_at, text: words.to_owned(), content, ..message }))
}

/// Messages that were deleted in the chats of a Telegram Business account; elsewhere bots are not told.
fn deletions(item: &Value) -> Result<Vec<EventKind>, What> {
    let address = Address::of(item)?;
    let deleted = |number: &Value| {
        let number = integer(number, "");
        let target = number.and_then(|number| address.message(number)).ok_or("unreadable_message");
        target.map(|target| EventKind::Deletion(Deletion { target, at: None }))
    };
    let deletions = items(item, "message_ids").iter().map(deleted);
    Ok(deletions.map(|kind| kind.unwrap_or_else(|what| EventKind::Ignored { what })).collect())
}

/// A group that became a supergroup has another id from then on.
fn upgraded_group(item: &Value) -> Option<Rename> {
    let key = |chat| Address { chat, business: None }.key();
    let (known, now) = (key(integer(item, "/chat/id")?)?, key(integer(item, "/migrate_to_chat_id")?)?);
    Some(Rename { known: vec![known], keys: vec![now], phone: None })
}

#[cfg(test)]
mod tests;
