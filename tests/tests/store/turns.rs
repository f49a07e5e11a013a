//! Turns to send: of two who ask for the same message at once, one sends it, and the other hears which one that is.

use shared::{
    inbox::ports::{Begun, InboxReader, ReceiveStore, SendStore},
    model::{
        conversation::{Conversation, Stamp},
        ids::ChannelId,
        message::Message,
    },
};

use crate::store::fixture::*;

/// What both say.
const SAME: &str = "0123456789abcdef";

/// A conversation in which the customer has written.
async fn chat(f: &Fixture, key: &str) -> Conversation {
    let conversation = conversation(&ChannelId::new(COMPANY), &[key]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    conversation
}

/// Asks for a turn until 70.
async fn begin(f: &Fixture, message: &Message, fingerprint: &str) -> Begun {
    f.table.begin_send(message, fingerprint, Stamp::new(), at(70)).await.unwrap()
}

#[tokio::test]
async fn the_same_message_once_more_repeats_the_first_and_stores_nothing() {
    let f = fixture();
    let conversation = chat(&f, "phone:1").await;
    let (first, second) = (outgoing(&conversation, 10), outgoing(&conversation, 11));
    assert_eq!(begin(&f, &first, SAME).await, Begun::Stored);
    let before = f.items().await.len();
    assert_eq!(begin(&f, &second, SAME).await, Begun::Repeats(first.id.clone()));
    assert_eq!(begin(&f, &first, SAME).await, Begun::Stored, "its own answer was lost on the way");
    assert_eq!((f.items().await.len(), f.table.message(&second.id).await.unwrap()), (before, None));
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!((stored.outbox.len(), stored.last_at), (2, at(10)));

    assert_eq!(begin(&f, &second, "another").await, Begun::Stored, "other words have a turn of their own");
    let elsewhere = chat(&f, "phone:2").await;
    assert_eq!(begin(&f, &outgoing(&elsewhere, 11), SAME).await, Begun::Stored, "and so have the same ones to somebody else");
}

#[tokio::test]
async fn of_eight_at_once_one_has_the_turn() {
    let f = fixture();
    let conversation = chat(&f, "phone:1").await;
    let messages: Vec<Message> = (10..18).map(|secs| outgoing(&conversation, secs)).collect();
    let begun = futures_util::future::join_all(messages.iter().map(|message| begin(&f, message, SAME))).await;
    let first = begun.iter().position(|begun| *begun == Begun::Stored).unwrap();
    for (position, begun) in begun.iter().enumerate().filter(|(position, _)| *position != first) {
        assert_eq!(*begun, Begun::Repeats(messages[first].id.clone()), "{position}");
    }
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!(stored.outbox.len(), 2, "the customer's message, and one answer");
}

#[tokio::test]
async fn a_turn_that_ended_is_the_next_ones() {
    let f = fixture();
    let conversation = chat(&f, "phone:1").await;
    let [first, second, third] = [10, 11, 12].map(|secs| outgoing(&conversation, secs));
    assert_eq!(begin(&f, &first, SAME).await, Begun::Stored);
    f.table.end_turn(&second.id, SAME, None).await.unwrap();
    assert_eq!(begin(&f, &second, SAME).await, Begun::Repeats(first.id.clone()), "nobody ends another's");
    f.table.end_turn(&first.id, SAME, None).await.unwrap();
    assert_eq!(begin(&f, &second, SAME).await, Begun::Stored);
    f.table.end_turn(&first.id, SAME, None).await.unwrap();
    assert_eq!(begin(&f, &third, SAME).await, Begun::Repeats(second.id), "the first one's was over already");
}

#[tokio::test]
async fn a_turn_may_be_kept_for_a_while() {
    let f = fixture();
    let conversation = chat(&f, "phone:1").await;
    let first = outgoing(&conversation, 10);
    assert_eq!(begin(&f, &first, SAME).await, Begun::Stored);
    f.table.end_turn(&first.id, SAME, Some(at(30))).await.unwrap();
    assert_eq!(begin(&f, &outgoing(&conversation, 29), SAME).await, Begun::Repeats(first.id));
    assert_eq!(begin(&f, &outgoing(&conversation, 30), SAME).await, Begun::Stored);
}

#[tokio::test]
async fn a_turn_that_nobody_ends_is_over_when_its_outcome_is_called_unknown() {
    let f = fixture();
    let conversation = chat(&f, "phone:1").await;
    let first = outgoing(&conversation, 10);
    assert_eq!(begin(&f, &first, SAME).await, Begun::Stored);
    let items = f.items().await;
    let turn = items.iter().find(|item| item["SK"].as_s().unwrap().starts_with("SEND#")).unwrap();
    assert_eq!(turn["expires"].as_n().unwrap(), &at(70).secs().to_string(), "the table forgets it by itself");
    assert_eq!(begin(&f, &outgoing(&conversation, 69), SAME).await, Begun::Repeats(first.id));
    assert_eq!(begin(&f, &outgoing(&conversation, 70), SAME).await, Begun::Stored);
}

#[tokio::test]
async fn a_turn_that_never_was_is_not_made_by_its_end() {
    let f = fixture();
    let conversation = chat(&f, "phone:1").await;
    let before = f.keys().await;
    f.table.end_turn(&outgoing(&conversation, 10).id, SAME, Some(at(30))).await.unwrap();
    assert_eq!(f.keys().await, before);
}
