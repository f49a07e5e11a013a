//! Storing what the company sends, before and after the provider's answer.

use shared::{
    inbox::ports::{ChannelStore, InboxReader, OutboxStore, ReceiveStore, Reference, SendStore},
    model::{
        conversation::{Conversation, Stamp},
        ids::ChannelId,
        message::{Message, Sending},
        status::Status,
    },
};

use crate::store::fixture::*;

/// A conversation whose only entry in the outbox is a message under way.
async fn under_way(f: &Fixture) -> (Conversation, Message, Stamp) {
    let mut conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    let first = new_message(&conversation, false, incoming(&conversation, "1", 0));
    f.table.store_message(&first).await.unwrap();
    conversation = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    let settled = shared::inbox::ports::Settlement {
        settled: crate::store::fixture::first(&conversation, 1),
        at: at(0),
        then: shared::inbox::ports::Then::Continue { due_at: at(1) },
    };
    assert!(f.table.settle(&conversation, &settled).await.unwrap());
    let (message, stamp) = (outgoing(&conversation, 10), Stamp::new());
    assert!(begin_send(f, &message, stamp, at(70)).await);
    (conversation, message, stamp)
}

fn accepted(message: &Message) -> Message {
    Message { provider_id: Some(provider_id("out")), sending: Sending::Done, ..message.clone() }
}

#[tokio::test]
async fn a_message_under_way_is_stored_and_looked_after() {
    let f = fixture();
    let (conversation, message, stamp) = under_way(&f).await;
    assert_eq!(f.table.message(&message.id).await.unwrap(), Some(message.clone()));
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!(stored.outbox, [(message.id.place(), stamp)].into());
    assert_eq!((stored.last_at, stored.unread), (at(10), 0));
    assert_eq!(f.due_shard(&conversation.id).await.unwrap().1, at(70).millis());
    assert!(begin_send(&f, &message, stamp, at(70)).await, "repeatable");

    let older = outgoing(&conversation, 5);
    assert!(begin_send(&f, &older, Stamp::new(), at(70)).await);
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!((stored.last_at, stored.outbox.len()), (at(10), 2));
}

#[tokio::test]
async fn nothing_is_sent_into_a_conversation_that_is_gone() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    assert!(!begin_send(&f, &outgoing(&conversation, 1), Stamp::new(), at(2)).await);
    assert_eq!(f.items().await.len(), 0);
    f.table.finish_send(&conversation.channel, &accepted(&outgoing(&conversation, 1)), None, at(2)).await.unwrap();
    assert_eq!(f.items().await.len(), 0);
}

#[tokio::test]
async fn an_answer_that_the_caller_passes_on_leaves_nothing_due() {
    let f = fixture();
    let (conversation, message, _) = under_way(&f).await;
    let answered = accepted(&message);
    f.table.finish_send(&conversation.channel, &answered, None, at(20)).await.unwrap();
    assert_eq!(f.table.message(&message.id).await.unwrap(), Some(answered.clone()));
    let reference = f.table.reference(&conversation.channel, &provider_id("out")).await.unwrap();
    assert_eq!(reference, Reference::Message(message.id.clone().into()));
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert!(stored.outbox.is_empty());
    assert_eq!(f.due_shard(&conversation.id).await, None);
    f.table.finish_send(&conversation.channel, &answered, None, at(20)).await.unwrap();
    assert_eq!(f.table.message(&message.id).await.unwrap(), Some(answered), "repeatable");
}

#[tokio::test]
async fn other_entries_of_the_outbox_stay_due() {
    let f = fixture();
    let (conversation, message, _) = under_way(&f).await;
    let further = new_message(&conversation, true, incoming(&conversation, "2", 11));
    f.table.store_message(&further).await.unwrap();
    f.table.finish_send(&conversation.channel, &accepted(&message), None, at(20)).await.unwrap();
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!(stored.outbox, [(further.message.id.place(), further.stamp.unwrap())].into());
    assert!(f.due_shard(&conversation.id).await.is_some());
}

