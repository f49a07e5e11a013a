//! Storing what customers write.

use futures_util::future::{join_all, try_join_all};
use shared::{
    inbox::ports::{InboxReader, NewMessage, OutboxStore, ReceiveStore, Reference, StoreOutcome},
    model::{
        conversation::{Conversation, Glimpse, MAX_OUTBOX, Outbox},
        ids::ChannelId,
        message::{Direction, Message},
        status::Status,
    },
};

use crate::store::fixture::*;

#[tokio::test]
async fn a_first_message_makes_the_conversation() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1", "user:A"]);
    let new = new_message(&conversation, false, incoming(&conversation, "wamid.1", 5));
    assert_eq!(f.table.store_message(&new).await.unwrap(), StoreOutcome::Stored);

    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    let expected = Conversation {
        last_at: at(5),
        unread: 1,
        outbox: [(new.message.id.place(), new.stamp.unwrap())].into(),
        last: Some(Glimpse {
            place: new.message.id.place(),
            direction: Direction::In,
            text: new.message.text.clone(),
            file: None,
            deleted: false,
        }),
        changed_at: Some(at(5)),
        ..conversation.clone()
    };
    assert_eq!(stored, expected);
    assert_eq!(f.table.message(&new.message.id).await.unwrap(), Some(new.message.clone()));
    let reference = f.table.reference(&conversation.channel, &provider_id("wamid.1")).await.unwrap();
    assert_eq!(reference, Reference::Message(new.message.id.clone().into()));
    for keys in [vec![contact("user:A")], vec![contact("user:?"), contact("phone:1"), contact("user:A"), contact("phone:1")]] {
        let found = f.table.conversation_of(&conversation.channel, &keys, &[]).await.unwrap().unwrap();
        assert_eq!(found, (keys[keys.len() / 3].clone(), conversation.id.clone()));
    }
    assert_eq!(f.table.conversation_of(&conversation.channel, &[contact("phone:2")], &[]).await.unwrap(), None);
    let (shard, due) = f.due_shard(&conversation.id).await.unwrap();
    assert!(shard.starts_with("outbox#"), "{shard}");
    assert_eq!(due, at(35).millis());
}

#[tokio::test]
async fn a_further_message_brings_the_conversation_up_to_date() {
    let f = fixture();
    let mut conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    conversation.reply_by = Some(at(86_400));
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();

    conversation.customer.keys = vec![contact("phone:2"), contact("phone:1")];
    conversation.customer.name = "Ada L.".to_owned();
    conversation.customer.phone = Some("+2".to_owned());
    conversation.link = "https://chat.example/1".to_owned();
    conversation.reply_by = Some(at(86_410));
    let second = new_message(&conversation, true, incoming(&conversation, "2", 10));
    assert_eq!(f.table.store_message(&second).await.unwrap(), StoreOutcome::Stored);

    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!(stored.customer, conversation.customer);
    assert_eq!((stored.last_at, stored.reply_by, stored.unread), (at(10), Some(at(86_410)), 2));
    assert_eq!((stored.link, stored.outbox.len()), (conversation.link.clone(), 2));
    let found = f.table.conversation_of(&conversation.channel, &[contact("phone:2")], &[]).await.unwrap();
    assert_eq!(found.unwrap().1, conversation.id, "the new number leads to the same conversation");
    assert_eq!(f.due_shard(&conversation.id).await.unwrap().1, at(30).millis(), "the first entry's time counts");

    let mut stand_in = new_message(&conversation, true, incoming(&conversation, "3", 20));
    stand_in.conversation.customer.name = "+2".to_owned();
    stand_in.name_known = false;
    assert_eq!(f.table.store_message(&stand_in).await.unwrap(), StoreOutcome::Stored);
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!(stored.customer.name, "Ada L.", "a stand-in does not replace a name");
}

#[tokio::test]
async fn an_older_message_does_not_turn_the_conversation_back() {
    let f = fixture();
    let mut conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "2", 100))).await.unwrap();
    conversation.customer.name = "an old name".to_owned();
    conversation.reply_by = Some(at(86_400));
    let older = new_message(&conversation, true, incoming(&conversation, "1", 50));
    assert_eq!(f.table.store_message(&older).await.unwrap(), StoreOutcome::Stored);

    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!((stored.last_at, stored.unread, stored.customer.name.as_str()), (at(100), 2, "Ada"));
    assert_eq!(stored.reply_by, Some(at(86_400)), "no later message set a window");
    let texts: Vec<String> =
        f.table.messages(&conversation.id, None, 10).await.unwrap().items.into_iter().map(|m| m.text).collect();
    assert_eq!(texts, ["text of 2", "text of 1"]);
    let listed = f.table.conversations(&conversation.channel, None, 10).await.unwrap().items;
    assert!(!stored.outbox.is_empty());
    assert_eq!(listed, [Conversation { outbox: Outbox::new(), ..stored }], "all but what is owed");
}

