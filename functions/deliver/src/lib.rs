//! Tells Pipedrive what is new in each conversation, in order. Woken by the table's stream, which gives the changes of one
//! conversation to one worker at a time; what fails here comes again, and what the stream gives up `redeliver` finds.

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
        deliver::{self, ChannelsTarget, DeliverPorts},
        ports::{InstallationStore, OutboxStore},
        tokens::Tokens,
    },
    model::ids::ConversationId,
    pipedrive::{ChannelsApi, OAuth},
    secrets::SecretCache,
    start::StreamFunction,
    telemetry,
};

/// Conversations delivered at the same time.
const PARALLEL: usize = 10;

/// The function.
pub struct Function {
    outbox: Arc<dyn OutboxStore>,
    installations: Arc<dyn InstallationStore>,
    oauth: Arc<dyn OAuth>,
    api: Arc<dyn ChannelsApi>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        Self {
            outbox: table.clone(),
            installations: table,
            oauth: pipedrive.clone(),
            api: pipedrive,
            secrets: environment.secrets.clone(),
            clock: environment.clock.clone(),
        }
    }

    /// One round over one conversation. Whether it went well.
    async fn deliver(&self, id: &ConversationId) -> bool {
        let target = ChannelsTarget(&*self.api);
        let ports = DeliverPorts {
            outbox: &*self.outbox,
            tokens: Tokens { store: &*self.installations, oauth: &*self.oauth, secrets: &self.secrets, clock: &*self.clock },
            channels: &target,
            clock: &*self.clock,
        };
        match deliver::deliver(&ports, id).await {
            // Woken by a round's own write: there was nothing left to do.
            Ok(done) if done == deliver::Delivered::default() => true,
            Ok(done) => {
                let deliver::Delivered { pushed, dead, waiting, held } = done;
                tracing::info!(conversation = %id, pushed, dead, waiting, held, "delivered");
                true
            }
            Err(error) => {
                telemetry::log_error("a conversation could not be delivered", &error);
                false
            }
        }
    }
}

#[async_trait]
impl StreamFunction for Function {
    async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        let failed = stream::iter(changed(&event.records))
            .map(|(id, sequence_number)| async move { (!self.deliver(&id).await).then_some(sequence_number) })
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

/// The conversations of a batch, each once with its first change: a round reads what is there now, so one is enough for all
/// changes so far, and a batch is repeated from the first that failed.
fn changed(records: &[EventRecord]) -> Vec<(ConversationId, Option<String>)> {
    let mut conversations: Vec<(ConversationId, Option<String>)> = Vec::new();
    for record in records {
        if let Some(id) = conversation(record)
            && conversations.iter().all(|(seen, _)| *seen != id)
        {
            conversations.push((id, record.change.sequence_number.clone()));
        }
    }
    conversations
}

/// The conversation that a change is about; none if it is about something else.
fn conversation(record: &EventRecord) -> Option<ConversationId> {
    match record.change.keys.get("PK") {
        Some(AttributeValue::S(key)) => ConversationId::parse(key.strip_prefix("CV#")?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, sequence_number: &str) -> EventRecord {
        let mut record = EventRecord::default();
        record.change.keys =
            serde_dynamo::Item::from(std::collections::HashMap::from([("PK".to_owned(), AttributeValue::S(key.to_owned()))]));
        record.change.sequence_number = Some(sequence_number.to_owned());
        record
    }

    #[test]
    fn each_conversation_once_with_its_first_change() {
        let (a, b) = (ConversationId::new(), ConversationId::new());
        let key = |id: &ConversationId| format!("CV#{id}");
        let records = [record(&key(&a), "1"), record("CO#1", "2"), record(&key(&b), "3"), record(&key(&a), "4")];
        assert_eq!(changed(&records), [(a, Some("1".to_owned())), (b, Some("3".to_owned()))]);
    }
}
