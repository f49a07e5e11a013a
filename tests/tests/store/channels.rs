//! Channels' beginning and end.

use shared::{
    inbox::ports::{AccountOwner, ChannelStore, ConnectOutcome, DueWork, OutboxStore, ReceiveStore},
    model::{
        channel::{Channel, ChannelState},
        ids::UserId,
    },
};

use crate::store::fixture::*;

#[tokio::test]
async fn an_account_leads_to_one_channel() {
    let f = fixture();
    let mut channel = channel();
    assert_eq!(f.table.save_channel(&channel).await.unwrap(), ConnectOutcome::Stored);
    let owner = AccountOwner { channel: channel.id.clone(), owner: USER };
    assert_eq!(f.table.account_owner(channel.provider, &channel.account).await.unwrap(), Some(owner.clone()));

    let other = Channel { owner: UserId(8), ..crate::store::fixture::channel() };
    assert_eq!(f.table.save_channel(&other).await.unwrap(), ConnectOutcome::AccountTaken(owner));
    assert_eq!(ChannelStore::channel(&f.table, &other.id).await.unwrap(), None);

    channel.name = "Support".to_owned();
    assert_eq!(f.table.save_channel(&channel).await.unwrap(), ConnectOutcome::Stored, "the same one anew");
    assert_eq!(ChannelStore::channel(&f.table, &channel.id).await.unwrap().unwrap().name, "Support");
}

#[tokio::test]
async fn of_two_who_connect_an_account_at_once_one_gets_it() {
    let f = fixture();
    let channels: Vec<Channel> = (0..4).map(|_| channel()).collect();
    let outcomes = futures_util::future::try_join_all(channels.iter().map(|c| f.table.save_channel(c))).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == ConnectOutcome::Stored).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn a_removed_channel_loses_its_account_and_credentials_and_never_comes_back() {
    let f = fixture();
    let channel = channel();
    f.table.save_channel(&channel).await.unwrap();
    assert!(f.table.set_channel_state(&channel, ChannelState::Uninstalled, at(1)).await.unwrap());
    assert!(f.table.account_owner(channel.provider, &channel.account).await.unwrap().is_some(), "it may come back");
    assert!(f.table.set_channel_state(&channel, ChannelState::Active, at(1)).await.unwrap());
    assert!(f.table.set_channel_state(&channel, ChannelState::Removed, at(2)).await.unwrap());

    let stored = ChannelStore::channel(&f.table, &channel.id).await.unwrap().unwrap();
    assert_eq!(stored.state, ChannelState::Removed);
    assert_eq!(stored.credentials, None);
    assert_eq!(f.table.account_owner(channel.provider, &channel.account).await.unwrap(), None);
    assert_eq!(f.table.due(at(2), 10).await.unwrap(), [DueWork::Removal(channel.id.clone())]);
    for state in [ChannelState::Removed, ChannelState::Active, ChannelState::Uninstalled] {
        assert!(!f.table.set_channel_state(&channel, state, at(3)).await.unwrap(), "{state:?}");
    }
    assert!(f.table.save_channel(&channel).await.is_err(), "not under the same id");
    assert_eq!(f.table.save_channel(&crate::store::fixture::channel()).await.unwrap(), ConnectOutcome::Stored, "as a new one");
    assert!(
        !f.table.set_channel_state(&crate::store::fixture::channel(), ChannelState::Removed, at(3)).await.unwrap(),
        "unknown"
    );
}

#[tokio::test]
async fn a_removal_comes_back_when_it_is_due_and_then_never() {
    let f = fixture();
    let channel = channel();
    f.table.save_channel(&channel).await.unwrap();
    f.table.set_removal_due(&channel.id, Some(at(5))).await.unwrap();
    assert!(f.table.due(at(5), 10).await.unwrap().is_empty(), "it is not removed");
    f.table.set_channel_state(&channel, ChannelState::Removed, at(2)).await.unwrap();
    f.table.set_removal_due(&channel.id, Some(at(5))).await.unwrap();
    assert!(f.table.due(at(4), 10).await.unwrap().is_empty());
    assert_eq!(f.table.due(at(5), 10).await.unwrap(), [DueWork::Removal(channel.id.clone())]);
    f.table.set_removal_due(&channel.id, None).await.unwrap();
    assert!(f.table.due(at(100), 10).await.unwrap().is_empty());
}
