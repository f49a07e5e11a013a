//! One conversation: its messages by pages, read, closed, opened again, deleted by its owner alone.

use http::Method;
use local::simulators::pipedrive::DEMO_COMPANY;
use pigeonpost_tests::{table, world::World};
use serde_json::json;

use crate::inbox::desk::{Desk, said, text, write};

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_read_by_pages_from_the_newest() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    for n in 0..5 {
        write(&world, 1, "Ada", &format!("message {n}")).await;
    }
    let id = desk.id("Ada").await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let thread = desk.get(&format!("conversations/{id}?limit=2&after={after}")).await;
        assert_eq!(thread["conversation"]["id"], json!(id));
        seen.extend(thread["messages"].as_array().unwrap().iter().map(|message| text(&message["text"])));
        match thread["after"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, [4, 3, 2, 1, 0].map(|n| format!("message {n}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_is_read_and_nothing_newer() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "first").await;
    let (id, first) = (desk.id("Ada").await, text(&desk.row("Ada").await["last"]["id"]));
    write(&world, 1, "Ada", "second").await;
    let read = format!("conversations/{id}/read");
    desk.post(&read, &json!({ "seen": first })).await;
    assert_eq!(desk.row("Ada").await["unread"], 2, "the second came before anybody saw it");
    let second = text(&desk.row("Ada").await["last"]["id"]);
    for _ in 0..2 {
        desk.post(&read, &json!({ "seen": second })).await;
        assert_eq!(desk.row("Ada").await["unread"], 0);
    }
    write(&world, 2, "Bob", "hello").await;
    let other = text(&desk.row("Bob").await["last"]["id"]);
    desk.call(Method::POST, &read, Some(&json!({ "seen": other }))).await.refused(400, "INVALID_BODY");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_conversation_opens_when_the_customer_writes() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "hello").await;
    let state = format!("conversations/{}/state", desk.id("Ada").await);
    for wanted in ["closed", "closed", "open", "closed"] {
        let answer = desk.call(Method::PUT, &state, Some(&json!({ "state": wanted }))).await;
        assert_eq!((answer.status, &desk.row("Ada").await["state"]), (200, &json!(wanted)));
    }
    desk.call(Method::PUT, &state, Some(&json!({ "state": "gone" }))).await.refused(400, "INVALID_BODY");
    write(&world, 1, "Ada", "are you there?").await;
    assert_eq!(desk.row("Ada").await["state"], "open");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_of_a_company_reads_and_answers_and_the_owner_alone_deletes() {
    let world = World::start().await;
    let (owner, colleague) = (Desk::of_owner(&world).await, Desk::of_colleague(&world).await);
    write(&world, 1, "Ada", "hello").await;
    let id = owner.id("Ada").await;
    let sent = colleague.post(&format!("conversations/{id}/messages"), &said("hello back")).await;
    assert_eq!(sent["author"], json!(crate::inbox::desk::COLLEAGUE));
    let row = colleague.row("Ada").await;
    assert_eq!((&row["own"], &row["mine"]), (&json!(false), &json!(true)));

    let path = format!("conversations/{id}");
    colleague.call(Method::DELETE, &path, None).await.refused(403, "FORBIDDEN");
    assert_eq!(owner.messages("Ada").await.len(), 2, "it is still there");
    assert_eq!(owner.call(Method::DELETE, &path, None).await.status, 200);
    owner.call(Method::GET, &path, None).await.refused(404, "NOT_FOUND");
    let keys = table::keys(&world.bundle).await;
    assert!(!keys.iter().any(|key| key.contains(&id)), "{keys:?}");
    assert!(keys.iter().any(|key| key.starts_with(&format!("CO#{DEMO_COMPANY}"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_shows_what_became_of_the_newest_message() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "a secret").await;
    let id = desk.id("Ada").await;
    desk.post(&format!("conversations/{id}/messages"), &said(&"long words ".repeat(40))).await;
    let last = desk.row("Ada").await["last"].clone();
    assert_eq!(last["direction"], "out");
    assert!(text(&last["text"]).starts_with("long words") && text(&last["text"]).chars().count() <= 120, "{last}");
    write(&world, 1, "Ada", "the last word").await;
    assert_eq!(desk.row("Ada").await["last"]["text"], "the last word");
}
