//! A company's own chat, both ways, as `docs/custom-provider.md` says.

use std::time::Duration;

use http::HeaderValue;
use local::{
    owner::Connected,
    simulators::{
        chat::Fault,
        phones::Behaviour,
        pipedrive::{Conversation, InboxError},
        webhooks::Post,
    },
};
use pigeonpost_tests::{
    table,
    web::{Answer, client, send},
    world::World,
};
use serde_json::{Value, json};
use shared::model::status::Status;

async fn start() -> (World, Connected) {
    let world = World::start().await;
    let chat = world.bundle.connect_chat(&world.session).await.unwrap();
    world.settle().await;
    (world, chat)
}

/// The chat's only conversation in Pipedrive's inbox.
fn conversation(world: &World, chat: &Connected) -> Option<Conversation> {
    let channel = world.bundle.pipedrive().channels().into_iter().find(|channel| channel.id == chat.provider_channel_id)?;
    channel.conversations.into_values().next()
}

fn texts(world: &World, chat: &Connected) -> Vec<String> {
    conversation(world, chat).into_iter().flat_map(|c| c.messages).map(|message| message.text).collect()
}

async fn post(url: &str, post: Post) -> Answer {
    send(client().post(url).headers(post.headers).body(post.body)).await
}

fn message(id: &str, text: &str) -> Value {
    json!({"type": "message", "id": id, "from": {"id": "customer-7", "name": "Gerda"}, "text": text})
}

