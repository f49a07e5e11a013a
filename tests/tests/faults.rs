//! Invariants 1 to 3 and 6 under faults: receiving, delivering and sending are run once for each request that they make to the
//! table, with a fault at that request: the process dies before it, dies after it, or its answer is lost and the request
//! comes twice. After a restart nothing may be lost, doubled or out of order, and nothing may stay undecided.

use std::time::Duration;

use http::{HeaderMap, Method};
use lambda_http::Body;
use local::simulators::graph::Incoming;
use pigeonpost_tests::{
    call::{FORM, as_pipedrive, form, json, request},
    wire::{Fault, Wire},
    world::{World, phone},
};
use shared::{
    clock::Clock,
    environment::Environment,
    http::HttpFunction,
    inbox::ports::InboxReader,
    model::{
        ids::{ChannelId, ConversationId},
        message::Sending,
        status::Status,
    },
    start::StreamFunction,
};

/// How long a message that is under way may stay undecided, and the grace of the stream, have passed after this.
const LATER: Duration = Duration::from_mins(5);

/// A webhook of one message, as Meta sends it.
fn webhook(world: &World, from: &str, name: &str, text: &str, id: &str) -> (HeaderMap, Vec<u8>) {
    let number = local::simulators::whatsapp_number();
    let incoming = Incoming { number: &number.id, from, name, text, at: world.clock.now() };
    let graph = world.bundle.graph();
    let change = graph.message_change(&incoming, id).unwrap();
    let post = graph.webhooks().compose(&[change]);
    (post.headers, post.body.to_vec())
}

/// Calls provider-webhook over `wire`; the answer's status.
async fn receive(world: &World, wire: &Wire, webhook: (HeaderMap, Vec<u8>)) -> u16 {
    let function = provider_webhook::Function::new(&wire.environment(world.bundle.environment()));
    let (headers, body) = webhook;
    function.call(request(Method::POST, "/webhooks/whatsapp", &[], headers, body)).await.status().as_u16()
}

