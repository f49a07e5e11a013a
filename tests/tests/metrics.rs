//! What is counted for CloudWatch, over the whole way. Alone in its process: metrics have one output.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use local::simulators::{
    graph,
    pipedrive::{Call, DEMO_COMPANY, Fault},
};
use pigeonpost_tests::{
    log::Log,
    world::{World, phone},
};
use serde_json::Value;
use shared::telemetry::metrics;

/// The sum of a metric, of one kind if that is asked for.
fn sum(lines: &Mutex<Vec<Value>>, metric: &str, kind: Option<&str>) -> u64 {
    let lines = lines.lock().unwrap();
    let wanted = lines.iter().filter(|line| kind.is_none() || line["kind"].as_str() == kind);
    wanted.filter_map(|line| line[metric].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_an_operator_has_to_know_is_counted_and_logged_with_its_ids() {
    let log = Log::listen();
    let world = World::start().await;
    let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = lines.clone();
    metrics::write_to("Pigeonpost/test".to_owned(), world.clock.clone(), move |line| {
        kept.lock().unwrap().push(serde_json::from_str(line).unwrap());
    });
    let (pipedrive, graph) = (world.bundle.pipedrive(), world.bundle.graph());
    let writes = async |customer: usize, text: &str| {
        graph.customer_writes(&phone(customer), &format!("Customer {customer}"), text);
        world.settle().await;
        world.clock.advance(Duration::from_secs(2));
    };

    writes(1, "words of theirs").await;
    assert_eq!((sum(&lines, "MessagesReceived", None), sum(&lines, "MessagesDelivered", None)), (1, 1));
    pipedrive.inject(Call::Receive, Fault::Answer(503), 1);
    writes(1, "late").await;
    assert_eq!((sum(&lines, "DeliveriesWaiting", None), sum(&lines, "PipedriveErrors", Some("http_error"))), (1, 1));
    world.pass(Duration::from_secs(10)).await;
    let lags: Vec<u64> = {
        let lines = lines.lock().unwrap();
        let values = lines.iter().filter_map(|line| line["DeliveryLag"].as_array()).flatten();
        values.filter_map(Value::as_u64).collect()
    };
    assert_eq!(lags.len(), 2);
    assert!(lags[1] >= lags[0] + 10_000, "the second waited: {lags:?}");

    pipedrive.inject(Call::Receive, Fault::Answer(400), 2);
    writes(1, "refused").await;
    assert_eq!((sum(&lines, "MessagesDead", None), sum(&lines, "PipedriveErrors", Some("invalid"))), (1, 1));
    pipedrive.set_suspended(DEMO_COMPANY, true);
    writes(1, "held").await;
    assert_eq!((sum(&lines, "DeliveriesHeld", None), sum(&lines, "PipedriveErrors", Some("account_closed"))), (1, 1));
    pipedrive.set_suspended(DEMO_COMPANY, false);

    world.clock.advance(Duration::from_hours(2));
    world.pass(Duration::from_mins(1)).await;
    assert_eq!(sum(&lines, "TokenRefreshes", None), 1);
    pipedrive.inject(Call::Token, Fault::Answer(503), 1);
    world.clock.advance(Duration::from_hours(2));
    writes(1, "again").await;
    assert_eq!(sum(&lines, "TokenRefreshErrors", Some("http_error")), 1);

    let known = world.conversation_with("Customer 1").unwrap();
    let send = |text: &'static str| pipedrive.send_from_inbox(&world.whatsapp.provider_channel_id, &known.id, text, Vec::new());
    let id = send("an answer").await.unwrap();
    graph.fail_next(graph::Fault::Code(131_026));
    send("to nobody").await.unwrap_err();
    assert_eq!((sum(&lines, "MessagesSent", None), sum(&lines, "ProviderErrors", None)), (1, 1));

    let (lines, logged) = (lines.lock().unwrap(), log.text());
    for line in lines.iter() {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let name = directive["Metrics"][0]["Name"].as_str().unwrap();
        assert!(directive["Namespace"] == "Pigeonpost/test" && !line[name].is_null(), "{line}");
        assert!(line["_aws"]["Timestamp"].as_i64().unwrap() > 0);
    }
    let counted = serde_json::to_string(&*lines).unwrap();
    for secret in ["words of theirs", "an answer", &phone(1), "Customer 1", "wamid"] {
        assert!(!counted.contains(secret) && !logged.contains(secret), "{secret}");
    }
    let channel = &world.whatsapp.provider_channel_id;
    let of = |what: &str, id: &str| logged.lines().any(|line| line.contains(what) && line.contains(id) && line.contains(channel));
    for (what, id) in [
        ("a message is stored", known.messages[0].id.as_str()),
        ("a message is delivered", &known.messages[0].id),
        ("a message is dead", "m_"),
        ("a message was given to the provider", &id),
    ] {
        assert!(of(what, id), "{what}: {logged}");
    }
}
