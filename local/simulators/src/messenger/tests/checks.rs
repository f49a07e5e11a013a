//! What the simulator refuses.

use http::Method;
use serde_json::{Value, json};
use shared::model::status::Status;

use super::{ADA, World, listen, page};
use crate::{
    messenger::{Fault, Messenger, MessengerError},
    phones::Behaviour,
};

fn codes(answer: &(u16, Value)) -> (u16, Option<u64>, Option<u64>) {
    (
        answer.0,
        answer.1.pointer("/error/code").and_then(Value::as_u64),
        answer.1.pointer("/error/error_subcode").and_then(Value::as_u64),
    )
}

fn message(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({"recipient": {"id": ADA}, "messaging_type": "RESPONSE", "message": {"text": "Hi"}});
    change(&mut body);
    body
}

#[tokio::test]
async fn objects_are_shown_to_their_token_alone() {
    let world = World::new().await;
    let get = async |path: &str, token: &str| world.call(Method::GET, path, token, None).await;
    assert_eq!(get("/400?fields=id,name", "EAATEST").await, (200, json!({"id": "400", "name": "Acme"})));
    assert_eq!(codes(&get("/400", "other").await), (401, Some(190), None));
    assert_eq!(codes(&get("/401", "EAATEST").await), (400, Some(100), Some(33)));
    assert_eq!(codes(&get("/400?fields=x", "EAATEST").await), (400, Some(100), None));
    assert_eq!(codes(&get("/7001?fields=name", "EAATEST").await), (400, Some(100), Some(33)), "nobody wrote yet");
    assert_eq!(codes(&get("/400/nothing", "EAATEST").await), (400, Some(2500), None));
    let subscribe = async |fields: &str| {
        world.call(Method::POST, &format!("/400/subscribed_apps?subscribed_fields={fields}"), "EAATEST", None).await
    };
    assert_eq!(codes(&subscribe("messages,telepathy").await), (400, Some(100), None));
    assert_eq!(codes(&subscribe("").await), (400, Some(100), None));
    assert_eq!(subscribe("messages,message_reads").await.0, 200);
}

#[tokio::test]
async fn messages_are_checked() {
    let world = World::new().await;
    let send =
        async |change: fn(&mut Value)| codes(&world.call(Method::POST, "/400/messages", "EAATEST", Some(message(change))).await);
    assert_eq!(send(|_| ()).await, (400, Some(100), Some(2_018_001)), "nobody wrote yet");
    world.messenger.customer_writes(ADA, "Ada L", "Hello");
    assert_eq!(send(|_| ()).await, (200, None, None));
    let parameter = (400, Some(100), None);
    assert_eq!(send(|b| b["recipient"] = json!({"id": 7001})).await, parameter);
    assert_eq!(send(|b| b["messaging_type"] = Value::Null).await, parameter);
    assert_eq!(send(|b| b["messaging_type"] = "PROMOTION".into()).await, parameter);
    assert_eq!(send(|b| b["tag"] = "HUMAN_AGENT".into()).await, parameter, "a tag needs its type");
    assert_eq!(send(|b| b["extra"] = 1.into()).await, parameter);
    assert_eq!(send(|b| b["message"]["extra"] = 1.into()).await, parameter);
    assert_eq!(send(|b| b["message"]["text"] = " ".into()).await, (400, Some(100), Some(2_018_034)));
    assert_eq!(send(|b| b["message"] = json!({})).await, (400, Some(100), Some(2_018_034)));
    assert_eq!(send(|b| b["message"]["text"] = "ä".repeat(2001).into()).await, parameter);
    assert_eq!(send(|b| b["message"]["text"] = "ä".repeat(2000).into()).await, (200, None, None));
    assert_eq!(send(|b| b["message"]["metadata"] = "x".repeat(1001).into()).await, parameter);
    assert_eq!(send(|b| b["reply_to"] = json!({"mid": "m_unknown"})).await, parameter);
    assert_eq!(send(|b| b["message"]["attachment"] = json!({})).await, parameter, "text and file can't be together");
    let by_tag = |b: &mut Value| {
        b["messaging_type"] = "MESSAGE_TAG".into();
        b["tag"] = "HUMAN_AGENT".into();
    };
    assert_eq!(send(by_tag).await, (403, Some(10), None), "not granted");
    let ended = |b: &mut Value| {
        b["messaging_type"] = "MESSAGE_TAG".into();
        b["tag"] = "ACCOUNT_UPDATE".into();
    };
    assert_eq!(send(ended).await, parameter);

    world.clock.advance(std::time::Duration::from_hours(25));
    assert_eq!(send(|_| ()).await, (403, Some(10), Some(2_018_278)));
    world.messenger.add_page(super::Page { human_agent: true, ..page() });
    assert_eq!(send(by_tag).await, (200, None, None));
    world.clock.advance(std::time::Duration::from_hours(6 * 24));
    assert_eq!(send(by_tag).await, (403, Some(10), Some(2_018_278)));
}

