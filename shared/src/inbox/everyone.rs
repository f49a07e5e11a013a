//! All companies at once, which no function ever looks at: for the operator's tool.

use async_trait::async_trait;

use super::ports::{DueWork, StoreError};
use crate::{
    model::{channel::Channel, installation::Installation, time::Timestamp, watch::Watch},
    seal::Sealed,
};

/// Everybody and everything in all companies.
#[derive(Debug, Clone, Default)]
pub struct Everyone {
    /// Users who authorized the app, whatever became of it.
    pub installations: Vec<Installation>,
    /// Channels, removed ones included.
    pub channels: Vec<Channel>,
    /// How changes in Pipedrive are heard of.
    pub watches: Vec<Watch>,
}

/// Reads of all companies, and seals what they hold anew.
#[async_trait]
pub trait EveryoneStore: Send + Sync {
    /// Installations, channels and watches of all companies, as last written. Reads the whole table.
    async fn everyone(&self) -> Result<Everyone, StoreError>;
    /// What functions that run each minute should have done by `before`, at most `limit` a shard. What was set aside is not among it.
    async fn overdue(&self, before: Timestamp, limit: usize) -> Result<Vec<DueWork>, StoreError>;
    /// What was woken in vain too often, at most `limit` a shard.
    async fn set_aside(&self, limit: usize) -> Result<Vec<DueWork>, StoreError>;
    /// Puts tokens that are sealed anew in the place of the old ones. False if those are not there any more.
    async fn replace_tokens(&self, installation: &Installation, sealed: &Sealed) -> Result<bool, StoreError>;
    /// Puts credentials that are sealed anew in the place of the old ones. False if those are not there any more.
    async fn replace_credentials(&self, channel: &Channel, sealed: &Sealed) -> Result<bool, StoreError>;
    /// Puts a password that is sealed anew in the place of the old one. False if that is not there any more.
    async fn replace_password(&self, watch: &Watch, sealed: &Sealed) -> Result<bool, StoreError>;
}
