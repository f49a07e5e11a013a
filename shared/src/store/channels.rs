//! Channels, and the way to one from the provider's account.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Item, Table,
    change::Change,
    keys::{Key, Queue, group_partition, import_shard, listen_shard, removal_shard},
    records::{field, from_item, time, to_item, to_value},
    write::{Transacted, Written},
};
use crate::{
    inbox::{
        listen,
        ports::{AccountOwner, ChannelStore, ConnectOutcome, DueWork, StoreError},
    },
    model::{
        channel::{Channel, ChannelState, Import, ProviderKind},
        conversation::Conversation,
        ids::{AccountId, ChannelId, UserId},
        message::FailureReason,
        record::ChannelSettings,
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

/// A channel as an item. While its past is being imported, it is among what is due.
fn channel_item(channel: &Channel) -> Result<Item, StoreError> {
    let mut item = to_item(KIND, &Key::channel(&channel.id), channel)?;
    if channel.import.as_ref().is_some_and(|import| !import.done) {
        item.insert("due_shard".to_owned(), AttributeValue::S(import_shard(&channel.id)));
        item.insert("due_at".to_owned(), time(channel.created_at));
    }
    Ok(item)
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
        account.insert("due_shard".to_owned(), AttributeValue::S(listen_shard(&channel.account)));
        account.insert("due_at".to_owned(), time(channel.created_at.plus(listen::EACH)));
        let leads_here = ours(&channel.id);
        let mut items = vec![stored.put(self, channel_item(channel)?)?, leads_here.put(self, account)?];
        if let Some(group) = &channel.group {
            let mut member = Key::group_member(channel.provider, group, &channel.id).attributes();
            member.insert("channel".to_owned(), AttributeValue::S(channel.id.to_string()));
            member.insert("owner".to_owned(), to_value(KIND, &channel.owner)?);
            items.push(Change::default().put(self, member)?);
        }
        match self.transact(CONNECT, items).await? {
            Transacted::Done => Ok(ConnectOutcome::Stored),
            Transacted::Refused(refusals) => match refusals.stored(ACCOUNT).filter(|_| refusals.failed(ACCOUNT)) {
                Some(other) => Ok(ConnectOutcome::AccountTaken(read_owner(&other)?)),
                // The channel was removed a moment ago, or the account let go.
                None => Err(StoreError::Contended { operation: CONNECT }),
            },
        }
    }

    async fn set_provider_type(&self, channel: &ChannelId, provider_type: &str) -> Result<(), StoreError> {
        let change = Change::default()
            .exists()
            .when("#state <> :removed")
            .value(":removed", to_value(KIND, &ChannelState::Removed)?)
            .set("#provider_type = :type")
            .text(":type", provider_type);
        match self.update("store as what a channel is registered", &Key::channel(channel), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
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
        let templates = Change::default().delete(self, &Key::templates(&channel.id))?;
        let mut items = vec![removed, templates];
        items.extend(match &channel.group {
            Some(group) => Some(Change::default().delete(self, &Key::group_member(channel.provider, group, &channel.id))?),
            None => None,
        });
        let account = ours(&channel.id).delete(self, &Key::account(channel.provider, &channel.account))?;
        let all = items.iter().cloned().chain([account]).collect();
        match self.transact(STATE, all).await? {
            Transacted::Done => Ok(true),
            Transacted::Refused(refusals) if refusals.failed(CHANNEL) => Ok(false),
            // The account leads to another channel by now; that way is not ours to end.
            Transacted::Refused(_) => Ok(matches!(self.transact(STATE, items).await?, Transacted::Done)),
        }
    }

    async fn conversations_to_erase(&self, channel: &ChannelId, limit: usize) -> Result<Vec<Conversation>, StoreError> {
        self.some_conversations(channel, limit).await
    }

    async fn erase_conversation(&self, conversation: &Conversation) -> Result<(), StoreError> {
        self.erase(conversation).await
    }

    async fn imports_due(&self, now: Timestamp, limit: usize) -> Result<Vec<ChannelId>, StoreError> {
        let due = self.due_in(&[Queue::Import], now, limit).await?.into_iter();
        Ok(due.filter_map(|work| if let DueWork::Import(channel) = work { Some(channel) } else { None }).collect())
    }

    async fn save_import(&self, channel: &Channel, import: &Import, due_at: Timestamp) -> Result<bool, StoreError> {
        let seen = channel.import.as_ref();
        let change = Change::default()
            .when("#state = :active")
            .value(":active", to_value(KIND, &ChannelState::Active)?)
            .set("#import = :import")
            .value(":import", to_value(KIND, import)?);
        let change = match seen {
            Some(seen) => change.when("#import = :seen").value(":seen", to_value(KIND, seen)?),
            None => change.when("attribute_not_exists(#import)"),
        };
        let change = if import.done {
            change.remove("#due_shard, #due_at")
        } else {
            change
                .set("#due_shard = :shard, #due_at = :due")
                .text(":shard", import_shard(&channel.id))
                .value(":due", time(due_at))
        };
        Ok(self.update("note how far an import is", &Key::channel(&channel.id), &change).await?.is_done())
    }

    async fn save_settings(&self, channel: &ChannelId, settings: &ChannelSettings) -> Result<bool, StoreError> {
        let change = Change::default()
            .exists()
            .when("#state <> :removed")
            .value(":removed", to_value(KIND, &ChannelState::Removed)?)
            .set("#settings = :settings")
            .value(":settings", to_value(KIND, settings)?);
        Ok(self.update("store a channel's settings", &Key::channel(channel), &change).await?.is_done())
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

    pub(super) async fn read_group(&self, provider: ProviderKind, group: &AccountId) -> Result<Vec<AccountOwner>, StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :group")
            .expression_attribute_values(":group", AttributeValue::S(group_partition(provider, group)));
        self.ask_all("list a group of accounts", query).await?.iter().map(read_owner).collect()
    }

    pub(super) async fn note_problem(&self, id: &ChannelId, problem: Option<&FailureReason>) -> Result<(), StoreError> {
        let change = Change::default().exists();
        let change = match problem {
            Some(problem) => change.set("#problem = :problem").value(":problem", to_value(KIND, problem)?),
            None => change.remove("#problem"),
        };
        match self.update("note a channel's problem", &Key::channel(id), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }
}
