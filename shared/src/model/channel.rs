//! A provider account that a company has connected.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    ids::{AccountId, ChannelId, CompanyId, UserId},
    time::Timestamp,
};
use crate::seal::Sealed;

/// Whom a channel talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// WhatsApp Business Cloud API.
    Whatsapp,
    /// A company's own chat, by the bundle's own JSON.
    Custom,
}

impl ProviderKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Whatsapp, Self::Custom];

    /// The word for it in paths, bodies and the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whatsapp => "whatsapp",
            Self::Custom => "custom",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

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
    /// What the owner called it.
    pub name: String,
    /// The icon class that Pipedrive accepted for it: `whatsapp`, `facebook` or `other`.
    pub provider_type: String,
    /// Whether it is served.
    pub state: ChannelState,
    /// Where its messages end.
    pub delivery: Delivery,
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
