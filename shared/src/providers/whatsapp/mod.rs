//! WhatsApp Business Cloud API (Meta). Webhooks come for all connected numbers to one address and are told apart by the
//! phone number id in them; sends go to the Graph API with the channel's own token.

mod connect;
mod content;
mod errors;
mod graph;
mod send;
mod verify;
mod webhook;

use async_trait::async_trait;
use secrecy::SecretSlice;
use serde_json::Value;

use self::graph::Graph;
pub use self::verify::handshake;
use super::{
    Accepted, Account, Event, Outgoing, Outside, Provider, RawWebhook, Traits, VerifiedWebhook, WebhookKeys, WebhookRefused,
    error::ProviderError,
};
use crate::model::channel::{Channel, ProviderKind};

/// The adapter.
pub struct Whatsapp {
    graph: Graph,
}

impl Whatsapp {
    /// Calls `outside.graph_api_url`.
    pub fn new(outside: &Outside) -> Self {
        Self { graph: Graph::new(outside.http.clone(), outside.graph_api_url.clone()) }
    }
}

#[async_trait]
impl Provider for Whatsapp {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Whatsapp
    }

    fn traits(&self) -> Traits {
        Traits { provider_type: "whatsapp", templates: true, max_text_chars: send::MAX_TEXT_CHARS, webhook_per_channel: false }
    }

    fn verify(&self, raw: RawWebhook, keys: &WebhookKeys<'_>) -> Result<VerifiedWebhook, WebhookRefused> {
        verify::signature(&keys.secrets.meta_app_secret, &raw.headers, &raw.body)?;
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

    async fn send(
        &self,
        _channel: &Channel,
        credentials: &SecretSlice<u8>,
        message: &Outgoing<'_>,
    ) -> Result<Accepted, ProviderError> {
        send::send(&self.graph, credentials, message).await
    }
}
