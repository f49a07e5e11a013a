//! Each day: renews tokens that would otherwise expire unused.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    environment::Environment,
    inbox::{error::InboxError, ports::InstallationStore, tokens::Tokens},
    pipedrive::OAuth,
    secrets::SecretCache,
    start::ScheduledFunction,
};

/// Installations renewed in one run. The rest is due the next day, of the thirty that are left to each.
const PER_RUN: usize = 100;

/// The function.
pub struct Function {
    installations: Arc<dyn InstallationStore>,
    oauth: Arc<dyn OAuth>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self {
            installations: environment.table(),
            oauth: environment.pipedrive(),
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
        Ok(json!({ "renewed": renewed, "failed": failed }))
    }
}
