//! One message of a conversation, whichever way it went.

use serde::{Deserialize, Serialize};

use super::{
    content::{Attachment, Content, ReplyTo},
    conversation::Rest,
    ids::{MessageId, ParticipantId, ProviderMessageId, UserId},
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

/// One of the provider's messages that a message of ours was sent as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The provider's id; none if it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderMessageId>,
    /// How far it got.
    pub status: Status,
}

/// What became of a message that was sent as several: as far as the one that is behind, failed if one of them failed.
pub fn folded(parts: &[Part]) -> Option<Status> {
    let rank = |part: &Part| match part.status {
        Status::Failed => 0,
        Status::Sent => 1,
        Status::Delivered => 2,
        Status::Read => 3,
    };
    parts.iter().min_by_key(|part| rank(part)).map(|part| part.status)
}

/// A stored message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// What it is, where it is more than text and files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What it answers or reacts to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ReplyTo>,
    /// Who wrote it, if it was written in the inbox page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<UserId>,
    /// The failed message in whose place somebody sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<MessageId>,
    /// The message that somebody sent in its place after it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_as: Option<MessageId>,
    /// When its writer last changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When its writer took it back. Its text and files are gone then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
    /// The provider's messages that it was sent as, if they are several. `provider_id` is the first one's then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// Whether the provider has still to be asked who the customer is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wants_profile: bool,
    /// Why fetching what is missing rests, and until when; none before the first try has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch_rest: Option<Rest>,
    /// Why it could not be delivered to Pipedrive and is not tried any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead: Option<FailureReason>,
}

impl Message {
    /// A message with nothing to it but this: delivered if it came in, sent if it goes out.
    pub fn new(id: MessageId, direction: Direction, sender: ParticipantId, text: String, sent_at: Timestamp) -> Self {
        Self {
            id,
            provider_id: None,
            direction,
            sender,
            text,
            sent_at,
            status: match direction {
                Direction::In => Status::Delivered,
                Direction::Out => Status::Sent,
            },
            failure: None,
            sending: Sending::Done,
            reply_by: None,
            attachments: Vec::new(),
            content: None,
            reply_to: None,
            author: None,
            retry_of: None,
            retried_as: None,
            edited_at: None,
            deleted_at: None,
            parts: Vec::new(),
            wants_profile: false,
            fetch_rest: None,
            dead: None,
        }
    }

    /// Whether something of it is still to be fetched from the provider.
    pub fn is_incomplete(&self) -> bool {
        self.wants_profile || self.attachments.iter().any(Attachment::is_awaited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_message_is_as_far_as_its_last_part() {
        use Status::{Delivered, Failed, Read, Sent};
        let fold = |statuses: &[Status]| {
            folded(&statuses.iter().map(|status| Part { provider_id: None, status: *status }).collect::<Vec<_>>())
        };
        assert_eq!(fold(&[]), None);
        assert_eq!(fold(&[Sent, Read]), Some(Sent));
        assert_eq!(fold(&[Delivered, Read]), Some(Delivered));
        assert_eq!(fold(&[Read, Read]), Some(Read));
        assert_eq!(fold(&[Read, Failed, Sent]), Some(Failed));
    }
}