/// Sends from the inbox; what the salesperson gets to see.
async fn answer(world: &World, chat: &Connected, text: &str) -> Result<String, InboxError> {
    let conversation = conversation(world, chat).unwrap().id;
    world.bundle.pipedrive().send_from_inbox(&chat.provider_channel_id, &conversation, text, Vec::new()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_answers_and_statuses_go_both_ways() {
    let (world, chat) = start().await;
    world.bundle.chat().webhooks().send_twice(1);
    world.bundle.chat().customer_writes("customer-7", "Gerda", "hello");
    world.bundle.chat().customer_writes("customer-7", "Gerda", "anybody there?");
    world.settle().await;
    assert_eq!(texts(&world, &chat), ["hello", "anybody there?"]);
    assert_eq!(conversation(&world, &chat).unwrap().side(true).unwrap().name, "Gerda");

    let id = answer(&world, &chat, "yes").await.unwrap();
    world.settle().await;
    let sent = world.bundle.chat().sent();
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].message.as_str(), sent[0].to.as_str(), sent[0].text.as_str()), (id.as_str(), "customer-7", "yes"));
    let shown = conversation(&world, &chat).unwrap().messages.pop().unwrap();
    assert_eq!((shown.id.as_str(), shown.status), (id.as_str(), Status::Read));

    // Back it does not go.
    for status in [Status::Delivered, Status::Sent, Status::Failed] {
        world.bundle.chat().report(&sent[0].id, status);
    }
    world.settle().await;
    assert_eq!(conversation(&world, &chat).unwrap().messages.pop().unwrap().status, Status::Read);

    world.bundle.chat().phones().set_behaviour("customer-7", Behaviour::Fails);
    answer(&world, &chat, "are you still there?").await.unwrap();
    world.settle().await;
    assert_eq!(conversation(&world, &chat).unwrap().messages.pop().unwrap().status, Status::Failed);
    assert_eq!(world.bundle.chat().violations(), Vec::<String>::new());
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_may_name_our_id_and_come_alone() {
    let (world, chat) = start().await;
    world.bundle.chat().phones().set_behaviour("customer-7", Behaviour::Off);
    world.bundle.chat().customer_writes("customer-7", "Gerda", "hello");
    world.settle().await;
    world.bundle.chat().fail_next(Fault::LostAnswer);
    let id = answer(&world, &chat, "yes").await.unwrap();
    world.settle().await;
    let shown = || conversation(&world, &chat).unwrap().messages.pop().unwrap();
    assert_eq!((shown().id, shown().status), (id.clone(), Status::Failed), "the outcome is unknown");
    let hook = world.bundle.chat().webhooks().compose(&[json!({"type": "status", "id": id, "status": "delivered"})]);
    assert_eq!(post(&chat.webhook_url, hook).await.status, 200);
    world.settle().await;
    assert_eq!(shown().status, Status::Delivered, "until the chat tells");
    assert_eq!(world.bundle.chat().sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_channels_own_key_is_believed() {
    let (world, chat) = start().await;
    let before = table::keys(&world.bundle).await;
    let compose = || world.bundle.chat().webhooks().compose(&[message("msg-1", "hello")]);
    for (header, value) in [
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", ""),
        ("webhook-signature", "v1a,xyz v2,xyz"),
        ("webhook-id", "evt_other"),
        ("webhook-timestamp", "1"),
        ("webhook-timestamp", "now"),
    ] {
        let mut hook = compose();
        hook.headers.insert(header, HeaderValue::from_static(value));
        post(&chat.webhook_url, hook).await.refused(401, "UNAUTHORIZED");
    }
    for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut hook = compose();
        hook.headers.remove(header);
        post(&chat.webhook_url, hook).await.refused(401, "UNAUTHORIZED");
    }
    let mut hook = compose();
    hook.body = hook.body.iter().copied().chain(*b" ").collect();
    post(&chat.webhook_url, hook).await.refused(401, "UNAUTHORIZED");
    // Rightly signed, but by another's key or for nobody; who asks does not learn which.
    let base = format!("{}/webhooks/custom", world.bundle.url());
    for channel in [&world.whatsapp.provider_channel_id, "ch_1001_0123456789abcdef", "x"] {
        post(&format!("{base}/{channel}"), compose()).await.refused(401, "UNAUTHORIZED");
    }
    let old = compose();
    world.clock.advance(Duration::from_mins(6));
    post(&chat.webhook_url, old).await.refused(401, "UNAUTHORIZED");
    let fresh = compose();
    assert_eq!(table::keys(&world.bundle).await, before, "nothing is stored");

    assert_eq!(post(&chat.webhook_url, fresh).await.status, 200);
    world.settle().await;
    assert_eq!(texts(&world, &chat), ["hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_documented_is_named_and_nothing_of_it_stored() {
    let (world, chat) = start().await;
    let before = table::keys(&world.bundle).await;
    let without = |field: &str| {
        let mut event = message("msg-2", "secret words");
        event.as_object_mut().unwrap().remove(field);
        event
    };
    let with = |field: &str, value: Value| {
        let mut event = message("msg-2", "secret words");
        event[field] = value;
        event
    };
    for (event, field) in [
        (without("id"), "events[1].id"),
        (without("from"), "events[1].from"),
        (without("text"), "events[1].text"),
        (without("type"), "events[1].type"),
        (with("type", json!("fax")), "events[1].type"),
        (with("text", json!(" ")), "events[1].text"),
        (with("text", json!("x".repeat(32_769))), "events[1].text"),
        (with("id", json!("x".repeat(201))), "events[1].id"),
        (with("from", json!({"id": "c", "phone": "0555"})), "events[1].from.phone"),
        (with("sent_at", json!("yesterday")), "events[1].sent_at"),
        (with("link", json!("javascript:alert(1)")), "events[1].link"),
        (json!({"type": "status", "id": "out-1", "status": "seen"}), "events[1].status"),
        (json!("hello"), "events[1]"),
    ] {
        let hook = world.bundle.chat().webhooks().compose(&[message("msg-1", "good"), event.clone()]);
        let said = post(&chat.webhook_url, hook).await.refused(400, "INVALID_BODY");
        assert!(said.starts_with(field), "{event}: {said}");
        assert!(!said.contains("secret words") && !said.contains("0555"), "{said}");
    }
    world.settle().await;
    assert_eq!(table::keys(&world.bundle).await, before, "the good one beside them neither");
    assert_eq!(texts(&world, &chat), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chat_refuses_is_told_and_is_no_message() {
    let (world, chat) = start().await;
    world.bundle.chat().customer_writes("customer-7", "Gerda", "hello");
    world.settle().await;
    for (status, expected, code) in [
        (400, 400, "INVALID_BODY"),
        (401, 401, "UNAUTHORIZED"),
        (403, 403, "FORBIDDEN"),
        (404, 404, "NOT_FOUND"),
        (429, 429, "RATE_LIMIT_EXCEEDED"),
    ] {
        world.bundle.chat().fail_next(Fault::Status(status));
        let refused = answer(&world, &chat, "yes").await;
        let Err(InboxError::Refused { status: answered, code: said, .. }) = refused else { panic!("{status}: {refused:?}") };
        assert_eq!((answered, said.as_str()), (expected, code), "{status}");
    }
    world.settle().await;
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(texts(&world, &chat), ["hello"]);
    assert!(world.bundle.chat().sent().is_empty());
}
