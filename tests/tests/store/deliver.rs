//! The delivery queue: settling, holding, waking, releasing.

use shared::{
    inbox::{
        dead::{DeadStore, Order, Revival},
        halt::HaltStore,
        ports::{DueWork, InstallationStore, OutboxStore, Outcome, ReceiveStore, Settled, Settlement, StoreOutcome, Then},
    },
    model::{
        conversation::{Conversation, Pause, Rest, Stamp},
        halt::{Halt, HaltReason},
        ids::{ChannelId, CompanyId, ConversationId, Place},
        installation::InstallationState,
        status::Status,
    },
};

use crate::store::fixture::*;

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

fn waiting_until(until: i64) -> Pause {
    Pause::Waiting(Rest { until: at(until), attempts: 2, since: at(1), reason: reason("unavailable") })
}

fn held(since: i64) -> Settlement {
    let pause = Pause::Held { since: at(since), reason: reason("needs_reconnect") };
    Settlement { settled: Vec::new(), at: at(since), then: Then::Pause(pause) }
}

#[tokio::test]
async fn what_was_delivered_is_crossed_off_and_the_last_takes_the_due_time_along() {
    let f = fixture();
    let seen = waiting(&f, 3).await;
    let part = Settlement { settled: first(&seen, 2), at: at(0), then: Then::Continue { due_at: at(500) } };
    assert!(f.table.settle(&seen, &part).await.unwrap());
    let left = read(&f, &seen.id).await;
    assert_eq!(left.outbox.len(), 1);
    assert_eq!(f.due_shard(&seen.id).await.unwrap().1, at(500).millis());
    assert!(!f.table.settle(&seen, &part).await.unwrap(), "not as seen any more");

    let all = Settlement { settled: first(&left, 1), at: at(0), then: Then::Pause(waiting_until(600)) };
    assert!(f.table.settle(&left, &all).await.unwrap());
    let empty = read(&f, &seen.id).await;
    assert_eq!((empty.outbox.len(), empty.pause), (0, None), "nothing is left to wait for");
    assert_eq!(f.due_shard(&seen.id).await, None);
}

#[tokio::test]
async fn a_hundred_entries_are_settled_in_one_write() {
    let f = fixture();
    let seen = waiting(&f, 101).await;
    let settlement = Settlement { settled: first(&seen, 100), at: at(0), then: Then::Continue { due_at: at(500) } };
    assert!(f.table.settle(&seen, &settlement).await.unwrap());
    assert_eq!(read(&f, &seen.id).await.outbox.len(), 1);
}

#[tokio::test]
async fn a_message_or_status_that_came_meanwhile_is_not_crossed_off() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let settlement = Settlement { settled: first(&seen, 1), at: at(0), then: Then::Continue { due_at: at(500) } };
    let further = new_message(&seen, true, incoming(&seen, "further", 50));
    f.table.store_message(&further).await.unwrap();
    assert!(!f.table.settle(&seen, &settlement).await.unwrap(), "one more than was seen");
    let now = read(&f, &seen.id).await;
    assert_eq!(now.outbox.len(), 2);

    let mut stale = now.clone();
    let stamp = now.outbox[&further.message.id.place()];
    stale.outbox.insert(further.message.id.place(), Stamp(stamp.0.wrapping_add(1)));
    let settlement = Settlement { settled: first(&stale, 2), at: at(0), then: Then::Continue { due_at: at(500) } };
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
        let settlement = Settlement { settled: first(&now, 100), at: at(0), then: Then::Continue { due_at: at(500) } };
        if !now.outbox.is_empty() && f.table.settle(&now, &settlement).await.unwrap() {
            delivered.extend(settlement.settled.into_iter().map(|settled| settled.place));
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
    let wait = Settlement { settled: Vec::new(), at: at(0), then: Then::Pause(waiting_until(600)) };
    assert!(f.table.settle(&seen, &wait).await.unwrap());
    assert_eq!(f.due_shard(&seen.id).await.unwrap().1, at(600).millis());
    let resting = read(&f, &seen.id).await;
    assert_eq!(resting.pause, Some(waiting_until(600)));
    assert!(f.table.due(at(599), 10).await.unwrap().is_empty());
    assert_eq!(f.table.due(at(600), 10).await.unwrap(), [DueWork::Outbox(seen.id.clone())]);

    let go_on = Settlement { settled: Vec::new(), at: at(0), then: Then::Continue { due_at: at(700) } };
    assert!(f.table.settle(&resting, &go_on).await.unwrap());
    assert_eq!(read(&f, &seen.id).await.pause, None);
}

#[tokio::test]
async fn a_held_outbox_sleeps_until_it_is_released() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let hold = held(5);
    assert!(f.table.settle(&seen, &hold).await.unwrap());
    assert_eq!(f.due_shard(&seen.id).await.unwrap(), ("held#42#7".to_owned(), at(5).millis()));
    let asleep = read(&f, &seen.id).await;
    assert_eq!(*asleep.pause.unwrap().reason(), reason("needs_reconnect"));
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
        assert_eq!(read(&f, id).await.pause, None);
    }
}

