//! `postMessage` when the provider refuses or does not answer: the contract's error, and a message that shows that it failed.

use local::simulators::graph::Fault;
use pigeonpost_tests::world::{World, phone};
use serde_json::Value;
use shared::{
    clock::Clock,
    inbox::ports::InboxReader,
    model::{ids::MessageId, status::Status, time::Timestamp},
};

use crate::manifest::caller::{Answer, Caller, Chat};

/// The newest message of the chat, as `getConversationById` shows it.
async fn newest(caller: &Caller, chat: &Chat) -> Value {
    let body = caller.get(&format!("{}/conversations/{}?messages_limit=1", chat.channel, chat.conversation)).await.done();
    body["data"]["messages"][0].clone()
}

/// An answer that the provider meets with `fault`.
async fn send(world: &World, caller: &Caller, chat: &Chat, fault: Fault, text: &str) -> Answer {
    world.bundle.graph().fail_next(fault);
    caller.post(&chat.channel, &chat.fields(text)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_and_shown() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let caller = Caller::new(&world);
    for (code, status, expected) in [
        (131_047, 403, "FORBIDDEN"),
        (131_026, 403, "FORBIDDEN"),
        (190, 401, "UNAUTHORIZED"),
        (131_031, 401, "ACCOUNT_SUSPENDED"),
        (131_056, 429, "RATE_LIMIT_EXCEEDED"),
        (130_429, 429, "RATE_LIMIT_EXCEEDED"),
        (131_009, 400, "INVALID_BODY"),
    ] {
        let (text, before) = (format!("meets {code}"), world.clock.now());
        let answer = send(&world, &caller, &ada, Fault::Code(code), &text).await;
        let message = answer.refused(status, expected);
        assert!(!message.contains(&text) && !message.contains(&phone(1)) && !message.contains("EAALOCAL"), "{message}");
        if status == 429 {
            let retry_by = answer.body["data"]["retry_by"].as_str().unwrap();
            assert!(retry_by.ends_with('Z') && Timestamp::parse_rfc3339(retry_by).unwrap() > before, "{retry_by}");
        }
        if status == 400 {
            answer.names("INVALID_BODY", "message");
        }
        let shown = newest(&caller, &ada).await;
        assert_eq!((&shown["message"], &shown["status"]), (&text.as_str().into(), &"failed".into()));
    }
    assert!(world.bundle.graph().sent().is_empty());

    // None of them stands in the way of the next.
    caller.post(&ada.channel, &ada.fields("at last")).await.done();
    world.settle().await;
    assert_eq!(world.bundle.graph().sent().len(), 1);
    assert_eq!(world.shown("Ada").last().map(|message| (message.text.as_str(), message.status)), Some(("at last", Status::Read)));
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_has_an_id_and_fails_visibly() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let caller = Caller::new(&world);
    for (n, fault) in [Fault::LostAnswer, Fault::Html(502)].into_iter().enumerate() {
        // A status would be proof that the message arrived.
        world.bundle.graph().webhooks().hold();
        let text = format!("lost {n}");
        let body = send(&world, &caller, &ada, fault, &text).await.done();
        let id = body["data"]["id"].as_str().unwrap();
        world.settle().await;
        let shown = world.shown("Ada").into_iter().filter(|message| message.id == id).collect::<Vec<_>>();
        assert_eq!(
            shown.iter().map(|message| (message.text.as_str(), message.status)).collect::<Vec<_>>(),
            [(text.as_str(), Status::Failed)]
        );
        let stored = world.bundle.environment().table().message(&MessageId::parse(id).unwrap()).await.unwrap().unwrap();
        assert_eq!(stored.failure.map(|reason| reason.code).as_deref(), Some("outcome_unknown"));
        assert_eq!(newest(&caller, &ada).await["status"], "failed");
    }
    // It was sent once, and is not sent again by itself.
    world.pass(std::time::Duration::from_mins(10)).await;
    assert_eq!(world.bundle.graph().sent().iter().filter(|sent| sent.text.starts_with("lost")).count(), 1);
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}