#[tokio::test]
async fn an_answer_that_pipedrive_must_hear_of_stays_in_the_outbox() {
    let f = fixture();
    let (conversation, message, first) = under_way(&f).await;
    let failed =
        Message { status: Status::Failed, failure: Some(reason("window_closed")), sending: Sending::Done, ..message.clone() };
    let stamp = Stamp(first.0.wrapping_add(1));
    f.table.finish_send(&conversation.channel, &failed, Some(stamp), at(20)).await.unwrap();
    assert_eq!(f.table.message(&message.id).await.unwrap(), Some(failed));
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!(stored.outbox, [(message.id.place(), stamp)].into());
}

#[tokio::test]
async fn a_status_that_overtook_the_answer_is_not_lost() {
    let f = fixture();
    let (conversation, message, _) = under_way(&f).await;
    let (channel, id) = (&conversation.channel, provider_id("out"));
    let seen = Reference::Unknown { parked: None };
    assert!(f.table.park_status(channel, &id, &seen, Status::Delivered, None, at(11)).await.unwrap());
    f.table.finish_send(channel, &accepted(&message), None, at(20)).await.unwrap();
    assert_eq!(f.table.message(&message.id).await.unwrap().unwrap().status, Status::Delivered);
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert!(stored.outbox.contains_key(&message.id.place()), "the caller answers `sent`; the rest is owed");
    assert_eq!(f.table.reference(channel, &id).await.unwrap(), Reference::Message(message.id.into()));
}

#[tokio::test]
async fn an_id_that_names_another_message_does_not_stop_the_answer() {
    let f = fixture();
    let (conversation, message, _) = under_way(&f).await;
    let other = new_message(&conversation, true, incoming(&conversation, "out", 12));
    f.table.store_message(&other).await.unwrap();
    f.table.finish_send(&conversation.channel, &accepted(&message), None, at(20)).await.unwrap();
    assert_eq!(f.table.message(&message.id).await.unwrap().unwrap().sending, Sending::Done);
    let reference = f.table.reference(&conversation.channel, &provider_id("out")).await.unwrap();
    assert_eq!(reference, Reference::Message(other.message.id.into()));
}

#[tokio::test]
async fn an_answer_after_the_wait_was_given_up_still_lets_statuses_find_the_message() {
    let f = fixture();
    let (conversation, message, stamp) = under_way(&f).await;
    let unknown = reason("outcome_unknown");
    assert!(f.table.give_up_sending(&message.id, &unknown).await.unwrap());
    assert!(!f.table.give_up_sending(&message.id, &unknown).await.unwrap(), "it waits no more");
    f.table.finish_send(&conversation.channel, &accepted(&message), None, at(80)).await.unwrap();
    let stored = f.table.message(&message.id).await.unwrap().unwrap();
    assert_eq!((stored.status, stored.failure), (Status::Failed, Some(unknown)));
    assert_eq!(stored.provider_id, Some(provider_id("out")));
    let outbox = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap().outbox;
    assert_eq!(outbox, [(message.id.place(), stamp)].into(), "the failure is still to be told");
    assert!(f.table.advance_status(&conversation.channel, &advance(&message.id, Status::Delivered), at(90)).await.unwrap());
}

#[tokio::test]
async fn an_answer_keeps_the_wait_from_being_given_up() {
    let f = fixture();
    let (conversation, message, _) = under_way(&f).await;
    f.table.finish_send(&conversation.channel, &accepted(&message), None, at(20)).await.unwrap();
    assert!(!f.table.give_up_sending(&message.id, &reason("outcome_unknown")).await.unwrap());
    assert_eq!(f.table.message(&message.id).await.unwrap().unwrap().status, Status::Sent);
}

#[tokio::test]
async fn channel_and_conversation_come_together() {
    let f = fixture();
    let channel = channel();
    f.table.save_channel(&channel).await.unwrap();
    let conversation = conversation(&channel.id, &["phone:1"]);
    let (found, none) = f.table.channel_and_conversation(&channel.id, &conversation.id).await.unwrap();
    assert_eq!((found.as_ref(), none), (Some(&channel), None));
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    let (found, other) = f.table.channel_and_conversation(&channel.id, &conversation.id).await.unwrap();
    assert_eq!((found, other.map(|c| c.id)), (Some(channel), Some(conversation.id)));
}