#[tokio::test]
async fn nothing_is_held_for_an_installation_that_works() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let hold = held(5);
    let installation = installation(USER);
    f.table.save_grant(&installation, at(500)).await.unwrap();
    assert!(!f.table.settle(&seen, &hold).await.unwrap(), "it came back meanwhile");
    let halt = |reason| Halt { reason, since: at(1), until: at(2), strikes: 1, probe: None };
    assert!(f.table.halt(&installation, &halt(HaltReason::RateLimited)).await.unwrap());
    assert!(!f.table.settle(&seen, &hold).await.unwrap(), "it passes by itself, and releases nothing");
    f.table.end_halt(COMPANY, USER, &halt(HaltReason::RateLimited), at(3)).await.unwrap();
    assert!(f.table.halt(&installation, &halt(HaltReason::AccountClosed)).await.unwrap());
    assert!(f.table.settle(&seen, &hold).await.unwrap(), "a probe releases it");
    f.table.end_halt(COMPANY, USER, &halt(HaltReason::AccountClosed), at(4)).await.unwrap();
    f.table.release(COMPANY, USER, at(800), 10).await.unwrap();
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
    f.table
        .settle(&seen, &Settlement { settled: first(&seen, 1), at: at(0), then: Then::Continue { due_at: at(9) } })
        .await
        .unwrap();
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
    let seen = waiting(&f, 2).await;
    let place = seen.outbox.keys().next().unwrap();
    bury(&f, &seen.id.message(place), 9).await;
    let dead = f.table.dead_letters(COMPANY, Order::NewestFirst, None, 10).await.unwrap().items;
    assert_eq!((dead.len(), &dead[0].message.dead, dead[0].at), (1, &Some(reason("refused")), at(9)));
    assert_eq!(read(&f, &seen.id).await.outbox.len(), 1, "and the outbox has it no longer: one write did both");
}

#[tokio::test]
async fn a_message_that_changed_meanwhile_does_not_die_of_what_it_was() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let place = seen.outbox.keys().next().unwrap().clone();
    let stamp = Stamp(seen.outbox[&place].0.wrapping_add(1));
    let settled = vec![Settled { place: place.clone(), stamp, outcome: Outcome::Dead(reason("refused")) }];
    let mut stale = seen.clone();
    stale.outbox.insert(place, stamp);
    let settlement = Settlement { settled, at: at(0), then: Then::Continue { due_at: at(1) } };
    assert!(!f.table.settle(&stale, &settlement).await.unwrap());
    assert_eq!(f.table.dead_letters(COMPANY, Order::NewestFirst, None, 10).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn the_dead_are_revived_once_and_only_while_there_is_room() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let id = seen.id.message(seen.outbox.keys().next().unwrap());
    assert_eq!(f.table.revive(COMPANY, &id, at(20)).await.unwrap(), Revival::Alive);
    bury(&f, &id, 9).await;
    assert_eq!(f.table.revive(CompanyId(1), &id, at(20)).await.unwrap(), Revival::Unknown, "of another company");
    assert_eq!(f.table.revive(COMPANY, &seen.id.message(&Place::new(at(1), at(9), 9)), at(20)).await.unwrap(), Revival::Unknown);
    f.fill_outbox(&seen.id).await;
    assert_eq!(f.table.revive(COMPANY, &id, at(20)).await.unwrap(), Revival::Full);
    let full = read(&f, &seen.id).await;
    for chunk in full.outbox.keys().cloned().collect::<Vec<_>>().chunks(100) {
        let now = read(&f, &seen.id).await;
        let settlement = Settlement { settled: first(&now, chunk.len()), at: at(0), then: Then::Continue { due_at: at(1) } };
        assert!(f.table.settle(&now, &settlement).await.unwrap());
    }
    for expected in [Revival::Done, Revival::Alive] {
        assert_eq!(f.table.revive(COMPANY, &id, at(20)).await.unwrap(), expected);
    }
    assert!(read(&f, &seen.id).await.outbox.contains_key(&id.place()));
    assert_eq!(f.table.dead_by_company().await.unwrap(), []);
}

#[tokio::test]
async fn a_dead_message_that_gets_through_with_a_later_change_is_dead_no_more() {
    let f = fixture();
    let seen = waiting(&f, 1).await;
    let id = seen.id.message(seen.outbox.keys().next().unwrap());
    bury(&f, &id, 9).await;
    assert_eq!(f.table.dead_by_company().await.unwrap(), [(COMPANY, 1)]);
    f.table.advance_status(&seen.channel, &advance(&id, Status::Read), at(10)).await.unwrap();
    let now = read(&f, &seen.id).await;
    let outcome = Outcome::Delivered { revived: true };
    let settled = vec![Settled { place: id.place(), stamp: now.outbox[&id.place()], outcome }];
    let settlement = Settlement { settled, at: at(11), then: Then::Continue { due_at: at(12) } };
    assert!(f.table.settle(&now, &settlement).await.unwrap());
    assert_eq!(f.table.dead_by_company().await.unwrap(), []);
}
