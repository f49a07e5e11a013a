//! Gives the table's stream to the functions that subscribe to it, as Lambda's event source mappings do: filtered, in
//! batches, in order; a batch with failures comes again from the first of them. Functions are independent of each other
//! but for the next read, which waits for all.
//!
//! Where the reader stands is kept in memory alone. A restart over the same data reads from the oldest record that the
//! stream still has, so functions see some changes twice, as they may on AWS.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_lambda_events::dynamodb::Event;
use futures_util::future::join_all;
use serde_json::{Value, json};
use shared::start::StreamFunction;
use tokio::sync::Mutex;

use crate::{
    dynamodb::{Dynamodb, DynamodbError, StreamPosition, StreamStart},
    template::Subscription,
};

/// The pause before a batch comes again. It doubles with each time, up to a hundred times itself.
const PAUSE: Duration = Duration::from_millis(50);

/// A stream of records as JSON, as functions see them.
#[async_trait]
pub trait Feed: Send + Sync {
    /// A place in the stream.
    type Position: Send + Sync;

    /// The place before the oldest record.
    fn oldest(&self) -> Result<Self::Position, DynamodbError>;
    /// What comes after `position`, and where to go on.
    async fn after(&self, position: &Self::Position) -> Result<(Vec<Value>, Self::Position), DynamodbError>;
}

#[async_trait]
impl Feed for Dynamodb {
    type Position = StreamPosition;

    fn oldest(&self) -> Result<StreamPosition, DynamodbError> {
        self.stream_position(StreamStart::Oldest)
    }

    async fn after(&self, position: &StreamPosition) -> Result<(Vec<Value>, StreamPosition), DynamodbError> {
        self.records_after(position).await
    }
}

/// A function and what of the stream it wants.
pub struct Subscriber {
    /// The function's name, for the log.
    pub name: String,
    /// The function.
    pub function: Arc<dyn StreamFunction>,
    /// What it wants.
    pub subscription: Subscription,
}

/// The reader.
pub struct Pump<F: Feed> {
    feed: Arc<F>,
    subscribers: Vec<Subscriber>,
    // The place up to which every subscriber is done. One round at a time.
    position: Mutex<F::Position>,
}

impl<F: Feed> Pump<F> {
    /// A reader at the oldest record.
    pub fn new(feed: Arc<F>, subscribers: Vec<Subscriber>) -> Result<Self, DynamodbError> {
        let position = Mutex::new(feed.oldest()?);
        Ok(Self { feed, subscribers, position })
    }

    /// Reads once and has the subscribers work it off. How many records there were.
    pub async fn round(&self) -> Result<usize, DynamodbError> {
        let mut position = self.position.lock().await;
        let (records, next) = self.feed.after(&position).await?;
        join_all(self.subscribers.iter().map(|subscriber| subscriber.work_off(&records))).await;
        *position = next;
        Ok(records.len())
    }

