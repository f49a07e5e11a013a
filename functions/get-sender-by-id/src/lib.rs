//! `GET /api/channels/{providerChannelId}/senders/{senderId}`: a participant's name and picture. Called by Pipedrive for a
//! fresh picture.

use std::sync::Arc;

use async_trait::async_trait;
use shared::{
    clock::Clock,
    config::Config,
    environment::Environment,
    http::{HttpFunction, Request, Response, basic, error, file_links::file_links, request, response},
    inbox::{error::InboxError, ports::InboxReader, read},
    secrets::SecretCache,
};

/// The function.
pub struct Function {
    store: Arc<dyn InboxReader>,
    secrets: Arc<SecretCache>,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self {
            store: environment.table(),
            secrets: environment.secrets(),
            config: environment.config.clone(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Response, InboxError> {
        basic::pipedrive(request.headers(), &self.secrets).await?;
        let links = file_links(&self.config, &self.secrets, &*self.clock, request).await?;
        let channel = request::path_id(request, "providerChannelId", "channel")?;
        let sender = request::path_id(request, "senderId", "sender")?;
        Ok(response::data(read::sender(&*self.store, &links, &channel, &sender).await?))
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(&request).await.unwrap_or_else(error::respond)
    }
}
