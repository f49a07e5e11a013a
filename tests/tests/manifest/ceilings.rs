//! Round trips to the table: one for each read of the manifest, two in sequence for a list with its messages, one
//! transaction for a message in.

use std::collections::HashMap;

use http::{HeaderMap, Method};
use lambda_http::{Body, RequestExt};
use local::simulators::{graph::Incoming, whatsapp_number};
use pigeonpost_tests::{
    call::{FORM, as_pipedrive, form, json, request},
    wire::{Traffic, Wire},
    world::{World, phone},
};
use serde_json::Value;
use shared::{clock::Clock, http::HttpFunction};

use crate::manifest::caller::Chat;

/// Names of path parameters.
const CHANNEL: &str = "providerChannelId";
const CONVERSATION: &str = "sourceConversationId";

/// Calls a function built over the wire; its answer, and what passed.
async fn call(wire: &Wire, function: impl HttpFunction, parameters: &[(&str, &str)], query: &[(&str, &str)]) -> (Value, Traffic) {
    let query: HashMap<String, String> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = request(Method::GET, "/", parameters, as_pipedrive(), Body::Empty).with_query_string_parameters(query);
    wire.reset(None);
    let answer = function.call(request).await;
    assert_eq!(answer.status().as_u16(), 200, "{}", json(&answer));
    (json(&answer), wire.traffic())
}

/// Operations by how often they left, in the order in which they first did.
fn counted(traffic: &Traffic) -> Vec<(&str, usize)> {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for operation in &traffic.operations {
        match counted.iter_mut().find(|(name, _)| name == operation) {
            Some((_, count)) => *count += 1,
            None => counted.push((operation, 1)),
        }
    }
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn each_read_is_one_round_trip() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let wire = Wire::default();
    let environment = wire.slow_environment(world.bundle.environment()).await;
    let Chat { channel, conversation, company_side, customer, message } = &ada;
    let channel = (CHANNEL, channel.as_str());
    let conversation = (CONVERSATION, conversation.as_str());
    let message = ("sourceMessageId", message.as_str());

    let function = get_conversation_by_id::Function::new(&environment);
    let (_, traffic) = call(&wire, function, &[channel, conversation], &[]).await;
    assert_eq!((traffic.waves, counted(&traffic)), (1, vec![("GetItem", 2), ("Query", 1)]));

    for parameters in [&[channel, conversation, message][..], &[channel, message]] {
        let (_, traffic) = call(&wire, get_message_by_id::Function::new(&environment), parameters, &[]).await;
        assert_eq!(traffic.waves, 1, "{traffic:?}");
        assert!(traffic.operations.iter().all(|operation| operation == "GetItem"), "{traffic:?}");
        assert!(traffic.operations.len() <= 3, "{traffic:?}");
    }
    for (sender, reads) in [(customer, 2), (company_side, 1)] {
        let parameters = [channel, ("senderId", sender.as_str())];
        let (_, traffic) = call(&wire, get_sender_by_id::Function::new(&environment), &parameters, &[]).await;
        assert_eq!((traffic.waves, counted(&traffic)), (1, vec![("GetItem", reads)]));
    }
    // The first asks the provider; what it said is kept.
    call(&wire, get_templates::Function::new(&environment), &[channel], &[]).await;
    let (_, traffic) = call(&wire, get_templates::Function::new(&environment), &[channel], &[]).await;
    assert_eq!((traffic.waves, counted(&traffic)), (1, vec![("BatchGetItem", 1)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_with_its_messages_is_two_round_trips_whatever_its_size() {
    let world = World::start().await;
    let (number, now) = (whatsapp_number(), world.clock.now());
    let customers: Vec<(String, String)> = (0..35).map(|n| (phone(n), format!("Customer {n}"))).collect();
    let written = customers.iter().map(|(from, name)| Incoming { number: &number.id, from, name, text: "hello", at: now });
    world.store(&written.collect::<Vec<_>>()).await;

    let wire = Wire::default();
    let environment = wire.slow_environment(world.bundle.environment()).await;
    let channel = (CHANNEL, world.whatsapp.provider_channel_id.as_str());
    for (limit, entries) in [("", 30), ("1", 1), ("100", 35)] {
        let function = get_conversations::Function::new(&environment);
        let (body, traffic) = call(&wire, function, &[channel], &[("conversations_limit", limit)]).await;
        assert_eq!(body["data"].as_array().map(Vec::len), Some(entries));
        assert_eq!(counted(&traffic), [("GetItem", 1), ("Query", 1 + entries)]);
        assert_eq!(traffic.waves, 2, "{traffic:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_is_one_transaction() {
    let world = World::start().await;
    let wire = Wire::default();
    let environment = wire.slow_environment(world.bundle.environment()).await;
    let number = whatsapp_number();
    let graph = world.bundle.graph();
    // The customer's first message, the second, and the second again.
    for (id, refused) in [("wamid.1", false), ("wamid.2", false), ("wamid.2", true)] {
        let from = phone(1);
        let incoming = Incoming { number: &number.id, from: &from, name: "Ada", text: "hello", at: world.clock.now() };
        let post = graph.webhooks().compose(&[graph.message_change(&incoming, id).unwrap()]);
        let function = provider_webhook::Function::new(&environment);
        wire.reset(None);
        let body = post.body.to_vec();
        let answer = function.call(request(Method::POST, "/webhooks/whatsapp", &[], post.headers, body)).await;
        assert_eq!(answer.status().as_u16(), 200);
        let traffic = wire.traffic();
        assert_eq!(traffic.operations, ["GetItem", "BatchGetItem", "TransactWriteItems"], "{id}, again: {refused}");
        assert_eq!(traffic.waves, 3);
    }
    world.settle().await;
    assert_eq!(world.texts("Ada"), ["hello", "hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_out_is_read_begun_and_finished() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let wire = Wire::default();
    let function = post_message::Function::new(&wire.slow_environment(world.bundle.environment()).await);
    let mut headers: HeaderMap = as_pipedrive();
    headers.insert(http::header::CONTENT_TYPE, FORM.parse().unwrap());
    let path = format!("/api/channels/{}/messages", ada.channel);
    wire.reset(None);
    let parameters = [(CHANNEL, ada.channel.as_str())];
    let body = Body::from(form(&ada.fields("hello back")));
    let answer = function.call(request(Method::POST, &path, &parameters, headers, body)).await;
    assert_eq!(answer.status().as_u16(), 200);
    let traffic = wire.traffic();
    assert_eq!(traffic.waves, 3, "{traffic:?}");
    // The turn is given back beside the last write.
    assert_eq!(counted(&traffic), [("BatchGetItem", 1), ("TransactWriteItems", 2), ("UpdateItem", 1)]);
}
