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
    config::DeliveryChoice,
    environment::Environment,
    inbox::{
        deliver::{self, ChannelsTarget, DeliverPorts},
        tokens::Tokens,
    },
    media::bucket::Bucket,
    model::ids::{CompanyId, ConversationId},
    pipedrive::client::Client,
    providers::Registry,
    records::{
        RecordsPorts,
        deliver::RecordsTarget,
        link::relink::RelinkPorts,
        watch::keep::{self, KeepPorts},
    },
    secrets::SecretCache,
    start::StreamFunction,
    store::Table,
    telemetry,
};

/// Conversations delivered at the same time.
const PARALLEL: usize = 10;

/// The function.
pub struct Function {
    table: Arc<Table>,
    pipedrive: Arc<Client>,
    bucket: Arc<dyn Bucket>,
    providers: Registry,
    choice: DeliveryChoice,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self {
            table: environment.table(),
            pipedrive: environment.pipedrive(),
            bucket: environment.bucket(),
            providers: environment.providers(),
            choice: environment.config.delivery,
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    /// Has Pipedrive tell what people do to the company's records, as the daily look does.
    async fn have_told(&self, company: CompanyId) {
        let (table, pipedrive, clock) = (&*self.table, &*self.pipedrive, &*self.clock);
        let ports = KeepPorts {
            watches: table,
            tokens: Tokens { store: table, oauth: pipedrive, secrets: &self.secrets, clock },
            api: pipedrive,
            secrets: &self.secrets,
            budget: table,
            clock,
        };
        keep::keep_now(&ports, company).await;
    }

    /// One round over one conversation. Whether it went well.
    async fn deliver(&self, id: &ConversationId) -> bool {
        let (table, pipedrive, clock) = (&*self.table, &*self.pipedrive, &*self.clock);
        let records = RecordsPorts {
            relink: RelinkPorts { links: table, known: table, users: table },
            known: table,
            channels: table,
            notes: table,
            audit: table,
            locks: table,
            intents: table,
            budget: table,
            bucket: &*self.bucket,
            providers: &self.providers,
            persons: pipedrive,
            deals: pipedrive,
            leads: pipedrive,
            notes_api: pipedrive,
            files: pipedrive,
            users: pipedrive,
            clock,
        };
        let ports = DeliverPorts {
            outbox: table,
            halts: table,
            tokens: Tokens { store: table, oauth: pipedrive, secrets: &self.secrets, clock },
            channels: &ChannelsTarget { api: pipedrive, clock },
            records: &RecordsTarget(&records),
            choice: self.choice,
            clock,
        };
        match deliver::deliver(&ports, id).await {
            // Woken by a round's own write: there was nothing left to do.
            Ok(done) if done == deliver::Delivered::default() => true,
            Ok(done) => {
                let deliver::Delivered { pushed, dead, waiting, held, moved } = done;
                tracing::info!(conversation = %id, pushed, dead, waiting, held, "delivered");
                if let Some(company) = moved {
                    self.have_told(company).await;
                }
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
