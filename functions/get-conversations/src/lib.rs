//! `GET /api/channels/{providerChannelId}/conversations`: a channel's conversations by newest message, each with its
//! newest messages. Called by Pipedrive when a channel is registered, and for older conversations.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use shared::{
    clock::Clock,
    config::Config,
    environment::Environment,
    http::{HttpFunction, Request, Response, basic, error, file_links::file_links, request, response},
    inbox::{
        error::InboxError,
        ports::InboxReader,
        read::{self, ConversationsQuery},
        view::ConversationView,
    },
    secrets::SecretCache,
};

/// The function.
pub struct Function {
    store: Arc<dyn InboxReader>,
    secrets: Arc<SecretCache>,
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
}

#[derive(Serialize)]
struct Answer {
    success: bool,
    data: Vec<ConversationView>,
    additional_data: After,
}

#[derive(Serialize)]
struct After {
    after: String,
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
        let query = ConversationsQuery {
            conversations_limit: request::limit(request, "conversations_limit")?,
            messages_limit: request::limit(request, "messages_limit")?,
            after: request::query(request, "after"),
        };
        let page = read::conversations(&*self.store, &links, &channel, query).await?;
        let answer = Answer { success: true, data: page.conversations, additional_data: After { after: page.after } };
        Ok(response::ok(&answer))
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(&request).await.unwrap_or_else(error::respond)
    }
}
