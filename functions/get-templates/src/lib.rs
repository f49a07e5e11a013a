//! `GET /api/channels/{providerChannelId}/templates`: a channel's approved message templates. Called by Pipedrive when a channel
//! with templates is registered, and for the list from which a salesperson picks.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::json;
use shared::{
    clock::Clock,
    environment::Environment,
    http::{HttpFunction, Request, Response, basic, error, request, response},
    inbox::{
        error::InboxError,
        ports::TemplateStore,
        templates::{self, TemplatePorts},
    },
    model::template::Template,
    providers::Registry,
    secrets::SecretCache,
};

/// The function.
pub struct Function {
    store: Arc<dyn TemplateStore>,
    providers: Registry,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

/// A template in the contract's shape.
#[derive(Serialize)]
struct View {
    id: String,
    name: String,
    content: String,
    language: String,
}

impl From<Template> for View {
    fn from(template: Template) -> Self {
        Self { id: template.id, name: template.name, content: template.content, language: template.language }
    }
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        Self {
            store: environment.table(),
            providers: environment.providers(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Response, InboxError> {
        basic::pipedrive(request.headers(), &self.secrets).await?;
        let channel = request::path_id(request, "providerChannelId", "channel")?;
        let ports =
            TemplatePorts { store: &*self.store, providers: &self.providers, secrets: &self.secrets, clock: &*self.clock };
        let templates: Vec<View> = templates::of_channel(&ports, &channel).await?.into_iter().map(View::from).collect();
        Ok(response::data(json!({ "templates": templates })))
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(&request).await.unwrap_or_else(error::respond)
    }
}