#[tokio::test]
async fn faults_come_when_asked_for() {
    let world = World::new().await;
    world.messenger.customer_writes(ADA, "Ada L", "Hello");
    let send = async || world.call(Method::POST, "/400/messages", "EAATEST", Some(message(|_| ()))).await;
    world.messenger.fail_next(Fault::Refused(MessengerError::code(1200, Some(2_018_024))));
    world.messenger.fail_next(Fault::Html(502));
    assert_eq!(codes(&send().await), (500, Some(1200), Some(2_018_024)));
    assert_eq!(send().await.0, 502);
    world.messenger.phones().set_behaviour(ADA, Behaviour::Fails);
    assert_eq!(codes(&send().await), (400, Some(551), Some(1_545_041)));
    assert_eq!(world.messenger.sent(), []);
}

#[tokio::test]
async fn only_subscribed_events_are_told() {
    let world = World::new().await;
    world.messenger.customer_writes(ADA, "Ada L", "before");
    assert_eq!(world.webhooks().await.len(), 0);
    let path = "/400/subscribed_apps?subscribed_fields=messages,message_deliveries";
    assert_eq!(world.call(Method::POST, path, "EAATEST", None).await.0, 200);
    world.messenger.customer_writes(ADA, "Ada L", "Hello");
    world.messenger.page_writes(ADA, "an echo");
    let (_, answer) = world.call(Method::POST, "/400/messages", "EAATEST", Some(message(|_| ()))).await;
    let mid = answer["message_id"].as_str().unwrap();
    let kinds: Vec<Value> = world
        .webhooks()
        .await
        .iter()
        .map(|(_, body)| serde_json::from_slice::<Value>(body).unwrap())
        .map(|body| body["entry"][0]["messaging"][0].clone())
        .collect();
    assert_eq!(kinds.len(), 2, "no echoes, no receipts of reading: {kinds:?}");
    assert_eq!((&kinds[0]["message"]["text"], &kinds[1]["delivery"]["mids"][0]), (&json!("Hello"), &json!(mid)));
    let line = world.messenger.phones().chat(ADA).unwrap().lines.pop().unwrap();
    assert_eq!((line.id.as_str(), line.status), (mid, Status::Read));
}

#[tokio::test]
async fn another_api_may_stand_behind() {
    let world = World::new().await;
    let other = axum::Router::new().fallback(|| async { "the other" });
    let messenger: &Messenger = &world.messenger;
    let url = listen(|_| axum::Router::new().nest_service("/sim/graph", messenger.in_front_of(other))).await;
    let get = async |path: &str| {
        let client = reqwest::Client::builder().build().unwrap();
        client.get(format!("{url}/sim/graph{path}")).bearer_auth("EAATEST").send().await.unwrap().text().await.unwrap()
    };
    assert_eq!(get("/v25.0/3000000001").await, "the other");
    assert!(get("/v25.0/400").await.contains("Acme"));
    assert!(get("/v25.0/m_x").await.contains("does not exist"));
}
