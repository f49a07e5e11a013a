//! Ceilings on what functions consume of the table, as the table itself counts it: what a message costs follows from these more
//! than from all else (docs/performance.md). A change that makes one higher has to say here what it is good for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use http::Method;
use lambda_http::{Body, RequestExt};
use local::simulators::{graph::Incoming, phones::Behaviour, pipedrive::DEMO_COMPANY, whatsapp_number};
use pigeonpost_tests::{
    call::{as_pipedrive, json, request},
    meter::{Consumed, Meter},
    world::{World, phone},
};
use shared::{clock::Clock, config::DeliveryChoice, environment::Environment, http::HttpFunction, model::status::Status};

use crate::manifest::caller::Chat;

/// A bundle whose functions are metered, where a customer has written before.
async fn metered(delivery: DeliveryChoice) -> (World, Meter) {
    let meter = Meter::default();
    let world = World::between(Arc::new(meter.clone()), delivery).await;
    writes(&world, "before").await;
    for _ in 0..20 {
        world.pass(Duration::from_mins(1)).await;
    }
    meter.take();
    (world, meter)
}

async fn writes(world: &World, text: &str) {
    world.clock.advance(Duration::from_secs(1));
    let (number, from) = (whatsapp_number(), phone(1));
    world.store(&[Incoming { number: &number.id, from: &from, name: "Ada", text, at: world.clock.now() }]).await;
}

