//! A batch of the table's changes, worked off by what changed: each record once, several beside each other, and what fails is
//! named, so that Lambda gives it again.

use std::panic::AssertUnwindSafe;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use futures_util::{FutureExt, StreamExt, stream};
use serde_dynamo::AttributeValue;

/// Does `work` on each record of the batch that `read` finds something in, `parallel` at a time. `work` says whether it went
/// well.
pub async fn work_off<T, W>(
    event: &Event,
    parallel: usize,
    read: impl Fn(&EventRecord) -> Option<T>,
    work: impl Fn(T) -> W,
) -> DynamoDbEventResponse
where
    T: PartialEq + Clone,
    W: Future<Output = bool>,
{
    let works: Vec<_> = changed(&event.records, read)
        .into_iter()
        .map(|(what, sequence_number)| {
            let work = AssertUnwindSafe(work(what)).catch_unwind();
            // One that panics is one that failed, and takes no other along.
            async move { (!work.await.unwrap_or(false)).then_some(sequence_number) }
        })
        .collect();
    let failed = stream::iter(works).buffer_unordered(parallel).filter_map(|failed| async { failed }).map(|sequence_number| {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = sequence_number;
        failure
    });
    let mut response = DynamoDbEventResponse::default();
    response.batch_item_failures = failed.collect().await;
    response
}

/// What changed, each once with its first change: work reads what is there now, so one is enough for all changes so far, and
/// a batch is repeated from the first that failed.
fn changed<T: PartialEq>(records: &[EventRecord], read: impl Fn(&EventRecord) -> Option<T>) -> Vec<(T, Option<String>)> {
    let mut found: Vec<(T, Option<String>)> = Vec::new();
    for record in records {
        if let Some(what) = read(record)
            && found.iter().all(|(seen, _)| *seen != what)
        {
            found.push((what, record.change.sequence_number.clone()));
        }
    }
    found
}

/// The text of a key attribute of the record that changed.
pub fn key<'a>(record: &'a EventRecord, name: &str) -> Option<&'a str> {
    match record.change.keys.get(name) {
        Some(AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pk: &str, sequence_number: &str) -> EventRecord {
        let mut record = EventRecord::default();
        let keys = std::collections::HashMap::from([("PK".to_owned(), AttributeValue::S(pk.to_owned()))]);
        record.change.keys = serde_dynamo::Item::from(keys);
        record.change.sequence_number = Some(sequence_number.to_owned());
        record
    }

    #[tokio::test]
    async fn each_once_and_the_failed_are_named_by_their_first_change() {
        let mut event = Event::default();
        event.records = vec![record("A#1", "1"), record("B#1", "2"), record("A#2", "3"), record("A#1", "4")];
        let done = std::sync::Mutex::new(Vec::new());
        let read = |record: &EventRecord| key(record, "PK")?.strip_prefix("A#").map(str::to_owned);
        let answer = work_off(&event, 4, read, |what| {
            done.lock().unwrap().push(what.clone());
            async move { what != "2" }
        })
        .await;
        assert_eq!(*done.lock().unwrap(), ["1", "2"]);
        let failed: Vec<_> = answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_deref()).collect();
        assert_eq!(failed, [Some("3")]);
    }

    #[tokio::test]
    async fn one_that_panics_fails_alone() {
        let mut event = Event::default();
        event.records = vec![record("A#1", "1"), record("A#2", "2"), record("A#3", "3")];
        let read = |record: &EventRecord| key(record, "PK").map(str::to_owned);
        let answer = work_off(&event, 1, read, |what| async move {
            assert_ne!(what, "A#2", "a fault in the code");
            true
        })
        .await;
        let failed: Vec<_> = answer.batch_item_failures.iter().map(|failure| failure.item_identifier.as_deref()).collect();
        assert_eq!(failed, [Some("2")]);
    }
}
