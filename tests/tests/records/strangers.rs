//! A stranger writes: person, lead and note appear, once, and cost no more than they may.

use std::time::Duration;

use local::{
    owner::Connected,
    simulators::pipedrive::{DEMO_COMPANY, DEMO_USER, Kind},
};
use pigeonpost_tests::{
    web::{client, send},
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::{
    model::record::{Deed, Why},
    records::ports::AuditStore,
};

use crate::records::fixture::{
    conversations, counted, desk, leads, minutes, notes, persons, pipedrive, says, spent, to_the_end_of_the_day, writes,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_first_message_makes_person_lead_and_note_within_the_ceiling() {
    let world = desk().await;
    let (known, before) = (persons(&world).len(), spent(&world));
    writes(&world, 1, "Dora <b>", "Hello & \"welcome\" <script>").await;
    let all = persons(&world);
    assert_eq!(all.len(), known + 1, "{:?}", pipedrive(&world).violations());
    let dora = all.last().unwrap();
    assert_eq!((dora.name.as_str(), dora.phones[0].value.clone()), ("Dora <b>", format!("+{}", phone(1))));
    assert_eq!(dora.phones[0].label, "WhatsApp");
    let [lead] = leads(&world).try_into().unwrap();
    let conversation = conversations(&world).await.remove(0);
    assert_eq!((lead.person_id, lead.origin_id.as_deref()), (Some(dora.id), Some(conversation.id.as_str())));
    let [note] = notes(&world).try_into().unwrap();
    assert_eq!((note.person_id, note.lead_id.as_ref()), (Some(dora.id), Some(&lead.id)));
    assert!(note.content.contains("<b>Dora &lt;b&gt;:</b> Hello &amp; \"welcome\" &lt;script&gt;"), "{}", note.content);
    assert!(conversation.outbox.is_empty(), "{conversation:?}");

    assert_eq!(counted(&world).await, spent(&world) - before, "what it says is what Pipedrive charges");

    for n in 0..10 {
        writes(&world, 1, "Dora <b>", &format!("more {n}")).await;
        minutes(&world, 2).await;
    }
    to_the_end_of_the_day(&world).await;
    let [note] = notes(&world).try_into().unwrap();
    assert!((0..10).all(|n| note.content.contains(&format!("more {n}"))), "{}", note.content);
    assert_eq!((persons(&world).len(), leads(&world).len()), (known + 1, 1));
    let total = counted(&world).await;
    assert!(total <= 60, "{total} tokens");
    assert!(conversations(&world).await[0].outbox.is_empty());
    assert_eq!(pipedrive(&world).violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_person_costs_no_more_than_half_of_that() {
    let world = desk().await;
    writes(&world, 1, "Dora", "hello").await;
    to_the_end_of_the_day(&world).await;
    world.clock.advance(Duration::from_hours(24 * 4));
    let before = counted(&world).await;
    for n in 0..20 {
        writes(&world, 1, "Dora", &format!("day two {n}")).await;
        minutes(&world, 3).await;
    }
    to_the_end_of_the_day(&world).await;
    let after = counted(&world).await;
    assert!(after - before <= 30, "{} tokens", after - before);
    let last = notes(&world).pop().unwrap();
    assert_eq!(notes(&world).len(), 2, "a note a day");
    assert!((0..20).all(|n| last.content.contains(&format!("day two {n}<"))), "{}", last.content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_channel_of_the_same_number_lands_on_the_same_person() {
    let world = desk().await;
    // Pipedrive's search is of no help: it does not know the new person yet.
    pipedrive(&world).change(|settings| settings.search_lag = usize::MAX);
    let known = persons(&world).len();
    writes(&world, 1, "Dora", "on WhatsApp").await;
    let chat = world.bundle.connect_chat(&world.session).await.unwrap();
    writes_in_chat(&world, &chat, "1", json!({"id": "visitor-1", "name": "Dora", "phone": format!("+{}", phone(1))})).await;
    assert_eq!((persons(&world).len(), leads(&world).len()), (known + 1, 1));
    let persons: Vec<_> = conversations(&world).await.iter().map(|found| found.record.person()).collect();
    assert!(persons.len() == 2 && persons[0].is_some() && persons[0] == persons[1], "{persons:?}");
    assert_eq!(notes(&world).len(), 2, "a note for each conversation");
}

/// Somebody writes in the company's own chat.
async fn writes_in_chat(world: &World, chat: &Connected, id: &str, from: Value) {
    let event = json!({"type": "message", "id": id, "text": "in the chat", "from": from});
    let hook = world.bundle.chat().webhooks().compose(&[event]);
    assert_eq!(send(client().post(&chat.webhook_url).headers(hook.headers).body(hook.body)).await.status, 200);
    world.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_of_the_chat_are_known_by_their_address() {
    let world = desk().await;
    let chat = world.bundle.connect_chat(&world.session).await.unwrap();
    let body = json!({"name": "Dora D.", "emails": [{"value": "Dora@Example.com", "primary": true, "label": "work"}]});
    let dora = pipedrive(&world).create(DEMO_COMPANY, DEMO_USER, Kind::Persons, &body).unwrap()["id"].as_u64();
    let known = persons(&world).len();
    writes_in_chat(&world, &chat, "1", json!({"id": "visitor-1", "name": "Dora", "email": "dora@example.com"})).await;
    let conversation = conversations(&world).await.remove(0);
    assert_eq!((persons(&world).len(), conversation.record.person().map(|id| id.0)), (known, dora));
    let audit = world.bundle.environment().table().audit(&conversation.id, 10).await.unwrap();
    assert!(audit.iter().any(|entry| (entry.what, &entry.why) == (Deed::Matched, &Why::Email)), "{audit:?}");

    // Pipedrive's search is of no help from here on: it does not know new persons yet.
    pipedrive(&world).change(|settings| settings.search_lag = usize::MAX);
    let before = counted(&world).await;
    let emil = json!({"id": "visitor-2", "name": "Emil", "email": "emil@example.com", "phone": format!("+{}", phone(2))});
    writes_in_chat(&world, &chat, "2", emil).await;
    to_the_end_of_the_day(&world).await;
    let total = counted(&world).await - before;
    assert!(total <= 60, "{total} tokens for a stranger with number and address");
    let last = persons(&world).pop().unwrap();
    assert_eq!((persons(&world).len(), last.emails[0].value.as_str()), (known + 1, "emil@example.com"));
    writes_in_chat(&world, &chat, "3", json!({"id": "visitor-3", "name": "E.", "email": "Emil@example.com"})).await;
    assert_eq!(persons(&world).len(), known + 1, "the same visitor under another id");
    assert_eq!(pipedrive(&world).violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_messages_at_once_make_one_person() {
    let world = desk().await;
    pipedrive(&world).change(|settings| settings.search_lag = usize::MAX);
    let known = persons(&world).len();
    let chat = world.bundle.connect_chat(&world.session).await.unwrap();
    let event = json!({
        "type": "message", "id": "1", "text": "in the chat",
        "from": {"id": "visitor-1", "name": "Dora", "phone": format!("+{}", phone(1))},
    });
    let hook = world.bundle.chat().webhooks().compose(&[event]);
    assert_eq!(send(client().post(&chat.webhook_url).headers(hook.headers).body(hook.body)).await.status, 200);
    says(&world, 1, "Dora", "on WhatsApp").await;
    world.settle().await;
    minutes(&world, 3).await;
    assert_eq!((persons(&world).len(), notes(&world).len()), (known + 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_whom_pipedrive_knows_is_recognised_however_their_number_is_written() {
    let world = desk().await;
    let number = phone(1);
    let body = json!({"name": "Dora D.", "phones": [{"value": format!("+{number}"), "primary": true, "label": "work"}]});
    let made = pipedrive(&world).create(DEMO_COMPANY, DEMO_USER, Kind::Persons, &body).unwrap();
    let id = made["id"].as_u64().unwrap();
    let deal = json!({"title": "Windows", "person_id": id});
    let deal = pipedrive(&world).create(DEMO_COMPANY, DEMO_USER, Kind::Deals, &deal).unwrap()["id"].as_u64().unwrap();
    let known = persons(&world).len();
    writes(&world, 1, "Dora", "hello").await;
    assert_eq!((persons(&world).len(), leads(&world).len()), (known, 0));
    let [note] = notes(&world).try_into().unwrap();
    assert_eq!((note.person_id, note.deal_id, note.lead_id), (Some(id), Some(deal), None));
    let conversation = conversations(&world).await.remove(0);
    let audit = world.bundle.environment().table().audit(&conversation.id, 10).await.unwrap();
    let deeds: Vec<(Deed, &Why)> = audit.iter().map(|entry| (entry.what, &entry.why)).collect();
    assert!(deeds.contains(&(Deed::Matched, &Why::Phone)) && deeds.contains(&(Deed::Chosen, &Why::NewestOpenDeal)), "{deeds:?}");
}