/// What each function may consume at most: its name, requests, read and write units.
type Ceiling = (&'static str, usize, f64, f64);

/// Each function that was called has a ceiling and is below it; each that has one was called.
fn assert_within(what: &str, consumed: &BTreeMap<&'static str, Consumed>, ceilings: &[Ceiling]) {
    for (name, requests, read, written) in ceilings {
        let found = consumed.get(name).unwrap_or_else(|| panic!("{what}: {name} was called"));
        let within = found.all_requests() <= *requests && found.read <= *read && found.written <= *written;
        assert!(found.all_requests() > 0 && within, "{what}, {name}: at most {requests}, {read}, {written}, not {found:?}");
    }
    let unknown = consumed.keys().find(|name| ceilings.iter().all(|(known, ..)| known != *name));
    assert_eq!(unknown, None, "{what} has a ceiling for each function");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_by_channels() {
    let (world, meter) = metered(DeliveryChoice::Channels).await;
    writes(&world, "hello").await;
    // Three records, twice each in a transaction; two places in each of three lists; one in what is due.
    assert_within("stored", &meter.take(), &[("provider-webhook", 3, 3.0, 13.0)]);
    world.settle().await;
    // Crossed off: the conversation, and its place in what is due.
    assert_within("delivered", &meter.take(), &[("deliver", 4, 3.0, 2.0)]);
    assert_eq!(world.texts("Ada"), ["before", "hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_by_records() {
    let (world, meter) = metered(DeliveryChoice::Records).await;
    writes(&world, "hello").await;
    assert_within("stored", &meter.take(), &[("provider-webhook", 3, 3.0, 13.0)]);
    world.settle().await;
    assert_within("noted as pending", &meter.take(), &[("deliver", 9, 8.0, 3.0)]);
    let written = || world.bundle.pipedrive().notes(DEMO_COMPANY).iter().any(|note| note.content.contains("hello"));
    // More would be gathered until the day is over.
    world.clock.advance(Duration::from_hours(24));
    for _ in 0..40 {
        if written() {
            break;
        }
        meter.take();
        world.pass(Duration::from_mins(1)).await;
    }
    assert!(written());
    let ceilings = [("redeliver", 25, 12.0, 3.0), ("deliver", 12, 7.0, 11.0)];
    assert_within("the minute in which the note is written", &meter.take(), &ceilings);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_and_its_statuses() {
    let (world, meter) = metered(DeliveryChoice::Channels).await;
    let graph = world.bundle.graph();
    // From a phone that the simulated provider knows, and that reports nothing by itself.
    graph.phones().set_behaviour(&phone(1), Behaviour::Off);
    graph.customer_writes(&phone(1), "Ada", "hello");
    world.settle().await;
    meter.take();
    let chat = world.conversation_with("Ada").unwrap();
    let channel = &world.whatsapp.provider_channel_id;
    world.bundle.pipedrive().send_from_inbox(channel, &chat.id, "hello back", Vec::new()).await.unwrap();
    let sent = meter.take();
    assert_eq!(sent["post-message"].requests["TransactWriteItems"], 2, "begun, and finished");
    assert_within("sent", &BTreeMap::from([("post-message", sent["post-message"].clone())]), &[("post-message", 4, 2.0, 24.0)]);
    world.settle().await;
    let id = graph.sent().last().unwrap().id.clone();
    for status in [Status::Delivered, Status::Read] {
        meter.take();
        assert!(graph.report(&id, status));
        world.settle().await;
        assert_within("a status", &meter.take(), &[("provider-webhook", 3, 3.0, 10.0), ("deliver", 4, 3.0, 2.0)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_the_manifest() {
    let world = World::start().await;
    let (number, now) = (whatsapp_number(), world.clock.now());
    for minute in 0..30_u32 {
        let customers: Vec<(String, String)> = (0..30).map(|n| (phone(n), format!("Customer {n}"))).collect();
        let at = now.minus(Duration::from_mins(u64::from(30 - minute)));
        let written = customers.iter().map(|(from, name)| Incoming { number: &number.id, from, name, text: "hello", at });
        world.store(&written.collect::<Vec<_>>()).await;
    }
    let chat = Chat::begin(&world, &phone(1), "Customer 1").await;
    let meter = Meter::default();
    let environment = meter.environment(world.bundle.environment());
    let Chat { channel, conversation, customer, message, .. } = &chat;
    let channel = ("providerChannelId", channel.as_str());
    let conversation = ("sourceConversationId", conversation.as_str());
    let (message, customer) = (("sourceMessageId", message.as_str()), ("senderId", customer.as_str()));

    let list = called(&environment, get_conversations::Function::new, &[channel]).await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(30));
    assert!(list["data"].as_array().unwrap().iter().all(|one| one["messages"].as_array().map(Vec::len) == Some(30)));
    assert_reads("30 conversations with 30 messages", &meter, 32, 63.0);
    called(&environment, get_conversation_by_id::Function::new, &[channel, conversation]).await;
    assert_reads("a conversation with 30 messages", &meter, 3, 4.0);
    called(&environment, get_message_by_id::Function::new, &[channel, conversation, message]).await;
    assert_reads("a message", &meter, 3, 3.0);
    called(&environment, get_sender_by_id::Function::new, &[channel, customer]).await;
    assert_reads("a sender", &meter, 2, 2.0);
}

async fn called<F: HttpFunction>(
    environment: &Environment,
    new: fn(&Environment) -> F,
    parameters: &[(&str, &str)],
) -> serde_json::Value {
    let request = request(Method::GET, "/", parameters, as_pipedrive(), Body::Empty);
    let answer =
        new(environment).call(request.with_query_string_parameters(std::collections::HashMap::<String, String>::new())).await;
    assert_eq!(answer.status().as_u16(), 200, "{}", json(&answer));
    json(&answer)
}

fn assert_reads(what: &str, meter: &Meter, requests: usize, read: f64) {
    let found = meter.take_all();
    assert!(found.all_requests() <= requests && found.read <= read, "{what}: at most {requests} and {read}, not {found:?}");
    assert!(found.read > 0.0 && found.written == 0.0, "{what}: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_in_which_nothing_is_due() {
    let (world, meter) = metered(DeliveryChoice::Channels).await;
    world.pass(Duration::from_mins(1)).await;
    assert_within("redeliver", &meter.take(), &[("redeliver", 24, 12.0, 0.0)]);
}
