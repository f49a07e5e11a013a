//! `/setup/channels`: the set-up page lists (GET), connects (POST) and removes (DELETE …/{channel}) a company's channels.
//! `/setup/providers` says with what.
//! Let in by a session; its company is the only one within reach.

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use shared::{
    clock::Clock,
    config::Config,
    environment::Environment,
    http::{HttpFunction, Request, Response, error, public_url::public_url, request, response, session},
    inbox::{
        connect::{self, ConnectPorts, ConnectRequest},
        error::InboxError,
        ports::{ChannelStore, InstallationStore},
        remove::{self, RemovePorts, TellPorts},
        tokens::Tokens,
    },
    media::bucket::Bucket,
    model::channel::Delivery,
    pipedrive::{ChannelsApi, OAuth, WebhooksApi},
    providers::Registry,
    records::{
        ports::BudgetStore,
        watch::{
            keep::{self, KeepPorts},
            ports::WatchStore,
        },
    },
    secrets::SecretCache,
};

/// Largest body, in bytes.
const MAX_BODY: usize = 32 * 1024;

/// The function.
pub struct Function {
    config: Arc<Config>,
    channels: Arc<dyn ChannelStore>,
    bucket: Arc<dyn Bucket>,
    installations: Arc<dyn InstallationStore>,
    oauth: Arc<dyn OAuth>,
    api: Arc<dyn ChannelsApi>,
    webhooks: Arc<dyn WebhooksApi>,
    watches: Arc<dyn WatchStore>,
    budget: Arc<dyn BudgetStore>,
    providers: Registry,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct Body {
    provider: String,
    name: String,
    credentials: Value,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        Self {
            config: environment.config.clone(),
            channels: table.clone(),
            bucket: environment.bucket(),
            installations: table.clone(),
            oauth: pipedrive.clone(),
            api: pipedrive.clone(),
            webhooks: pipedrive,
            watches: table.clone(),
            budget: table,
            providers: environment.providers(),
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        let caller = session::caller(request.headers(), &self.secrets, self.clock.now()).await?;
        let public_url = public_url(&self.config, &request)?;
        match *request.method() {
            Method::GET if request::path(&request).ends_with("/providers") => {
                Ok(response::data(connect::providers(&self.providers, &public_url)))
            }
            Method::GET => {
                let channels = connect::list(&*self.installations, &self.providers, &caller, &public_url).await?;
                Ok(response::data(channels))
            }
            Method::POST => {
                let Body { provider, name, credentials } = request::json(&mut request, MAX_BODY)?;
                let wanted = ConnectRequest { provider, name, credentials, public_url };
                let connected = connect::connect(&self.connect_ports(), &caller, wanted).await?;
                if connected.delivery == Delivery::Records {
                    keep::keep_now(&self.keep_ports(), caller.company).await;
                }
                Ok(response::data(connected))
            }
            Method::DELETE => {
                let channel = request::path_id(&request, "channel", "channel")?;
                remove::remove_channel_by_owner(&self.remove_ports(), &self.tell_ports(), &caller, &channel).await?;
                Ok(response::success())
            }
            _ => Err(InboxError::NotFound("page")),
        }
    }

    fn connect_ports(&self) -> ConnectPorts<'_> {
        ConnectPorts {
            channels: &*self.channels,
            installations: &*self.installations,
            tokens: self.tokens(),
            api: &*self.api,
            providers: &self.providers,
            secrets: &self.secrets,
            clock: &*self.clock,
            delivery: self.config.delivery,
        }
    }

    fn remove_ports(&self) -> RemovePorts<'_> {
        RemovePorts {
            channels: &*self.channels,
            bucket: &*self.bucket,
            members: &*self.installations,
            providers: &self.providers,
            secrets: &self.secrets,
            clock: &*self.clock,
        }
    }

    fn tell_ports(&self) -> TellPorts<'_> {
        TellPorts { tokens: self.tokens(), api: &*self.api }
    }

    /// The webhooks in Pipedrive, which tell what people do to the records.
    fn keep_ports(&self) -> KeepPorts<'_> {
        KeepPorts {
            watches: &*self.watches,
            tokens: self.tokens(),
            api: &*self.webhooks,
            secrets: &self.secrets,
            budget: &*self.budget,
            clock: &*self.clock,
        }
    }

    fn tokens(&self) -> Tokens<'_> {
        Tokens { store: &*self.installations, oauth: &*self.oauth, secrets: &self.secrets, clock: &*self.clock }
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(error::respond)
    }
}
