//! What the model has none of: channels that end, files, tokens that run out. Its ports are there because the use cases hold
//! them; nothing that happens in the model leads to a call.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use secrecy::SecretString;
use shared::{
    inbox::ports::{ChannelStore, ConnectOutcome, StoreError},
    media::bucket::{Bucket, BucketError, ObjectHeaders, ObjectInfo, Prefix},
    model::{
        channel::{Channel, ChannelState, Import},
        content::ObjectKey,
        conversation::Conversation,
        ids::ChannelId,
        record::ChannelSettings,
        time::Timestamp,
    },
    pipedrive::{Grant, OAuth, error::PipedriveError},
    secrets::Secrets,
};

/// Where nothing of the model leads.
pub struct Nowhere;

/// For a method that is there for other use cases.
pub(crate) fn nobody_asks() -> ! {
    unreachable!("nothing in the model leads here")
}

#[async_trait]
impl ChannelStore for Nowhere {
    async fn channel(&self, _: &ChannelId) -> Result<Option<Channel>, StoreError> {
        nobody_asks()
    }

    async fn save_channel(&self, _: &Channel) -> Result<ConnectOutcome, StoreError> {
        nobody_asks()
    }

    async fn set_provider_type(&self, _: &ChannelId, _: &str) -> Result<(), StoreError> {
        nobody_asks()
    }

    async fn set_channel_state(&self, _: &Channel, _: ChannelState, _: Timestamp) -> Result<bool, StoreError> {
        nobody_asks()
    }

    async fn conversations_to_erase(&self, _: &ChannelId, _: usize) -> Result<Vec<Conversation>, StoreError> {
        nobody_asks()
    }

    async fn erase_conversation(&self, _: &Conversation) -> Result<(), StoreError> {
        nobody_asks()
    }

    async fn imports_due(&self, _: Timestamp, _: usize) -> Result<Vec<ChannelId>, StoreError> {
        nobody_asks()
    }

    async fn save_import(&self, _: &Channel, _: &Import, _: Timestamp) -> Result<bool, StoreError> {
        nobody_asks()
    }

    async fn save_settings(&self, _: &ChannelId, _: &ChannelSettings) -> Result<bool, StoreError> {
        nobody_asks()
    }

    async fn set_removal_due(&self, _: &ChannelId, _: Option<Timestamp>) -> Result<(), StoreError> {
        nobody_asks()
    }
}

#[async_trait]
impl Bucket for Nowhere {
    async fn put(&self, _: &ObjectKey, _: Bytes, _: &ObjectHeaders) -> Result<(), BucketError> {
        nobody_asks()
    }

    async fn get(&self, _: &ObjectKey) -> Result<Option<Bytes>, BucketError> {
        nobody_asks()
    }

    async fn head(&self, _: &ObjectKey) -> Result<Option<ObjectInfo>, BucketError> {
        nobody_asks()
    }

    async fn link(&self, _: &ObjectKey, _: Duration) -> Result<String, BucketError> {
        nobody_asks()
    }

    async fn upload_link(&self, _: &ObjectKey, _: &str, _: u64, _: Duration) -> Result<String, BucketError> {
        nobody_asks()
    }

    async fn delete_under(&self, _: &Prefix) -> Result<(), BucketError> {
        nobody_asks()
    }
}

#[async_trait]
impl OAuth for Nowhere {
    fn authorize_url(&self, _: &Secrets, _: &str, _: &str) -> String {
        nobody_asks()
    }

    async fn exchange(&self, _: &Secrets, _: &str, _: &str) -> Result<Grant, PipedriveError> {
        nobody_asks()
    }

    async fn refresh(&self, _: &Secrets, _: &SecretString) -> Result<Grant, PipedriveError> {
        nobody_asks()
    }
}
