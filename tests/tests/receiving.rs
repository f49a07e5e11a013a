//! WhatsApp's webhooks over the real router: who is believed, that everything of a batch is stored once, and whose
//! conversation it is.

use http::{HeaderValue, Method, header};
use local::simulators::{META_VERIFY_TOKEN, graph::Incoming, whatsapp_number};
use pigeonpost_tests::{
    table,
    web::{Answer, client, send},
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::clock::Clock;

/// The change of a webhook with one message.
fn change(world: &World, number: &str, customer: usize, text: &str) -> Value {
    let (from, name, id) = (phone(customer), format!("Customer {customer}"), format!("wamid.{customer}.{text}"));
    let incoming = Incoming { number: &whatsapp_number().id, from: &from, name: &name, text, at: world.clock.now() };
    let mut change = world.bundle.graph().message_change(&incoming, &id).unwrap();
    change["value"]["metadata"]["phone_number_id"] = number.into();
    change
}

async fn post(world: &World, body: Vec<u8>, headers: http::HeaderMap) -> Answer {
    send(client().post(format!("{}/webhooks/whatsapp", world.bundle.url())).headers(headers).body(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_meta_is_believed() {
    let world = World::start().await;
    let number = whatsapp_number().id;
    let signed = world.bundle.graph().webhooks().compose(&[change(&world, &number, 1, "hello")]);
    let before = table::keys(&world.bundle).await;
    let with = |signature: Option<&str>| {
        let mut headers = signed.headers.clone();
        headers.remove("x-hub-signature-256");
        if let Some(signature) = signature {
            headers.insert("x-hub-signature-256", HeaderValue::from_str(signature).unwrap());
        }
        headers
    };
    let right = signed.headers["x-hub-signature-256"].to_str().unwrap();
    let other_key = "sha256=0f3c2d7b6d0a1f2e3c4b5a69788796a5b4c3d2e1f00112233445566778899aab";
    for signature in [None, Some(""), Some("sha256="), Some(other_key), Some(&right[7..]), Some(&right[..right.len() - 2])] {
        post(&world, signed.body.to_vec(), with(signature)).await.refused(401, "UNAUTHORIZED");
    }
    let mut changed = signed.body.to_vec();
    changed.push(b' ');
    post(&world, changed, signed.headers.clone()).await.refused(401, "UNAUTHORIZED");
    assert_eq!(table::keys(&world.bundle).await, before, "nothing is stored");

    assert_eq!(post(&world, signed.body.to_vec(), signed.headers.clone()).await.status, 200, "the right one is");
    world.settle().await;
    assert_eq!(world.texts("Customer 1"), ["hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_handshake_needs_the_verify_token() {
    let world = World::start().await;
    let url = format!("{}/webhooks/whatsapp", world.bundle.url());
    let ask = async |query: &[(&str, &str)]| send(client().request(Method::GET, &url).query(query)).await;
    let right = [("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", META_VERIFY_TOKEN)];
    let answer = ask(&right).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "1158201444"));
    assert!(answer.header(header::CONTENT_TYPE).starts_with("text/plain"), "a challenge is no page: {answer:?}");
    for (at, wrong) in [(0, ("hub.mode", "unsubscribe")), (2, ("hub.verify_token", "wrong")), (2, ("hub.verify_token", ""))] {
        let mut query = right;
        query[at] = wrong;
        ask(&query).await.refused(403, "FORBIDDEN");
    }
    ask(&right[..2]).await.refused(403, "FORBIDDEN");
    ask(&[]).await.refused(403, "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_nobody_connected_is_taken_and_stored_nowhere() {
    let world = World::start().await;
    let before = table::keys(&world.bundle).await;
    let foreign = world.bundle.graph().webhooks().compose(&[change(&world, "3999999999", 1, "hello")]);
    assert_eq!(post(&world, foreign.body.to_vec(), foreign.headers).await.status, 200);
    for body in ["{}", "[]", "no json", r#"{"object":"page","entry":[]}"#, r#"{"object":"whatsapp_business_account","entry":5}"#]
    {
        let status = world.bundle.graph().send_webhook(body).await.unwrap();
        assert_eq!(status.as_u16(), 200, "Meta would repeat it for days: {body}");
    }
    assert_eq!(table::keys(&world.bundle).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_comes_twice_is_one_message() {
    let world = World::start().await;
    let graph = world.bundle.graph();
    graph.webhooks().send_twice(3);
    for text in ["one", "two", "three"] {
        graph.customer_writes(&phone(1), "Dora", text);
    }
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["one", "two", "three"]);
    assert!(world.shown("Dora").iter().all(|message| message.pushes == 1), "{:?}", world.shown("Dora"));

    // And much later, in another batch.
    let number = whatsapp_number().id;
    let batch = [change(&world, &number, 2, "new"), change(&world, &number, 2, "new"), change(&world, &number, 2, "newer")];
    let hook = graph.webhooks().compose(&batch);
    for _ in 0..2 {
        assert_eq!(post(&world, hook.body.to_vec(), hook.headers.clone()).await.status, 200);
        world.settle().await;
        assert_eq!(world.texts("Customer 2"), ["new", "newer"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_batch_is_shown_but_what_is_broken() {
    let world = World::start().await;
    let number = whatsapp_number().id;
    // Two messages in each of two changes in each of two entries.
    let mut entries = Vec::new();
    for entry in 0..2 {
        let mut changes = Vec::new();
        for n in 0..2 {
            let customer = 1 + 2 * entry + n;
            let mut value = change(&world, &number, customer, "first")["value"].take();
            let second = change(&world, &number, customer, "second")["value"]["messages"][0].take();
            value["messages"].as_array_mut().unwrap().push(second);
            changes.push(json!({"field": "messages", "value": value}));
        }
        entries.push(json!({"id": whatsapp_number().waba_id, "changes": changes}));
    }
    entries[0]["changes"][1]["value"]["messages"][0] = json!({"type": "text", "text": {"body": "nobody wrote this"}});
    let body = json!({"object": "whatsapp_business_account", "entry": entries}).to_string();
    assert_eq!(world.bundle.graph().send_webhook(body).await.unwrap().as_u16(), 200);
    world.settle().await;
    assert_eq!(world.texts("Customer 1"), ["first", "second"]);
    assert_eq!(world.texts("Customer 2"), ["second"], "the broken one's neighbour");
    assert_eq!(world.texts("Customer 3"), ["first", "second"]);
    assert_eq!(world.texts("Customer 4"), ["first", "second"]);
    let all: usize = world.bundle.pipedrive().conversations().iter().map(|conversation| conversation.messages.len()).sum();
    assert_eq!(all, 7);
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn first_messages_at_once_begin_one_conversation() {
    let world = World::start().await;
    let number = whatsapp_number().id;
    for customer in 1..=4 {
        let mut posts = Vec::new();
        for n in 0..6 {
            let hook = world.bundle.graph().webhooks().compose(&[change(&world, &number, customer, &format!("text {n}"))]);
            let graph = world.bundle.graph().clone();
            posts.push(tokio::spawn(async move { graph.send_unsigned(&hook).await }));
        }
        for posted in posts {
            assert_eq!(posted.await.unwrap().unwrap().as_u16(), 200);
        }
        world.settle().await;
        let conversations = world.bundle.pipedrive().conversations();
        assert_eq!(conversations.len(), customer, "one for each customer");
        let mut texts = world.texts(&format!("Customer {customer}"));
        texts.sort();
        assert_eq!(texts, ["text 0", "text 1", "text 2", "text 3", "text 4", "text 5"]);
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hides_their_number_is_answered_by_user_id() {
    let world = World::start().await;
    let user = "US.4711000000000042";
    world.bundle.graph().customer_writes(user, "Fritz", "guess who");
    world.settle().await;
    assert_eq!(world.texts("Fritz"), ["guess who"]);
    let conversation = world.conversation_with("Fritz").unwrap().id;
    let channel = &world.whatsapp.provider_channel_id;
    let sent = world.bundle.pipedrive().send_from_inbox(channel, &conversation, "hello you", Vec::new()).await;
    assert!(sent.is_ok(), "{sent:?}");
    let seen: Vec<(String, String)> = world.bundle.graph().sent().into_iter().map(|sent| (sent.to, sent.text)).collect();
    assert_eq!(seen, [(user.to_owned(), "hello you".to_owned())]);
    world.settle().await;
    assert_eq!(world.shown("Fritz").last().unwrap().status.as_str(), "read");
}
