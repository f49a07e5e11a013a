//! Statuses: forward only, and parked while their message is unknown.

use shared::{
    inbox::ports::{Advance, InboxReader, ReceiveStore, Reference, SendStore},
    model::{
        conversation::{Conversation, Stamp},
        ids::ChannelId,
        message::{Message, Sending},
        status::Status,
    },
};

use crate::store::fixture::*;

/// A conversation with a sent message that Pipedrive knows already.
async fn sent(f: &Fixture) -> (Conversation, Message) {
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    let mut message = outgoing(&conversation, 10);
    assert!(begin_send(f, &message, Stamp::new(), at(70)).await);
    message.provider_id = Some(provider_id("out"));
    message.sending = Sending::Done;
    f.table.finish_send(&conversation.channel, &message, None, at(40)).await.unwrap();
    (conversation, message)
}

#[tokio::test]
async fn a_status_moves_forward_only() {
    let f = fixture();
    let (conversation, message) = sent(&f).await;
    let advance = |status, failure: Option<&'static str>| {
        let (table, channel) = (f.table.clone(), conversation.channel.clone());
        let news = Advance { failure: failure.map(reason), ..advance(&message.id, status) };
        async move { table.advance_status(&channel, &news, at(90)).await.unwrap() }
    };
    assert!(!advance(Status::Sent, None).await, "it is sent already");
    assert!(advance(Status::Failed, Some("undeliverable")).await);
    let stored = f.table.message(&message.id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.failure), (Status::Failed, Some(reason("undeliverable"))));

    assert!(advance(Status::Delivered, None).await, "the device knows better");
    let first = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap().outbox[&message.id.place()];
    assert!(advance(Status::Read, None).await);
    let second = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap().outbox[&message.id.place()];
    assert_ne!(first, second, "each change has its own stamp");
    for status in [Status::Sent, Status::Delivered, Status::Read, Status::Failed] {
        assert!(!advance(status, None).await, "{status:?} after read");
    }
    let stored = f.table.message(&message.id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.failure), (Status::Read, None));
    let unchanged = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap().outbox[&message.id.place()];
    assert_eq!(unchanged, second);
}

#[tokio::test]
async fn of_statuses_at_once_the_furthest_stays() {
    let f = fixture();
    let (conversation, message) = sent(&f).await;
    let all = [Status::Read, Status::Delivered, Status::Failed, Status::Read, Status::Delivered];
    let news = all.map(|status| advance(&message.id, status));
    let tries = news.iter().map(|news| f.table.advance_status(&conversation.channel, news, at(90)));
    futures_util::future::try_join_all(tries).await.unwrap();
    assert_eq!(f.table.message(&message.id).await.unwrap().unwrap().status, Status::Read);
}

#[tokio::test]
async fn a_status_that_finds_the_outbox_full_is_kept_and_its_message_dead() {
    let f = fixture();
    let (conversation, message) = sent(&f).await;
    f.fill_outbox(&conversation.id).await;
    assert!(f.table.advance_status(&conversation.channel, &advance(&message.id, Status::Read), at(90)).await.unwrap());
    let stored = f.table.message(&message.id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.dead.map(|dead| dead.code)), (Status::Read, Some("outbox_full".to_owned())));
    let after = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert!(!after.outbox.contains_key(&message.id.place()));
}

#[tokio::test]
async fn a_channel_moves_none_but_its_own_messages() {
    let f = fixture();
    let (_, message) = sent(&f).await;
    let other = ChannelId::new(COMPANY);
    assert!(!f.table.advance_status(&other, &advance(&message.id, Status::Read), at(90)).await.unwrap());
    assert_eq!(f.table.message(&message.id).await.unwrap().unwrap().status, Status::Sent);
}

#[tokio::test]
async fn a_status_of_a_message_that_is_gone_does_nothing() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    let message = incoming(&conversation, "1", 0);
    assert!(!f.table.advance_status(&conversation.channel, &advance(&message.id, Status::Read), at(1)).await.unwrap());
    assert_eq!(f.items().await.len(), 0);
}

#[tokio::test]
async fn a_message_under_way_ends_its_wait_with_its_first_status() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    let message = outgoing(&conversation, 10);
    assert!(begin_send(&f, &message, Stamp::new(), at(70)).await);
    assert!(f.table.advance_status(&conversation.channel, &advance(&message.id, Status::Sent), at(20)).await.unwrap());
    let stored = f.table.message(&message.id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.sending), (Status::Sent, Sending::Done));
}

#[tokio::test]
async fn a_parked_status_is_only_changed_by_who_saw_it() {
    let f = fixture();
    let channel = ChannelId::new(COMPANY);
    let id = provider_id("early");
    let nothing = f.table.reference(&channel, &id).await.unwrap();
    assert_eq!(nothing, Reference::Unknown { parked: None });
    assert!(f.table.park_status(&channel, &id, &nothing, Status::Delivered, None, at(0)).await.unwrap());
    assert!(!f.table.park_status(&channel, &id, &nothing, Status::Read, None, at(0)).await.unwrap(), "it changed");

    let seen = f.table.reference(&channel, &id).await.unwrap();
    assert_eq!(seen, Reference::Unknown { parked: Some((Status::Delivered, None)) });
    let failure = reason("undeliverable");
    assert!(f.table.park_status(&channel, &id, &seen, Status::Failed, Some(&failure), at(0)).await.unwrap());
    let seen = f.table.reference(&channel, &id).await.unwrap();
    assert_eq!(seen, Reference::Unknown { parked: Some((Status::Failed, Some(failure))) });
    let expires: i64 = f.items().await[0]["expires"].as_n().unwrap().parse().unwrap();
    assert_eq!(expires, at(30 * 86_400).secs());

    let message = Reference::Message(incoming(&conversation(&channel, &[]), "x", 0).id.into());
    assert!(!f.table.park_status(&channel, &id, &message, Status::Read, None, at(0)).await.unwrap());
}