#[tokio::test]
async fn a_message_that_comes_twice_is_stored_once() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    let before = f.items().await.len();

    let again = new_message(&conversation, true, incoming(&conversation, "1", 0));
    assert_eq!(f.table.store_message(&again).await.unwrap(), StoreOutcome::Duplicate);
    let as_first = new_message(&conversation, false, incoming(&conversation, "1", 0));
    assert_eq!(f.table.store_message(&as_first).await.unwrap(), StoreOutcome::Duplicate);
    assert_eq!(f.items().await.len(), before);

    let copies: Vec<NewMessage> = (0..8).map(|_| new_message(&conversation, true, incoming(&conversation, "2", 1))).collect();
    let outcomes = try_join_all(copies.iter().map(|copy| f.table.store_message(copy))).await.unwrap();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == StoreOutcome::Stored).count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == StoreOutcome::Duplicate).count(), 7, "{outcomes:?}");
    assert_eq!(f.items().await.len(), before + 2, "a message and its reference");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_messages_at_once_make_one_conversation() {
    let f = fixture();
    let channel = ChannelId::new(COMPANY);
    let tasks = (0..6).map(|n| {
        let (table, channel) = (f.table.clone(), channel.clone());
        tokio::spawn(async move {
            for _ in 0..20 {
                let mut conversation = conversation(&channel, &["phone:1", "user:A"]);
                let known = table.conversation_of(&channel, &conversation.customer.keys, &[]).await.unwrap();
                if let Some((_, id)) = &known {
                    conversation.id = id.clone();
                }
                let message = incoming(&conversation, &format!("wamid.{n}"), n);
                let new = new_message(&conversation, known.is_some(), message);
                match table.store_message(&new).await.unwrap() {
                    StoreOutcome::Stored => return conversation.id,
                    StoreOutcome::LookAgain => {}
                    StoreOutcome::Duplicate => panic!("each message came once"),
                }
            }
            panic!("never settled");
        })
    });
    let mut ids: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "one conversation for all");
    let stored = InboxReader::conversation(&f.table, &ids[0]).await.unwrap().unwrap();
    assert_eq!((stored.outbox.len(), stored.unread, stored.last_at), (6, 6, at(5)));
    assert_eq!(f.table.messages(&ids[0], None, 10).await.unwrap().items.len(), 6);
    assert_eq!(f.keys().await.iter().filter(|key| key.ends_with(" CV")).count(), 1);
}

#[tokio::test]
async fn a_name_that_leads_to_nothing_is_led_to_the_new_conversation() {
    let f = fixture();
    let channel = ChannelId::new(COMPANY);
    let gone = conversation(&channel, &["phone:1", "user:A"]);
    f.table.store_message(&new_message(&gone, false, incoming(&gone, "1", 0))).await.unwrap();
    f.client
        .delete_item()
        .table_name("pigeonpost")
        .key("PK", aws_sdk_dynamodb::types::AttributeValue::S(format!("CV#{}", gone.id)))
        .key("SK", aws_sdk_dynamodb::types::AttributeValue::S("CV".to_owned()))
        .send()
        .await
        .unwrap();
    let lost = new_message(&gone, true, incoming(&gone, "2", 1));
    assert_eq!(f.table.store_message(&lost).await.unwrap(), StoreOutcome::LookAgain);

    let fresh = conversation(&channel, &["phone:1", "user:A"]);
    let new = new_message(&fresh, false, incoming(&fresh, "2", 1));
    assert_eq!(f.table.store_message(&new).await.unwrap(), StoreOutcome::Stored);
    assert_eq!(f.table.conversation_of(&channel, &[contact("user:A")], &[]).await.unwrap().unwrap().1, fresh.id);

    let other = conversation(&channel, &["phone:3", "user:A"]);
    let new = new_message(&other, false, incoming(&other, "3", 2));
    assert_eq!(f.table.store_message(&new).await.unwrap(), StoreOutcome::LookAgain, "user:A has a living conversation");
    assert_eq!(f.table.conversation_of(&channel, &[contact("phone:3")], &[]).await.unwrap(), None, "nothing changed");
}

#[tokio::test]
async fn a_flood_is_kept_as_dead_messages() {
    let f = fixture();
    let mut conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    f.fill_outbox(&conversation.id).await;

    conversation.reply_by = Some(at(9));
    let new = new_message(&conversation, true, incoming(&conversation, "2", 1));
    assert_eq!(f.table.store_message(&new).await.unwrap(), StoreOutcome::Stored);
    let stored = f.table.message(&new.message.id).await.unwrap().unwrap();
    assert_eq!(stored.dead.map(|dead| dead.code).as_deref(), Some("outbox_full"));
    let after = OutboxStore::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!((after.outbox.len(), after.last_at, after.unread), (MAX_OUTBOX, at(1), 2));
    let items = f.items().await;
    let dead = items.iter().filter(|item| item.get("due_shard").is_some_and(|shard| shard.as_s().unwrap() == "dead#42"));
    assert_eq!(dead.count(), 1);
}

#[tokio::test]
async fn an_echo_of_the_company_takes_over_the_status_that_came_before_it() {
    let f = fixture();
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    f.table.store_message(&new_message(&conversation, false, incoming(&conversation, "1", 0))).await.unwrap();
    let id = provider_id("2");
    let seen = Reference::Unknown { parked: None };
    assert!(f.table.park_status(&conversation.channel, &id, &seen, Status::Read, None, at(1)).await.unwrap());

    let echo = Message {
        direction: Direction::Out,
        status: Status::Sent,
        sender: conversation.channel.source_user(),
        ..incoming(&conversation, "2", 1)
    };
    let new = new_message(&conversation, true, echo);
    assert_eq!(f.table.store_message(&new).await.unwrap(), StoreOutcome::Stored);
    assert_eq!(f.table.message(&new.message.id).await.unwrap().unwrap().status, Status::Read);
    let stored = InboxReader::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    assert_eq!(stored.unread, 0, "the company answered");
    assert_eq!(stored.outbox.get(&new.message.id.place()), Some(&new.stamp.unwrap()));
}
