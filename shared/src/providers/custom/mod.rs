//! A company's own chat, by JSON of our own (version 1, `docs/custom-provider.md`), signed by the Standard Webhooks scheme
//! in both directions. Who calls here is a developer of the company, so a malformed event is refused with the name of the
//! field, before anything is stored.

mod content;
mod events;
mod fields;
mod outbound;
#[cfg(test)]
mod schema;
mod send;
mod signature;
mod templates;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretSlice;
use serde_json::Value;

use self::outbound::Chat;
use super::{
    Accepted, Account, CredentialField, Draft, Event, EventKind, Fetched, InvalidWebhook, Outgoing, Outside, PlannedPart,
    Provider, ProviderKind, RawWebhook, Traits, VerifiedWebhook, WebhookKeys, WebhookRefused, credentials, download::Downloads,
    error::ProviderError,
};
use crate::{
    clock::Clock,
    http::client::LazyClient,
    model::{content::FileSource, template::Template},
};

/// What the set-up page asks for.
const FIELDS: &[CredentialField] = &[
    CredentialField {
        name: "send_url",
        label: "Address of your chat",
        help: "Where it takes the answers; begins with https://",
        secret: false,
        optional: false,
    },
    CredentialField {
        name: "signing_secret",
        label: "Signing secret",
        help: "whsec_ and 24 to 64 random bytes in base64, the same on both sides",
        secret: true,
        optional: false,
    },
];

/// The adapter.
pub struct Custom {
    http: LazyClient,
    downloads: Downloads,
    allow_loopback: bool,
    clock: Arc<dyn Clock>,
}

impl Custom {
    /// Calls chats through `outside.guarded`.
    pub fn new(outside: &Outside) -> Self {
        Self {
            http: outside.guarded.clone(),
            // There is no API whose address we know, nor a host that would get credentials.
            downloads: Downloads::new(outside, "", &[]),
            allow_loopback: outside.allow_loopback_urls,
            clock: outside.clock.clone(),
        }
    }
}

