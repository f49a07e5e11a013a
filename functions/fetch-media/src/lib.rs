//! Copies files from providers to the bucket, and asks who new customers are. Woken by the table's stream, which gives the
//! changes of one message to one worker at a time; what fails here comes again, and what the stream gives up `redeliver` finds.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use futures_util::{StreamExt, stream};
use serde_dynamo::AttributeValue;
use shared::{
    clock::Clock,
    environment::Environment,
    inbox::{
        fetch::{self, FetchPorts},
        ports::MediaStore,
    },
    media::{bucket::Bucket, preview},
    model::ids::{ConversationId, MessageId, Place},
    providers::Registry,
    secrets::SecretCache,
    start::StreamFunction,
    telemetry,
};

/// Messages at the same time, each with one file in memory.
const PARALLEL: usize = 3;

/// The function.
pub struct Function {
    store: Arc<dyn MediaStore>,
    providers: Registry,
    bucket: Arc<dyn Bucket>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self {
            store: environment.table(),
            providers: environment.providers(),
            bucket: environment.bucket(),
            secrets: environment.secrets.clone(),
            clock: environment.clock.clone(),
        }
    }

    /// One round for one message. Whether it went well.
    async fn fetch(&self, id: &MessageId) -> bool {
        let ports = FetchPorts {
            store: &*self.store,
            providers: &self.providers,
            bucket: &*self.bucket,
            preview: preview::of,
            secrets: &self.secrets,
            clock: &*self.clock,
        };
        match fetch::fetch(&ports, id).await {
            // Woken by a round's own write, or before the pause is over.
            Ok(done) if done == fetch::Summary::default() => true,
            Ok(done) => {
                let fetch::Summary { stored, lost, waiting } = done;
                tracing::info!(message = %id, stored, lost, waiting, "fetched");
                true
            }
            Err(error) => {
                telemetry::log_error("files of a message could not be fetched", &error);
                false
            }
        }
    }
}

#[async_trait]
impl StreamFunction for Function {
    async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        let failed = stream::iter(changed(&event.records))
            .map(|(id, sequence_number)| async move { (!self.fetch(&id).await).then_some(sequence_number) })
            .buffer_unordered(PARALLEL)
            .filter_map(|failed| async { failed })
            .map(|sequence_number| {
                let mut failure = DynamoDbBatchItemFailure::default();
                failure.item_identifier = sequence_number;
                failure
            });
        let mut response = DynamoDbEventResponse::default();
        response.batch_item_failures = failed.collect().await;
        response
    }
}

/// The messages of a batch, each once with its first change.
fn changed(records: &[EventRecord]) -> Vec<(MessageId, Option<String>)> {
    let mut messages: Vec<(MessageId, Option<String>)> = Vec::new();
    for record in records {
        if let Some(id) = message(record)
            && messages.iter().all(|(seen, _)| *seen != id)
        {
            messages.push((id, record.change.sequence_number.clone()));
        }
    }
    messages
}

/// The message that a change is about; none if it is about something else.
fn message(record: &EventRecord) -> Option<MessageId> {
    let key = |name: &str| match record.change.keys.get(name) {
        Some(AttributeValue::S(key)) => Some(key.as_str()),
        _ => None,
    };
    let conversation = ConversationId::parse(key("PK")?.strip_prefix("CV#")?).ok()?;
    Some(conversation.message(&Place::parse(key("SK")?.strip_prefix("M#")?).ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use shared::model::time::Timestamp;

    use super::*;

    fn record(partition: &str, sort: &str, sequence_number: &str) -> EventRecord {
        let mut record = EventRecord::default();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        record.change.keys =
            serde_dynamo::Item::from(HashMap::from([("PK".to_owned(), text(partition)), ("SK".to_owned(), text(sort))]));
        record.change.sequence_number = Some(sequence_number.to_owned());
        record
    }

    #[test]
    fn each_message_once_with_its_first_change() {
        let conversation = ConversationId::new();
        let [a, b] = [1, 2].map(|n| conversation.message(&Place::new(Timestamp::EPOCH, Timestamp::EPOCH, n)));
        let partition = format!("CV#{conversation}");
        let sort = |id: &MessageId| format!("M#{}", id.place());
        let records = [
            record(&partition, &sort(&a), "1"),
            record(&partition, "CV", "2"),
            record("CO#1", "CH#1", "3"),
            record(&partition, &sort(&b), "4"),
            record(&partition, &sort(&a), "5"),
        ];
        assert_eq!(changed(&records), [(a, Some("1".to_owned())), (b, Some("4".to_owned()))]);
    }
}