/// How many requests `run` makes when nothing goes wrong.
async fn steps(wire: &Wire, run: impl Future<Output = ()>) -> usize {
    wire.reset(None);
    run.await;
    wire.traffic().operations.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_received_with_a_fault_at_any_step_is_shown_once() {
    let world = World::start().await;
    let wire = Wire::default();
    let mut customer = 0;
    for known in [false, true] {
        let mut next = |world: &World| {
            customer += 1;
            let (from, name) = (phone(customer), format!("Customer {customer}"));
            let id = format!("wamid.RECEIVE{customer}");
            let hook = webhook(world, &from, &name, "the message", &id);
            (from, name, hook)
        };
        let (from, name, hook) = next(&world);
        prepare(&world, known, &from, &name).await;
        let count = steps(&wire, async { assert_eq!(receive(&world, &wire, hook).await, 200) }).await;
        assert!(count >= 3, "receiving makes several requests: {:?}", wire.traffic());
        for at in 0..count {
            for fault in Fault::ALL {
                let (from, name, hook) = next(&world);
                prepare(&world, known, &from, &name).await;
                wire.reset(Some((at, fault)));
                let status = receive(&world, &wire, hook.clone()).await;
                assert_eq!(status == 200, fault == Fault::Repeat, "{fault:?} at {at}: {status}");

                // The provider repeats what was not answered 2xx, and sometimes what was.
                wire.reset(None);
                assert_eq!(receive(&world, &wire, hook).await, 200);
                world.settle().await;
                let mut expected = vec!["the message"];
                if known {
                    expected.insert(0, "before");
                }
                assert_eq!(world.texts(&name), expected, "{fault:?} at {at}, known: {known}");
            }
        }
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

async fn prepare(world: &World, known: bool, from: &str, name: &str) {
    if known {
        world.bundle.graph().customer_writes(from, name, "before");
        world.settle().await;
        world.clock.advance(Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_with_a_fault_at_any_step_ends_once_and_in_order() {
    let world = World::start().await;
    let wire = Wire::default();
    let count = deliver_with(&world, &wire, 1000, None).await;
    assert!(count >= 4, "delivering makes several requests: {:?}", wire.traffic());
    let cases = (0..count).flat_map(|at| Fault::ALL.map(|fault| (at, fault)));
    for (n, case) in cases.enumerate() {
        deliver_with(&world, &wire, 1001 + n, Some(case)).await;
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

/// Three messages of a new customer, delivered with a fault and then once more. How many requests the first round made.
async fn deliver_with(world: &World, wire: &Wire, customer: usize, fault: Option<(usize, Fault)>) -> usize {
    let (from, name) = (phone(customer), format!("Customer {customer}"));
    for n in 0..3 {
        let id = format!("wamid.DELIVER{customer}.{n}");
        let hook = webhook(world, &from, &name, &format!("message {n}"), &id);
        assert_eq!(receive(world, &Wire::default(), hook).await, 200);
        world.clock.advance(Duration::from_secs(1));
    }
    let id = world.newest_conversation().await.id;
    wire.reset(fault);
    let failures = deliver(world.bundle.environment(), wire, &id).await;
    let requests = wire.traffic().operations.len();
    let dies = fault.is_some_and(|(_, fault)| fault != Fault::Repeat);
    assert_eq!(failures > 0, dies, "{fault:?}");

    // The stream gives the same change again.
    wire.reset(None);
    assert_eq!(deliver(world.bundle.environment(), wire, &id).await, 0);
    world.settle().await;
    assert_eq!(world.texts(&name), ["message 0", "message 1", "message 2"], "{fault:?}");
    let stored = world.bundle.environment().table().conversation(&id).await.unwrap().unwrap();
    assert!(stored.outbox.is_empty() && stored.pause.is_none(), "{fault:?}: {stored:?}");
    requests
}

/// Calls deliver over `wire` as the stream does; how many records failed.
pub(crate) async fn deliver(environment: &Environment, wire: &Wire, id: &ConversationId) -> usize {
    let function = deliver::Function::new(&wire.environment(environment));
    let event = serde_json::json!({"Records": [{
        "eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb", "eventVersion": "1.1", "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/t/stream/s",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_767_225_600, "SequenceNumber": "1", "SizeBytes": 1,
            "StreamViewType": "NEW_IMAGE",
            "Keys": {"PK": {"S": format!("CV#{id}")}, "SK": {"S": "CV"}},
            "NewImage": {},
        },
    }]});
    function.handle(serde_json::from_value(event).unwrap()).await.batch_item_failures.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_with_a_fault_at_any_step_is_never_lost_silently_nor_sent_twice() {
    let world = World::start().await;
    let wire = Wire::default();
    let count = send_with(&world, &wire, 2000, None).await;
    assert!(count >= 3, "sending makes several requests: {:?}", wire.traffic());
    let cases = (0..count).flat_map(|at| Fault::ALL.map(|fault| (at, fault)));
    for (n, case) in cases.enumerate() {
        send_with(&world, &wire, 2001 + n, Some(case)).await;
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

/// An answer to a new customer, sent with a fault. How many requests that made.
async fn send_with(world: &World, wire: &Wire, customer: usize, fault: Option<(usize, Fault)>) -> usize {
    let (from, name, text) = (phone(customer), format!("Customer {customer}"), format!("answer {customer}"));
    world.bundle.graph().customer_writes(&from, &name, "a question");
    world.settle().await;
    let id = world.newest_conversation().await.id;

    wire.reset(fault);
    let (status, body) = send(world, wire, &id, &text).await;
    let requests = wire.traffic().operations.len();
    world.settle().await;
    world.pass(LATER).await;

    let sent = world.bundle.graph().sent().iter().filter(|sent| sent.text == text).count();
    let stored = world.bundle.environment().table().messages(&id, None, 10).await.unwrap().items;
    let stored: Vec<_> = stored.iter().filter(|message| message.text == text).collect();
    let shown: Vec<_> = world.shown(&name).into_iter().filter(|message| message.text == text).collect();
    let case = format!("{fault:?}: answered {status}, sent {sent}, {stored:?}");
    assert!(sent <= 1 && stored.len() <= 1 && shown.len() <= 1, "doubled: {case}");
    assert!(stored.iter().all(|message| message.sending == Sending::Done), "undecided: {case}");
    if fault.is_none_or(|(_, fault)| fault == Fault::Repeat) {
        assert_eq!((status, sent), (200, 1), "{case}");
    }
    if status == 200 {
        // What was answered with an id has reached the customer, and says so.
        assert_eq!((sent, stored[0].status, shown[0].status), (1, Status::Read, Status::Read), "{case}");
        assert_eq!(body["data"]["id"], stored[0].id.as_str(), "{case}");
    } else {
        // What may have been sent ends visibly; what was not sent does not claim to be.
        assert_eq!(shown.len(), stored.len(), "{case}");
        assert!(sent == 1 || stored.iter().all(|message| message.status == Status::Failed), "{case}");
    }
    requests
}

/// Calls post-message over `wire` as Pipedrive does; status and body of the answer.
async fn send(world: &World, wire: &Wire, conversation: &ConversationId, text: &str) -> (u16, serde_json::Value) {
    let function = post_message::Function::new(&wire.environment(world.bundle.environment()));
    let channel = ChannelId::parse(&world.whatsapp.provider_channel_id).unwrap();
    let body = form(&[
        ("message", text),
        ("senderId", channel.source_user().as_str()),
        ("conversationId", conversation.as_str()),
        ("recipientIds[]", conversation.end_user().as_str()),
    ]);
    let mut headers = as_pipedrive();
    headers.insert(http::header::CONTENT_TYPE, FORM.parse().unwrap());
    let path = format!("/api/channels/{channel}/messages");
    let response =
        function.call(request(Method::POST, &path, &[("providerChannelId", channel.as_str())], headers, Body::from(body))).await;
    (response.status().as_u16(), json(&response))
}
