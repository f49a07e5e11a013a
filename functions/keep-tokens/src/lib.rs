//! Each day: renews tokens that would otherwise expire unused, looks whether Pipedrive still has the webhooks by which it tells
//! what people do to records, and registers channels for their providers' webhooks anew. All of it keeps alive what nobody
//! looks after.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    environment::Environment,
    inbox::{
        error::InboxError,
        listen::{self, ListenPorts, ListenStore},
        ports::InstallationStore,
        tokens::Tokens,
    },
    pipedrive::{OAuth, WebhooksApi},
    providers::Registry,
    records::{
        ports::BudgetStore,
        watch::{
            keep::{self, KeepPorts},
            ports::WatchStore,
        },
    },
    secrets::SecretCache,
    start::ScheduledFunction,
};

/// Installations renewed in one run. The rest is due the next day, of the thirty that are left to each.
const PER_RUN: usize = 100;
/// Companies of a shard whose webhooks are looked after in one run.
const WATCHES: usize = 25;
/// Channels of one shard that are registered anew in one run. The rest is due the next day.
const CHANNELS_PER_RUN: usize = 25;

/// The function.
pub struct Function {
    installations: Arc<dyn InstallationStore>,
    listens: Arc<dyn ListenStore>,
    oauth: Arc<dyn OAuth>,
    providers: Registry,
    watches: Arc<dyn WatchStore>,
    budget: Arc<dyn BudgetStore>,
    webhooks: Arc<dyn WebhooksApi>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        Self {
            installations: table.clone(),
            listens: table.clone(),
            oauth: pipedrive.clone(),
            providers: environment.providers(),
            watches: table.clone(),
            budget: table,
            webhooks: pipedrive,
            secrets: environment.secrets.clone(),
            clock: environment.clock.clone(),
        }
    }
}

#[async_trait]
impl ScheduledFunction for Function {
    async fn handle(&self) -> Result<Value, InboxError> {
        let tokens = Tokens { store: &*self.installations, oauth: &*self.oauth, secrets: &self.secrets, clock: &*self.clock };
        let (renewed, failed) = tokens.keep(PER_RUN).await?;
        let ports = KeepPorts {
            watches: &*self.watches,
            tokens,
            api: &*self.webhooks,
            secrets: &self.secrets,
            budget: &*self.budget,
            clock: &*self.clock,
        };
        let (watched, unwatched) = keep::keep_due(&ports, WATCHES).await?;
        let ports = ListenPorts {
            store: &*self.listens,
            installations: &*self.installations,
            providers: &self.providers,
            secrets: &self.secrets,
            clock: &*self.clock,
        };
        let (listening, deaf) = listen::keep(&ports, CHANNELS_PER_RUN).await?;
        Ok(json!({
            "renewed": renewed, "failed": failed,
            "watched": watched, "unwatched": unwatched,
            "listening": listening, "deaf": deaf,
        }))
    }
}
