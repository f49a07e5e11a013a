//! Reads what was written before a channel was connected, where the provider keeps it. Woken by the table's stream when a
//! channel is connected and by each round's own note of how far it got; `redeliver` wakes it after a pause.

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
        import::{self, ImportPorts},
        ports::{ChannelStore, ReceiveStore},
    },
    model::ids::ChannelId,
    providers::Registry,
    secrets::SecretCache,
    start::StreamFunction,
    telemetry,
};

/// Channels imported at the same time.
const PARALLEL: usize = 4;

/// The function.
pub struct Function {
    channels: Arc<dyn ChannelStore>,
    store: Arc<dyn ReceiveStore>,
    providers: Registry,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let table = environment.table();
        Self {
            channels: table.clone(),
            store: table,
            providers: environment.providers(),
            secrets: environment.secrets.clone(),
            clock: environment.clock.clone(),
        }
    }

    /// One round over one channel. Whether it went well.
    async fn import(&self, id: &ChannelId) -> bool {
        let ports = ImportPorts {
            channels: &*self.channels,
            store: &*self.store,
            providers: &self.providers,
            secrets: &self.secrets,
            clock: &*self.clock,
        };
        match import::import(&ports, id).await {
            Ok(0) => true,
            Ok(messages) => {
                tracing::info!(channel = %id, messages, "imported");
                true
            }
            Err(error) => {
                telemetry::log_error("a channel's past could not be imported", &error);
                false
            }
        }
    }
}

#[async_trait]
impl StreamFunction for Function {
    async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        batch::work_off(&event, PARALLEL, channel, |id| async move { self.import(&id).await }).await
    }
}

/// The channel that a change is about; none if it is about something else.
fn channel(record: &EventRecord) -> Option<ChannelId> {
    ChannelId::parse(batch::key(record, "SK")?.strip_prefix("CH#")?).ok()
}