    /// Goes on reading, with a pause of `every` whenever there is nothing.
    pub async fn run(&self, every: Duration) {
        loop {
            match self.round().await {
                Ok(0) => tokio::time::sleep(every).await,
                Ok(_) => {}
                Err(problem) => {
                    tracing::error!(%problem, "the table's stream cannot be read");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}

impl Subscriber {
    fn wants(&self, record: &Value) -> bool {
        let filters = &self.subscription.filters;
        filters.is_empty() || filters.iter().any(|filter| filter.passes(record))
    }

    /// Gives what is wanted of `records`, batch after batch.
    async fn work_off(&self, records: &[Value]) {
        let wanted: Vec<Value> = records.iter().filter(|record| self.wants(record)).cloned().collect();
        for batch in wanted.chunks(self.subscription.batch_size) {
            self.give(batch).await;
        }
    }

    /// Gives a batch until it is done or was given too often.
    async fn give(&self, batch: &[Value]) {
        let mut rest = batch;
        let mut retries = 0;
        loop {
            let first_failure = match self.call(rest).await {
                Some(failed) => rest.iter().position(|record| failed.contains(&sequence(record).to_owned())),
                None => Some(0),
            };
            let Some(first) = first_failure else { return };
            rest = &rest[first..];
            if self.subscription.max_retries.is_some_and(|most| retries >= most) {
                tracing::error!(function = self.name, records = rest.len(), "given up a batch of the table's stream");
                return;
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(retries.min(10)).min(100)).await;
            retries += 1;
        }
    }

    /// The sequence numbers that failed. None: all of them.
    async fn call(&self, records: &[Value]) -> Option<Vec<String>> {
        let event: Event = match serde_json::from_value(json!({ "Records": records })) {
            Ok(event) => event,
            Err(problem) => {
                tracing::error!(%problem, "the table's stream has a record that is no record");
                return Some(Vec::new());
            }
        };
        let function = self.function.clone();
        // On a task of its own, a panic fails this batch alone.
        let answer = tokio::spawn(async move { function.handle(event).await }).await.ok()?;
        let failed: Option<Vec<String>> = answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        // Lambda takes an identifier that it doesn't know as the failure of the whole batch.
        failed.filter(|failed| failed.iter().all(|id| records.iter().any(|record| sequence(record) == id)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};

    use super::*;
    use crate::template::filter::Filter;

    struct Records(Vec<Value>);

    #[async_trait]
    impl Feed for Records {
        type Position = usize;

        fn oldest(&self) -> Result<usize, DynamodbError> {
            Ok(0)
        }

        async fn after(&self, position: &usize) -> Result<(Vec<Value>, usize), DynamodbError> {
            Ok((self.0[*position..].to_vec(), self.0.len()))
        }
    }

    fn records(shards: &[&str]) -> Records {
        let record = |(n, shard): (usize, &&str)| {
            json!({"eventID": n.to_string(), "eventName": "MODIFY", "awsRegion": "us-east-1", "dynamodb": {
                "SequenceNumber": n.to_string(), "SizeBytes": 1, "StreamViewType": "NEW_IMAGE",
                "ApproximateCreationDateTime": 1_767_225_600.0, "Keys": {"PK": {"S": "CV#1"}},
                "NewImage": {"due_shard": {"S": shard}}}})
        };
        Records(shards.iter().enumerate().map(record).collect())
    }

    /// Remembers what it got; fails at a record the given number of times.
    #[derive(Default)]
    struct Worker {
        seen: StdMutex<Vec<Vec<String>>>,
        failing: StdMutex<Option<(String, usize)>>,
        panics: bool,
    }

    #[async_trait]
    impl StreamFunction for Worker {
        async fn handle(&self, event: Event) -> DynamoDbEventResponse {
            let ids: Vec<String> = event.records.iter().map(|record| record.event_id.clone()).collect();
            self.seen.lock().unwrap().push(ids.clone());
            assert!(!self.panics, "asked to");
            let mut response = DynamoDbEventResponse::default();
            if let Some((id, times)) = &mut *self.failing.lock().unwrap()
                && *times > 0
                && ids.contains(id)
            {
                *times -= 1;
                let mut failure = DynamoDbBatchItemFailure::default();
                failure.item_identifier = Some(id.clone());
                response.batch_item_failures.push(failure);
            }
            response
        }
    }

    fn subscriber(worker: &Arc<Worker>, prefix: &str, max_retries: Option<u32>) -> Subscriber {
        let pattern = json!({"dynamodb": {"NewImage": {"due_shard": {"S": [{"prefix": prefix}]}}}}).to_string();
        let subscription = Subscription { filters: vec![Filter::parse(&pattern).unwrap()], batch_size: 2, max_retries };
        Subscriber { name: "worker".to_owned(), function: worker.clone(), subscription }
    }

    fn pump(feed: Records, worker: &Arc<Worker>, max_retries: Option<u32>) -> Pump<Records> {
        Pump::new(Arc::new(feed), vec![subscriber(worker, "outbox#", max_retries)]).unwrap()
    }

    #[tokio::test]
    async fn each_function_gets_its_own_whatever_becomes_of_the_others() {
        let [delivery, files] = [false, true].map(|panics| Arc::new(Worker { panics, ..Worker::default() }));
        let subscribers = vec![subscriber(&files, "media#", Some(0)), subscriber(&delivery, "outbox#", None)];
        let pump = Pump::new(Arc::new(records(&["outbox#0", "media#0", "outbox#1", "tokens#0"])), subscribers).unwrap();
        assert_eq!((pump.round().await.unwrap(), pump.round().await.unwrap()), (4, 0));
        assert_eq!(*delivery.seen.lock().unwrap(), [vec!["0", "2"]]);
        assert_eq!(*files.seen.lock().unwrap(), [vec!["1"]]);
    }

    #[tokio::test]
    async fn filtered_in_batches_and_once() {
        let worker = Arc::new(Worker::default());
        let pump = pump(records(&["outbox#0", "tokens#0", "outbox#1", "outbox#2"]), &worker, None);
        assert_eq!((pump.round().await.unwrap(), pump.round().await.unwrap()), (4, 0));
        assert_eq!(*worker.seen.lock().unwrap(), [vec!["0", "2"], vec!["3"]]);
    }

    #[tokio::test]
    async fn again_from_the_first_failure() {
        let worker = Arc::new(Worker { failing: StdMutex::new(Some(("1".to_owned(), 2))), ..Worker::default() });
        let pump = pump(records(&["outbox#0", "outbox#1", "outbox#2"]), &worker, None);
        pump.round().await.unwrap();
        assert_eq!(*worker.seen.lock().unwrap(), [vec!["0", "1"], vec!["1"], vec!["1"], vec!["2"]]);
    }

    #[tokio::test]
    async fn a_batch_that_never_works_is_given_up() {
        let worker = Arc::new(Worker { panics: true, ..Worker::default() });
        let pump = pump(records(&["outbox#0", "outbox#1", "outbox#2"]), &worker, Some(1));
        assert_eq!(pump.round().await.unwrap(), 3);
        assert_eq!(*worker.seen.lock().unwrap(), [vec!["0", "1"], vec!["0", "1"], vec!["2"], vec!["2"]]);
    }
}
