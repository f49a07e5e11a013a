//! A record that makes its handler fail for ever: it holds up nobody else, is tried a bounded number of times, goes aside with an
//! alarm, and is delivered once it is mended.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::{
    bundle::Bundle,
    simulators::{graph::Incoming, whatsapp_number},
};
use pigeonpost_tests::{
    table::{self, Item},
    world::{World, phone},
};
use shared::{clock::Clock, model::ids::ConversationId};

async fn stores(world: &World, customer: usize, text: &str) {
    let (number, from, name) = (whatsapp_number(), phone(customer), format!("Customer {customer}"));
    let written = Incoming { number: &number.id, from: &from, name: &name, text, at: world.clock.now() };
    world.store(&[written]).await;
    world.clock.advance(Duration::from_secs(1));
}

async fn item(bundle: &Bundle, id: &ConversationId) -> Item {
    let key = AttributeValue::S(format!("CV#{id}"));
    let found = table::items(bundle).await.into_iter().find(|item| item["PK"] == key && item["SK"].as_s().unwrap() == "CV");
    found.unwrap()
}

async fn set(bundle: &Bundle, id: &ConversationId, attribute: &str, value: AttributeValue) {
    table::client(bundle)
        .update_item()
        .table_name(bundle.dynamodb().table())
        .key("PK", AttributeValue::S(format!("CV#{id}")))
        .key("SK", AttributeValue::S("CV".to_owned()))
        .update_expression("SET #a = :v")
        .expression_attribute_names("#a", attribute)
        .expression_attribute_values(":v", value)
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_nobody_can_read_goes_aside_and_comes_back_when_it_is_mended() {
    let world = World::start().await;
    let bundle = &world.bundle;
    stores(&world, 1, "before").await;
    world.settle().await;
    let id = world.newest_conversation().await.id;
    stores(&world, 1, "stuck").await;
    let whole = item(bundle, &id).await["outbox"].clone();
    set(bundle, &id, "outbox", AttributeValue::S("nonsense".to_owned())).await;

    for customer in 2..=4 {
        stores(&world, customer, "hello").await;
    }
    world.settle().await;
    for customer in 2..=4 {
        assert_eq!(world.texts(&format!("Customer {customer}")), ["hello"], "in the same batch, and not held up");
    }
    let mut wakes = 0;
    while item(bundle, &id).await["due_shard"].as_s().unwrap().starts_with("outbox#") {
        world.pass(Duration::from_mins(2)).await;
        wakes += 1;
        assert!(wakes < 50, "it is tried for ever");
    }
    assert!(item(bundle, &id).await["due_shard"].as_s().unwrap().starts_with("aside#"));
    assert!(wakes >= 20, "an outage of half an hour sets nothing aside: {wakes}");
    stores(&world, 5, "still going").await;
    world.settle().await;
    assert_eq!(world.texts("Customer 5"), ["still going"]);

    set(bundle, &id, "outbox", whole).await;
    for _ in 0..14 {
        world.pass(Duration::from_mins(5)).await;
    }
    assert_eq!(world.texts("Customer 1"), ["before", "stuck"]);
    let mended = item(bundle, &id).await;
    assert!(!mended.contains_key("due_shard") && !mended.contains_key("wakes"), "{mended:?}");
}