#[async_trait]
impl Provider for Custom {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Custom
    }

    fn traits(&self) -> Traits {
        Traits {
            name: "Your own chat",
            webhook_by_hand: true,
            provider_type: "other",
            templates: true,
            max_text_chars: send::MAX_TEXT_CHARS,
            replies: true,
            profiles: false,
            history: false,
            webhook_per_channel: true,
        }
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        FIELDS
    }

    fn verify(&self, raw: RawWebhook, keys: &WebhookKeys<'_>) -> Result<VerifiedWebhook, WebhookRefused> {
        let stored = keys.credentials.and_then(|sealed| credentials::stored(sealed).ok()).ok_or(WebhookRefused::NoKey)?;
        let secret = outbound::signing_secret(&stored).map_err(|_| WebhookRefused::NoKey)?;
        secret.verify(&raw.headers, &raw.body, keys.now)?;
        Ok(raw.trust())
    }

    fn validate(&self, webhook: &VerifiedWebhook) -> Result<(), InvalidWebhook> {
        events::read(webhook.body(), self.allow_loopback)?.into_iter().try_for_each(|event| event.map(drop))
    }

    fn parse(&self, webhook: &VerifiedWebhook) -> Vec<Event> {
        let kinds = events::read(webhook.body(), self.allow_loopback).unwrap_or_else(|invalid| vec![Err(invalid)]);
        let ignored = EventKind::Ignored { what: "invalid_event" };
        kinds.into_iter().map(|kind| Event { account: None, kind: kind.unwrap_or_else(|_| ignored.clone()) }).collect()
    }

    async fn check(&self, credentials: &Value) -> Result<Account, ProviderError> {
        let chat = Chat::read(credentials, self.allow_loopback)?;
        chat.ping(&self.http, self.clock.now()).await?;
        chat.account(credentials)
    }

    /// A chat is told its webhook address by the company itself.
    async fn subscribe(&self, _credentials: &SecretSlice<u8>, _webhook_url: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    fn plan(&self, draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
        send::plan(draft)
    }

    async fn send(&self, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        let chat = Chat::read(&credentials::stored(credentials)?, self.allow_loopback)?;
        chat.send(&self.http, self.clock.now(), part).await
    }

    /// Unsigned and without credentials: an address that nobody else may use is to be unguessable.
    async fn fetch(&self, _credentials: &SecretSlice<u8>, source: &FileSource, max: usize) -> Result<Fetched, ProviderError> {
        self.downloads.get(&source.0, None, max.min(send::MAX_FILE_BYTES)).await
    }

    async fn templates(&self, credentials: &SecretSlice<u8>) -> Result<Vec<Template>, ProviderError> {
        let chat = Chat::read(&credentials::stored(credentials)?, self.allow_loopback)?;
        chat.templates(&self.http, self.clock.now()).await
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::{
        model::time::Timestamp,
        providers::stub::{self, Reply, Stub},
        secrets::Secrets,
    };

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn custom() -> Custom {
        Custom::new(&stub::outside("http://127.0.0.1:9"))
    }

    fn sealed(value: &Value) -> SecretSlice<u8> {
        SecretSlice::from(value.to_string().into_bytes())
    }

    fn trusted(body: &str) -> VerifiedWebhook {
        RawWebhook { url: String::new(), headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) }.trust()
    }

    /// The vector of docs/custom-provider.md.
    fn signed(body: &'static [u8], signature: &str) -> RawWebhook {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", "evt_1".parse().unwrap());
        headers.insert("webhook-timestamp", "1767225600".parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        RawWebhook { url: String::new(), headers, body: Bytes::from_static(body) }
    }

    #[test]
    fn the_documented_webhook_is_verified_and_read() {
        let secrets = Secrets::parse(&json!({"encryption_key": "1:".to_owned() + &"AAAA".repeat(10) + "AAA="}).to_string());
        let Ok(secrets) = secrets else { panic!("the secret of this test is malformed") };
        let credentials = sealed(&json!({"send_url": "https://chat.example.com/", "signing_secret": SECRET}));
        let now = Timestamp::from_secs(1_767_225_700);
        let keys = WebhookKeys { secrets: &secrets, credentials: Some(&credentials), now };
        let body = include_bytes!("../../../../tests/fixtures/custom/signed.json");
        let signature = "v1,kS68UbmpMRwOPzVAZEdJ8kr4fPG3SQYx45tAZiifuL4=";

        let webhook = custom().verify(signed(body, signature), &keys).unwrap();
        assert_eq!(custom().validate(&webhook), Ok(()));
        let events = custom().parse(&webhook);
        let [Event { account: None, kind: EventKind::Message(message) }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((message.text.as_str(), message.customer.name.as_str()), ("Hello", "Ada"));

        let keyless = WebhookKeys { secrets: &secrets, credentials: None, now };
        assert_eq!(custom().verify(signed(body, signature), &keyless).unwrap_err(), WebhookRefused::NoKey);
        let unreadable = sealed(&json!({"signing_secret": "whsec_short"}));
        let unreadable = WebhookKeys { secrets: &secrets, credentials: Some(&unreadable), now };
        assert_eq!(custom().verify(signed(body, signature), &unreadable).unwrap_err(), WebhookRefused::NoKey);
        assert_eq!(custom().verify(signed(b"{}", signature), &keys).unwrap_err(), WebhookRefused::Mismatch);
    }

    #[test]
    fn a_malformed_event_is_named_and_would_not_lose_the_others() {
        let good = json!({"type": "message", "id": "1", "from": {"id": "c"}, "text": "x"});
        let bad = json!({"type": "message", "id": "2", "from": {}, "text": "x"});
        let webhook = trusted(&json!({"version": 1, "events": [good, bad, good]}).to_string());
        assert_eq!(custom().validate(&webhook).unwrap_err().to_string(), "events[1].from.id is required");
        let kinds: Vec<bool> = custom().parse(&webhook).iter().map(|e| matches!(e.kind, EventKind::Message(_))).collect();
        assert_eq!(kinds, [true, false, true]);
        let webhook = trusted("no json");
        assert_eq!(custom().validate(&webhook).unwrap_err().field, "body");
        assert_eq!(custom().parse(&webhook).len(), 1);
    }

    #[tokio::test]
    async fn files_are_fetched_like_anybody_would() {
        let headers = || vec![("content-type", "image/png")];
        let chat = Stub::start([Reply::Answer(200, headers(), "bytes".to_owned()), Reply::text(404, "")]).await;
        let credentials = sealed(&json!({"send_url": chat.url, "signing_secret": SECRET}));
        let source = FileSource(format!("{}/files/1?key=2", chat.url));
        let file = custom().fetch(&credentials, &source, 5).await.unwrap();
        assert_eq!((&file.bytes[..], file.mime.as_deref()), (&b"bytes"[..], Some("image/png")));
        let seen = &chat.seen()[0];
        assert_eq!(seen.line, "GET /files/1?key=2");
        assert!(["authorization", "webhook-signature", "cookie"].iter().all(|name| !seen.headers.contains_key(*name)));

        assert_eq!(custom().fetch(&credentials, &source, 5).await.unwrap_err().code(), "http_404");
        let inside = FileSource("https://169.254.169.254/latest".to_owned());
        assert_eq!(custom().fetch(&credentials, &inside, 5).await.unwrap_err().code(), "address_refused");
        assert_eq!(chat.seen().len(), 2);
    }

    #[tokio::test]
    async fn templates_are_asked_for_with_the_channels_own_secret() {
        let chat = Stub::start([Reply::json(200, &json!({"templates": []}))]).await;
        let credentials = sealed(&json!({"send_url": chat.url, "signing_secret": SECRET}));
        assert_eq!(custom().templates(&credentials).await.unwrap(), []);
        assert!(chat.seen()[0].headers.contains_key("webhook-signature"));
        let unreadable = sealed(&json!({}));
        assert!(matches!(custom().templates(&unreadable).await, Err(ProviderError::Refused { .. })));
    }
}
