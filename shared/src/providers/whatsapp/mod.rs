//! WhatsApp Business Cloud API (Meta). Webhooks come for all connected numbers to one address and are told apart by the
//! phone number id in them; sends go to the Graph API with the channel's own token.

mod cards;
mod connect;
mod content;
mod errors;
mod history;
mod media;
mod message;
mod news;
mod party;
mod plan;
mod send;
mod template;
mod webhook;

use async_trait::async_trait;
use secrecy::SecretSlice;
use serde_json::Value;

use self::connect::Credentials;
use super::{
    Accepted, Account, CredentialField, Draft, Event, Fetched, Outgoing, Outside, PlannedPart, Provider, ProviderKind,
    RawWebhook, Reached, Traits, VerifiedWebhook, WebhookKeys, WebhookRefused,
    download::Downloads,
    error::ProviderError,
    meta::{self, Graph},
};
use crate::model::{contact::Phone, content::FileSource, template::Template};

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
    downloads: Downloads,
}

impl Whatsapp {
    /// Calls `outside.graph_api_url`.
    pub fn new(outside: &Outside) -> Self {
        let graph = Graph::new(outside.http.clone(), outside.graph_api_url.clone(), errors::of_answer);
        Self { downloads: Downloads::new(outside, graph.base(), media::TRUSTED_HOSTS), graph }
    }
}

#[async_trait]
impl Provider for Whatsapp {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Whatsapp
    }

    fn traits(&self) -> Traits {
        Traits {
            name: "WhatsApp",
            webhook_by_hand: true,
            provider_type: "whatsapp",
            templates: true,
            max_text_chars: plan::MAX_TEXT_CHARS,
            replies: true,
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

    async fn unsubscribe(&self, credentials: &SecretSlice<u8>, others: &[SecretSlice<u8>]) -> Result<(), ProviderError> {
        connect::unsubscribe(&self.graph, credentials, others).await
    }

    fn plan(&self, draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
        plan::plan(draft)
    }

    async fn send(&self, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        send::send(&self.graph, &Credentials::stored(credentials)?, part).await
    }

    async fn fetch(&self, credentials: &SecretSlice<u8>, source: &FileSource, max: usize) -> Result<Fetched, ProviderError> {
        media::fetch(&self.graph, &self.downloads, &Credentials::stored(credentials)?, source, max).await
    }

    async fn templates(&self, credentials: &SecretSlice<u8>) -> Result<Vec<Template>, ProviderError> {
        template::list(&self.graph, &Credentials::stored(credentials)?).await
    }

    fn writes_first(&self, _credentials: &SecretSlice<u8>) -> bool {
        true
    }

    fn reached_by(&self, phone: &Phone) -> Option<Reached> {
        party::reached(phone)
    }

    fn is_fillable(&self, template: &Template) -> bool {
        template::is_fillable(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stub;

    /// A channel's, as they come from the table.
    pub(super) fn credentials() -> Credentials {
        Credentials::stored(&sealed()).expect("credentials")
    }

    fn sealed() -> SecretSlice<u8> {
        let json = serde_json::json!({"phone_number_id": "3000000001", "waba_id": "2000000001", "access_token": "EAATESTTOKEN"});
        SecretSlice::from(json.to_string().into_bytes())
    }

    #[tokio::test]
    async fn credentials_that_can_not_be_read_ask_for_a_new_connection() {
        let whatsapp = Whatsapp::new(&stub::outside("http://127.0.0.1:9"));
        let broken = SecretSlice::from(b"{".to_vec());
        let draft = stub::Draft::new("phone:1");
        let errors = [
            whatsapp.send(&broken, &draft.outgoing("Hi")).await.unwrap_err(),
            whatsapp.fetch(&broken, &FileSource("9".to_owned()), 9).await.unwrap_err(),
            whatsapp.templates(&broken).await.unwrap_err(),
            whatsapp.subscribe(&broken, "").await.unwrap_err(),
            whatsapp.unsubscribe(&broken, &[]).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.for_people(), "The channel's credentials can't be read. Reconnect the channel.");
        }
    }
}
