//! A chat with one customer on one channel, and what of it still has to reach Pipedrive.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    contact::Email,
    content::{FileKind, ObjectKey},
    ids::{ChannelId, CompanyId, ContactKey, ConversationId, Place, UserId},
    message::{Direction, FailureReason, Message},
    record::Link,
    text::shortened,
    time::Timestamp,
};

/// The customer in a conversation, as the provider describes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Every name under which the provider knows them; the first is the one to send to.
    pub keys: Vec<ContactKey>,
    /// What to call them.
    pub name: String,
    /// Their phone number in E.164, where the provider tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Their e-mail address, where the provider tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Where a picture of them lies that the provider gave an address for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// A picture of them in the bundle's bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar: Option<ObjectKey>,
}

impl Customer {
    /// One of whom only this is known.
    pub fn new(keys: Vec<ContactKey>, name: String) -> Self {
        Self { keys, name, phone: None, email: None, avatar_url: None, avatar: None }
    }
}

/// Whether a conversation goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConversationState {
    /// It does.
    Open,
    /// Somebody closed it.
    Closed,
}

/// A random number that marks one change of a message. Only the change that was delivered is crossed off the outbox; one
/// that came meanwhile has another stamp and stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub u32);

impl Stamp {
    /// A new one.
    pub fn new() -> Self {
        Self(uuid::Uuid::new_v4().as_fields().0)
    }
}

impl Default for Stamp {
    fn default() -> Self {
        Self::new()
    }
}

/// What of a conversation has not reached Pipedrive yet: places of messages that are new or changed. Ordered, because
/// Pipedrive must hear of them in this order.
pub type Outbox = BTreeMap<Place, Stamp>;

/// Most entries that an outbox holds. One customer's chat does not get there in the three days that delivery is tried; a
/// flood does, and its further messages are stored as dead rather than making the record too large for the table.
pub const MAX_OUTBOX: usize = 2_000;

/// Tries that failed, and when the next one is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// When the next try is due.
    pub until: Timestamp,
    /// Failed tries since the last success.
    pub attempts: u32,
    /// When the first of them was.
    pub since: Timestamp,
    /// What the last one died of.
    pub reason: FailureReason,
}

/// Most characters of a message that a list of conversations shows.
pub const GLIMPSE: usize = 120;

/// The newest message, as a list of conversations shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glimpse {
    /// Which message.
    pub place: Place,
    /// Which way it went.
    pub direction: Direction,
    /// The beginning of what it says, on one line.
    #[serde(default)]
    pub text: String,
    /// What its first file is, if it has files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<FileKind>,
    /// Whether its writer took it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
}

impl Glimpse {
    /// Of this message.
    pub fn of(message: &Message) -> Self {
        let deleted = message.deleted_at.is_some();
        Self {
            place: message.id.place(),
            direction: message.direction,
            text: if deleted { String::new() } else { shortened(&message.text, GLIMPSE) },
            file: message.attachments.first().filter(|_| !deleted).map(|file| file.kind),
            deleted,
        }
    }
}

/// Why nothing of an outbox is delivered for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Pause {
    /// The last try failed. Each counts, and after three days of them a message is dead.
    Waiting(Rest),
    /// It is not time yet. Nothing failed, and no try is counted.
    Later {
        /// When it is.
        until: Timestamp,
        /// What it waits for.
        reason: FailureReason,
        /// Tries that failed before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failing: Option<Rest>,
    },
    /// The installation does not deliver. No try is made, and none is counted.
    Held {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: FailureReason,
    },
}

impl Pause {
    /// Whether it is still to be kept. One that holds ends with what held it, and not with time.
    pub fn lasts(&self, now: Timestamp) -> bool {
        match self {
            Self::Waiting(Rest { until, .. }) | Self::Later { until, .. } => *until > now,
            Self::Held { .. } => false,
        }
    }

    /// Tries that failed since the last success.
    pub fn failing(&self) -> Option<&Rest> {
        match self {
            Self::Waiting(rest) => Some(rest),
            Self::Later { failing, .. } => failing.as_ref(),
            Self::Held { .. } => None,
        }
    }

    /// Why, for people.
    pub fn reason(&self) -> &FailureReason {
        match self {
            Self::Waiting(Rest { reason, .. }) | Self::Later { reason, .. } | Self::Held { reason, .. } => reason,
        }
    }
}

/// A stored conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Ours.
    pub id: ConversationId,
    /// Where it takes place.
    pub channel: ChannelId,
    /// The tenant.
    pub company: CompanyId,
    /// The user whose installation delivers it.
    pub owner: UserId,
    /// The company's side is the channel's; this is the other.
    pub customer: Customer,
    /// Open or closed.
    pub state: ConversationState,
    /// A link to the chat at the provider; empty where there is none.
    #[serde(default)]
    pub link: String,
    /// Time of the newest message.
    pub last_at: Timestamp,
    /// How many of the customer's messages nobody has read or answered yet.
    #[serde(default)]
    pub unread: u32,
    /// Until when the customer may be written to freely; none where the provider sets no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_by: Option<Timestamp>,
    /// What Pipedrive has not heard of yet.
    #[serde(default)]
    pub outbox: Outbox,
    /// Why the outbox is not delivered for now, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// What it is linked to in Pipedrive.
    #[serde(default)]
    pub record: Link,
    /// The newest message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Glimpse>,
    /// When anything of it changed that the inbox page shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Who answered last in the inbox page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<UserId>,
}
