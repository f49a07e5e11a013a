//! Pipedrive asks again for what is being sent already: the customer reads it once, and both questions have one answer. Who
//! writes the same twice is read twice.

use std::time::Duration;

use http::Method;
use lambda_http::Body;
use local::simulators::graph;
use pigeonpost_tests::{
    call::{FORM, as_pipedrive, form, json, request},
    gate::{Gate, apart},
    wait::until,
    wire::Wire,
    world::{World, phone},
};
use serde_json::Value;
use shared::{
    environment::Environment,
    http::HttpFunction,
    inbox::ports::InboxReader,
    model::ids::{ChannelId, ConversationId},
};

/// A chat in which the company may write.
async fn chat(world: &World) -> ConversationId {
    world.bundle.graph().customer_writes(&phone(1), "Ada", "a question");
    world.settle().await;
    world.newest_conversation().await.id
}

/// Calls post-message of a process of its own, as Pipedrive does; status and body of the answer.
async fn post(environment: &Environment, channel: &ChannelId, conversation: &ConversationId, text: &str) -> (u16, Value) {
    let function = post_message::Function::new(environment);
    let body = form(&[("message", text), ("conversationId", conversation.as_str()), ("files; filename=\"a.txt\"", "a file")]);
    let mut headers = as_pipedrive();
    headers.insert(http::header::CONTENT_TYPE, FORM.parse().unwrap());
    let path = format!("/api/channels/{channel}/messages");
    let parameters = [("providerChannelId", channel.as_str())];
    let response = function.call(request(Method::POST, &path, &parameters, headers, Body::from(body))).await;
    (response.status().as_u16(), json(&response))
}

fn channel(world: &World) -> ChannelId {
    ChannelId::parse(&world.whatsapp.provider_channel_id).unwrap()
}

/// How many messages the customer has of the company.
fn sent(world: &World) -> usize {
    world.bundle.graph().sent().len()
}

/// A first question that has reached the provider, and cannot write down how that ended before the gate opens.
async fn stuck(world: &World, id: &ConversationId, text: &str) -> (Gate, tokio::task::JoinHandle<(u16, Value)>) {
    let before = sent(world);
    let graph = world.bundle.graph().clone();
    let gate = Gate::new(move || graph.sent().len() > before);
    let (environment, channel) = (gate.environment(world.bundle.environment()), channel(world));
    let (conversation, text) = (id.clone(), text.to_owned());
    let first = apart(async move || post(&environment, &channel, &conversation, &text).await);
    until("the provider has it", || sent(world) > before).await;
    (gate, first)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_question_while_the_first_is_under_way_sends_nothing() {
    let world = World::start().await;
    let id = chat(&world).await;
    // A status would tell how the first one ended.
    world.bundle.graph().webhooks().hold();
    let (gate, first) = stuck(&world, &id, "the answer").await;
    let wire = Wire::default();
    let again = {
        let (environment, channel, id) = (wire.environment(world.bundle.environment()), channel(&world), id.clone());
        tokio::spawn(async move { post(&environment, &channel, &id, "the answer").await })
    };
    let waits = || {
        let operations = wire.traffic().operations;
        operations.iter().skip_while(|operation| *operation != "TransactWriteItems").any(|operation| operation == "GetItem")
    };
    until("the second one looks how the first one ends", waits).await;
    // What says something else does not wait.
    let environment = world.bundle.environment();
    assert_eq!(post(environment, &channel(&world), &id, "another answer").await.0, 200);
    assert!(!again.is_finished(), "nobody knows yet what to answer");
    gate.open();
    let (first, again) = (first.await.unwrap(), again.await.unwrap());
    assert_eq!((first.0, &first), (200, &again), "one answer");
    let parts = world.bundle.graph().sent().into_iter().filter(|sent| sent.text.contains("the answer")).count();
    assert_eq!(parts, 1, "and one message");
    let stored = environment.table().messages(&id, None, 10).await.unwrap().items;
    assert_eq!(stored.len(), 3, "a question and two answers: {stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_given_again_for_a_moment_and_a_prompt_one_is_not() {
    let world = World::start().await;
    let id = chat(&world).await;
    let (gate, first) = stuck(&world, &id, "late").await;
    world.clock.advance(Duration::from_secs(8));
    gate.open();
    let first = first.await.unwrap();
    let (after_the_first, channel) = (sent(&world), channel(&world));
    let again = || post(world.bundle.environment(), &channel, &id, "late");
    assert_eq!((again().await, sent(&world)), (first.clone(), after_the_first), "somebody may have stopped waiting for it");
    world.clock.advance(Duration::from_secs(11));
    let new = again().await;
    assert!(new.0 == 200 && new != first && sent(&world) > after_the_first, "after that it is a new message");

    world.clock.advance(Duration::from_mins(1));
    let before = sent(&world);
    let (one, two) = (again().await, again().await);
    assert!((one.0, two.0) == (200, 200) && one != two, "{one:?} {two:?}");
    assert_eq!(sent(&world) - before, 2 * (after_the_first), "who writes the same twice is read twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_may_be_asked_for_again() {
    let world = World::start().await;
    let id = chat(&world).await;
    world.bundle.graph().fail_next(graph::Fault::Code(131_026));
    let refused = post(world.bundle.environment(), &channel(&world), &id, "hello?").await;
    assert_ne!(refused.0, 200);
    assert_eq!((post(world.bundle.environment(), &channel(&world), &id, "hello?").await.0, sent(&world) > 0), (200, true));
}
