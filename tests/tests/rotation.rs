//! Meta's secrets exchanged while the bundle runs: the new ones work at once, or within ten seconds of the last look, and
//! the old ones do not any more.

use std::{sync::Arc, time::Duration};

use local::simulators::{
    META_APP_SECRET, META_VERIFY_TOKEN,
    graph::{App, Graph, Incoming},
    whatsapp_number,
};
use pigeonpost_tests::{
    web::{Answer, client, send},
    world::{World, phone},
};
use shared::clock::{Clock, SystemClock};

/// How often a mismatch makes the bundle look again.
const LOOKS_AGAIN: Duration = Duration::from_secs(10);

/// A message of a customer's, signed with `secret`.
async fn post(world: &World, secret: &str, text: &str) -> Answer {
    let app = App { secret: secret.to_owned(), verify_token: String::new() };
    let graph = Graph::new(app, Arc::new(SystemClock));
    let number = whatsapp_number();
    graph.add_number(number.clone());
    let incoming = Incoming { number: &number.id, from: &phone(1), name: "Dora", text, at: world.clock.now() };
    let change = graph.message_change(&incoming, &format!("wamid.{text}")).unwrap();
    let hook = graph.webhooks().compose(&[change]);
    let answer =
        send(client().post(format!("{}/webhooks/whatsapp", world.bundle.url())).headers(hook.headers).body(hook.body)).await;
    world.clock.advance(Duration::from_secs(1));
    answer
}

async fn handshake(world: &World, token: &str) -> Answer {
    let query = [("hub.mode", "subscribe"), ("hub.challenge", "1158201444"), ("hub.verify_token", token)];
    send(client().get(format!("{}/webhooks/whatsapp", world.bundle.url())).query(&query)).await
}

fn rotate(world: &mut World, field: &str, value: &str) {
    let mut secret = world.bundle.secret().clone();
    secret[field] = value.into();
    world.bundle.rotate_secret(secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_app_secret_signs_at_once() {
    let mut world = World::start().await;
    assert_eq!(post(&world, META_APP_SECRET, "before").await.status, 200);
    world.clock.advance(LOOKS_AGAIN);
    rotate(&mut world, "meta_app_secret", "second");
    assert_eq!(post(&world, "second", "at once").await.status, 200);
    post(&world, META_APP_SECRET, "forged").await.refused(401, "UNAUTHORIZED");

    // Looked at a moment ago: what is wrong does not become calls to AWS.
    rotate(&mut world, "meta_app_secret", "third");
    post(&world, "third", "soon").await.refused(401, "UNAUTHORIZED");
    world.clock.advance(LOOKS_AGAIN);
    assert_eq!(post(&world, "third", "soon").await.status, 200, "the provider comes again");
    post(&world, "second", "late").await.refused(401, "UNAUTHORIZED");
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["before", "at once", "soon"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_verify_token_shakes_hands_at_once() {
    let mut world = World::start().await;
    assert_eq!(handshake(&world, META_VERIFY_TOKEN).await.status, 200);
    world.clock.advance(LOOKS_AGAIN);
    rotate(&mut world, "meta_verify_token", "second");
    let shaken = handshake(&world, "second").await;
    assert_eq!((shaken.status, shaken.body.as_str()), (200, "1158201444"));
    handshake(&world, META_VERIFY_TOKEN).await.refused(403, "FORBIDDEN");

    rotate(&mut world, "meta_verify_token", "third");
    handshake(&world, "third").await.refused(403, "FORBIDDEN");
    world.clock.advance(LOOKS_AGAIN);
    assert_eq!(handshake(&world, "third").await.status, 200);
    handshake(&world, "second").await.refused(403, "FORBIDDEN");
}
