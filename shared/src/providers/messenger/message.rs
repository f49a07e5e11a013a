//! Messages, echoes, edits, reactions and postbacks, from an item of a webhook to what the core stores.

use serde_json::Value;

use super::{content, people};
use crate::{
    model::{
        content::Content,
        ids::{ContactKey, ProviderMessageId},
        message::Direction,
        status::Status,
        time::Timestamp,
    },
    providers::{
        EventKind, InboundMessage, StatusUpdate,
        event::{Deletion, Edit, ProviderReply},
        lenient::{id, text},
        outgoing::PartId,
    },
};

/// For a reaction of which Meta tells no emoji and no word that we know.
const SOME_REACTION: &str = "❔";

/// Between whom an item of a webhook takes place, and when.
pub(super) struct Scene<'a> {
    page: &'a str,
    psid: String,
    pub(super) key: ContactKey,
    pub(super) direction: Direction,
    at: Option<Timestamp>,
}

impl<'a> Scene<'a> {
    /// `at` is for items that do not say when. What comes from the page goes out, also where it is not called an echo.
    pub(super) fn of(item: &Value, page: &'a str, at: Option<Timestamp>) -> Result<Self, &'static str> {
        let (sender, recipient) = (id(item, "/sender/id"), id(item, "/recipient/id"));
        let is_echo = item.pointer("/message/is_echo") == Some(&Value::Bool(true)) || sender.as_deref() == Some(page);
        let (psid, direction) = if is_echo { (recipient, Direction::Out) } else { (sender, Direction::In) };
        let psid = psid.filter(|psid| psid != page).ok_or("no_customer")?;
        let key = people::key(&psid).ok_or("no_customer")?;
        Ok(Self { page, psid, key, direction, at })
    }

    /// A name for an event to which Meta gives none: the same whenever it comes, and no other event's.
    fn derived_id(&self, kind: &str) -> Result<ProviderMessageId, &'static str> {
        let at = self.at.ok_or("no_time")?.millis();
        ProviderMessageId::parse(&format!("{}:{}:{at}:{kind}", self.page, self.psid)).map_err(|_| "unreadable_id")
    }

    /// A message that opens no reply window.
    fn message(&self, id: ProviderMessageId, text: String) -> InboundMessage {
        let (customer, name_known) = people::customer(self.key.clone(), None);
        InboundMessage { direction: self.direction, name_known, sent_at: self.at, ..InboundMessage::new(id, customer, text) }
    }

    /// A message that opens one, if it is the customer's.
    fn deed(&self, id: ProviderMessageId, text: String) -> InboundMessage {
        let reply_by = self.at.filter(|_| self.direction == Direction::In).map(people::reply_by);
        InboundMessage { reply_by, ..self.message(id, text) }
    }
}

fn mid(value: &Value) -> Option<ProviderMessageId> {
    id(value, "/mid").and_then(|mid| ProviderMessageId::parse(&mid).ok())
}

/// The message that another one refers to.
pub(super) fn reply(mid: Option<String>) -> Option<ProviderReply> {
    let id = ProviderMessageId::parse(&mid?).ok()?;
    Some(ProviderReply { id, quote: None })
}

/// Somebody wrote, or took back what they wrote. An echo of what we sent ourselves bears our id and is news of that message.
pub(super) fn message(message: &Value, scene: &Scene<'_>) -> Result<EventKind, &'static str> {
    let mid = mid(message);
    if message.get("is_deleted") == Some(&Value::Bool(true)) {
        return Ok(EventKind::Deletion(Deletion { target: mid.ok_or("unreadable_deletion")?, at: scene.at }));
    }
    if let (Some(provider_id), Direction::Out) = (&mid, scene.direction)
        && let Some(part) = text(message, "/metadata").and_then(PartId::parse)
    {
        let provider_id = provider_id.clone();
        return Ok(EventKind::Status(StatusUpdate { provider_id, message: Some(part), status: Status::Sent, failure: None }));
    }
    let said = content::of(message, mid.as_ref().map(ProviderMessageId::as_str));
    let provider_id = match mid {
        Some(mid) => mid,
        None => scene.derived_id("message")?,
    };
    Ok(EventKind::Message(InboundMessage {
        content: said.content,
        files: said.files,
        reply_to: reply(id(message, "/reply_to/mid")),
        ..scene.deed(provider_id, said.text)
    }))
}

/// Somebody changed what they wrote.
pub(super) fn edit(edit: &Value, scene: &Scene<'_>) -> Result<EventKind, &'static str> {
    let target = mid(edit).ok_or("unreadable_edit")?;
    let text = text(edit, "/text").ok_or("unreadable_edit")?;
    Ok(EventKind::Edit(Edit { target, message: scene.message(scene.derived_id("edit")?, text.to_owned()) }))
}

/// Somebody put an emoji to a message, or took it away.
pub(super) fn reaction(reaction: &Value, scene: &Scene<'_>) -> Result<EventKind, &'static str> {
    let reply_to = reply(id(reaction, "/mid"));
    let message = match text(reaction, "/action") {
        Some("unreact") => InboundMessage {
            content: Some(Content::Reaction { emoji: None }),
            ..scene.message(scene.derived_id("unreact")?, "Removed a reaction".to_owned())
        },
        Some("react") => {
            let emoji = text(reaction, "/emoji").or_else(|| text(reaction, "/reaction").and_then(emoji));
            let emoji = emoji.unwrap_or(SOME_REACTION).to_owned();
            let text = format!("Reacted {emoji}");
            let content = Some(Content::Reaction { emoji: Some(emoji) });
            InboundMessage { content, ..scene.deed(scene.derived_id("react")?, text) }
        }
        _ => return Err("other_reaction"),
    };
    Ok(EventKind::Message(InboundMessage { reply_to, ..message }))
}

/// Meta's words for the emojis that it had before all were allowed.
fn emoji(word: &str) -> Option<&'static str> {
    Some(match word {
        "smile" => "😆",
        "angry" => "😠",
        "sad" => "😢",
        "wow" => "😮",
        "love" => "❤",
        "like" => "👍",
        "dislike" => "👎",
        _ => return None,
    })
}

/// Somebody pressed a button of the page's.
pub(super) fn postback(postback: &Value, scene: &Scene<'_>) -> Result<EventKind, &'static str> {
    let provider_id = match mid(postback) {
        Some(mid) => mid,
        None => scene.derived_id("postback")?,
    };
    let title = text(postback, "/title").unwrap_or("[button pressed]").to_owned();
    Ok(EventKind::Message(scene.deed(provider_id, title)))
}
