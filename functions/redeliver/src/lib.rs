//! Each minute: wakes what is due. Outboxes and files whose pause is over or that the stream missed, outboxes held for an
//! installation that works again, removed channels of which something is left.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    environment::Environment,
    inbox::{
        error::InboxError,
        halt::HaltStore,
        ports::{ChannelStore, InstallationStore, OutboxStore},
        redeliver::{self, RedeliverPorts},
    },
    media::bucket::Bucket,
    start::ScheduledFunction,
};

/// The function.
pub struct Function {
    outbox: Arc<dyn OutboxStore>,
    halts: Arc<dyn HaltStore>,
    installations: Arc<dyn InstallationStore>,
    channels: Arc<dyn ChannelStore>,
    bucket: Arc<dyn Bucket>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let table = environment.table();
        Self {
            outbox: table.clone(),
            halts: table.clone(),
            installations: table.clone(),
            channels: table,
            bucket: environment.bucket(),
            clock: environment.clock.clone(),
        }
    }
}

#[async_trait]
impl ScheduledFunction for Function {
    async fn handle(&self) -> Result<Value, InboxError> {
        let ports = RedeliverPorts {
            outbox: &*self.outbox,
            halts: &*self.halts,
            installations: &*self.installations,
            channels: &*self.channels,
            bucket: &*self.bucket,
            clock: &*self.clock,
        };
        let redeliver::Summary { woken, probes, released, erased, failed } = redeliver::run(&ports).await?;
        Ok(json!({ "woken": woken, "probes": probes, "released": released, "erased": erased, "failed": failed }))
    }
}
