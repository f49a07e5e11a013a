//! `/v2/openapi.json`: for anyone, of this API to the last route.

use std::collections::BTreeSet;

use http::Method;
use local::template::{self, Template};
use pigeonpost_tests::{
    web::{client, send},
    world::World,
};

use crate::contacts::caller::Caller;

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_described_and_nothing_else() {
    let world = World::start().await;
    let answer = send(client().get(format!("{}/v2/openapi.json", world.bundle.url()))).await;
    assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (200, "application/json"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())));
    }
    let functions = Template::parse(template::BUNDLE).unwrap().functions;
    let routes: BTreeSet<String> = functions
        .iter()
        .flat_map(|function| &function.routes)
        .map(|route| format!("{} {}", route.method.as_ref().map_or("ANY", Method::as_str), route.pattern))
        .filter(|route| route.contains(" /v2/") && !route.ends_with("/openapi.json"))
        .collect();
    assert_eq!(described, routes);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_a_size() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let headers = [("x-api-key", caller.key.as_str())];
    let body = |size: usize| {
        let frame = r#"{"email":"ada@example.com","x":""}"#;
        frame.replace("\"\"", &format!("\"{}\"", "x".repeat(size - frame.len())))
    };
    let refused = caller.raw(Method::POST, "/v2/contacts", body(65_537), &headers).await;
    assert_eq!(refused.refused(422, "INVALID_INPUT"), "The body is larger than 65536 bytes.");
    caller.raw(Method::POST, "/v2/contacts", body(65_536), &headers).await.id(201);
}
