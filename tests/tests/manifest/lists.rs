//! Pages: limits, order, and cursors that lead through everything once, whatever is deleted meanwhile.

use std::{collections::BTreeSet, time::Duration};

use local::simulators::{
    graph::Incoming,
    pipedrive::{DEMO_COMPANY, DEMO_USER},
    whatsapp_number,
};
use pigeonpost_tests::world::{World, phone};
use serde_json::Value;
use shared::{
    clock::Clock,
    inbox::ports::{ChannelStore, InboxReader},
    model::{ids::ConversationId, time::Timestamp},
};

use crate::manifest::caller::{Caller, check_conversation};

const CONVERSATIONS: usize = 250;
const MESSAGES: usize = 1000;
/// Messages in one webhook.
const BATCH: usize = 50;

/// What is not a whole number, as it stands in a query.
const NO_NUMBERS: [&str; 9] = ["abc", "1.5", "1e2", "0x10", "+5", "%2B5", "--5", "-", "%F0%9F%98%80"];
/// What is no cursor of any list.
const NO_CURSORS: [&str; 5] = ["nonsense", "YzE", "%00", "%F0%9F%98%80", "null"];
/// Limits as they stand in a query, and how many entries each gives at most.
const LIMITS: [(&str, usize); 11] = [
    ("", 30),
    ("1", 1),
    ("007", 7),
    ("99", 99),
    ("100", 100),
    ("101", 100),
    ("1000", 100),
    ("99999999999999999999", 100),
    ("0", 1),
    ("-5", 1),
    ("-99999999999999999999", 1),
];

/// When the first of the messages below was written.
fn start(world: &World) -> Timestamp {
    Timestamp::from_secs(world.clock.now().secs() - 3 * 3600)
}

/// A message each of 250 customers, the first two at the moment that is returned, the next two a second later: a page may
/// end between two of one moment.
async fn many_conversations(world: &World) -> Timestamp {
    let (start, number) = (start(world), whatsapp_number());
    let customers: Vec<(String, String)> = (0..CONVERSATIONS).map(|n| (phone(n), format!("Customer {n}"))).collect();
    let written: Vec<Incoming<'_>> = customers
        .iter()
        .zip((0..).flat_map(|n| [n, n]))
        .map(|((from, name), n)| Incoming {
            number: &number.id,
            from,
            name,
            text: "hello",
            at: start.plus(Duration::from_secs(n)),
        })
        .collect();
    world.store(&written).await;
    start
}

/// 1 000 messages of one customer, one a second.
async fn many_messages(world: &World) {
    let (start, number, from) = (start(world), whatsapp_number(), phone(0));
    let texts: Vec<String> = (0..MESSAGES).map(|n| format!("message {n}")).collect();
    let written: Vec<Incoming<'_>> = texts
        .iter()
        .zip(0..)
        .map(|(text, n)| Incoming { number: &number.id, from: &from, name: "Ada", text, at: start.plus(Duration::from_secs(n)) })
        .collect();
    for batch in written.chunks(BATCH) {
        world.store(batch).await;
        world.settle().await;
    }
}

fn list(body: &Value) -> &Vec<Value> {
    body["data"].as_array().unwrap()
}

fn texts<'a>(conversation: &'a Value, field: &str) -> Vec<&'a str> {
    conversation["messages"].as_array().unwrap().iter().filter_map(|message| message[field].as_str()).collect()
}

/// The ids on a page of conversations, and the cursor to the next one.
async fn page(caller: &Caller, channel: &str, limit: usize, after: &str) -> (Vec<String>, String) {
    let query = if after.is_empty() { String::new() } else { format!("&after={after}") };
    let body = caller.get(&format!("{channel}/conversations?conversations_limit={limit}{query}")).await.done();
    list(&body).iter().for_each(check_conversation);
    let ids = list(&body).iter().map(|conversation| conversation["id"].as_str().unwrap().to_owned()).collect();
    (ids, body["additional_data"]["after"].as_str().unwrap().to_owned())
}

/// All ids from `after` on.
async fn walk(caller: &Caller, channel: &str, limit: usize, after: &str) -> Vec<String> {
    let (mut ids, mut next) = page(caller, channel, limit, after).await;
    while !next.is_empty() {
        assert_eq!(ids.len() % limit, 0, "only the last page is short");
        let (more, after) = page(caller, channel, limit, &next).await;
        ids.extend(more);
        next = after;
    }
    ids
}

