//! What an app's manifest and its endpoints must answer (Pipedrive, "Messaging app extension", manifest endpoints).
//!
//! The types refuse what the schema refuses: missing fields, other types, null where it is not allowed, unknown words.
//! What a schema can't say (one `source_user`, limits, order) is checked by [`Conversation::faults`].

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, de::Error};
use shared::{
    media::FileLink,
    model::{status::Status, time::Timestamp},
};

/// A successful answer.
#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    #[serde(rename = "success", deserialize_with = "yes")]
    _success: (),
    pub(super) data: T,
    #[serde(default, deserialize_with = "present")]
    pub(super) additional_data: Option<AdditionalData>,
}

/// The cursor to the next page of conversations.
#[derive(Deserialize)]
pub(super) struct AdditionalData {
    #[serde(default, deserialize_with = "present")]
    pub(super) after: Option<String>,
}

/// A successful answer without data.
#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(rename = "success", deserialize_with = "yes")]
    _success: (),
}

/// A refusal.
#[derive(Deserialize)]
pub(super) struct Refused {
    #[serde(rename = "success", deserialize_with = "no")]
    _success: (),
    pub(super) data: RefusedData,
}

#[derive(Deserialize)]
pub(super) struct RefusedData {
    pub(super) message: String,
    pub(super) code: String,
    #[serde(default, deserialize_with = "present")]
    pub(super) retry_by: Option<Moment>,
}

impl Refused {
    /// Whether this is one of the refusals that the contract knows for the status.
    pub(super) fn fits(&self, status: u16) -> bool {
        match (status, self.data.code.as_str()) {
            (400, "INVALID_BODY" | "BAD_REQUEST")
            | (401, "UNAUTHORIZED" | "ACCOUNT_SUSPENDED")
            | (403, "FORBIDDEN")
            | (404, "NOT_FOUND") => true,
            (429, "RATE_LIMIT_EXCEEDED") => self.data.retry_by.is_some(),
            _ => false,
        }
    }
}

/// The answer to `postMessage`.
#[derive(Deserialize)]
pub(super) struct Posted {
    pub(super) id: String,
}

/// The answer to `getSenderById`.
#[derive(Deserialize)]
pub(super) struct Sender {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) avatar_url: String,
}

/// The answer to `getTemplates`.
#[derive(Deserialize)]
pub(super) struct Templates {
    pub(super) templates: Vec<TemplateAnswer>,
}

#[derive(Deserialize)]
pub(super) struct TemplateAnswer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) content: String,
    pub(super) language: String,
}

#[derive(Deserialize)]
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) link: String,
    pub(super) status: ConversationStatus,
    pub(super) seen: bool,
    #[serde(default, deserialize_with = "present")]
    pub(super) next_messages_cursor: Option<String>,
    #[serde(default)]
    pub(super) messages: Vec<Message>,
    pub(super) participants: Vec<Participant>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum ConversationStatus {
    Open,
    Closed,
}

#[derive(Deserialize)]
pub(super) struct Participant {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) role: Role,
    #[serde(default, deserialize_with = "present")]
    pub(super) avatar_url: Option<String>,
    #[serde(default)]
    pub(super) fetch_avatar: bool,
    #[serde(default, rename = "avatar_expires")]
    _avatar_expires: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Role {
    EndUser,
    SourceUser,
}

#[derive(Deserialize)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) created_at: Moment,
    #[serde(rename = "message")]
    pub(super) text: String,
    pub(super) sender_id: String,
    #[serde(default, deserialize_with = "present")]
    pub(super) reply_by: Option<Moment>,
    #[serde(default)]
    pub(super) attachments: Vec<Attachment>,
}

#[derive(Deserialize)]
pub(super) struct Attachment {
    id: String,
    r#type: String,
    url: WebUrl,
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    size: Option<u64>,
    #[serde(default)]
    link_expires: bool,
    #[serde(default, deserialize_with = "present")]
    preview_url: Option<WebUrl>,
}

impl Conversation {
    /// What is wrong with it beyond its shape, when it was asked for with at most `messages_limit` messages.
    pub(super) fn faults(&self, messages_limit: usize) -> Vec<String> {
        let mut faults = Vec::new();
        let mut fault = |text: &str| faults.push(format!("conversation {}: {text}", self.id));
        let count = |role| self.participants.iter().filter(|p| p.role == role).count();
        if count(Role::SourceUser) != 1 {
            fault("not exactly one source_user");
        }
        if count(Role::EndUser) == 0 {
            fault("no end_user");
        }
        if !self.link.is_empty() && !is_web_url(&self.link) {
            fault("link is neither empty nor a URL");
        }
        if self.participants.iter().filter_map(|p| p.avatar_url.as_deref()).any(|url| !url.is_empty() && !is_web_url(url)) {
            fault("an avatar_url is no URL");
        }
        if self.messages.len() > messages_limit {
            fault("more messages than messages_limit");
        }
        if !self.messages.is_sorted_by(|newer, older| newer.created_at.0 >= older.created_at.0) {
            fault("messages are not newest first");
        }
        if self.messages.iter().any(|m| self.participants.iter().all(|p| p.id != m.sender_id)) {
            fault("a message's sender is no participant");
        }
        if self.messages.iter().map(|m| &m.id).collect::<HashSet<_>>().len() != self.messages.len() {
            fault("a message is there twice");
        }
        faults
    }
}

impl From<Attachment> for FileLink {
    fn from(answer: Attachment) -> Self {
        Self {
            id: answer.id,
            mime: answer.r#type,
            name: answer.name,
            size: answer.size,
            url: answer.url.0,
            preview_url: answer.preview_url.map(|url| url.0),
            link_expires: answer.link_expires,
        }
    }
}

/// A point in time in one of the two formats that Pipedrive's reference shows: RFC 3339, or to the minute in UTC.
#[derive(Clone, Copy)]
pub(super) struct Moment(pub(super) Timestamp);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let to_the_minute = text.len() == 16 && text.as_bytes()[10] == b' ';
        let full = if to_the_minute { format!("{}:00Z", text.replace(' ', "T")) } else { text };
        let valid = full.as_bytes().get(10) == Some(&b'T');
        Timestamp::parse_rfc3339(&full).filter(|_| valid).map(Self).ok_or_else(|| D::Error::custom("not a date and time"))
    }
}

/// An absolute http(s) URL.
pub(super) struct WebUrl(pub(super) String);

impl<'de> Deserialize<'de> for WebUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if is_web_url(&text) { Ok(Self(text)) } else { Err(D::Error::custom("not a URL")) }
    }
}

pub(super) fn is_web_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

/// For fields that may be left out, but not be null. Goes with `#[serde(default)]`.
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    if bool::deserialize(deserializer)? { Ok(()) } else { Err(D::Error::custom("not true")) }
}

fn no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    if bool::deserialize(deserializer)? { Err(D::Error::custom("not false")) } else { Ok(()) }
}
