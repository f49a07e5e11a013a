//! One message of a conversation, whichever way it went.

use serde::{Deserialize, Serialize};

use super::{
    ids::{MessageId, ParticipantId, ProviderMessageId},
    status::Status,
    time::Timestamp,
};

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From the customer to the company.
    In,
    /// From the company to the customer.
    Out,
}

/// How far the sending of an outgoing message got. Incoming messages are `Done` from the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase")]
pub enum Sending {
    /// Stored, and given to the provider or about to be; whether it arrived there is not known yet.
    Underway {
        /// When to stop waiting for the answer and call the outcome unknown.
        until: Timestamp,
    },
    /// The provider answered (or the message came from it).
    Done,
}

/// Why a message failed, in a form that may be shown to the salesperson.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReason {
    /// A stable word for it, e.g. `outcome_unknown`, `window_closed`.
    pub code: String,
    /// A sentence for people. Holds no contents, numbers or tokens.
    pub text: String,
}

/// A file that belongs to a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Our id.
    pub id: String,
    /// MIME type.
    #[serde(rename = "type")]
    pub mime: String,
    /// File name, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size in bytes, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where it can be fetched.
    pub url: String,
    /// Where a small picture of it can be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview_url: Option<String>,
    /// Whether `url` stops working after a while.
    #[serde(default)]
    pub link_expires: bool,
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Ours; says the conversation and the place in it.
    pub id: MessageId,
    /// The provider's id; not known while an outgoing message is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderMessageId>,
    /// Which way it went.
    pub direction: Direction,
    /// Who wrote it.
    pub sender: ParticipantId,
    /// What it says. May be empty when there are attachments.
    pub text: String,
    /// When the provider says it was sent; our own clock where the provider says nothing.
    pub sent_at: Timestamp,
    /// What became of it.
    pub status: Status,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReason>,
    /// How far its sending got.
    pub sending: Sending,
    /// Until when it may be answered freely, where the provider sets such a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_by: Option<Timestamp>,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Why it could not be delivered to Pipedrive and is not tried any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<FailureReason>,
}
