//! Conversations and messages in the shape of Pipedrive's manifest contract
//! (Pipedrive, "Channels API - Required endpoints in the vendor's integration", schemas).

use serde::Serialize;

use crate::model::{
    channel::Channel,
    conversation::{Conversation, ConversationState, Customer},
    ids::{ConversationId, MessageId, ParticipantId},
    message::{Attachment, Message},
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
    pub attachments: Vec<Attachment>,
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

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
            id: message.id,
            status: message.status.as_str(),
            created_at: message.sent_at.rfc3339(),
            message: message.text,
            sender_id: message.sender,
            reply_by: message.reply_by.map(crate::model::time::Timestamp::rfc3339),
            attachments: message.attachments,
        }
    }
}

impl ParticipantView {
    fn company_side(channel: &Channel) -> Self {
        Self { id: channel.id.source_user(), name: channel.name.clone(), role: "source_user", avatar_url: None }
    }

    fn customer(conversation: &ConversationId, customer: Customer) -> Self {
        Self { id: conversation.end_user(), name: customer.name, role: "end_user", avatar_url: customer.avatar_url }
    }
}

impl ConversationView {
    /// Puts a conversation together with a page of its messages.
    pub fn new(channel: &Channel, conversation: Conversation, messages: Vec<Message>, next: String) -> Self {
        Self {
            link: conversation.link,
            status: conversation.state,
            seen: conversation.unread == 0,
            next_messages_cursor: next,
            messages: messages.into_iter().map(MessageView::from).collect(),
            participants: [
                ParticipantView::company_side(channel),
                ParticipantView::customer(&conversation.id, conversation.customer),
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
    pub fn customer(conversation: Conversation) -> Self {
        Self {
            id: conversation.id.end_user(),
            name: conversation.customer.name,
            avatar_url: conversation.customer.avatar_url.unwrap_or_default(),
        }
    }
}
