//! `deleteChannelById`: the channel is gone at once, what is in it in the background, and the account is free again.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::simulators::{
    graph::Incoming,
    pipedrive::{Call, DEMO_COMPANY, DEMO_USER},
    whatsapp_number,
};
use pigeonpost_tests::{
    call::as_pipedrive,
    table,
    world::{World, phone},
};
use shared::clock::Clock;

use crate::manifest::caller::{Caller, Chat};

/// More than one request erases.
const MANY: usize = 60;

/// Every key of the table that has to do with the channel or one of its conversations, but for the channel's own record.
async fn traces(world: &World, channel: &str) -> Vec<String> {
    let mut traces = Vec::new();
    for item in items(world).await {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        let (partition, sort) = (text("PK"), text("SK"));
        let own_record = sort == format!("CH#{channel}");
        if !own_record && (partition.starts_with("CV#") || format!("{item:?}").contains(channel)) {
            traces.push(format!("{partition} {sort}"));
        }
    }
    traces
}

async fn items(world: &World) -> Vec<std::collections::HashMap<String, AttributeValue>> {
    let name = world.bundle.dynamodb().table();
    let scan = table::client(&world.bundle).scan().table_name(name).consistent_read(true);
    scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap()
}

/// What is kept of a removed channel: that it is removed.
async fn check_record(world: &World, channel: &str) {
    let sort = AttributeValue::S(format!("CH#{channel}"));
    let record = items(world).await.into_iter().find(|item| item["SK"] == sort).unwrap();
    assert_eq!(record["state"], AttributeValue::S("removed".to_owned()));
    assert!(!record.contains_key("credentials"), "it keeps no credentials");
}

/// `count` customers write two messages each, and Pipedrive hears of them.
async fn conversations(world: &World, count: usize) {
    store_conversations(world, count).await;
    world.settle().await;
}

/// `count` customers write two messages each.
async fn store_conversations(world: &World, count: usize) {
    let (number, now) = (whatsapp_number(), world.clock.now());
    let customers: Vec<(String, String)> = (0..count).map(|n| (phone(n), format!("Customer {n}"))).collect();
    let written = customers.iter().flat_map(|(from, name)| {
        [now, now.plus(Duration::from_secs(1))].map(|at| Incoming { number: &number.id, from, name, text: "hello", at })
    });
    world.store(&written.collect::<Vec<_>>()).await;
}

/// Everything about the channel is as unknown as if it had never been, but removing it again is no error.
async fn is_gone(caller: &Caller, chat: &Chat) {
    let answers = caller.everything(&chat.channel, chat, &chat.message, &as_pipedrive()).await;
    let (removal, reads) = answers.split_last().unwrap();
    for answer in reads {
        answer.refused(404, "NOT_FOUND");
    }
    assert_eq!((removal.status, &removal.body), (200, &serde_json::json!({"success": true})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_channel_is_erased_at_once_and_its_account_is_free() {
    let world = World::start().await;
    conversations(&world, 3).await;
    let ada = Chat::begin(&world, &phone(9), "Ada").await;
    let caller = Caller::new(&world);
    assert!(!traces(&world, &ada.channel).await.is_empty());
    assert_eq!(world.bundle.pipedrive().remove_channel(&ada.channel).await, Ok(()));
    assert_eq!(traces(&world, &ada.channel).await, Vec::<String>::new());
    check_record(&world, &ada.channel).await;
    is_gone(&caller, &ada).await;

    // The customer goes on writing to an account that nobody has connected.
    let incoming = |at| Incoming { number: "3000000001", from: "15550209999", name: "Eve", text: "anybody there?", at };
    world.store(&[incoming(world.clock.now())]).await;
    world.settle().await;
    assert_eq!(traces(&world, &ada.channel).await, Vec::<String>::new());

    let anew = world.bundle.connect_whatsapp(&world.session).await.unwrap();
    assert_ne!(anew.provider_channel_id, ada.channel);
    world.store(&[incoming(world.clock.now().plus(Duration::from_secs(1)))]).await;
    world.settle().await;
    let list = caller.get(&format!("{}/conversations", anew.provider_channel_id)).await.done();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["data"][0]["messages"].as_array().map(Vec::len), Some(1), "what came in between was not kept");
    is_gone(&caller, &ada).await;
    caller.get(&format!("{}/templates", anew.provider_channel_id)).await.done();
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_channel_goes_at_once_and_is_erased_in_the_background() {
    let world = World::start().await;
    conversations(&world, MANY).await;
    let ada = Chat::begin(&world, &phone(900), "Ada").await;
    let caller = Caller::new(&world);
    assert_eq!(world.bundle.pipedrive().remove_channel(&ada.channel).await, Ok(()));
    assert!(!traces(&world, &ada.channel).await.is_empty(), "more than fits into one request");
    check_record(&world, &ada.channel).await;
    caller.get(&format!("{}/conversations", ada.channel)).await.refused(404, "NOT_FOUND");
    world
        .store(&[Incoming {
            number: "3000000001",
            from: &phone(900),
            name: "Ada",
            text: "anybody there?",
            at: world.clock.now().plus(Duration::from_secs(1)),
        }])
        .await;

    // Reconnecting does not wait for the rest, and does not bring it back.
    let anew = world.bundle.connect_whatsapp(&world.session).await.unwrap();
    let list = caller.get(&format!("{}/conversations", anew.provider_channel_id)).await.done();
    assert_eq!(list["data"], serde_json::json!([]));

    let mut runs = 0;
    while !traces(&world, &ada.channel).await.is_empty() {
        runs += 1;
        assert!(runs < 10, "it does not come to an end");
        world.pass(Duration::from_mins(1)).await;
    }
    is_gone(&caller, &ada).await;
    world.pass(Duration::from_mins(20)).await;
    world.pass(Duration::from_mins(20)).await;
    let removed = items(&world).await.into_iter().filter(|item| format!("{item:?}").contains(&ada.channel));
    for item in removed {
        assert!(!item.contains_key("due_shard"), "nobody looks after it any more: {item:?}");
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pipedrive_had_not_heard_of_goes_unheard() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(900), "Ada").await;
    store_conversations(&world, MANY).await;
    let caller = Caller::new(&world);
    let heard = world.bundle.pipedrive().count(Call::Receive);
    // Pipedrive may ask twice before it has the first answer.
    let (first, second) = tokio::join!(caller.delete(&ada.channel), caller.delete(&ada.channel));
    assert_eq!(first.done(), second.done());
    for _ in 0..3 {
        world.pass(Duration::from_mins(3)).await;
    }
    assert_eq!(traces(&world, &ada.channel).await, Vec::<String>::new());
    assert_eq!(world.bundle.pipedrive().count(Call::Receive), heard);
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_never_was_is_as_it_should_be() {
    let world = World::start().await;
    let caller = Caller::new(&world);
    for channel in ["ch_1001_00000000000000000000", "ch_9_00000000000000000000", "nonsense", "%F0%9F%98%80"] {
        for _ in 0..2 {
            assert_eq!(caller.delete(channel).await.done(), serde_json::json!({"success": true}));
        }
    }
    caller.get(&format!("{}/templates", world.whatsapp.provider_channel_id)).await.done();
    // The owner may still remove the app as a whole.
    assert_eq!(world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await, Ok(200));
}
