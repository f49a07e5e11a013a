//! A provider that forgets to whom to send is told again by itself, and a channel whose credentials are not accepted any more
//! says so without anybody having to send a message first.

use std::time::Duration;

use http::Method;
use local::simulators::pipedrive::{DEMO_COMPANY, DEMO_USER};
use pigeonpost_tests::{
    web::{api, client, send},
    world::{World, phone},
};
use serde_json::Value;

const DAY: Duration = Duration::from_hours(24);

/// Has the simulated Meta forget the app, as the owner of the business account can. The status of its answer.
async fn forget(world: &World) -> u16 {
    let number = local::simulators::whatsapp_number();
    let graph = &world.bundle.environment().config.graph_api_url;
    let address = format!("{graph}/{}/subscribed_apps", number.waba_id);
    send(client().delete(address).bearer_auth(&number.token)).await.status
}

async fn problem(world: &World) -> Value {
    // A session lasts for a quarter of an hour.
    let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let channels = api(&world.bundle, &session, Method::GET, "/setup/channels", None).await.json();
    channels["data"][0]["problem"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_got_lost_is_mended_within_a_day() {
    let world = World::start().await;
    assert_eq!(forget(&world).await, 200);
    world.bundle.graph().customer_writes(&phone(1), "Dora", "into the void");
    world.settle().await;
    assert_eq!(world.texts("Dora"), [] as [&str; 0]);

    world.clock.advance(DAY);
    assert!(world.bundle.run_schedule("keep-tokens").await);
    world.bundle.graph().customer_writes(&phone(1), "Dora", "hello?");
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["hello?"]);

    // And day by day, whatever happened before.
    assert_eq!(forget(&world).await, 200);
    world.clock.advance(DAY);
    assert!(world.bundle.run_schedule("keep-tokens").await);
    world.bundle.graph().customer_writes(&phone(1), "Dora", "and again");
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["hello?", "and again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_are_seen_and_seen_to_work_again() {
    let world = World::start().await;
    assert_eq!(problem(&world).await, Value::Null);
    let (whole, revoked) = (local::simulators::whatsapp_number(), "another token");
    world.bundle.graph().add_number(local::simulators::graph::Number { token: revoked.to_owned(), ..whole.clone() });
    world.clock.advance(DAY);
    assert!(world.bundle.run_schedule("keep-tokens").await);
    let said = problem(&world).await;
    assert!(said.as_str().is_some_and(|said| said.contains("credentials") && !said.contains(&whole.token)), "{said}");

    world.bundle.graph().add_number(whole);
    world.clock.advance(DAY);
    assert!(world.bundle.run_schedule("keep-tokens").await);
    assert_eq!(problem(&world).await, Value::Null);
}
