//! When providers' accounts are registered for webhooks anew: kept with the way from the account to its channel.

use async_trait::async_trait;

use super::{
    Table,
    change::Change,
    keys::{Key, Queue, listen_shard},
    records::time,
    write::Written,
};
use crate::{
    inbox::{
        listen::ListenStore,
        ports::{AccountOwner, DueWork, StoreError},
    },
    model::{
        channel::{Channel, ProviderKind},
        ids::{AccountId, ChannelId},
        message::FailureReason,
        time::Timestamp,
    },
};

#[async_trait]
impl ListenStore for Table {
    async fn listens_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(ProviderKind, AccountId)>, StoreError> {
        let due = self.due_in(&[Queue::Listen], now, limit).await?.into_iter();
        Ok(due
            .filter_map(|work| if let DueWork::Listen(provider, account) = work { Some((provider, account)) } else { None })
            .collect())
    }

    async fn account_owner(&self, provider: ProviderKind, account: &AccountId) -> Result<Option<AccountOwner>, StoreError> {
        self.read_account(provider, account).await
    }

    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError> {
        self.read_channel(id).await
    }

    async fn listen_again(&self, provider: ProviderKind, account: &AccountId, due_at: Timestamp) -> Result<(), StoreError> {
        let change = Change::default()
            .exists()
            .set("#due_shard = :shard, #due_at = :due")
            .text(":shard", listen_shard(account))
            .value(":due", time(due_at));
        match self.update("come back to an account", &Key::account(provider, account), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }

    async fn set_problem(&self, channel: &ChannelId, problem: Option<&FailureReason>) -> Result<(), StoreError> {
        self.note_problem(channel, problem).await
    }
}
