//! Conversations of long messages: an answer stays within what Lambda passes on, and cursors lead to what it leaves out.

use std::{collections::BTreeMap, time::Duration};

use local::simulators::{graph::Incoming, whatsapp_number};
use pigeonpost_tests::world::{World, phone};
use serde_json::{Value, json};
use shared::{clock::Clock, model::time::Timestamp};

use crate::manifest::caller::{Caller, check_conversation};

/// Conversations, and messages in each: a page as Pipedrive asks for it.
const PAGE: usize = 30;
/// The most that Lambda passes on, in bytes (AWS Lambda, "Lambda quotas").
const LAMBDA_LIMIT: usize = 6 * 1024 * 1024;

/// A message of the greatest length that WhatsApp has, of characters that take three bytes each.
fn text(customer: usize, message: usize) -> String {
    let mark = format!("{customer}/{message} ");
    format!("{mark}{}", "字".repeat(4096 - mark.len()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_longest_messages_fits_and_leads_to_the_rest() {
    let world = World::start().await;
    let (number, start) = (whatsapp_number(), Timestamp::from_secs(world.clock.now().secs() - 3 * 3600));
    let mut written = BTreeMap::new();
    for customer in 0..PAGE {
        let (from, name) = (phone(customer), format!("Customer {customer}"));
        let texts: Vec<String> = (0..PAGE).map(|message| text(customer, message)).collect();
        let incoming: Vec<Incoming<'_>> = texts
            .iter()
            .zip(0..)
            .map(|(text, n)| Incoming {
                number: &number.id,
                from: &from,
                name: &name,
                text,
                at: start.plus(Duration::from_secs(n)),
            })
            .collect();
        world.store(&incoming).await;
        written.insert(name, texts);
    }

    let (caller, channel) = (Caller::new(&world), world.whatsapp.provider_channel_id.as_str());
    let body = caller.get(&format!("{channel}/conversations?conversations_limit={PAGE}&messages_limit={PAGE}")).await.done();
    let answer = json!({"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body.to_string()});
    assert!(answer.to_string().len() < LAMBDA_LIMIT, "{} bytes", answer.to_string().len());
    let page = body["data"].as_array().unwrap();
    assert_eq!(page.len(), PAGE);
    for conversation in page {
        check_conversation(conversation);
        let shown = texts(conversation);
        assert!((1..PAGE).contains(&shown.len()), "{} messages", shown.len());
        let id = conversation["id"].as_str().unwrap();
        let mut all = shown;
        let mut cursor = conversation["next_messages_cursor"].as_str().unwrap().to_owned();
        while !cursor.is_empty() {
            let path = format!("{channel}/conversations/{id}?messages_limit=7&after={cursor}");
            let rest = caller.get(&path).await.done()["data"].take();
            all.extend(texts(&rest));
            rest["next_messages_cursor"].as_str().unwrap_or_default().clone_into(&mut cursor);
        }
        all.reverse();
        let customer = conversation["participants"]
            .as_array()
            .unwrap()
            .iter()
            .find_map(|p| written.get(p["name"].as_str().unwrap_or_default()));
        assert!(customer == Some(&all), "{id}: {} messages, not each once and in order", all.len());
    }
}

/// Texts, newest first.
fn texts(conversation: &Value) -> Vec<String> {
    let messages = conversation["messages"].as_array().unwrap();
    messages.iter().map(|message| message["message"].as_str().unwrap().to_owned()).collect()
}
