//! `Idempotency-Key`: the same call is made once, and answered alike for a day.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;
use local::simulators::pipedrive::{Action, Call, Fault, Kind};
use pigeonpost_tests::world::World;
use serde_json::{Value, json};

use crate::contacts::caller::{Answer, Caller, DEMO};

async fn post(caller: &Caller, name: &str, path: &str, body: &Value) -> Answer {
    caller.call(Method::POST, path, Some(body), &[("idempotency-key", name)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_gets_the_answer_that_it_had_for_a_day() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let other = Caller::new(&world).await;
    let body = json!({"email": "ada@example.com"});
    let first = post(&caller, "form 4711", "/v2/contacts", &body).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (201, None));
    world.clock.advance(Duration::from_mins(24 * 60 - 1));
    let again = post(&caller, "form 4711", "/v2/contacts", &body).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(again.text, first.text, "to the letter");
    assert_eq!(world.bundle.pipedrive().count(Call::Records(Kind::Persons, Action::Create)), 1);

    // The same name is another call with another body, path or caller.
    let refused = post(&caller, "form 4711", "/v2/contacts", &json!({"email": "eve@example.com"})).await;
    assert_eq!(refused.refused(422, "INVALID_INPUT"), "\"Idempotency-Key\" was used with another body");
    post(&caller, "form 4711", "/v2/segmentation-lists", &json!({"name": "Newsletter"})).await.id(201);
    post(&other, "form 4711", "/v2/contacts", &body).await.refused(409, "CONTACT_ALREADY_EXISTS");

    world.clock.advance(Duration::from_secs(61));
    post(&caller, "form 4711", "/v2/contacts", &body).await.refused(409, "CONTACT_ALREADY_EXISTS");
    post(&caller, "form 4711", "/v2/contacts", &json!({"email": "eve@example.com"})).await.id(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_and_failures_are_not_kept() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipedrive = world.bundle.pipedrive();
    post(&caller, "a", "/v2/contacts", &json!({"email": "ada"})).await.refused(422, "INVALID_INPUT");
    post(&caller, "a", "/v2/contacts", &json!({"email": "ada@example.com"})).await.id(201);
    pipedrive.inject(Call::Records(Kind::Persons, Action::Search), Fault::Answer(503), 1);
    post(&caller, "b", "/v2/contacts", &json!({"email": "eve@example.com"})).await.refused(500, "INTERNAL_SERVER_ERROR");
    post(&caller, "b", "/v2/contacts", &json!({"email": "eve@example.com"})).await.id(201);
    post(&caller, "c", "/v2/contacts", &json!({"email": "eve@example.com"})).await.refused(409, "CONTACT_ALREADY_EXISTS");
    post(&caller, "c", "/v2/contacts", &json!({"email": "dora@example.com"})).await.id(201);
    for name in ["", &"x".repeat(256)] {
        let refused = post(&caller, name, "/v2/contacts", &json!({"email": "x@example.com"})).await;
        assert_eq!(refused.refused(422, "INVALID_INPUT"), "\"Idempotency-Key\" must have 1 to 255 plain characters");
    }
    // On other methods it means nothing.
    let headers = [("idempotency-key", "")];
    caller.call(Method::GET, "/v2/segmentation-lists", None, &headers).await.data(200);
    assert_eq!(pipedrive.persons(DEMO.0).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_at_the_same_time_is_made_once() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let body = json!({"email": "ada@example.com"});
    let answers = join_all((0..6).map(|_| post(&caller, "double click", "/v2/contacts", &body))).await;
    let texts: Vec<&str> = answers.iter().map(|answer| answer.text.as_str()).collect();
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    assert_eq!(answers[0].status, 201);
    assert_eq!(answers.iter().filter(|answer| answer.header("idempotent-replayed").is_none()).count(), 1);
    assert_eq!(world.bundle.pipedrive().count(Call::Records(Kind::Persons, Action::Create)), 1);
}
