//! `POST /api/channels/{providerChannelId}/messages`: a message typed in Pipedrive, as a form, to the customer.
//! The answer is our id of it; what becomes of it follows under the same id.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::CONTENT_TYPE;
use serde_json::json;
use shared::{
    clock::Clock,
    config::Config,
    environment::Environment,
    http::{HttpFunction, Request, Response, basic, error, form, public_url::public_url, request, response},
    inbox::{
        error::InboxError,
        ports::{SendStore, TemplateStore},
        send::{self, FromPage, NewFile, SendPorts, SendRequest},
    },
    media::bucket::Bucket,
    model::ids::{ChannelId, ConversationId, ParticipantId},
    providers::Registry,
    secrets::SecretCache,
};

/// The function.
pub struct Function {
    config: Arc<Config>,
    store: Arc<dyn SendStore>,
    templates: Arc<dyn TemplateStore>,
    bucket: Arc<dyn Bucket>,
    providers: Registry,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let table = environment.table();
        Self {
            config: environment.config.clone(),
            store: table.clone(),
            templates: table,
            bucket: environment.bucket(),
            providers: environment.providers(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        basic::pipedrive(request.headers(), &self.secrets).await?;
        let channel = request::path_id(&request, "providerChannelId", "channel")?;
        let public_url = public_url(&self.config, &request)?;
        let message = read_message(channel, &mut request).await?;
        let ports = SendPorts {
            store: &*self.store,
            templates: &*self.templates,
            bucket: &*self.bucket,
            providers: &self.providers,
            secrets: &self.secrets,
            clock: &*self.clock,
            public_url: &public_url,
        };
        let id = send::send(&ports, message).await?;
        Ok(response::data(json!({ "id": id })))
    }
}

async fn read_message(channel: ChannelId, request: &mut Request) -> Result<SendRequest, InboxError> {
    let body = request::take_body(request, form::MAX_BODY_BYTES)
        .map_err(|_| InboxError::invalid_body("body", format!("is larger than {} bytes", form::MAX_BODY_BYTES)))?;
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let form = form::read(content_type, body).await?;
    let conversation = form.conversation.as_deref().map(ConversationId::parse).transpose();
    let sender = form.sender.as_deref().map(ParticipantId::parse).transpose();
    Ok(SendRequest {
        channel,
        conversation: conversation.map_err(|_| InboxError::NotFound("conversation"))?,
        sender: sender.map_err(|_| InboxError::invalid_body("senderId", "is not the channel's own participant"))?,
        recipients: form.recipients,
        text: form.message,
        files: form.files.into_iter().map(|file| NewFile { name: file.name, mime: file.mime, bytes: file.bytes }).collect(),
        page: FromPage::default(),
    })
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(error::respond)
    }
}
