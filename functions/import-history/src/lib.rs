//! Each minute: reads what was written before channels were connected, where the provider keeps it. Each round notes how far it
//! got, and the next one goes on from there.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    environment::Environment,
    inbox::{
        error::InboxError,
        import::{self, ImportPorts},
        ports::{ChannelStore, ReceiveStore},
    },
    providers::Registry,
    secrets::SecretCache,
    start::ScheduledFunction,
};

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
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }
}

#[async_trait]
impl ScheduledFunction for Function {
    async fn handle(&self) -> Result<Value, InboxError> {
        let ports = ImportPorts {
            channels: &*self.channels,
            store: &*self.store,
            providers: &self.providers,
            secrets: &self.secrets,
            clock: &*self.clock,
        };
        let import::Summary { stored, failed } = import::run(&ports).await?;
        Ok(json!({ "stored": stored, "failed": failed }))
    }
}
