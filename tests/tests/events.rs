//! The sample events in `events/`: one for each function, of the very shape that its trigger has, and taken by it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use aws_lambda_events::dynamodb::Event;
use http::Method;
use lambda_http::{RequestExt, request::LambdaRequest};
use local::{
    bundle::{Bundle, BundleOptions},
    host::{self, Hosted},
    options::RealWorld,
    template::{self, Function, Template},
};
use pigeonpost_tests::call::json;
use serde_json::Value;
use shared::http::Request;

/// The table of the folder's README: what each function answers to its event on an empty table, when the secret is the one that the
/// events were made for. A status, or words.
fn documented() -> BTreeMap<String, String> {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|row| row.split_once(" | "));
    let rows = rows.filter_map(|(name, rest)| Some((name.to_owned(), rest.split_once(" |")?.0.to_owned())));
    rows.filter(|(name, _)| name != "Event").collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn event(name: &str) -> Value {
    let path = folder().join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn functions() -> Vec<Function> {
    Template::parse(template::BUNDLE).unwrap().functions
}

/// A bundle with the secret that the events were signed with, and no world to call.
async fn bundle() -> Bundle {
    let nowhere = || "http://127.0.0.1:9".to_owned();
    let world = RealWorld {
        base_urls: vec![("PIPEDRIVE_OAUTH_URL", nowhere()), ("PIPEDRIVE_API_URL", nowhere()), ("GRAPH_API_URL", nowhere())],
        public_url: None,
        credentials: vec![
            ("pipedrive_client_id", "client-id".to_owned()),
            ("pipedrive_client_secret", "client-secret".to_owned()),
            ("meta_app_secret", "meta-app-secret".to_owned()),
            ("meta_verify_token", "meta-verify-token".to_owned()),
        ],
        encryption_key: None,
    };
    Bundle::start(BundleOptions { world: Some(world), pump: false, ..BundleOptions::default() }).await.unwrap()
}

#[test]
fn there_is_one_for_each_function() {
    let mut files: BTreeSet<String> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(files.remove("README.md"));
    let expected: BTreeSet<String> = functions().iter().map(|function| format!("{}.json", function.name)).collect();
    assert_eq!(files, expected);
    let names: BTreeSet<String> = functions().into_iter().map(|function| function.name).collect();
    assert_eq!(documented().into_keys().collect::<BTreeSet<_>>(), names, "answers in events/README.md");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_take_their_functions_route_and_are_answered_as_documented() {
    let bundle = bundle().await;
    let http = functions().into_iter().filter(|function| !function.routes.is_empty());
    let documented = documented();
    for function in http {
        let (name, event) = (function.name.as_str(), event(&function.name));
        let asked: LambdaRequest = serde_json::from_value(event.clone()).unwrap();
        assert!(matches!(asked, LambdaRequest::ApiGatewayV2(_)), "{name}: payload format 2.0");
        let request = Request::from(asked);
        let path = request.raw_http_path().to_owned();
        let route = function.routes.iter().find(|route| {
            let key = format!("{} {}", route.method.as_ref().map_or("ANY", Method::as_str), route.pattern);
            event["routeKey"] == key.as_str()
        });
        let route = route.unwrap_or_else(|| panic!("{name}: {} is no route of it", event["routeKey"]));
        assert!(route.method.as_ref().is_none_or(|method| method == request.method()), "{name}: {}", request.method());
        let parameters = route.pattern.parameters(&path).unwrap_or_else(|| panic!("{name}: {path} is not of its route"));
        let given: Option<std::collections::HashMap<String, String>> =
            serde_json::from_value(event["pathParameters"].clone()).unwrap();
        assert_eq!(given.unwrap_or_default(), parameters, "{name}");
        assert_eq!(event["requestContext"]["routeKey"], event["routeKey"], "{name}");
        assert_eq!(event["requestContext"]["http"]["path"], path.as_str(), "{name}");

        let Some(Hosted::Http(hosted)) = host::build(name, bundle.environment()) else { panic!("{name} is no HTTP function") };
        let answer = hosted.call(request).await;
        assert_eq!(documented.get(name), Some(&answer.status().as_u16().to_string()), "{name}: {}", json(&answer));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_records_pass_the_filter_and_are_taken() {
    let bundle = bundle().await;
    let mut seen = 0;
    for function in functions().into_iter().filter(|function| !function.streams.is_empty()) {
        let raw = event(&function.name);
        let records = raw["Records"].as_array().unwrap();
        assert!(!records.is_empty());
        for record in records {
            let passes = |filters: &[template::filter::Filter]| filters.iter().any(|filter| filter.passes(record));
            assert!(function.streams.iter().any(|stream| passes(&stream.filters)), "{}: filtered out", function.name);
            // As DynamoDB sends it: seconds with a fraction.
            assert!(record["dynamodb"]["ApproximateCreationDateTime"].is_f64());
        }
        let event: Event = serde_json::from_value(raw.clone()).unwrap();
        assert_eq!(event.records.len(), records.len());
        let Some(Hosted::Stream(hosted)) = host::build(&function.name, bundle.environment()) else { panic!() };
        assert!(hosted.handle(event).await.batch_item_failures.is_empty(), "what is gone is done");
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_bring_what_the_scheduler_sends() {
    let bundle = bundle().await;
    let mut seen = 0;
    for function in functions().into_iter().filter(|function| !function.schedules.is_empty()) {
        let event = event(&function.name);
        assert_eq!((event["source"].as_str(), event["detail-type"].as_str()), (Some("aws.scheduler"), Some("Scheduled Event")));
        let resource = event["resources"][0].as_str().unwrap();
        assert!(resource.ends_with(&format!("-{}", function.logical_id.trim_end_matches("Function"))), "{resource}");
        assert!(bundle.run_schedule(&function.name).await, "{}", function.name);
        seen += 1;
    }
    assert_eq!(seen, 3);
}
