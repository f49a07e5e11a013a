//! Tells Pipedrive what is new in each conversation, in order. Woken by the table's stream, which gives the changes of one
//! conversation to one worker at a time; what fails here comes again, and what the stream gives up `redeliver` finds.

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
        deliver::{self, ChannelsTarget, DeliverPorts},
        halt::HaltStore,
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
    halts: Arc<dyn HaltStore>,
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
            halts: table.clone(),
            installations: table,
            oauth: pipedrive.clone(),
            api: pipedrive,
            secrets: environment.secrets.clone(),
            clock: environment.clock.clone(),
        }
    }

    /// One round over one conversation. Whether it went well.
    async fn deliver(&self, id: &ConversationId) -> bool {
        let target = ChannelsTarget { api: &*self.api, clock: &*self.clock };
        let ports = DeliverPorts {
            outbox: &*self.outbox,
            halts: &*self.halts,
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
        batch::work_off(&event, PARALLEL, conversation, |id| async move { self.deliver(&id).await }).await
    }
}

/// The conversation that a change is about; none if it is about something else.
fn conversation(record: &EventRecord) -> Option<ConversationId> {
    ConversationId::parse(batch::key(record, "PK")?.strip_prefix("CV#")?).ok()
}
