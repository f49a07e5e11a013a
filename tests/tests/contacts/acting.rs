//! Who acts in Pipedrive for a key, and what is told when nobody can.

use std::time::Duration;

use http::Method;
use local::simulators::pipedrive::{Action, Call, Fault, Kind};
use pigeonpost_tests::{web::api, world::World};
use serde_json::{Value, json};

use crate::contacts::caller::{COLLEAGUE, Caller, DEMO};

const GET: Call = Call::Records(Kind::Persons, Action::Get);

async fn trouble(world: &World, user: shared::model::ids::UserId) -> Value {
    let session = world.bundle.session(DEMO.0, user).await.unwrap();
    api(&world.bundle, &session, Method::GET, "/setup/keys", None).await.json()["data"][0]["trouble"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_token_is_renewed_and_a_refused_one_too() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive();
    let ada = caller.contact("ada@example.com").await;
    let path = format!("/v2/contacts/{ada}");
    let renewed = pipedrive.count(Call::Token);
    world.clock.advance(Duration::from_hours(2));
    caller.get(&path).await.data(200);
    pipedrive.inject(GET, Fault::Answer(401), 1);
    caller.get(&path).await.data(200);
    assert_eq!(pipedrive.count(Call::Token) - renewed, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_colleague_acts_when_the_keys_owner_cannot() {
    let world = World::start().await;
    world.bundle.install(DEMO.0, COLLEAGUE).await.unwrap();
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive();
    caller.contact("first@example.com").await;
    pipedrive.uninstall(DEMO.0, DEMO.1).await.unwrap();
    caller.contact("second@example.com").await;
    let owners: Vec<_> = pipedrive.persons(DEMO.0).into_iter().map(|person| person.owner_id).collect();
    assert_eq!(owners, [DEMO.1, COLLEAGUE]);

    // With deals too, and whatever names the contact.
    let deal = json!({"contactId": "second@example.com", "pipelineId": "1", "stageId": 2, "attributes": {"pb_name": "Offer"}});
    caller.post("/v2/deals", &deal).await.id(201);

    // And the owner again, once they are back.
    world.bundle.install(DEMO.0, DEMO.1).await.unwrap();
    caller.contact("third@example.com").await;
    assert_eq!(pipedrive.persons(DEMO.0)[2].owner_id, DEMO.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_is_shown_on_the_set_up_page_until_a_call_succeeds() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive();
    let ada = caller.contact("ada@example.com").await;
    let path = format!("/v2/contacts/{ada}");
    assert_eq!(trouble(&world, DEMO.1).await, Value::Null);

    pipedrive.set_suspended(DEMO.0, true);
    caller.get(&path).await.refused(500, "INTERNAL_SERVER_ERROR");
    assert_eq!(trouble(&world, DEMO.1).await, "account_closed");
    // What says nothing about the company's connection changes nothing.
    caller.post("/v2/contacts", &json!({"email": "ada"})).await.refused(422, "INVALID_INPUT");
    caller.get("/v2/segmentation-lists").await.data(200);
    assert_eq!(trouble(&world, DEMO.1).await, "account_closed");
    pipedrive.set_suspended(DEMO.0, false);
    caller.get(&path).await.data(200);
    assert_eq!(trouble(&world, DEMO.1).await, Value::Null);

    // Pipedrive has forgotten the user's consent.
    pipedrive.inject(GET, Fault::Answer(401), 2);
    caller.get(&path).await.refused(500, "INTERNAL_SERVER_ERROR");
    assert_eq!(trouble(&world, DEMO.1).await, "needs_reconnect");
    caller.get(&path).await.data(200);
    assert_eq!(trouble(&world, DEMO.1).await, Value::Null);
}
