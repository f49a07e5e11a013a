//! Conversations and messages in the shape in which the inbox page shows them (docs/api.md). Times are RFC 3339; what a
//! conversation or message does not have is left out.

use serde::Serialize;

use crate::{
    inbox::{Caller, show},
    media::links::{Links, Target},
    model::{
        contact::Email,
        content::{Attachment, Content, FileKind, FileState, ReplyTo},
        conversation::{Conversation, ConversationState, Glimpse},
        ids::{ChannelId, ConversationId, DealId, MessageId, PersonId, UserId},
        message::{Direction, FailureReason, Message, Sending},
        time::Timestamp,
    },
};

/// A conversation in the list.
#[derive(Debug, Clone, Serialize)]
pub struct ConversationRow {
    /// Its id.
    pub id: ConversationId,
    /// Where it takes place.
    pub channel: ChannelId,
    /// What to call the customer.
    pub name: String,
    /// Their number, where the provider tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Their e-mail address, where the provider tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Their picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// A link to the chat at the provider.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub link: String,
    /// Open or closed.
    pub state: ConversationState,
    /// How many of the customer's messages wait to be read.
    pub unread: u32,
    /// Time of the newest message.
    pub last_at: String,
    /// The newest message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<GlimpseRow>,
    /// Until when the customer may be written to freely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_by: Option<String>,
    /// Whether the caller looks after it: they answered last, or nobody did and the channel is theirs.
    pub mine: bool,
    /// Whether the channel is the caller's, who alone may then delete the conversation.
    pub own: bool,
    /// The person in Pipedrive that the customer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// The deal that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deal: Option<DealId>,
    /// Grows with every change, in milliseconds.
    pub changed_at: i64,
}

/// The newest message of a conversation in the list.
#[derive(Debug, Clone, Serialize)]
pub struct GlimpseRow {
    /// Which message.
    pub id: MessageId,
    /// `in` or `out`.
    pub direction: Direction,
    /// The beginning of what it says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What its first file is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<FileKind>,
    /// Whether it was taken back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

/// Whether the caller looks after the conversation.
pub fn is_mine(conversation: &Conversation, caller: &Caller) -> bool {
    conversation.record.owner.or(conversation.answered_by).unwrap_or(conversation.owner) == caller.user
}

impl ConversationRow {
    /// As the caller sees it.
    pub fn new(conversation: Conversation, caller: &Caller, links: &Links) -> Self {
        let glimpse = |last: Glimpse| GlimpseRow {
            id: conversation.id.message(&last.place),
            direction: last.direction,
            text: last.text,
            file: last.file,
            deleted: last.deleted,
        };
        Self {
            mine: is_mine(&conversation, caller),
            own: conversation.owner == caller.user,
            avatar_url: conversation.customer.avatar.as_ref().map(|_| links.to(&Target::Avatar(conversation.id.clone()))),
            last: conversation.last.clone().map(glimpse),
            channel: conversation.channel,
            name: conversation.customer.name,
            phone: conversation.customer.phone,
            email: conversation.customer.email,
            link: conversation.link,
            state: conversation.state,
            unread: conversation.unread,
            last_at: conversation.last_at.rfc3339(),
            reply_by: conversation.reply_by.map(Timestamp::rfc3339),
            person: conversation.record.records.person,
            deal: conversation.record.records.deal,
            changed_at: conversation.changed_at.unwrap_or(conversation.last_at).millis(),
            id: conversation.id,
        }
    }
}

/// A message in a conversation.
#[derive(Debug, Clone, Serialize)]
pub struct MessageRow {
    /// Its id. Ids of a conversation sort as its messages do.
    pub id: MessageId,
    /// `in` or `out`.
    pub direction: Direction,
    /// What it says.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// When it was sent.
    pub at: String,
    /// `sent`, `delivered`, `read` or `failed`.
    pub status: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReason>,
    /// Whether the provider has not answered yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub underway: bool,
    /// Its files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileRow>,
    /// What it is, where it is more than text and files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What it answers or reacts to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    /// Whether its writer changed it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
    /// Whether its writer took it back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Who wrote it, if it was written in the inbox page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<UserId>,
    /// The failed message in whose place it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<MessageId>,
    /// The message that was sent in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retried_as: Option<MessageId>,
    /// Why Pipedrive could not be told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<FailureReason>,
}

/// A file of a message.
#[derive(Debug, Clone, Serialize)]
pub struct FileRow {
    /// What it is.
    pub kind: FileKind,
    /// MIME type.
    pub mime: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// `stored`, `awaited` (it is still at the provider) or `lost`.
    pub state: &'static str,
    /// Where it can be fetched, for a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A small picture of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
    /// Why it is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl MessageRow {
    /// As it is now.
    pub fn new(message: Message, links: &Links) -> Self {
        let file = |(position, file): (usize, &Attachment)| FileRow::new(&message.id, position, file, links);
        Self {
            files: message.attachments.iter().take(show::MAX_FILES).enumerate().map(file).collect(),
            direction: message.direction,
            at: message.sent_at.rfc3339(),
            status: message.status.as_str(),
            failure: message.failure,
            underway: message.sending != Sending::Done,
            content: message.content,
            reply_to: message.reply_to,
            edited: message.edited_at.is_some(),
            deleted: message.deleted_at.is_some(),
            author: message.author,
            retry_of: message.retry_of,
            retried_as: message.retried_as,
            dead: message.dead,
            text: message.text,
            id: message.id,
        }
    }
}

impl FileRow {
    fn new(message: &MessageId, position: usize, file: &Attachment, links: &Links) -> Self {
        let to = |preview| links.to(&Target::File { message: message.clone(), position, preview });
        let (state, url, preview_url, problem) = match &file.file {
            FileState::Stored { preview, .. } => ("stored", Some(to(false)), preview.as_ref().map(|_| to(true)), None),
            FileState::Awaited { .. } => ("awaited", None, None, None),
            FileState::Lost { reason } => ("lost", None, None, Some(reason.text.clone())),
        };
        let Attachment { kind, mime, name, size, .. } = file.clone();
        Self { kind, mime, name, size, state, url, preview_url, problem }
    }
}
