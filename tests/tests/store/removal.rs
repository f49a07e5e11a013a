//! Erasing conversations leaves nothing of them and takes nothing else along.

use shared::{
    inbox::ports::{ChannelStore, InboxReader, ReceiveStore, SendStore, StoreOutcome},
    model::{conversation::Stamp, ids::ChannelId, message::Sending},
};

use crate::store::fixture::*;

#[tokio::test]
async fn a_conversation_goes_whole_and_again_without_harm() {
    let f = fixture();
    let channel = ChannelId::new(COMPANY);
    let kept = conversation(&channel, &["phone:2"]);
    f.table.store_message(&new_message(&kept, false, incoming(&kept, "kept", 0))).await.unwrap();
    let untouched = f.keys().await;

    let conversation = conversation(&channel, &["phone:1", "user:A"]);
    for n in 0..60 {
        let message = incoming(&conversation, &n.to_string(), n);
        f.table.store_message(&new_message(&conversation, n > 0, message)).await.unwrap();
    }
    let mut sent = outgoing(&conversation, 100);
    assert!(begin_send(&f, &sent, Stamp::new(), at(160)).await);
    sent.provider_id = Some(provider_id("out"));
    sent.sending = Sending::Done;
    f.table.finish_send(&channel, &sent, None, at(160)).await.unwrap();

    let mut stale = conversation.clone();
    stale.customer.keys.pop();
    f.table.erase_conversation(&stale).await.unwrap();
    assert_eq!(f.keys().await, untouched);
    f.table.erase_conversation(&conversation).await.unwrap();
    assert_eq!(f.keys().await, untouched);
}

#[tokio::test]
async fn repeating_an_erasure_spares_the_conversation_that_came_after() {
    let f = fixture();
    let channel = ChannelId::new(COMPANY);
    let old = conversation(&channel, &["phone:1"]);
    f.table.store_message(&new_message(&old, false, incoming(&old, "1", 0))).await.unwrap();
    f.table.erase_conversation(&old).await.unwrap();
    let fresh = conversation(&channel, &["phone:1"]);
    assert_eq!(f.table.store_message(&new_message(&fresh, false, incoming(&fresh, "2", 1))).await.unwrap(), StoreOutcome::Stored);
    f.table.erase_conversation(&old).await.unwrap();
    let found = f.table.conversation_of(&channel, &[contact("phone:1")], &[]).await.unwrap();
    assert_eq!(found.unwrap().1, fresh.id);
    assert!(InboxReader::conversation(&f.table, &fresh.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_channels_conversations_go_a_few_at_a_time() {
    let f = fixture();
    let (channel, other) = (ChannelId::new(COMPANY), ChannelId::new(COMPANY));
    for n in 0..7 {
        let conversation = conversation(&channel, &[&format!("user:{n}")]);
        f.table.store_message(&new_message(&conversation, false, incoming(&conversation, &n.to_string(), n))).await.unwrap();
    }
    let kept = conversation(&other, &["user:0"]);
    f.table.store_message(&new_message(&kept, false, incoming(&kept, "0", 0))).await.unwrap();
    let mut counts = Vec::new();
    while counts.last() != Some(&0) {
        let some = f.table.conversations_to_erase(&channel, 3).await.unwrap();
        for conversation in &some {
            f.table.erase_conversation(conversation).await.unwrap();
        }
        counts.push(some.len());
    }
    assert_eq!(counts, [3, 3, 1, 0]);
    assert_eq!(f.items().await.len(), 4, "the other channel's conversation, message, reference and name");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_in_during_an_erasure_is_erased_or_belongs_to_a_new_conversation() {
    let f = fixture();
    let channel = ChannelId::new(COMPANY);
    let old = conversation(&channel, &["phone:1"]);
    f.table.store_message(&new_message(&old, false, incoming(&old, "first", 0))).await.unwrap();
    let writer = {
        let (table, old) = (f.table.clone(), old.clone());
        tokio::spawn(async move {
            for n in 0..30 {
                let new = new_message(&old, true, incoming(&old, &n.to_string(), n));
                if table.store_message(&new).await.unwrap() == StoreOutcome::LookAgain {
                    return;
                }
            }
        })
    };
    f.table.erase_conversation(&old).await.unwrap();
    writer.await.unwrap();
    assert_eq!(f.keys().await, Vec::<String>::new());
}
