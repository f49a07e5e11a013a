//! Telegram Bot API. Each channel is a bot. Its webhooks come to an address of the channel's own and carry a secret that we
//! made up when it was connected; its calls carry the bot's token in their path, so no address of this API may get into an
//! error or a log line. Only private chats are shown, with the bot itself and with a Telegram Business account that it is
//! linked to.

mod address;
mod api;
mod connect;
mod content;
mod errors;
mod fetch;
mod files;
mod plan;
mod reactions;
mod send;
mod webhook;

use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::Value;

use self::{api::Api, connect::Bot};
use super::{
    Accepted, Account, CredentialField, Draft, Event, Fetched, Outgoing, Outside, PlannedPart, Profile, Provider, ProviderKind,
    RawWebhook, Traits, VerifiedWebhook, WebhookKeys, WebhookRefused, download::Downloads, error::ProviderError,
};
use crate::model::{content::FileSource, ids::ContactKey};

/// Where Telegram puts the webhook's secret (Telegram Bot API, `setWebhook`).
const SECRET_TOKEN: &str = "x-telegram-bot-api-secret-token";

/// What the set-up page asks for.
const FIELDS: &[CredentialField] = &[CredentialField {
    name: "bot_token",
    label: "Bot token",
    help: "Telegram, @BotFather, /mybots, your bot, API Token",
    secret: true,
    optional: false,
}];

/// The adapter.
pub struct Telegram {
    api: Api,
    downloads: Downloads,
}

impl Telegram {
    /// Calls `outside.telegram_api_url`.
    pub fn new(outside: &Outside) -> Self {
        Self {
            api: Api::new(outside.http.clone(), outside.telegram_api_url.clone()),
            // The token is part of the address, so no host is trusted but the API's own.
            downloads: Downloads::new(outside, &outside.telegram_api_url, &[]),
        }
    }
}

#[async_trait]
impl Provider for Telegram {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Telegram
    }

    fn traits(&self) -> Traits {
        Traits {
            name: "Telegram",
            webhook_by_hand: false,
            provider_type: "other",
            templates: false,
            max_text_chars: plan::MAX_DRAFT_CHARS,
            replies: true,
            profiles: true,
            history: false,
            webhook_per_channel: true,
        }
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        FIELDS
    }

    fn verify(&self, raw: RawWebhook, keys: &WebhookKeys<'_>) -> Result<VerifiedWebhook, WebhookRefused> {
        let bot = keys.credentials.and_then(|sealed| Bot::stored(sealed).ok()).ok_or(WebhookRefused::NoKey)?;
        let given = secret_token(&raw.headers).ok_or(WebhookRefused::Malformed)?;
        let expected = bot.webhook_secret.expose_secret().as_bytes();
        verify_slices_are_equal(given, expected).map_err(|_| WebhookRefused::Mismatch)?;
        Ok(raw.trust())
    }

    fn parse(&self, webhook: &VerifiedWebhook) -> Vec<Event> {
        webhook::events(webhook.body())
    }

    async fn check(&self, credentials: &Value) -> Result<Account, ProviderError> {
        connect::check(&self.api, credentials).await
    }

    async fn subscribe(&self, credentials: &SecretSlice<u8>, webhook_url: &str) -> Result<(), ProviderError> {
        connect::subscribe(&self.api, credentials, webhook_url).await
    }

    async fn unsubscribe(&self, credentials: &SecretSlice<u8>, others: &[SecretSlice<u8>]) -> Result<(), ProviderError> {
        connect::unsubscribe(&self.api, credentials, others).await
    }

    fn plan(&self, draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
        plan::plan(draft)
    }

    async fn send(&self, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        send::send(&self.api, &Bot::stored(credentials)?, part).await
    }

    async fn fetch(&self, credentials: &SecretSlice<u8>, source: &FileSource, max: usize) -> Result<Fetched, ProviderError> {
        fetch::file(&self.api, &self.downloads, &Bot::stored(credentials)?, &source.0, max).await
    }

    async fn profile(&self, credentials: &SecretSlice<u8>, customer: &ContactKey) -> Result<Profile, ProviderError> {
        fetch::profile(&self.api, &self.downloads, &Bot::stored(credentials)?, customer).await
    }
}

/// The secret that came with a webhook, once and not empty.
fn secret_token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(SECRET_TOKEN).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()).filter(|value| !value.is_empty()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
