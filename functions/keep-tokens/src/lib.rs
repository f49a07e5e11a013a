//! Each day: renews tokens that would otherwise expire unused, looks whether Pipedrive still has the webhooks by which it tells
//! what people do to records, and registers channels for their providers' webhooks anew. Once a week it asks Pipedrive again for
//! what changes without a word. All of it keeps alive what nobody looks after.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    config::DeliveryChoice,
    environment::Environment,
    inbox::{
        error::InboxError,
        listen::{self, ListenPorts, ListenStore},
        ports::{ChannelStore, InstallationStore},
        review::{self, ReviewPorts},
        tokens::Tokens,
    },
    pipedrive::{ChannelsApi, OAuth, Users, WebhooksApi},
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
    users: Arc<dyn Users>,
    inbox: Arc<dyn ChannelsApi>,
    channels: Arc<dyn ChannelStore>,
    choice: DeliveryChoice,
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
            budget: table.clone(),
            channels: table,
            webhooks: pipedrive.clone(),
            users: pipedrive.clone(),
            inbox: pipedrive,
            choice: environment.config.delivery,
            secrets: environment.secrets(),
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
        let (companies, unwatched) = keep::keep_due(&ports, WATCHES).await?;
        let ports = ReviewPorts {
            tokens: ports.tokens,
            users: &*self.users,
            api: &*self.inbox,
            channels: &*self.channels,
            providers: &self.providers,
            choice: self.choice,
            budget: &*self.budget,
            clock: &*self.clock,
        };
        let reviewed = review::review_due(&ports, &companies).await;
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
            "watched": companies.len() - unwatched, "unwatched": unwatched,
            "reviewed": reviewed,
            "listening": listening, "deaf": deaf,
        }))
    }
}
