//! Round trips to the table: one to let a call in, and few for what it does.

use http::{HeaderMap, Method};
use lambda_http::{Body, RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use pigeonpost_tests::{
    call::{json as body_of, request},
    wire::{Traffic, Wire},
    world::World,
};
use serde_json::{Value, json};
use shared::http::HttpFunction;

use crate::contacts::caller::{Caller, make_key};

async fn call(
    wire: &Wire,
    function: &impl HttpFunction,
    (key, route): (&str, &str),
    parameters: &[(&str, &str)],
    body: &Value,
) -> (Value, Traffic) {
    let headers = HeaderMap::from_iter([("x-api-key".parse().unwrap(), key.parse().unwrap())]);
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.route_key = Some(route.to_owned());
    let (method, path) = route.split_once(' ').unwrap();
    let body = if body.is_null() { Body::Empty } else { Body::Text(body.to_string()) };
    let request = request(method.parse::<Method>().unwrap(), path, parameters, headers, body);
    let request = request.with_request_context(RequestContext::ApiGatewayV2(context));
    wire.reset(None);
    let answer = function.call(request).await;
    assert!(answer.status().is_success(), "{}", body_of(&answer));
    (body_of(&answer), wire.traffic())
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_take_few_round_trips() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let ada = caller.contact("ada@example.com").await;
    let wire = Wire::default();
    let environment = wire.slow_environment(world.bundle.environment()).await;
    let (contacts, deals) = (contacts::Function::new(&environment), deals::Function::new(&environment));
    // Each call with a key of its own: after a pause, as most calls are.
    let key = async || make_key(&world.bundle, &world.session, &json!({"name": "Bot"})).await["key"].as_str().unwrap().to_owned();

    let nothing = Value::Null;
    let (_, traffic) = call(&wire, &contacts, (&key().await, "GET /v2/segmentation-lists"), &[], &nothing).await;
    assert_eq!((traffic.operations.as_slice(), traffic.waves), (&["UpdateItem".to_owned(), "Query".to_owned()][..], 2));

    // The key, the user's tokens, what we know of the contact.
    let contact = [("contact", ada.as_str())];
    let (_, traffic) = call(&wire, &contacts, (&key().await, "GET /v2/contacts/{contact}"), &contact, &nothing).await;
    assert_eq!(traffic.operations, ["UpdateItem", "GetItem", "BatchGetItem", "Query"]);
    assert_eq!(traffic.waves, 3);

    // The key, the lock, the map and the tokens, the contact, the lock again.
    let (_, traffic) =
        call(&wire, &contacts, (&key().await, "POST /v2/contacts"), &[], &json!({"email": "eve@example.com"})).await;
    let expected = ["UpdateItem", "TransactWriteItems", "BatchGetItem", "GetItem", "TransactWriteItems", "TransactWriteItems"];
    assert_eq!(traffic.operations, expected);

    let body = json!({"contactId": ada, "pipelineId": 1, "stageId": 1});
    let (_, traffic) = call(&wire, &deals, (&key().await, "POST /v2/deals"), &[], &body).await;
    assert_eq!(traffic.operations, ["UpdateItem", "GetItem", "TransactWriteItems", "TransactWriteItems"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_within_a_burst_takes_one_more() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let wire = Wire::default();
    let contacts = contacts::Function::new(&wire.environment(world.bundle.environment()));
    // Slow enough that the second call comes within the burst, however slow the machine.
    let key = make_key(&world.bundle, &world.session, &json!({"name": "Bot", "per_second": 1, "burst": 200})).await;
    let key = key["key"].as_str().unwrap();
    caller.get("/v2/segmentation-lists").await.data(200);
    for n in 0..3 {
        let (_, traffic) = call(&wire, &contacts, (key, "GET /v2/segmentation-lists"), &[], &Value::Null).await;
        let counted = traffic.operations.iter().filter(|operation| *operation == "UpdateItem").count();
        assert!(counted <= if n == 0 { 1 } else { 2 }, "{traffic:?}");
    }
}
