//! Channels, and the way to one from the provider's account.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::{
    Item, Table,
    change::Change,
    keys::{Key, removal_shard},
    records::{field, from_item, time, to_item, to_value},
    write::{Transacted, Written},
};
use crate::{
    inbox::ports::{AccountOwner, ChannelStore, ConnectOutcome, StoreError},
    model::{
        channel::{Channel, ChannelState, ProviderKind},
        conversation::Conversation,
        ids::{AccountId, ChannelId, UserId},
        time::Timestamp,
    },
};

const KIND: &str = "channel";
const CONNECT: &str = "store a channel";
const STATE: &str = "change a channel's state";

const CHANNEL: usize = 0;
const ACCOUNT: usize = 1;

pub(super) fn read(item: Item) -> Result<Channel, StoreError> {
    from_item(KIND, item)
}

fn read_owner(item: &Item) -> Result<AccountOwner, StoreError> {
    #[derive(serde::Deserialize)]
    struct Record {
        owner: UserId,
    }
    let record: Record = from_item("provider account", item.clone())?;
    Ok(AccountOwner { channel: field("provider account", item, "channel")?, owner: record.owner })
}

#[async_trait]
impl ChannelStore for Table {
    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError> {
        self.read_channel(id).await
    }

    async fn save_channel(&self, channel: &Channel) -> Result<ConnectOutcome, StoreError> {
        let removed = to_value(KIND, &ChannelState::Removed)?;
        let stored = Change::default().when("attribute_not_exists(#PK) OR #state <> :removed").value(":removed", removed);
        let mut account = Key::account(channel.provider, &channel.account).attributes();
        account.insert("channel".to_owned(), AttributeValue::S(channel.id.to_string()));
        account.insert("owner".to_owned(), to_value(KIND, &channel.owner)?);
        let leads_here = ours(&channel.id);
        let items = vec![stored.put(self, to_item(KIND, &Key::channel(&channel.id), channel)?)?, leads_here.put(self, account)?];
        match self.transact(CONNECT, items).await? {
            Transacted::Done => Ok(ConnectOutcome::Stored),
            Transacted::Refused(refusals) => match refusals.stored(ACCOUNT).filter(|_| refusals.failed(ACCOUNT)) {
                Some(other) => Ok(ConnectOutcome::AccountTaken(read_owner(&other)?)),
                // The channel was removed a moment ago, or the account let go.
                None => Err(StoreError::Contended { operation: CONNECT }),
            },
        }
    }

    async fn set_channel_state(&self, channel: &Channel, state: ChannelState, due_at: Timestamp) -> Result<bool, StoreError> {
        let key = Key::channel(&channel.id);
        let change = Change::default()
            .exists()
            .when("#state <> :removed")
            .value(":removed", to_value(KIND, &ChannelState::Removed)?)
            .set("#state = :state")
            .value(":state", to_value(KIND, &state)?);
        if state != ChannelState::Removed {
            // A removed channel has one state only, so `:removed` differs from `:state` here.
            return Ok(self.update(STATE, &key, &change).await?.is_done());
        }
        let change = change
            .set("#due_shard = :shard, #due_at = :due")
            .remove("#credentials")
            .text(":shard", removal_shard(&channel.id))
            .value(":due", time(due_at));
        let removed = change.update(self, &key)?;
        let account = ours(&channel.id).delete(self, &Key::account(channel.provider, &channel.account))?;
        match self.transact(STATE, vec![removed.clone(), account]).await? {
            Transacted::Done => Ok(true),
            Transacted::Refused(refusals) if refusals.failed(CHANNEL) => Ok(false),
            // The account leads to another channel by now; that way is not ours to end.
            Transacted::Refused(_) => self.transact_alone(removed).await,
        }
    }

    async fn conversations_to_erase(&self, channel: &ChannelId, limit: usize) -> Result<Vec<Conversation>, StoreError> {
        self.some_conversations(channel, limit).await
    }

    async fn erase_conversation(&self, conversation: &Conversation) -> Result<(), StoreError> {
        self.erase(conversation).await
    }

    async fn set_removal_due(&self, channel: &ChannelId, due_at: Option<Timestamp>) -> Result<(), StoreError> {
        let change = Change::default().when("#state = :removed").value(":removed", to_value(KIND, &ChannelState::Removed)?);
        let change = match due_at {
            Some(due_at) => change
                .set("#due_shard = :shard, #due_at = :due")
                .text(":shard", removal_shard(channel))
                .value(":due", time(due_at)),
            None => change.remove("#due_shard, #due_at"),
        };
        match self.update("set when to look after a removed channel", &Key::channel(channel), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }
}

/// Holds for an account that leads to `channel` or nowhere.
fn ours(channel: &ChannelId) -> Change {
    Change::default().when("attribute_not_exists(#PK) OR #channel = :channel").text(":channel", channel.as_str())
}

impl Table {
    pub(super) async fn read_channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError> {
        self.get("read a channel", &Key::channel(id)).await?.map(read).transpose()
    }

    pub(super) async fn read_account(
        &self,
        provider: ProviderKind,
        account: &AccountId,
    ) -> Result<Option<AccountOwner>, StoreError> {
        let found = self.get("look up a provider's account", &Key::account(provider, account)).await?;
        found.map(|item| read_owner(&item)).transpose()
    }

    async fn transact_alone(&self, item: TransactWriteItem) -> Result<bool, StoreError> {
        Ok(matches!(self.transact(STATE, vec![item]).await?, Transacted::Done))
    }
}
