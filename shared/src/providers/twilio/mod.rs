//! Twilio Programmable Messaging: text messages with files, and WhatsApp where the account has a sender there. Webhooks come
//! to an address of the channel's own, messages and statuses alike, signed with the account's auth token.

mod account;
mod address;
mod api;
mod connect;
mod content;
mod errors;
mod fetch;
mod form;
mod history;
mod inbound;
mod send;
mod signature;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretSlice;
use serde_json::Value;

use self::{account::Credentials, api::Api};
use super::{
    Accepted, Account, CredentialField, Draft, Event, Fetched, HistoryPage, Outgoing, Outside, PlannedPart, Provider,
    ProviderKind, RawWebhook, Reached, Traits, VerifiedWebhook, WebhookAnswer, WebhookKeys, WebhookRefused, download::Downloads,
    error::ProviderError,
};
use crate::{
    clock::Clock,
    model::{contact::Phone, content::FileSource},
};

/// What the set-up page asks for.
const FIELDS: &[CredentialField] = &[
    CredentialField {
        name: "account_sid",
        label: "Account SID",
        help: "Twilio Console, on the first page; begins with AC",
        secret: false,
        optional: false,
    },
    CredentialField {
        name: "auth_token",
        label: "Auth token",
        help: "Below the account SID. An API key will not do: Twilio signs with the auth token",
        secret: true,
        optional: false,
    },
    CredentialField {
        name: "from",
        label: "Phone number",
        help: "As in +15550100000; what customers write to it will come here, and nowhere else. For a sender on WhatsApp: \
               whatsapp:+15550100000",
        secret: false,
        optional: true,
    },
    CredentialField {
        name: "messaging_service_sid",
        label: "Messaging service SID",
        help: "In place of a number; begins with MG. For this and for WhatsApp, enter the channel's webhook address in Twilio \
               yourself, where incoming messages are sent",
        secret: false,
        optional: true,
    },
];

/// An answer in Twilio's markup that says nothing; other text would be sent to the customer.
const ANSWER: WebhookAnswer =
    WebhookAnswer { content_type: "text/xml", body: r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"# };

/// The adapter.
pub struct Twilio {
    api: Api,
    downloads: Downloads,
    clock: Arc<dyn Clock>,
}

impl Twilio {
    /// Calls `outside.twilio_api_url`.
    pub fn new(outside: &Outside) -> Self {
        Self {
            api: Api::new(outside.http.clone(), outside.twilio_api_url.clone(), outside.clock.clone()),
            downloads: Downloads::new(outside, &outside.twilio_api_url, fetch::TRUSTED),
            clock: outside.clock.clone(),
        }
    }
}

#[async_trait]
impl Provider for Twilio {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Twilio
    }

    fn traits(&self) -> Traits {
        Traits {
            name: "SMS by Twilio",
            webhook_by_hand: false,
            provider_type: "other",
            templates: false,
            max_text_chars: send::MAX_TEXT_CHARS,
            replies: false,
            profiles: false,
            history: true,
            webhook_per_channel: true,
        }
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        FIELDS
    }

    fn verify(&self, raw: RawWebhook, keys: &WebhookKeys<'_>) -> Result<VerifiedWebhook, WebhookRefused> {
        let stored = keys.credentials.and_then(|sealed| Credentials::stored(sealed).ok()).ok_or(WebhookRefused::NoKey)?;
        signature::verify(stored.auth_token(), &raw)?;
        Ok(raw.trust())
    }

    fn parse(&self, webhook: &VerifiedWebhook) -> Vec<Event> {
        vec![inbound::event(webhook, self.clock.now())]
    }

    fn answer(&self) -> WebhookAnswer {
        ANSWER
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
        send::plan(draft)
    }

    async fn send(&self, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        send::send(&self.api, credentials, part).await
    }

    async fn fetch(&self, credentials: &SecretSlice<u8>, source: &FileSource, max: usize) -> Result<Fetched, ProviderError> {
        fetch::fetch(&self.api, &self.downloads, credentials, source, max).await
    }

    /// In text messages. WhatsApp takes nothing but templates from who writes first.
    fn writes_first(&self, credentials: &SecretSlice<u8>) -> bool {
        Credentials::stored(credentials).is_ok_and(|stored| !stored.sender().is_whatsapp())
    }

    fn reached_by(&self, phone: &Phone) -> Option<Reached> {
        inbound::reached(phone)
    }

    async fn history(&self, credentials: &SecretSlice<u8>, cursor: Option<&str>) -> Result<HistoryPage, ProviderError> {
        history::page(&self.api, credentials, cursor).await
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
        providers::{EventKind, Registry, stub},
        secrets::Secrets,
    };

    const BODY: &str = "ToCountry=US&MessageSid=SM00000000000000000000000000000001&AccountSid=AC00000000000000000000000000000001\
        &From=%2B15005550006&To=%2B15005550001&Body=Gr%C3%BC%C3%9Fe+%26+1%2B1%3D2+%F0%9F%98%80&NumMedia=0&ToCity=";

    fn signed(body: &'static str) -> RawWebhook {
        let mut headers = HeaderMap::new();
        headers.insert("x-twilio-signature", "Ks2zceFzJI+aGgG5JoDM5QcXeFk=".parse().unwrap());
        headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        let url = "https://inbox.example.com/webhooks/twilio/ch_1".to_owned();
        RawWebhook { url, headers, body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn a_webhook_is_believed_with_the_channels_own_token() {
        let registry = Registry::new(&stub::outside("http://127.0.0.1:9"));
        let twilio = registry.get("twilio".parse().unwrap());
        let secrets = Secrets::parse(&json!({"encryption_key": "1:".to_owned() + &"AAAA".repeat(10) + "AAA="}).to_string());
        let Ok(secrets) = secrets else { panic!("the secret of this test is malformed") };
        let credentials = |token: &str| {
            let account = "AC00000000000000000000000000000001";
            let json = json!({"account_sid": account, "auth_token": token, "from": "+15005550001"});
            SecretSlice::from(json.to_string().into_bytes())
        };
        let verify = |body, credentials: Option<&SecretSlice<u8>>| {
            twilio.verify(signed(body), &WebhookKeys { secrets: &secrets, credentials, now: Timestamp::EPOCH })
        };
        let own = credentials("0123456789abcdef0123456789abcdef");
        let events = twilio.parse(&verify(BODY, Some(&own)).unwrap());
        let [Event { account: None, kind: EventKind::Message(message) }] = &events[..] else { panic!("{events:?}") };
        assert_eq!(message.text, "Grüße & 1+1=2 😀");

        assert_eq!(verify("Body=x", Some(&own)).unwrap_err(), WebhookRefused::Mismatch);
        assert_eq!(verify(BODY, Some(&credentials("another"))).unwrap_err(), WebhookRefused::Mismatch);
        assert_eq!(verify(BODY, None).unwrap_err(), WebhookRefused::NoKey);
        assert_eq!(verify(BODY, Some(&credentials(""))).unwrap_err(), WebhookRefused::NoKey);
        assert_eq!((twilio.answer().content_type, twilio.answer().body.ends_with("<Response/>")), ("text/xml", true));
    }
}
