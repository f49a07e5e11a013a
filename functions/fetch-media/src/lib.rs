//! Copies files from providers to the bucket, and asks who new customers are. Woken by the table's stream, which gives the
//! changes of one message to one worker at a time; what fails here comes again, and what the stream gives up `redeliver` finds.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use shared::{
    batch,
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
            secrets: environment.secrets(),
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
        batch::work_off(&event, PARALLEL, message, |id| async move { self.fetch(&id).await }).await
    }
}

/// The message that a change is about; none if it is about something else.
fn message(record: &EventRecord) -> Option<MessageId> {
    let conversation = ConversationId::parse(batch::key(record, "PK")?.strip_prefix("CV#")?).ok()?;
    Some(conversation.message(&Place::parse(batch::key(record, "SK")?.strip_prefix("M#")?).ok()?))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_dynamo::AttributeValue;
    use shared::model::time::Timestamp;

    use super::*;

    fn record(partition: &str, sort: &str) -> EventRecord {
        let mut record = EventRecord::default();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        record.change.keys =
            serde_dynamo::Item::from(HashMap::from([("PK".to_owned(), text(partition)), ("SK".to_owned(), text(sort))]));
        record
    }

    #[test]
    fn only_changes_of_messages_count() {
        let conversation = ConversationId::new();
        let id = conversation.message(&Place::new(Timestamp::EPOCH, Timestamp::EPOCH, 1));
        let partition = format!("CV#{conversation}");
        assert_eq!(message(&record(&partition, &format!("M#{}", id.place()))), Some(id));
        for (partition, sort) in [(partition.as_str(), "CV"), ("CO#1", "CH#1"), (partition.as_str(), "M#nonsense")] {
            assert_eq!(message(&record(partition, sort)), None, "{partition} {sort}");
        }
    }
}
