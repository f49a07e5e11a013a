//! `/inbox`, `/setup`, their assets and `/inbox/api/…`: the pages inside Pipedrive, and what they do beyond set-up.
//! Pages and assets are part of the binary and the same for everybody; the API is let in by a session.

mod assets;

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, StatusCode};
use shared::{
    clock::Clock,
    environment::Environment,
    http::{HttpFunction, Request, Response, error, request, response, session},
    inbox::{
        error::InboxError,
        ports::{ChannelStore, InboxReader, InstallationStore},
        remove::{self, TellPorts},
        tokens::Tokens,
    },
    media::bucket::Bucket,
    pipedrive::{ChannelsApi, OAuth},
    secrets::SecretCache,
};

/// The function.
pub struct Function {
    channels: Arc<dyn ChannelStore>,
    bucket: Arc<dyn Bucket>,
    installations: Arc<dyn InstallationStore>,
    reader: Arc<dyn InboxReader>,
    oauth: Arc<dyn OAuth>,
    api: Arc<dyn ChannelsApi>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        Self {
            channels: table.clone(),
            bucket: environment.bucket(),
            installations: table.clone(),
            reader: table,
            oauth: pipedrive.clone(),
            api: pipedrive,
            secrets: environment.secrets.clone(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, request: &Request) -> Result<Response, InboxError> {
        match (request.method(), request::path(request)) {
            (&Method::GET, "/setup") => Ok(response::html(StatusCode::OK, assets::SETUP_PAGE.to_owned())),
            (&Method::GET, "/inbox") => Ok(response::html(StatusCode::OK, assets::INBOX_PAGE.to_owned())),
            (&Method::GET, path) if path.starts_with("/inbox/assets/") => {
                let name = request::path_parameter(request, "asset").ok_or(InboxError::NotFound("asset"))?;
                assets::serve(&name, request.headers()).ok_or(InboxError::NotFound("asset"))
            }
            (&Method::DELETE, path) if path.starts_with("/inbox/api/conversations/") => self.delete_conversation(request).await,
            _ => Err(InboxError::NotFound("page")),
        }
    }

    async fn delete_conversation(&self, request: &Request) -> Result<Response, InboxError> {
        let caller = session::caller(request.headers(), &self.secrets, self.clock.now()).await?;
        let conversation = request::path_id(request, "conversation", "conversation")?;
        let tell = TellPorts {
            tokens: Tokens { store: &*self.installations, oauth: &*self.oauth, secrets: &self.secrets, clock: &*self.clock },
            api: &*self.api,
        };
        remove::delete_conversation(&*self.channels, &*self.bucket, &*self.reader, &tell, &caller, &conversation).await?;
        Ok(response::success())
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(&request).await.unwrap_or_else(error::respond)
    }
}
