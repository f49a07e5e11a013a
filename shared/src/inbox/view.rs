//! Conversations and messages in the shape of Pipedrive's manifest contract
//! (Pipedrive, "Channels API - Required endpoints in the vendor's integration", schemas).

use serde::Serialize;

use super::show;
use crate::{
    media::{
        FileLink,
        links::{Links, Target},
    },
    model::{
        channel::Channel,
        conversation::{Conversation, ConversationState, Customer},
        ids::{ConversationId, MessageId, ParticipantId},
        message::Message,
        time::Timestamp,
    },
};

/// A conversation with a page of its messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConversationView {
    /// Its id.
    pub id: ConversationId,
    /// A link to the chat at the provider, or empty.
    pub link: String,
    /// Open or closed.
    pub status: ConversationState,
    /// Whether nothing in it waits to be read.
    pub seen: bool,
    /// Where the next page of messages starts; empty at the end.
    pub next_messages_cursor: String,
    /// Newest first.
    pub messages: Vec<MessageView>,
    /// The company's side and the customer.
    pub participants: [ParticipantView; 2],
}

/// One side of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ParticipantView {
    /// Its id.
    pub id: ParticipantId,
    /// Its name.
    pub name: String,
    /// `source_user` or `end_user`.
    pub role: &'static str,
    /// A picture, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Whether `avatar_url` stops working after a while; `getSenderById` gives a new one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub avatar_expires: bool,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// `sent`, `delivered`, `read` or `failed`.
    pub status: &'static str,
    /// RFC 3339, UTC, with milliseconds.
    pub created_at: String,
    /// What it says.
    pub message: String,
    /// Who wrote it.
    pub sender_id: ParticipantId,
    /// Until when it may be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_by: Option<String>,
    /// Its files.
    pub attachments: Vec<FileLink>,
}

/// Somebody's name and picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SenderView {
    /// Their id.
    pub id: ParticipantId,
    /// Their name.
    pub name: String,
    /// Their picture, or empty.
    pub avatar_url: String,
}

impl MessageView {
    /// As it is now; addresses of its files are good for a day.
    pub fn new(message: Message, links: &Links) -> Self {
        Self {
            message: show::text(&message),
            attachments: show::files(&message, links),
            id: message.id,
            status: message.status.as_str(),
            created_at: message.sent_at.rfc3339(),
            sender_id: message.sender,
            reply_by: message.reply_by.map(Timestamp::rfc3339),
        }
    }
}

/// Where a customer's picture can be fetched, if there is one.
fn avatar(conversation: &ConversationId, customer: &Customer, links: &Links) -> Option<String> {
    let kept = customer.avatar.as_ref().map(|_| links.to(&Target::Avatar(conversation.clone())));
    kept.or_else(|| customer.avatar_url.clone())
}

impl ParticipantView {
    fn company_side(channel: &Channel) -> Self {
        Self {
            id: channel.id.source_user(),
            name: channel.name.clone(),
            role: "source_user",
            avatar_url: None,
            avatar_expires: false,
        }
    }

    fn customer(conversation: &ConversationId, customer: Customer, links: &Links) -> Self {
        Self {
            id: conversation.end_user(),
            avatar_url: avatar(conversation, &customer, links),
            avatar_expires: customer.avatar.is_some(),
            name: customer.name,
            role: "end_user",
        }
    }
}

impl ConversationView {
    /// Puts a conversation together with a page of its messages.
    pub fn new(channel: &Channel, conversation: Conversation, messages: Vec<Message>, next: String, links: &Links) -> Self {
        Self {
            link: conversation.link,
            status: conversation.state,
            seen: conversation.unread == 0,
            next_messages_cursor: next,
            messages: messages.into_iter().map(|message| MessageView::new(message, links)).collect(),
            participants: [
                ParticipantView::company_side(channel),
                ParticipantView::customer(&conversation.id, conversation.customer, links),
            ],
            id: conversation.id,
        }
    }
}

impl SenderView {
    /// The company's side of a channel.
    pub fn company_side(channel: &Channel) -> Self {
        Self { id: channel.id.source_user(), name: channel.name.clone(), avatar_url: String::new() }
    }

    /// A customer.
    pub fn customer(conversation: Conversation, links: &Links) -> Self {
        Self {
            id: conversation.id.end_user(),
            avatar_url: avatar(&conversation.id, &conversation.customer, links).unwrap_or_default(),
            name: conversation.customer.name,
        }
    }
}
