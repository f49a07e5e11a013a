//! The embedded table as it lies there: every item, and every byte that somebody who gets hold of it would see.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Intercept, Region},
    types::AttributeValue,
};
use local::bundle::Bundle;
use shared::{aws::connector::shared_client, config::AwsRoots, environment::Environment, store::Table};

/// An item.
pub type Item = HashMap<String, AttributeValue>;

/// A client of the bundle's table, for what the ports do not do.
pub fn client(bundle: &Bundle) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .http_client(shared_client(AwsRoots::Amazon))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(bundle.dynamodb().endpoint());
    Client::from_conf(config.build())
}

/// `environment` with `between` between the functions and their table.
pub fn behind(environment: &Environment, between: impl Intercept + 'static) -> Environment {
    let config = &environment.config;
    let mut client = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        .http_client(shared_client(config.aws_roots))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .interceptor(between);
    if let Some(endpoint) = &config.dynamodb_endpoint {
        client = client.endpoint_url(endpoint);
    }
    environment.clone().with_table(Table::new(Client::from_conf(client.build()), config.table.clone()))
}

/// Every item of the bundle's table.
///
/// # Panics
/// If the table does not answer.
#[expect(clippy::expect_used, reason = "tests")]
pub async fn items(bundle: &Bundle) -> Vec<Item> {
    let scan = client(bundle).scan().table_name(bundle.dynamodb().table()).consistent_read(true);
    scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.expect("the table is read")
}

/// Partition and sort key of every item, in order.
pub async fn keys(bundle: &Bundle) -> Vec<String> {
    let key = |item: &Item, name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    let mut keys: Vec<String> =
        items(bundle).await.iter().map(|item| format!("{} {}", key(item, "PK"), key(item, "SK"))).collect();
    keys.sort();
    keys
}

/// All texts and bytes of all items, after each other.
pub async fn raw(bundle: &Bundle) -> Vec<u8> {
    let mut raw = Vec::new();
    for item in items(bundle).await {
        for (name, value) in &item {
            append(&mut raw, name.as_bytes());
            append_value(&mut raw, value);
        }
    }
    raw
}

/// Whether `part` is somewhere in `whole`.
pub fn holds(whole: &[u8], part: &str) -> bool {
    whole.windows(part.len()).any(|window| window == part.as_bytes())
}

fn append(raw: &mut Vec<u8>, bytes: &[u8]) {
    raw.extend_from_slice(bytes);
    raw.push(b'\n');
}

fn append_value(raw: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::B(bytes) => append(raw, bytes.as_ref()),
        AttributeValue::S(text) | AttributeValue::N(text) => append(raw, text.as_bytes()),
        AttributeValue::L(list) => list.iter().for_each(|value| append_value(raw, value)),
        AttributeValue::M(map) => map.iter().for_each(|(name, value)| {
            append(raw, name.as_bytes());
            append_value(raw, value);
        }),
        other => append(raw, format!("{other:?}").as_bytes()),
    }
}
