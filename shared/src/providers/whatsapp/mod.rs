//! WhatsApp Business Cloud API (Meta). Webhooks come for all connected numbers to one address and are told apart by the
//! phone number id in them; sends go to the Graph API with the channel's own token.

mod cards;
mod connect;
mod content;
mod errors;
mod history;
mod message;
mod news;
mod party;
mod send;
mod webhook;

use async_trait::async_trait;
use secrecy::SecretSlice;
use serde_json::Value;

use super::{
    Accepted, Account, CredentialField, Draft, Event, Fetched, Outgoing, Outside, PlannedPart, Provider, ProviderKind, RawWebhook,
    Traits, VerifiedWebhook, WebhookKeys, WebhookRefused, download,
    error::ProviderError,
    meta::{self, Graph},
    outgoing,
};
use crate::model::content::FileSource;

/// What the set-up page asks for.
const FIELDS: &[CredentialField] = &[
    CredentialField {
        name: "phone_number_id",
        label: "Phone number ID",
        help: "Meta, your app, WhatsApp, API Setup: the number's id, not the number",
        secret: false,
        optional: false,
    },
    CredentialField {
        name: "waba_id",
        label: "WhatsApp Business account ID",
        help: "On the same page",
        secret: false,
        optional: false,
    },
    CredentialField {
        name: "access_token",
        label: "Access token",
        help: "Of a system user, with whatsapp_business_messaging and whatsapp_business_management",
        secret: true,
        optional: false,
    },
];

/// The adapter.
pub struct Whatsapp {
    graph: Graph,
}

impl Whatsapp {
    /// Calls `outside.graph_api_url`.
    pub fn new(outside: &Outside) -> Self {
        Self { graph: Graph::new(outside.http.clone(), outside.graph_api_url.clone(), errors::of_answer) }
    }
}

#[async_trait]
impl Provider for Whatsapp {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Whatsapp
    }

    fn traits(&self) -> Traits {
        Traits {
            provider_type: "whatsapp",
            templates: true,
            max_text_chars: send::MAX_TEXT_CHARS,
            profiles: false,
            history: false,
            webhook_per_channel: false,
        }
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        FIELDS
    }

    fn verify(&self, raw: RawWebhook, keys: &WebhookKeys<'_>) -> Result<VerifiedWebhook, WebhookRefused> {
        meta::signature(&keys.secrets.meta_app_secret, &raw.headers, &raw.body)?;
        Ok(raw.trust())
    }

    fn parse(&self, webhook: &VerifiedWebhook) -> Vec<Event> {
        webhook::events(webhook.body())
    }

    async fn check(&self, credentials: &Value) -> Result<Account, ProviderError> {
        connect::check(&self.graph, credentials).await
    }

    async fn subscribe(&self, credentials: &SecretSlice<u8>, _webhook_url: &str) -> Result<(), ProviderError> {
        connect::subscribe(&self.graph, credentials).await
    }

    fn plan(&self, draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
        if draft.files.is_empty() {
            return Ok(draft.one_by_one());
        }
        Err(outgoing::unsendable("files", "are not sent by this version; send the text alone"))
    }

    async fn send(&self, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        send::send(&self.graph, credentials, part).await
    }

    async fn fetch(&self, _credentials: &SecretSlice<u8>, _source: &FileSource, max: usize) -> Result<Fetched, ProviderError> {
        Err(download::too_large(max))
    }
}
