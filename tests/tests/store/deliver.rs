//! The delivery queue: settling, holding, waking, releasing.

use shared::{
    inbox::ports::{DueWork, InstallationStore, OutboxStore, ReceiveStore, Settlement, StoreOutcome, Then},
    model::{
        channel::Delivery,
        conversation::{Conversation, Rest, Stamp},
        ids::{ChannelId, ConversationId, Place},
        installation::InstallationState,
    },
};

use crate::fixture::*;

/// A conversation with `count` messages that Pipedrive has not heard of.
async fn waiting(f: &Fixture, count: i64) -> Conversation {
    let conversation = conversation(&ChannelId::new(COMPANY), &[&format!("user:{}", ConversationId::new())]);
    for n in 0..count {
        let message = incoming(&conversation, &format!("{n}"), n);
        f.table.store_message(&new_message(&conversation, n > 0, message)).await.unwrap();
    }
    read(f, &conversation.id).await
}

async fn read(f: &Fixture, id: &ConversationId) -> Conversation {
    OutboxStore::conversation(&f.table, id).await.unwrap().unwrap()
}

fn first(conversation: &Conversation, count: usize) -> Vec<(Place, Stamp)> {
    conversation.outbox.iter().take(count).map(|(place, stamp)| (place.clone(), *stamp)).collect()
}

fn rest(until: i64) -> Rest {
    Rest { until: at(until), attempts: 2, since: at(1), reason: reason("unavailable") }
}

#[tokio::test]
async fn what_was_delivered_is_crossed_off_and_the_last_takes_the_due_time_along() {
    let f = fixture();
    let seen = waiting(&f, 3).await;
    let part = Settlement { done: first(&seen, 2), then: Then::Continue { due_at: at(500) } };
    assert!(f.table.settle(&seen, &part).await.unwrap());
    let left = read(&f, &seen.id).await;
    assert_eq!(left.outbox.len(), 1);
    assert_eq!(f.due_shard(&seen.id).await.unwrap().1, at(500).millis());
    assert!(!f.table.settle(&seen, &part).await.unwrap(), "not as seen any more");

    let all = Settlement { done: first(&left, 1), then: Then::Wait(rest(600)) };
    assert!(f.table.settle(&left, &all).await.unwrap());
    let empty = read(&f, &seen.id).await;
    assert_eq!((empty.outbox.len(), empty.rest), (0, None), "nothing is left to wait for");
    assert_eq!(f.due_shard(&seen.id).await, None);
}

#[tokio::test]
async fn a_hundred_entries_are_settled_in_one_write() {
    let f = fixture();
    let seen = waiting(&f, 101).await;
    let settlement = Settlement { done: first(&seen, 100), then: Then::Continue { due_at: at(500) } };
    assert!(f.table.settle(&seen, &settlement).await.unwrap());
    assert_eq!(read(&f, &seen.id).await.outbox.len(), 1);
}

#[tokio::test]
async fn a_message_or_status_that_came_meanwhile_is_not_crossed_off() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let settlement = Settlement { done: first(&seen, 1), then: Then::Continue { due_at: at(500) } };
    let further = new_message(&seen, true, incoming(&seen, "further", 50));
    f.table.store_message(&further).await.unwrap();
    assert!(!f.table.settle(&seen, &settlement).await.unwrap(), "one more than was seen");
    let now = read(&f, &seen.id).await;
    assert_eq!(now.outbox.len(), 2);

    let mut stale = now.clone();
    let stamp = now.outbox[&further.message.id.place()];
    stale.outbox.insert(further.message.id.place(), Stamp(stamp.0.wrapping_add(1)));
    let settlement = Settlement { done: first(&stale, 2), then: Then::Continue { due_at: at(500) } };
    assert!(!f.table.settle(&stale, &settlement).await.unwrap(), "another change than was delivered");
    assert_eq!(read(&f, &seen.id).await.outbox, now.outbox);
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_and_storing_at_once_loses_nothing() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let writer = {
        let (table, conversation) = (f.table.clone(), seen.clone());
        tokio::spawn(async move {
            for n in 0..40 {
                let new = new_message(&conversation, true, incoming(&conversation, &format!("w{n}"), 100 + n));
                assert_eq!(table.store_message(&new).await.unwrap(), StoreOutcome::Stored);
            }
        })
    };
    let mut delivered = std::collections::BTreeSet::new();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while delivered.len() < 41 {
        assert!(std::time::Instant::now() < deadline, "only {} delivered", delivered.len());
        let now = read(&f, &seen.id).await;
        let settlement = Settlement { done: first(&now, 100), then: Then::Continue { due_at: at(500) } };
        if !now.outbox.is_empty() && f.table.settle(&now, &settlement).await.unwrap() {
            delivered.extend(settlement.done.into_iter().map(|(place, _)| place));
        } else {
            tokio::task::yield_now().await;
        }
    }
    writer.await.unwrap();
    assert_eq!(f.due_shard(&seen.id).await, None);
    assert!(read(&f, &seen.id).await.outbox.is_empty());
}

#[tokio::test]
async fn a_pause_is_kept_and_ended() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let wait = Settlement { done: Vec::new(), then: Then::Wait(rest(600)) };
    assert!(f.table.settle(&seen, &wait).await.unwrap());
    assert_eq!(f.due_shard(&seen.id).await.unwrap().1, at(600).millis());
    let resting = read(&f, &seen.id).await;
    assert_eq!(resting.rest, Some(rest(600)));
    assert!(f.table.due(at(599), 10).await.unwrap().is_empty());
    assert_eq!(f.table.due(at(600), 10).await.unwrap(), [DueWork::Outbox(seen.id.clone())]);

    let go_on = Settlement { done: Vec::new(), then: Then::Continue { due_at: at(700) } };
    assert!(f.table.settle(&resting, &go_on).await.unwrap());
    assert_eq!(read(&f, &seen.id).await.rest, None);
}

