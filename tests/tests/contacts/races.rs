//! The same thing at the same time: one contact and one 409, one deal and one 409, whatever Pipedrive's search knows.

use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderMap, Method};
use lambda_http::{Body, RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use local::simulators::pipedrive::{Action, Call, Fault, Kind};
use pigeonpost_tests::{
    call::{json as body_of, request},
    gate::{Gate, apart},
    wait::until,
    wire::Wire,
    world::World,
};
use serde_json::{Value, json};
use shared::http::{HttpFunction, Request};

use crate::contacts::caller::{Caller, DEMO};

/// A create as the gateway passes it on.
fn create(key: &str, body: &Value) -> Request {
    let headers = HeaderMap::from_iter([("x-api-key".parse().unwrap(), key.parse().unwrap())]);
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.route_key = Some("POST /v2/contacts".to_owned());
    let request = request(Method::POST, "/v2/contacts", &[], headers, Body::Text(body.to_string()));
    request.with_request_context(RequestContext::ApiGatewayV2(context))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_create_waits_for_the_first_and_finds_what_it_made() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive().clone();
    // The search never comes to know anybody.
    pipedrive.change(|settings| settings.search_lag = usize::MAX);
    let created = Call::Records(Kind::Persons, Action::Create);

    // The first has created the person in Pipedrive and is held before it writes that down.
    let gate = Gate::new(move || pipedrive.count(created) > 0);
    let gated = gate.environment(world.bundle.environment());
    let body = json!({"email": "ada@example.com", "attributes": {"phone": "+15550100001"}});
    let request = create(&caller.key, &body);
    let first = apart(move || async move { contacts::Function::new(&gated).call(request).await });
    until("the person is created", || world.bundle.pipedrive().count(created) == 1).await;

    // The second begins now, and tries to hold the name again and again.
    let wire = Wire::default();
    let wired = wire.environment(world.bundle.environment());
    let request = create(&caller.key, &json!({"email": "ADA@example.com"}));
    let second = apart(move || async move { contacts::Function::new(&wired).call(request).await });
    let tries = || wire.traffic().operations.iter().filter(|operation| *operation == "TransactWriteItems").count();
    until("the second waits", || tries() >= 2).await;
    gate.open();

    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert_eq!((first.status().as_u16(), second.status().as_u16()), (201, 409), "{} {}", body_of(&first), body_of(&second));
    assert_eq!(body_of(&second)["errorCode"], "CONTACT_ALREADY_EXISTS");
    assert_eq!(world.bundle.pipedrive().persons(DEMO.0).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_equal_creates_one_succeeds() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    world.bundle.pipedrive().change(|settings| settings.search_lag = usize::MAX);
    // By address in two spellings, and by a number that is written with and without its country.
    for (round, bodies) in [
        [json!({"email": "ada@example.com"}), json!({"email": "Ada@Example.com"})],
        [
            json!({"email": "b1@example.com", "attributes": {"phone": "+5511999990001"}}),
            json!({"email": "b2@example.com", "attributes": {"phone": "(11) 99999-0001"}}),
        ],
    ]
    .into_iter()
    .enumerate()
    {
        let answers = join_all((0..8).map(|n| caller.post("/v2/contacts", &bodies[n % 2]))).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.refused(409, "CONTACT_ALREADY_EXISTS");
        }
        assert_eq!(world.bundle.pipedrive().persons(DEMO.0).len(), round + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_deals_one_is_created() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let (ada, eve) = (caller.contact("ada@example.com").await, caller.contact("eve@example.com").await);
    let body = json!({"contactId": ada, "pipelineId": 1, "stageId": 1});
    let answers = join_all((0..6).map(|_| caller.post("/v2/deals", &body))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "CONTACT_ASSOCIATED_WITH_A_DEAL");
    }
    // One is moved to Eve while others are created for her.
    let deal = answers.iter().find(|answer| answer.status == 201).unwrap().id(201);
    let for_eve = json!({"contactId": eve, "pipelineId": 1, "stageId": 1});
    let (path, change) = (format!("/v2/deals/{deal}"), json!({"contactId": eve}));
    let (moved, created) = tokio::join!(caller.put(&path, &change), caller.post("/v2/deals", &for_eve));
    let refused = [moved.status, created.status].into_iter().filter(|status| *status == 409).count();
    assert_eq!(refused, 1, "{} {}", moved.text, created.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_uncertain_create_nobody_looks_before_the_search_knows() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive();
    let create = Call::Records(Kind::Persons, Action::Create);
    // Pipedrive creates the person, and nobody hears of it.
    pipedrive.inject(create, Fault::DropAfter, 1);
    let body = json!({"email": "ada@example.com"});
    caller.post("/v2/contacts", &body).await.refused(500, "INTERNAL_SERVER_ERROR");
    assert_eq!(pipedrive.persons(DEMO.0).len(), 1);
    // The name is held until the search has had its time; then it finds what was created.
    world.clock.advance(Duration::from_secs(31));
    caller.post("/v2/contacts", &body).await.refused(409, "CONTACT_ALREADY_EXISTS");
    assert_eq!((pipedrive.persons(DEMO.0).len(), pipedrive.count(create)), (1, 1));

    // What certainly did not happen holds up nobody.
    pipedrive.inject(create, Fault::Answer(400), 1);
    let body = json!({"email": "eve@example.com"});
    assert_eq!(caller.post("/v2/contacts", &body).await.refused(422, "INVALID_INPUT"), "Pipedrive does not accept these values.");
    caller.post("/v2/contacts", &body).await.id(201);
}
