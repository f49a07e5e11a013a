//! `DELETE /api/channels/{providerChannelId}`: the user removed the channel in Pipedrive. Repeatable; a channel that never
//! was is as it should be.

use std::sync::Arc;

use async_trait::async_trait;
use shared::{
    clock::Clock,
    environment::Environment,
    http::{HttpFunction, Request, Response, basic, error, request, response},
    inbox::{
        error::InboxError,
        ports::{ChannelStore, InstallationStore},
        remove::{self, RemovePorts},
    },
    media::bucket::Bucket,
    providers::Registry,
    secrets::SecretCache,
};

/// The function.
pub struct Function {
    channels: Arc<dyn ChannelStore>,
    bucket: Arc<dyn Bucket>,
    members: Arc<dyn InstallationStore>,
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
            bucket: environment.bucket(),
            members: table,
            providers: environment.providers(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Response, InboxError> {
        basic::pipedrive(request.headers(), &self.secrets).await?;
        // What has not the shape of an id of ours is as gone as one that nobody has.
        if let Ok(channel) = request::path_id(request, "providerChannelId", "channel") {
            let ports = RemovePorts {
                channels: &*self.channels,
                bucket: &*self.bucket,
                members: &*self.members,
                providers: &self.providers,
                secrets: &self.secrets,
                clock: &*self.clock,
            };
            remove::remove_channel_by_pipedrive(&ports, &channel).await?;
        }
        Ok(response::success())
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(&request).await.unwrap_or_else(error::respond)
    }
}
