//! `x-developer-mode: true`: answers of the same shapes (`caller` holds each against the description) from invented data,
//! with nothing read but the key, and nothing written.

use http::{HeaderMap, Method};
use lambda_http::{Body, RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use local::simulators::pipedrive::{Action, Call, Kind};
use pigeonpost_tests::{call::request, table, wire::Wire, world::World};
use serde_json::{Value, json};
use shared::http::HttpFunction;

use crate::contacts::caller::{Caller, DEMO};

const ON: (&str, &str) = ("x-developer-mode", "true");
const LIST: &str = "/v2/segmentation-lists/sl_0123456789abcdef";

fn calls() -> Vec<(Method, String, Value, u16)> {
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let call = |method: &Method, path: &str, body: Value, status| (method.clone(), path.to_owned(), body, status);
    vec![
        call(&post, "/v2/contacts", json!({"email": "ada@example.com", "attributes": {"phone": "+15550100001"}}), 201),
        call(&get, "/v2/contacts", Value::Null, 200),
        call(&get, "/v2/contacts?page=3", Value::Null, 200),
        call(&get, "/v2/contacts/77", Value::Null, 200),
        call(&get, "/v2/contacts/eve@example.com", Value::Null, 200),
        call(&get, "/v2/contacts/%2B15550100001", Value::Null, 200),
        call(&put, "/v2/contacts/77", json!({"attributes": {"name": "Ada"}}), 200),
        call(&get, "/v2/segmentation-lists", Value::Null, 200),
        call(&post, "/v2/segmentation-lists", json!({"name": "Newsletter"}), 201),
        call(&delete, LIST, Value::Null, 200),
        call(&post, &format!("{LIST}/contacts/77"), Value::Null, 200),
        call(&delete, &format!("{LIST}/contacts/eve@example.com"), Value::Null, 200),
        call(&post, "/v2/deals", json!({"contactId": "77", "pipelineId": 1, "stageId": 1}), 201),
        call(&get, "/v2/deals?status=open", Value::Null, 200),
        call(&get, "/v2/deals/5", Value::Null, 200),
        call(&put, "/v2/deals/5", json!({"stageId": 2}), 200),
        call(&get, "/v2/pipelines", Value::Null, 200),
        call(&get, "/v2/pipelines/1/stages", Value::Null, 200),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_answered_and_nothing_happens() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let before = table::raw(&world.bundle).await;
    let (before, pipedrive) = ((before.len(), table::keys(&world.bundle).await), world.bundle.pipedrive());
    for (method, path, body, status) in calls() {
        let body = Some(body).filter(|body| !body.is_null());
        let headers = [ON, ("idempotency-key", "again")];
        let answer = caller.call(method.clone(), &path, body.as_ref(), &headers).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
    }
    let echoed = caller.call(Method::GET, "/v2/contacts/eve@example.com", None, &[ON]).await;
    assert_eq!(echoed.data(200)["email"], "eve@example.com");
    let after = table::raw(&world.bundle).await;
    assert_eq!((after.len(), table::keys(&world.bundle).await), before, "not even the key's last use");
    for action in [Action::List, Action::Search, Action::Get, Action::Create, Action::Update] {
        for kind in [Kind::Persons, Kind::Deals, Kind::Pipelines, Kind::Stages] {
            assert_eq!(pipedrive.count(Call::Records(kind, action)), 0, "{kind:?} {action:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_the_one_thing_that_is_read() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let wire = Wire::default();
    let environment = wire.environment(world.bundle.environment());
    let (contacts, deals) = (contacts::Function::new(&environment), deals::Function::new(&environment));
    for (method, route, body) in [
        (Method::POST, "POST /v2/contacts", r#"{"email":"ada@example.com"}"#),
        (Method::POST, "POST /v2/deals", r#"{"contactId":"77","pipelineId":1,"stageId":1}"#),
    ] {
        let headers = [("x-api-key", caller.key.as_str()), ON];
        let headers: HeaderMap =
            headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.route_key = Some(route.to_owned());
        let request = request(method, "/v2", &[], headers, Body::Text(body.to_owned()));
        let request = request.with_request_context(RequestContext::ApiGatewayV2(context));
        wire.reset(None);
        let answer = if route.ends_with("deals") { deals.call(request).await } else { contacts.call(request).await };
        assert_eq!((answer.status().as_u16(), wire.traffic().operations), (201, vec!["GetItem".to_owned()]), "{route}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_input_are_checked_all_the_same() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    caller.raw(Method::GET, "/v2/contacts", String::new(), &[ON]).await.refused(403, "FORBIDDEN");
    caller.raw(Method::GET, "/v2/contacts", String::new(), &[ON, ("x-api-key", "pp_1")]).await.refused(403, "FORBIDDEN");
    caller.call(Method::POST, "/v2/contacts", Some(&json!({"email": "ada"})), &[ON]).await.refused(422, "INVALID_INPUT");
    caller.call(Method::POST, "/v2/contacts", None, &[ON]).await.refused(400, "MISSING_BODY");
    // Who asks for something else gets neither.
    for value in ["", "1", "yes"] {
        let body = json!({"email": "ada@example.com"});
        let refused = caller.call(Method::POST, "/v2/contacts", Some(&body), &[("x-developer-mode", value)]).await;
        assert_eq!(refused.refused(422, "INVALID_INPUT"), "\"x-developer-mode\" must be true or false");
    }
    assert!(world.bundle.pipedrive().persons(DEMO.0).is_empty());
    let real = [("x-developer-mode", "false")];
    caller.call(Method::GET, "/v2/contacts/77", None, &real).await.refused(404, "CONTACT_NOT_FOUND");
}
