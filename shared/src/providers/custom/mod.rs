//! A company's own chat, by JSON of our own (version 1, `docs/custom-provider.md`), signed by the Standard Webhooks scheme
//! in both directions. Who calls here is a developer of the company, so a malformed event is refused with the name of the
//! field, before anything is stored.

mod events;
mod outbound;
mod signature;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretSlice;
use serde_json::Value;

use self::outbound::Chat;
use super::{
    Accepted, Account, CredentialField, Draft, Event, EventKind, Fetched, InvalidWebhook, Outgoing, Outside, PlannedPart,
    Provider, ProviderKind, RawWebhook, Traits, VerifiedWebhook, WebhookKeys, WebhookRefused, credentials, download,
    error::ProviderError, outgoing,
};
use crate::{
    clock::Clock,
    http::client::LazyClient,
    model::content::FileSource,
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
    allow_loopback: bool,
    clock: Arc<dyn Clock>,
}

impl Custom {
    /// Calls chats through `outside.guarded`.
    pub fn new(outside: &Outside) -> Self {
        Self { http: outside.guarded.clone(), allow_loopback: outside.allow_loopback_urls, clock: outside.clock.clone() }
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
            templates: false,
            max_text_chars: outbound::MAX_TEXT_CHARS,
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
        events::read(webhook.body())?.into_iter().try_for_each(|event| event.map(drop))
    }

    fn parse(&self, webhook: &VerifiedWebhook) -> Vec<Event> {
        let kinds = events::read(webhook.body()).unwrap_or_else(|invalid| vec![Err(invalid)]);
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
        if draft.files.is_empty() {
            return Ok(draft.one_by_one());
        }
        Err(outgoing::unsendable("files", "are not sent by this version; send the text alone"))
    }

    async fn send(&self, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        let chat = Chat::read(&credentials::stored(credentials)?, self.allow_loopback)?;
        chat.send(&self.http, self.clock.now(), part).await
    }

    async fn fetch(&self, _credentials: &SecretSlice<u8>, _source: &FileSource, max: usize) -> Result<Fetched, ProviderError> {
        Err(download::too_large(max))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::json;

    use super::*;
    use crate::{clock::SystemClock, model::time::Timestamp, providers::stub, secrets::Secrets};

    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn custom() -> Custom {
        Custom { http: stub::client(), allow_loopback: true, clock: Arc::new(SystemClock) }
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
        let sealed = |value: Value| SecretSlice::from(value.to_string().into_bytes());
        let credentials = sealed(json!({"send_url": "https://chat.example.com/", "signing_secret": SECRET}));
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
        let unreadable = sealed(json!({"signing_secret": "whsec_short"}));
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
}
