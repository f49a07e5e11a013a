//! `GET /api/channels/{providerChannelId}/conversations/{sourceConversationId}`: one conversation with a page of its
//! messages. Called by Pipedrive when a message arrives in a conversation that it does not know, and for older messages.

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
        read::{self, MessagesQuery},
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
    additional_data: After,
    data: ConversationView,
}

/// The contract calls this a pointer to the last conversation, which makes no sense here: it is the cursor of the messages,
/// the same as in the conversation itself.
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
        let conversation = request::path_id(request, "sourceConversationId", "conversation")?;
        let query =
            MessagesQuery { messages_limit: request::limit(request, "messages_limit")?, after: request::query(request, "after") };
        let view = read::conversation(&*self.store, &links, &channel, &conversation, query).await?;
        let after = After { after: view.next_messages_cursor.clone() };
        Ok(response::ok(&Answer { success: true, additional_data: after, data: view }))
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(&request).await.unwrap_or_else(error::respond)
    }
}
