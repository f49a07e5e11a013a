//! `/inbox/api/…`: what the inbox page asks for. Let in by a session, whose company is the only one within reach. One file a
//! subject; docs/api.md describes all of it.

mod conversations;
mod dead;
mod messages;
mod search;
mod start;

use std::sync::Arc;

use serde::Deserialize;
use shared::{
    clock::Clock,
    config::Config,
    environment::Environment,
    http::{Request, Response, public_url::public_url, request, session},
    inbox::{
        Caller,
        dead::DeadStore,
        error::InboxError,
        page::answer::AnswerPorts,
        ports::{ChannelStore, InboxReader, InboxWriter, InstallationStore, SendStore, TemplateStore},
        send::SendPorts,
        templates::TemplatePorts,
        tokens::Tokens,
    },
    media::{bucket::Bucket, links::Links},
    pipedrive::{ChannelsApi, OAuth},
    providers::Registry,
    secrets::SecretCache,
};

/// Largest body, in bytes: a message's text and its template's values.
const MAX_BODY: usize = 256 * 1024;

/// All that the API is made of.
pub(crate) struct Api {
    config: Arc<Config>,
    reader: Arc<dyn InboxReader>,
    writer: Arc<dyn InboxWriter>,
    sends: Arc<dyn SendStore>,
    templates: Arc<dyn TemplateStore>,
    channels: Arc<dyn ChannelStore>,
    dead: Arc<dyn DeadStore>,
    installations: Arc<dyn InstallationStore>,
    bucket: Arc<dyn Bucket>,
    oauth: Arc<dyn OAuth>,
    pipedrive: Arc<dyn ChannelsApi>,
    providers: Registry,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Api {
    /// With what it needs of the environment.
    pub(crate) fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        Self {
            config: environment.config.clone(),
            reader: table.clone(),
            writer: table.clone(),
            sends: table.clone(),
            templates: table.clone(),
            channels: table.clone(),
            dead: table.clone(),
            installations: table,
            bucket: environment.bucket(),
            oauth: pipedrive.clone(),
            pipedrive,
            providers: environment.providers(),
            secrets: environment.secrets.clone(),
            clock: environment.clock.clone(),
        }
    }

    /// Answers a request of a route of the API.
    pub(crate) async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        let caller = session::caller(request.headers(), &self.secrets, self.clock.now()).await?;
        let call = Call { api: self, caller, public_url: public_url(&self.config, &request)? };
        let route = request::route(&request).to_owned();
        match route.split_once(" /inbox/api/") {
            Some(("GET", "start")) => call.start().await,
            Some(("GET", "updates")) => call.updates(&request).await,
            Some(("GET", "conversations")) => call.conversations(&request).await,
            Some(("GET", "conversations/{conversation}")) => call.thread(&request).await,
            Some(("DELETE", "conversations/{conversation}")) => call.delete_conversation(&request).await,
            Some(("POST", "conversations/{conversation}/read")) => call.mark_read(&mut request).await,
            Some(("PUT", "conversations/{conversation}/state")) => call.set_state(&mut request).await,
            Some(("POST", "conversations/{conversation}/messages")) => call.send(&mut request).await,
            Some(("POST", "messages/{message}/retry")) => call.retry(&request).await,
            Some(("POST", "uploads")) => call.begin_upload(&mut request).await,
            Some(("GET", "channels/{channel}/templates")) => call.templates(&request).await,
            Some(("GET", "dead")) => call.list_dead(&request).await,
            Some(("POST", "dead/resend")) => call.resend_all_dead(&request).await,
            Some(("GET", "dead/{message}")) => call.show_dead(&request).await,
            Some(("POST", "dead/{message}/resend")) => call.resend_dead(&request).await,
            Some(("GET", "search/conversations")) => call.search_conversations(&request).await,
            Some(("GET", "search/messages")) => call.search_messages(&request).await,
            _ => Err(InboxError::NotFound("page")),
        }
    }
}

/// A request that was let in.
struct Call<'a> {
    api: &'a Api,
    caller: Caller,
    public_url: String,
}

impl Call<'_> {
    async fn links(&self) -> Result<Links, InboxError> {
        let secrets = self.api.secrets.get().await?;
        Ok(Links::new(&secrets.vault, &self.public_url, self.api.clock.now())?)
    }

    fn tokens(&self) -> Tokens<'_> {
        let Api { installations, oauth, secrets, clock, .. } = self.api;
        Tokens { store: &**installations, oauth: &**oauth, secrets, clock: &**clock }
    }

    fn template_ports(&self) -> TemplatePorts<'_> {
        let Api { templates, providers, secrets, clock, .. } = self.api;
        TemplatePorts { store: &**templates, providers, secrets, clock: &**clock }
    }

    fn answer_ports(&self) -> AnswerPorts<'_> {
        let Api { reader, sends, templates, bucket, providers, secrets, clock, .. } = self.api;
        AnswerPorts {
            reader: &**reader,
            send: SendPorts {
                store: &**sends,
                templates: &**templates,
                bucket: &**bucket,
                providers,
                secrets,
                clock: &**clock,
                public_url: &self.public_url,
            },
        }
    }
}

/// The body as JSON.
fn body<T: for<'de> Deserialize<'de>>(request: &mut Request) -> Result<T, InboxError> {
    request::json(request, MAX_BODY)
}
