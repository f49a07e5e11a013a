//! What a caller may see of their company. Conversations are everybody's who uses the app, unless the owner of their channel
//! keeps it to themselves: then they are as unknown to everybody else as another company's, to admins too. Who may see what is
//! asked for once a request, and not at all where it is about the caller's own channels alone.

use std::collections::BTreeSet;

use async_trait::async_trait;
use tokio::sync::OnceCell;

use super::{Caller, error::InboxError, ports::StoreError};
use crate::model::{
    channel::Channel,
    conversation::Conversation,
    ids::{ChannelId, CompanyId, UserId},
};

/// Which channels their owners keep to themselves.
#[async_trait]
pub trait SharingStore: Send + Sync {
    /// Those of the company, as last written. Removed ones stay among them: what is still to be erased is not everybody's
    /// either. 1 read.
    async fn private_channels(&self, company: CompanyId) -> Result<BTreeSet<ChannelId>, StoreError>;
    /// Keeps a channel to its owner, or shares it. May be repeated.
    async fn set_private(&self, channel: &ChannelId, private: bool) -> Result<(), StoreError>;
}

/// What a caller may see.
pub struct Sight<'a> {
    /// Who is asking.
    pub caller: Caller,
    store: &'a dyn SharingStore,
    private: OnceCell<BTreeSet<ChannelId>>,
}

impl<'a> Sight<'a> {
    /// The sight of `caller`.
    pub fn new(store: &'a dyn SharingStore, caller: Caller) -> Self {
        Self { caller, store, private: OnceCell::new() }
    }

    /// Whether the caller may see what is on a channel of their company's that is `owner`'s.
    async fn reaches(&self, channel: &ChannelId, owner: UserId) -> Result<bool, StoreError> {
        if owner == self.caller.user {
            return Ok(true);
        }
        let private = self.private.get_or_try_init(|| self.store.private_channels(self.caller.company)).await?;
        Ok(!private.contains(channel))
    }

    /// Whether the caller may see a conversation.
    pub async fn sees(&self, conversation: &Conversation) -> Result<bool, StoreError> {
        Ok(conversation.company == self.caller.company && self.reaches(&conversation.channel, conversation.owner).await?)
    }

    /// Those conversations that the caller may see.
    pub async fn seen(&self, conversations: Vec<Conversation>) -> Result<Vec<Conversation>, StoreError> {
        let mut seen = Vec::with_capacity(conversations.len());
        for conversation in conversations {
            if self.sees(&conversation).await? {
                seen.push(conversation);
            }
        }
        Ok(seen)
    }

    /// The conversation, if the caller may see it.
    pub async fn conversation(&self, found: Option<Conversation>) -> Result<Conversation, InboxError> {
        self.around(found, "conversation").await
    }

    /// The conversation that something is in, if the caller may see it; else there is no such thing.
    pub async fn around(&self, found: Option<Conversation>, thing: &'static str) -> Result<Conversation, InboxError> {
        match found {
            Some(conversation) if self.sees(&conversation).await? => Ok(conversation),
            _ => Err(InboxError::NotFound(thing)),
        }
    }

    /// Whether the caller may see what is on a channel.
    pub async fn shows(&self, channel: &Channel) -> Result<bool, StoreError> {
        Ok(channel.company == self.caller.company && self.reaches(&channel.id, channel.owner).await?)
    }

    /// The channel, if the caller may see what is on it.
    pub async fn channel(&self, found: Option<Channel>) -> Result<Channel, InboxError> {
        match found {
            Some(channel) if self.shows(&channel).await? => Ok(channel),
            _ => Err(InboxError::NotFound("channel")),
        }
    }
}
