//! Searching: names and numbers of the whole company, texts of the open conversation and the recent ones.

use http::Method;
use pigeonpost_tests::{many, world::World};
use serde_json::json;

use crate::inbox::desk::{Desk, names, said, text, write};

/// As many conversations as a busy company has after years.
const MANY: i64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn names_and_numbers_are_found_and_texts_near_by() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    for (n, name, said) in [(1, "Ada Lovelace", "The oak desk, please"), (2, "Åsa Öberg", "hello"), (3, "Bob", "Another DESK")]
    {
        write(&world, n, name, said).await;
    }
    let ada = desk.id("Ada Lovelace").await;
    desk.post(&format!("conversations/{ada}/messages"), &said("Which desk do you mean?")).await;
    let people = async |query: &str| names(&desk.get(&format!("search/conversations?q={query}")).await);
    assert_eq!(people("lovelace").await, ["Ada Lovelace"]);
    assert_eq!(people("%C3%A5SA").await, ["Åsa Öberg"]);
    assert_eq!(people("020%200003").await, ["Bob"], "a number however it is written");
    assert_eq!(people("nobody").await, Vec::<String>::new());

    let found = desk.get(&format!("search/messages?q=desk&conversation={ada}")).await;
    let texts: Vec<&str> = found["messages"].as_array().unwrap().iter().filter_map(|message| message["text"].as_str()).collect();
    assert_eq!(texts, ["Which desk do you mean?", "The oak desk, please", "Another DESK"], "the open conversation first");
    let open = &found["open"];
    assert_eq!((&open["conversations"], &open["messages"], &open["all"]), (&json!(1), &json!(2), &json!(true)));
    let recent = &found["recent"];
    assert_eq!((&recent["conversations"], &recent["messages"], &recent["all"]), (&json!(2), &json!(2), &json!(true)));
    for query in ["", "a", &"x".repeat(101)] {
        for what in ["conversations", "messages"] {
            desk.call(Method::GET, &format!("search/{what}?q={query}"), None).await.refused(400, "BAD_REQUEST");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_conversations_are_looked_through_in_a_few_calls() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "hello").await;
    world.settle().await;
    many::conversations(&world.bundle, MANY).await;
    let oldest = format!("Customer {}", MANY - 1);
    let (mut found, mut looked, mut calls, mut after) = (Vec::new(), 0, 0, String::new());
    loop {
        let page = desk.get(&format!("search/conversations?q={}&after={after}", MANY - 1)).await;
        found.extend(names(&page));
        looked += page["looked"].as_i64().unwrap();
        calls += 1;
        match page["after"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((found, looked), (vec![oldest], MANY));
    assert!(calls <= 5, "{calls} calls");

    // A filter that lets nothing through ends, and says where to go on.
    let filtered = desk.get("conversations?state=closed").await;
    assert_eq!((names(&filtered).len(), filtered["after"].is_string()), (0, true));
    let first = desk.get("conversations?limit=50").await;
    assert_eq!(names(&first).len(), 50);
    assert_eq!(text(&first["conversations"][0]["name"]), "Ada");
}
