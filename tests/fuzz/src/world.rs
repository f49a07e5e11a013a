//! What the targets stand on: adapters that nobody answers, the bundle's secret, one channel's credentials for each provider,
//! a moment.

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use secrecy::{SecretSlice, SecretString};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    model::{channel::ProviderKind, time::Timestamp},
    providers::{Outside, Registry},
    secrets::{SecretCache, SecretSource, Secrets, SecretsError},
};

/// Signs what Pipedrive signs.
pub(crate) const CLIENT_SECRET: &str = "fuzzed-client-secret-0123456789abcdef";
/// Signs what Meta signs.
pub(crate) const APP_SECRET: &str = "fuzzed-app-secret-0123456789abcdef";
/// Comes with what Telegram sends.
pub(crate) const TELEGRAM_SECRET: &str = "s3cret_A-1";
/// Signs what Twilio sends.
pub(crate) const TWILIO_TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// Signs what a company's own chat sends: the 32 bytes 0 to 31.
pub(crate) const CHAT_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Stands still at the fixtures' present.
pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_767_225_600)
    }
}

struct Source;

#[async_trait]
impl SecretSource for Source {
    async fn load(&self) -> Result<SecretString, SecretsError> {
        Ok(SecretString::from(stored().to_string()))
    }
}

fn stored() -> Value {
    json!({
        "pipedrive_client_id": "id", "pipedrive_client_secret": CLIENT_SECRET, "meta_app_secret": APP_SECRET,
        "meta_verify_token": "verify", "encryption_key": "0123456789abcdef0123456789abcdef",
    })
}

/// The secret.
pub(crate) fn secrets() -> Secrets {
    Secrets::parse(&stored().to_string()).unwrap_or_else(|error| unreachable!("{error}"))
}

/// The same as functions have it.
pub(crate) fn secret_cache() -> SecretCache {
    SecretCache::new(Box::new(Source), Arc::new(Still))
}

/// Every adapter. None of them gets anywhere.
pub(crate) static PROVIDERS: LazyLock<Registry> = LazyLock::new(|| {
    let nowhere = || "http://127.0.0.1:1".to_owned();
    Registry::new(&Outside {
        http: reqwest::Client::default().into(),
        guarded: reqwest::Client::default().into(),
        graph_api_url: nowhere(),
        telegram_api_url: nowhere(),
        twilio_api_url: nowhere(),
        allow_loopback_urls: false,
        clock: Arc::new(Still),
    })
});

/// What a channel of this provider is connected with, as its adapter keeps it.
pub(crate) fn credentials(provider: ProviderKind) -> SecretSlice<u8> {
    let json = match provider {
        ProviderKind::Telegram => {
            json!({"bot_token": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw", "bot_id": "110201543", "webhook_secret": TELEGRAM_SECRET})
        }
        ProviderKind::Twilio => {
            json!({"account_sid": format!("AC{}", "0".repeat(32)), "auth_token": TWILIO_TOKEN, "from": "+15005550001"})
        }
        ProviderKind::Custom => json!({"send_url": "https://chat.example.com/in", "signing_secret": CHAT_SECRET}),
        ProviderKind::Whatsapp | ProviderKind::Messenger => json!({}),
    };
    SecretSlice::from(json.to_string().into_bytes())
}
