//! Conversations and the persons that their customers are: linked by number or by the conversation's id.

use std::time::Duration;

use local::simulators::{graph::Incoming, whatsapp_number};
use pigeonpost_tests::{
    web::{client, send},
    world::{World, phone},
};
use serde_json::json;
use shared::{
    clock::Clock,
    crm::ports::ContactStore,
    inbox::ports::InboxReader,
    model::{
        contact::Phone,
        conversation::Conversation,
        ids::{ChannelId, ConversationId, PersonId},
    },
};

use crate::contacts::caller::{Caller, DEMO, OTHERS, others};

/// A customer's first message; its conversation.
async fn writes(world: &World, n: usize) -> ConversationId {
    // WhatsApp tells whole seconds, and this is to be the newest.
    world.clock.advance(Duration::from_secs(2));
    let (number, from) = (whatsapp_number(), phone(n));
    let name = if n == 1 { "Dora" } else { "Emil" };
    let text = Incoming { number: &number.id, from: &from, name, text: "hello", at: world.clock.now() };
    world.store(&[text]).await;
    world.newest_conversation().await.id
}

async fn stored(world: &World, id: &ConversationId) -> Conversation {
    InboxReader::conversation(&*world.bundle.environment().table(), id).await.unwrap().unwrap()
}

async fn linked(world: &World, id: &ConversationId) -> Option<String> {
    stored(world, id).await.record.person().map(|person: PersonId| person.to_string())
}

async fn conversations_of(caller: &Caller, contact: &str) -> serde_json::Value {
    caller.get(&format!("/v2/contacts/{contact}")).await.data(200)["conversationIds"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_links_its_conversations_on_every_channel() {
    let world = World::start().await;
    let chat = world.bundle.connect_chat(&world.session).await.unwrap();
    let caller = Caller::new(&world).await;
    let whatsapp = writes(&world, 1).await;
    let event = json!({
        "type": "message", "id": "1", "text": "hello",
        "from": {"id": "visitor-1", "name": "Dora", "phone": format!("+{}", phone(1))},
    });
    let hook = world.bundle.chat().webhooks().compose(&[event]);
    assert_eq!(send(client().post(&chat.webhook_url).headers(hook.headers).body(hook.body)).await.status, 200);
    let channel = ChannelId::parse(&chat.provider_channel_id).unwrap();
    let page = world.bundle.environment().table().conversations(&channel, None, 10).await.unwrap();
    let [in_chat] = page.items.as_slice() else { panic!("one conversation in the chat") };
    let nobodys = writes(&world, 2).await;

    let body = json!({"email": "dora@example.com", "attributes": {"name": "Dora", "phone": format!("+{}", phone(1))}});
    let dora = caller.post("/v2/contacts", &body).await.id(201);
    assert_eq!(linked(&world, &whatsapp).await.as_deref(), Some(dora.as_str()));
    assert_eq!(linked(&world, &in_chat.id).await.as_deref(), Some(dora.as_str()), "{in_chat:?}");
    assert_eq!(linked(&world, &nobodys).await, None);
    let known = conversations_of(&caller, &dora).await;
    assert!(known.as_array().unwrap().contains(&json!(whatsapp)), "{known}");

    // Messages go on as before, and the link stays.
    world.bundle.graph().customer_writes(&phone(1), "Dora", "hello again");
    world.settle().await;
    assert_eq!(linked(&world, &whatsapp).await.as_deref(), Some(dora.as_str()));
    assert!(world.texts("Dora").contains(&"hello again".to_owned()));
    let (table, number) = (world.bundle.environment().table(), Phone::parse(&phone(1)));
    let found = table.persons_of(DEMO.0, None, number.as_ref()).await.unwrap();
    assert_eq!(found.len(), 1, "the number leads to the person");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_named_is_linked_from_whomever_it_was_linked_to() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let conversation = writes(&world, 1).await;
    let ada = caller.post("/v2/contacts", &json!({"email": "ada@example.com", "conversationId": conversation})).await.id(201);
    assert_eq!(linked(&world, &conversation).await.as_deref(), Some(ada.as_str()));
    assert_eq!(conversations_of(&caller, &ada).await, json!([conversation]));

    let eve = caller.contact("eve@example.com").await;
    caller.put(&format!("/v2/contacts/{eve}"), &json!({"conversationId": conversation})).await.data(200);
    assert_eq!(linked(&world, &conversation).await.as_deref(), Some(eve.as_str()));
    assert_eq!(
        (conversations_of(&caller, &ada).await, conversations_of(&caller, &eve).await),
        (json!([]), json!([conversation]))
    );

    // A number does not take a conversation away from anybody.
    let body = json!({"email": "dora@example.com", "attributes": {"phone": format!("+{}", phone(1))}});
    caller.post("/v2/contacts", &body).await.id(201);
    assert_eq!(linked(&world, &conversation).await.as_deref(), Some(eve.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_of_nobody_or_of_others_is_refused_and_nothing_created() {
    let world = World::start().await;
    let conversation = writes(&world, 1).await;
    let session = others(&world.bundle).await;
    let caller = Caller::with_session(&world.bundle, &session).await;
    for id in [conversation.as_str(), "cv_0000000000000000", "nonsense"] {
        let refused = caller.post("/v2/contacts", &json!({"email": "eve@example.com", "conversationId": id})).await;
        assert_eq!(refused.refused(422, "INVALID_INPUT"), "\"conversationId\" must be the id of a conversation of this company");
    }
    let body = json!({"email": "eve@example.com", "attributes": {"phone": format!("+{}", phone(1))}});
    caller.post("/v2/contacts", &body).await.id(201);
    assert_eq!(linked(&world, &conversation).await, None, "another company's conversation with the same number");
    assert_eq!(world.bundle.pipedrive().persons(OTHERS).len(), 1);
}
