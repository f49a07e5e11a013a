//! The limit of a key is counted across instances: two functions, each with a table client of its own, under a clock that
//! stands still.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::config::Credentials;
use http::{HeaderMap, Method};
use pigeonpost_tests::{call::request, world::World};
use serde_json::json;
use shared::{
    clock::Clock,
    environment::Environment,
    http::{HttpFunction, Request},
    model::time::Timestamp,
};

use crate::contacts::caller::make_key;

/// Time that passes when the test says so.
struct Still(AtomicI64);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

fn asked(route: &str, key: &str) -> Request {
    use lambda_http::{RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
    let headers = HeaderMap::from_iter([("x-api-key".parse().unwrap(), key.parse().unwrap())]);
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.route_key = Some(route.to_owned());
    let request = request(Method::GET, route.trim_start_matches("GET "), &[], headers, lambda_http::Body::Empty);
    request.with_request_context(RequestContext::ApiGatewayV2(context))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_count_together() {
    let world = World::start().await;
    let clock = Arc::new(Still(AtomicI64::new(world.clock.now().millis())));
    let config = (*world.bundle.environment().config).clone();
    let instance = || Environment::new(config.clone(), Credentials::new("local", "local", None, None, "tests"), clock.clone());
    let (contacts, deals) = (contacts::Function::new(&instance()), deals::Function::new(&instance()));
    let key = async |body| make_key(&world.bundle, &world.session, &body).await["key"].as_str().unwrap().to_owned();
    let (usual, other, slow) = (
        key(json!({"name": "Usual"})).await,
        key(json!({"name": "Other"})).await,
        key(json!({"name": "Slow", "per_second": 1, "burst": 1})).await,
    );
    // Nothing here depends on Pipedrive: lists are ours, and a deal that is not named is refused at once.
    let call = async |function: &str, key: &str| {
        let answer = match function {
            "contacts" => contacts.call(asked("GET /v2/segmentation-lists", key)).await,
            _ => deals.call(asked("GET /v2/deals/{deal}", key)).await,
        };
        (answer.status().as_u16(), answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned()))
    };
    let limited = |seconds: &str| (429, Some(seconds.to_owned()));

    // A burst of two, one on each instance; the third call waits, wherever it goes.
    assert_eq!(call("contacts", &usual).await, (200, None));
    assert_eq!(call("deals", &usual).await, (422, None), "counted, and then found to name nothing");
    assert_eq!(call("contacts", &usual).await, limited("1"));
    assert_eq!(call("deals", &usual).await, limited("1"));
    // Another key is not concerned.
    assert_eq!(call("deals", &other).await.0, 422);

    let pass = |time: Duration| clock.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    pass(Duration::from_millis(199));
    assert_eq!(call("deals", &usual).await.0, 429);
    pass(Duration::from_millis(1));
    assert_eq!(call("deals", &usual).await.0, 422);
    assert_eq!(call("contacts", &usual).await.0, 429);

    // Ten seconds, tried all the time on both: five a second, and the one that was saved up.
    pass(Duration::from_secs(10));
    let mut let_in = 0;
    for n in 0..200 {
        let function = if n % 2 == 0 { "contacts" } else { "deals" };
        let_in += usize::from(call(function, &usual).await.0 != 429);
        pass(Duration::from_millis(50));
    }
    assert_eq!(let_in, 51);

    // Each key has its own limit.
    assert_eq!(call("contacts", &slow).await.0, 200);
    assert_eq!(call("deals", &slow).await, limited("1"));
    pass(Duration::from_millis(999));
    assert_eq!(call("contacts", &slow).await, limited("1"));
    pass(Duration::from_millis(1));
    assert_eq!(call("contacts", &slow).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_the_same_moment_are_counted_each() {
    let world = World::start().await;
    let clock = Arc::new(Still(AtomicI64::new(world.clock.now().millis())));
    let config = (*world.bundle.environment().config).clone();
    let key = make_key(&world.bundle, &world.session, &json!({"name": "Burst", "per_second": 1, "burst": 5})).await;
    let key = key["key"].as_str().unwrap();
    let functions: Vec<contacts::Function> = (0..4)
        .map(|_| {
            contacts::Function::new(&Environment::new(config.clone(), Credentials::new("l", "l", None, None, "t"), clock.clone()))
        })
        .collect();
    let calls = (0..20).map(|n| functions[n % 4].call(asked("GET /v2/segmentation-lists", key)));
    let answers = futures_util::future::join_all(calls).await;
    let let_in = answers.iter().filter(|answer| answer.status() == 200).count();
    assert!(answers.iter().all(|answer| matches!(answer.status().as_u16(), 200 | 429)));
    assert_eq!(let_in, 5, "the burst, and no more");
}
