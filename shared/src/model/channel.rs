//! A provider account that a company has connected.

use serde::{Deserialize, Serialize};

use super::{
    ids::{AccountId, ChannelId, CompanyId, UserId},
    message::FailureReason,
    record::ChannelSettings,
    time::Timestamp,
};
pub use crate::providers::ProviderKind;
use crate::seal::Sealed;

/// Where the messages of an installation or channel end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// Pipedrive's Messaging inbox.
    Channels,
    /// Persons, deals, leads and notes.
    Records,
}

impl Delivery {
    /// The word for it in bodies and the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Channels => "channels",
            Self::Records => "records",
        }
    }
}

/// Whether a channel is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelState {
    /// It is.
    Active,
    /// Its owner uninstalled the app. Nothing is served; a new installation of the same user brings it back.
    Uninstalled,
    /// Removed for good; what is left of it is being erased.
    Removed,
}

/// The import of messages from before a channel was connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Messages read so far.
    pub messages: usize,
    /// Where it goes on, in the provider's terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether it is over.
    #[serde(default)]
    pub done: bool,
    /// How often it failed in a row.
    #[serde(default)]
    pub attempts: u32,
    /// Not before when it goes on, after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Why it did not get to the end, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReason>,
}

impl Import {
    /// The same, to be gone on with if it ended before its time.
    #[must_use]
    pub fn resumed(self) -> Self {
        if self.failure.is_none() {
            return self;
        }
        Self { done: false, attempts: 0, next_at: None, failure: None, ..self }
    }
}

/// A stored channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Ours; Pipedrive's `provider_channel_id`.
    pub id: ChannelId,
    /// The tenant.
    pub company: CompanyId,
    /// The user who connected it and alone may remove it.
    pub owner: UserId,
    /// Whom it talks to.
    pub provider: ProviderKind,
    /// The provider's id of the connected account.
    pub account: AccountId,
    /// The provider's id of a group of accounts that it belongs to, where news of the whole group come, e.g. a business with
    /// several numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<AccountId>,
    /// What the owner called it.
    pub name: String,
    /// The icon class that Pipedrive accepted for it: `whatsapp`, `facebook` or `other`.
    pub provider_type: String,
    /// Whether it is served.
    pub state: ChannelState,
    /// Where its messages end.
    pub delivery: Delivery,
    /// What its owner wants of Pipedrive's records.
    #[serde(default)]
    pub settings: ChannelSettings,
    /// Why the provider does not serve the account, if it said so. Gone when the channel is connected anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<FailureReason>,
    /// How far the import of what was written before is, where there is such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<Import>,
    /// The provider's credentials, sealed for this channel. Gone once it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Sealed>,
    /// When it was connected.
    pub created_at: Timestamp,
}

impl Channel {
    /// What the channel's credentials are sealed for.
    pub fn seal_context(&self) -> String {
        format!("channel:{}", self.id)
    }
}
