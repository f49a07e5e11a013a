//! Many conversations, as a busy company has after years: copies of one that is stored, written past the functions.

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use local::bundle::Bundle;
use shared::model::ids::ConversationId;

use crate::table;

/// Most requests of one `BatchWriteItem`.
const BATCH: usize = 25;

/// Adds conversations until there are `total`, called `Customer 1` and so on, each a minute older than the one before; all are
/// older than those that are there.
///
/// # Panics
/// If there is none to copy, or the table does not answer.
#[expect(clippy::expect_used, reason = "tests")]
pub async fn conversations(bundle: &Bundle, total: i64) {
    let stored: Vec<table::Item> = table::items(bundle).await.into_iter().filter(|item| text(item, "SK") == "CV").collect();
    let at = |item: &table::Item| -> i64 { item["last_at"].as_n().ok().and_then(|n| n.parse().ok()).unwrap_or_default() };
    let model = stored.iter().min_by_key(|item| at(item)).expect("a conversation to copy");
    let client = table::client(bundle);
    let missing = total - i64::try_from(stored.len()).unwrap_or_default();
    let rows: Vec<i64> = (1..=missing).collect();
    for batch in rows.chunks(BATCH) {
        let wanted: Vec<WriteRequest> = batch.iter().map(|n| put(copy(model, *n, at(model) - n * 60_000))).collect();
        let write = client.batch_write_item().request_items(bundle.dynamodb().table(), wanted);
        write.send().await.expect("the table takes a batch");
    }
}

fn text<'a>(item: &'a table::Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).unwrap_or_default()
}

fn copy(model: &table::Item, n: i64, at: i64) -> table::Item {
    let id = ConversationId::new();
    let mut item = model.clone();
    let mut customer = item.get("customer").and_then(|value| value.as_m().ok()).cloned().unwrap_or_default();
    customer.insert("name".to_owned(), AttributeValue::S(format!("Customer {n}")));
    for (name, value) in [
        ("PK", AttributeValue::S(format!("CV#{id}"))),
        ("id", AttributeValue::S(id.to_string())),
        ("customer", AttributeValue::M(customer)),
        ("last_at", AttributeValue::N(at.to_string())),
        ("changed_at", AttributeValue::N(at.to_string())),
        ("list_at", AttributeValue::S(format!("{at:015}#{id}"))),
    ] {
        item.insert(name.to_owned(), value);
    }
    // Nothing of them waits to be delivered.
    item.insert("outbox".to_owned(), AttributeValue::M(std::collections::HashMap::new()));
    item.remove("due_shard");
    item.remove("due_at");
    item
}

#[expect(clippy::expect_used, reason = "tests")]
fn put(item: table::Item) -> WriteRequest {
    let request = PutRequest::builder().set_item(Some(item)).build().expect("an item to put");
    WriteRequest::builder().put_request(request).build()
}
