//! Proofs of a webhook's sender: the right ones, made here as each provider makes them, so that any body gets past the door;
//! and any others, which must be refused or come with the body that was signed.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use shared::{
    clock::Clock,
    model::channel::ProviderKind,
    providers::{RawWebhook, VerifiedWebhook, WebhookKeys, WebhookRefused},
};
use url::form_urlencoded;

use crate::world::{APP_SECRET, CHAT_SECRET, PROVIDERS, Still, TELEGRAM_SECRET, TWILIO_TOKEN, credentials, secrets};

/// Where webhooks were told to go.
const URL: &str = "https://pigeonpost.example/webhooks/x/ch_1";

/// The headers that prove `body` to be the provider's.
pub(crate) fn headers(provider: ProviderKind, body: &[u8]) -> Vec<(&'static str, String)> {
    match provider {
        ProviderKind::Whatsapp | ProviderKind::Messenger => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, APP_SECRET.as_bytes());
            let hex = hmac::sign(&key, body).as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            vec![("x-hub-signature-256", format!("sha256={hex}"))]
        }
        ProviderKind::Telegram => vec![("x-telegram-bot-api-secret-token", TELEGRAM_SECRET.to_owned())],
        ProviderKind::Twilio => {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TWILIO_TOKEN.as_bytes());
            let mut fields: Vec<_> = form_urlencoded::parse(body).collect();
            fields.sort();
            fields.dedup();
            let fields = fields.iter().fold(String::new(), |all, (name, value)| all + name + value);
            let tag = hmac::sign(&key, format!("{URL}{fields}").as_bytes());
            vec![("content-type", "application/x-www-form-urlencoded".to_owned()), ("x-twilio-signature", STANDARD.encode(tag))]
        }
        ProviderKind::Custom => {
            let secret = STANDARD.decode(CHAT_SECRET.trim_start_matches("whsec_")).unwrap_or_default();
            let at = Still.now().secs().to_string();
            let signed = [b"evt_1.", at.as_bytes(), b".", body].concat();
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &signed);
            vec![
                ("webhook-id", "evt_1".to_owned()),
                ("webhook-timestamp", at),
                ("webhook-signature", format!("v1,{}", STANDARD.encode(tag))),
            ]
        }
    }
}

/// `body` with the provider's own proof, past the door.
///
/// # Panics
/// If the door does not open to it.
pub(crate) fn signed(provider: ProviderKind, body: &[u8]) -> VerifiedWebhook {
    let lines = headers(provider, body);
    let headers = lines.iter().filter_map(|(name, value)| Some((HeaderName::from_static(name), value.parse().ok()?)));
    verify(provider, headers.collect(), body).unwrap_or_else(|refused| panic!("{provider} is refused: {refused}"))
}

fn verify(provider: ProviderKind, headers: HeaderMap, body: &[u8]) -> Result<VerifiedWebhook, WebhookRefused> {
    let (secrets, credentials) = (secrets(), credentials(provider));
    let raw = RawWebhook { url: URL.to_owned(), headers, body: Bytes::copy_from_slice(body) };
    let keys = WebhookKeys { secrets: &secrets, credentials: Some(&credentials), now: Still.now() };
    PROVIDERS.get(provider).verify(raw, &keys)
}

/// Header lines, an empty line, a body: to every door.
pub(crate) fn any(data: &[u8]) {
    let (head, body) = split(data);
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    for provider in ProviderKind::ALL {
        if let Ok(verified) = verify(*provider, headers.clone(), body) {
            assert_eq!(verified.body(), body, "{provider} lets in what was not sent");
            PROVIDERS.get(*provider).parse(&verified);
        }
    }
}

/// What is before the first empty line, and what is after it.
pub(crate) fn split(data: &[u8]) -> (&[u8], &[u8]) {
    match data.windows(2).position(|window| window == b"\n\n") {
        Some(at) => (&data[..at], &data[at + 2..]),
        None => (data, &[]),
    }
}