async fn erase(world: &World, id: &str) {
    let table = world.bundle.environment().table();
    let id = ConversationId::parse(id).unwrap();
    let conversation = InboxReader::conversation(&*table, &id).await.unwrap().unwrap();
    table.erase_conversation(&conversation).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_read_once_each_whatever_is_deleted_meanwhile() {
    let world = World::start().await;
    let start = many_conversations(&world).await;
    let (caller, channel) = (Caller::new(&world), world.whatsapp.provider_channel_id.as_str());

    // Newest first.
    let body = caller.get(&format!("{channel}/conversations?conversations_limit=100")).await.done();
    let times: Vec<&str> = list(&body).iter().filter_map(|c| c["messages"][0]["created_at"].as_str()).collect();
    let seconds = (0..CONVERSATIONS as u64 / 2).rev().flat_map(|n| [n, n]).take(100);
    assert_eq!(times, seconds.map(|n| start.plus(Duration::from_secs(n)).rfc3339()).collect::<Vec<_>>());

    // Every page size leads through all of them.
    let all = walk(&caller, channel, 30, "").await;
    assert_eq!(all.len(), CONVERSATIONS);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), CONVERSATIONS, "none twice");
    for limit in [7, 50, 100] {
        assert_eq!(walk(&caller, channel, limit, "").await, all, "{limit}");
    }

    // Pipedrive's own walk, when the channel is registered anew.
    world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    world.bundle.pipedrive().idle().await;
    assert_eq!(world.bundle.pipedrive().conversations().len(), CONVERSATIONS);
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());

    // The one that the cursor stands on, the next one and a later one go.
    let (first, after) = page(&caller, channel, 30, "").await;
    assert_eq!(first, all[..30]);
    for gone in [29, 30, 77] {
        erase(&world, &all[gone]).await;
    }
    let rest = walk(&caller, channel, 30, &after).await;
    assert_eq!(rest, [&all[31..77], &all[78..]].concat());

    // A cursor behind which nothing is left.
    let (_, near) = page(&caller, channel, 100, &after).await;
    let (_, near) = page(&caller, channel, 100, &near).await;
    for gone in &all[all.len() - 18..] {
        erase(&world, gone).await;
    }
    assert_eq!(page(&caller, channel, 100, &near).await, (Vec::new(), String::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_cut_and_what_is_no_number_or_cursor_is_refused() {
    let world = World::start().await;
    many_conversations(&world).await;
    let (caller, channel) = (Caller::new(&world), world.whatsapp.provider_channel_id.as_str());
    for (limit, expected) in LIMITS {
        let body = caller.get(&format!("{channel}/conversations?messages_limit=1&conversations_limit={limit}")).await.done();
        assert_eq!(list(&body).len(), expected, "conversations_limit={limit}");
    }
    let body = caller.get(&format!("{channel}/conversations")).await.done();
    assert_eq!(list(&body).len(), 30);
    let conversation = list(&body)[0]["id"].as_str().unwrap();
    let after_conversations = body["additional_data"]["after"].as_str().unwrap();

    for bad in NO_NUMBERS {
        for path in ["conversations?conversations_limit=", "conversations?messages_limit="] {
            let field = &path["conversations?".len()..path.len() - 1];
            caller.get(&format!("{channel}/{path}{bad}")).await.names("BAD_REQUEST", field);
        }
        let path = format!("{channel}/conversations/{conversation}?messages_limit={bad}");
        caller.get(&path).await.names("BAD_REQUEST", "messages_limit");
    }
    let long = "x".repeat(500);
    for bad in NO_CURSORS.into_iter().chain([long.as_str()]) {
        caller.get(&format!("{channel}/conversations?after={bad}")).await.names("BAD_REQUEST", "after");
        caller.get(&format!("{channel}/conversations/{conversation}?after={bad}")).await.names("BAD_REQUEST", "after");
    }
    // A cursor of the other list.
    let path = format!("{channel}/conversations/{conversation}?after={after_conversations}");
    caller.get(&path).await.names("BAD_REQUEST", "after");
    // None, said in so many words.
    let body = caller.get(&format!("{channel}/conversations?after=&conversations_limit=&messages_limit=")).await.done();
    assert_eq!(list(&body).len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_read_once_each() {
    let world = World::start().await;
    many_messages(&world).await;
    let (caller, channel) = (Caller::new(&world), world.whatsapp.provider_channel_id.as_str());
    for (limit, expected) in LIMITS {
        let body = caller.get(&format!("{channel}/conversations?messages_limit={limit}")).await.done();
        assert_eq!(texts(&body["data"][0], "message").len(), expected, "messages_limit={limit}");
    }

    let all: Vec<String> = (0..MESSAGES).rev().map(|n| format!("message {n}")).collect();
    for limit in [30, 100] {
        // The first page comes with the list, further ones from the conversation itself.
        let body = caller.get(&format!("{channel}/conversations?messages_limit={limit}")).await.done();
        let [conversation] = &list(&body)[..] else { panic!("one conversation: {body}") };
        check_conversation(conversation);
        let id = conversation["id"].as_str().unwrap();
        let (mut found, mut ids) = (Vec::new(), BTreeSet::new());
        let mut current = conversation.clone();
        loop {
            found.extend(texts(&current, "message").into_iter().map(str::to_owned));
            ids.extend(texts(&current, "id").into_iter().map(str::to_owned));
            let after = current["next_messages_cursor"].as_str().unwrap();
            if after.is_empty() {
                break;
            }
            assert_eq!(texts(&current, "message").len(), limit, "only the last page is short");
            let path = format!("{channel}/conversations/{id}?messages_limit={limit}&after={after}");
            let body = caller.get(&path).await.done();
            check_conversation(&body["data"]);
            assert_eq!(body["data"]["id"], id);
            assert_eq!(body["additional_data"]["after"], body["data"]["next_messages_cursor"]);
            current = body["data"].clone();
        }
        assert_eq!(found, all, "{limit}");
        assert_eq!(ids.len(), MESSAGES);

        let body = caller.get(&format!("{channel}/conversations/{id}?messages_limit={limit}")).await.done();
        assert_eq!(body["data"], *conversation, "both endpoints show the same");
    }
    let id = caller.get(&format!("{channel}/conversations")).await.done()["data"][0]["id"].as_str().unwrap().to_owned();
    // A cursor of the messages does not lead through conversations.
    let cursor = caller.get(&format!("{channel}/conversations/{id}")).await.done()["additional_data"]["after"].clone();
    let path = format!("{channel}/conversations?after={}", cursor.as_str().unwrap());
    caller.get(&path).await.names("BAD_REQUEST", "after");
    // Pipedrive heard of each once.
    assert_eq!(world.shown("Ada").len(), MESSAGES);
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}