#[tokio::test]
async fn a_held_outbox_sleeps_until_it_is_released() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let hold = Settlement { done: Vec::new(), then: Then::Hold { reason: reason("needs_reconnect"), since: at(5) } };
    assert!(f.table.settle(&seen, &hold).await.unwrap());
    assert_eq!(f.due_shard(&seen.id).await.unwrap(), ("held#42#7".to_owned(), at(5).millis()));
    let asleep = read(&f, &seen.id).await;
    assert_eq!(asleep.rest.unwrap().reason, reason("needs_reconnect"));
    f.table.wake(&seen.id, at(900)).await.unwrap();
    let further = new_message(&seen, true, incoming(&seen, "further", 50));
    f.table.store_message(&further).await.unwrap();
    assert_eq!(f.due_shard(&seen.id).await.unwrap(), ("held#42#7".to_owned(), at(5).millis()), "still asleep");
    assert!(f.table.due(at(100_000), 10).await.unwrap().is_empty());

    let other = waiting(&f, 1).await;
    assert!(f.table.settle(&other, &hold).await.unwrap());
    assert_eq!(f.table.release(COMPANY, USER, at(800), 1).await.unwrap(), 1);
    assert_eq!(f.table.release(COMPANY, USER, at(800), 10).await.unwrap(), 1);
    assert_eq!(f.table.release(COMPANY, USER, at(800), 10).await.unwrap(), 0);
    for id in [&seen.id, &other.id] {
        let (shard, due) = f.due_shard(id).await.unwrap();
        assert!(shard.starts_with("outbox#") && due == at(800).millis(), "{shard} {due}");
        assert_eq!(read(&f, id).await.rest, None);
    }
}

#[tokio::test]
async fn nothing_is_held_for_an_installation_that_works() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let hold = Settlement { done: Vec::new(), then: Then::Hold { reason: reason("needs_reconnect"), since: at(5) } };
    let installation = installation(USER);
    f.table.save_grant(&installation, at(500)).await.unwrap();
    assert!(!f.table.settle(&seen, &hold).await.unwrap(), "it came back meanwhile");
    f.table.set_delivery(COMPANY, USER, Delivery::Records, at(0)).await.unwrap();
    assert!(f.table.settle(&seen, &hold).await.unwrap(), "there is no inbox to deliver to");
    f.table.release(COMPANY, USER, at(800), 10).await.unwrap();
    f.table.set_delivery(COMPANY, USER, Delivery::Channels, at(0)).await.unwrap();
    f.table.set_installation_state(&installation, InstallationState::NeedsReconnect).await.unwrap();
    assert!(f.table.settle(&seen, &hold).await.unwrap());
}

#[tokio::test]
async fn what_is_due_comes_from_all_shards_oldest_first() {
    let f = fixture();
    let mut expected = Vec::new();
    for n in 0..12_i64 {
        let conversation = conversation(&ChannelId::new(COMPANY), &[&format!("user:{n}")]);
        let mut new = new_message(&conversation, false, incoming(&conversation, &n.to_string(), n));
        new.due_at = at(100 - n);
        f.table.store_message(&new).await.unwrap();
        expected.insert(0, DueWork::Outbox(conversation.id));
    }
    assert_eq!(f.table.due(at(100), 100).await.unwrap(), expected);
    assert_eq!(f.table.due(at(88), 100).await.unwrap(), []);
    assert!(f.table.due(at(100), 1).await.unwrap().len() <= 4, "one a shard");

    let DueWork::Outbox(id) = &expected[0] else { panic!() };
    f.table.wake(id, at(300)).await.unwrap();
    assert_eq!(f.table.due(at(100), 100).await.unwrap(), expected[1..]);
}

#[tokio::test]
async fn waking_what_is_gone_or_empty_makes_nothing() {
    let f = fixture();
    f.table.wake(&ConversationId::new(), at(1)).await.unwrap();
    assert_eq!(f.items().await.len(), 0);
    let seen = waiting(&f, 1).await;
    f.table.settle(&seen, &Settlement { done: first(&seen, 1), then: Then::Continue { due_at: at(9) } }).await.unwrap();
    f.table.wake(&seen.id, at(1)).await.unwrap();
    assert_eq!(f.due_shard(&seen.id).await, None);
}

#[tokio::test]
async fn messages_are_read_in_the_order_of_their_places_without_those_that_are_gone() {
    let f = fixture();
    let seen = waiting(&f, 3).await;
    let mut places: Vec<Place> = seen.outbox.keys().cloned().collect();
    places.insert(1, Place::new(at(1), at(9), 9));
    let found = f.table.messages_at(&seen.id, &places).await.unwrap();
    let texts: Vec<&str> = found.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["text of 0", "text of 1", "text of 2"]);
    assert!(f.table.messages_at(&seen.id, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_buried_message_is_found_among_the_dead() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let place = seen.outbox.keys().next().unwrap();
    let id = seen.id.message(place);
    f.table.bury(COMPANY, &id, &reason("refused"), at(9)).await.unwrap();
    let message = f.table.messages_at(&seen.id, std::slice::from_ref(place)).await.unwrap().remove(0);
    assert_eq!(message.dead, Some(reason("refused")));
    let count = f.items().await.len();
    f.table.bury(COMPANY, &ConversationId::new().message(place), &reason("refused"), at(9)).await.unwrap();
    assert_eq!(f.items().await.len(), count, "what is gone stays gone");
}
