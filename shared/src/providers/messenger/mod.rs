//! Facebook Messenger (Meta, Messenger Platform). Webhooks come for all connected pages to one address and are told apart by
//! the page's id in them; sends go to the Graph API with the page's own token. What the page writes elsewhere comes as an
//! echo and belongs to the chat too.

mod connect;
mod content;
mod errors;
mod files;
mod history;
mod message;
mod people;
mod profile;
mod send;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretSlice;
use serde_json::Value;

use super::{
    Accepted, Account, CredentialField, Draft, Event, Fetched, HistoryPage, Outgoing, Outside, PlannedPart, Profile, Provider,
    ProviderKind, RawWebhook, Traits, VerifiedWebhook, WebhookKeys, WebhookRefused,
    download::Downloads,
    error::ProviderError,
    meta::{self, Graph},
};
use crate::model::{content::FileSource, ids::ContactKey};

/// How long after something that a customer did they may be written to freely.
const REPLY_WINDOW: Duration = Duration::from_hours(24);
/// How long a person may write to them, by the tag that Meta grants to some businesses ("Human Agent").
const HUMAN_AGENT_WINDOW: Duration = Duration::from_hours(7 * 24);
/// Hosts of files to which the page's token goes: none. Links to them are signed, and whoever has one may follow it.
const TRUSTED_HOSTS: &[&str] = &[];

/// What the set-up page asks for.
const FIELDS: &[CredentialField] = &[
    CredentialField {
        name: "page_id",
        label: "Page ID",
        help: "Meta, your app, Messenger, API setup: the number beside the page's name",
        secret: false,
        optional: false,
    },
    CredentialField {
        name: "page_access_token",
        label: "Page access token",
        help: "Of that page, with pages_messaging, pages_manage_metadata and pages_read_engagement",
        secret: true,
        optional: false,
    },
    CredentialField {
        name: "human_agent",
        label: "Human Agent",
        help: "yes, if Meta granted your app the Human Agent feature: answers may take 7 days then instead of 24 hours",
        secret: false,
        optional: true,
    },
];

/// The adapter.
pub struct Messenger {
    graph: Graph,
    downloads: Downloads,
}

impl Messenger {
    /// Calls `outside.graph_api_url`.
    pub fn new(outside: &Outside) -> Self {
        let graph = Graph::new(outside.http.clone(), outside.graph_api_url.clone(), errors::of_answer);
        Self { downloads: Downloads::new(outside, graph.base(), TRUSTED_HOSTS), graph }
    }
}

#[async_trait]
impl Provider for Messenger {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Messenger
    }

    fn traits(&self) -> Traits {
        Traits {
            name: "Facebook Messenger",
            webhook_by_hand: true,
            provider_type: "facebook",
            templates: false,
            max_text_chars: send::MAX_TEXT_CHARS,
            replies: true,
            profiles: true,
            history: true,
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
        send::plan(draft)
    }

    async fn send(&self, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        send::send(&self.graph, credentials, part).await
    }

    async fn fetch(&self, credentials: &SecretSlice<u8>, source: &FileSource, max: usize) -> Result<Fetched, ProviderError> {
        files::fetch(&self.graph, &self.downloads, credentials, source, max).await
    }

    fn reply_extension(&self, credentials: &SecretSlice<u8>) -> Duration {
        connect::reply_extension(credentials)
    }

    async fn profile(&self, credentials: &SecretSlice<u8>, customer: &ContactKey) -> Result<Profile, ProviderError> {
        profile::profile(&self.graph, &self.downloads, credentials, customer).await
    }

    async fn history(&self, credentials: &SecretSlice<u8>, cursor: Option<&str>) -> Result<HistoryPage, ProviderError> {
        history::page(&self.graph, credentials, cursor).await
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
        providers::{EventKind, stub},
        secrets::Secrets,
    };

    fn signed(body: &str, signature: Option<&str>) -> RawWebhook {
        let mut headers = HeaderMap::new();
        if let Some(signature) = signature {
            headers.insert("x-hub-signature-256", signature.parse().unwrap());
        }
        RawWebhook { url: String::new(), headers, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[test]
    fn a_webhook_is_proven_on_its_bytes_before_it_is_read() {
        let secret =
            json!({"encryption_key": "0123456789abcdef0123456789abcdef", "meta_app_secret": "test-app-secret-0123456789abcdef"});
        let Ok(secrets) = Secrets::parse(&secret.to_string()) else { panic!("the secret of this test is malformed") };
        let keys = WebhookKeys { secrets: &secrets, credentials: None, now: Timestamp::EPOCH };
        let messenger = Messenger::new(&stub::outside("http://127.0.0.1:1"));
        let vectors = [
            (r#"{"object":"page","entry":[]}"#, "b6ee996ccc2079e5c6fad8644870b5d5044b367e2996ec95e040e70ae175d007", 0),
            (
                r#"{"object":"page","text":"\u00e4\u00f6\u00e5 \/ \ud83d\ude00"}"#,
                "e792b98823fc20eff8180f0adf5e994ceb0d78177f384e0139df967d34f3f59c",
                0,
            ),
            (r#"{"object":"page","text":"äöå / 😀"}"#, "531a6c876e91a4bba1a19a08ff07b0a3f4a688b24a4819e01806a71c8a405809", 0),
            ("", "2c03c1d245b8d3c614695d630e637ddd29dbf1b3433f71fb3bce5bd368da89c2", 1),
        ];
        for (body, hex, events) in vectors {
            let proven = messenger.verify(signed(body, Some(&format!("sha256={hex}"))), &keys).unwrap();
            let read = messenger.parse(&proven);
            assert_eq!(read.len(), events, "{body}");
            assert!(read.iter().all(|event| event.kind == EventKind::Ignored { what: "unreadable_body" }));
            for wrong in [None, Some(hex.to_owned()), Some(format!("sha1={hex}")), Some(format!("sha256={}", &hex[..63]))] {
                let refused = messenger.verify(signed(body, wrong.as_deref()), &keys).unwrap_err();
                assert_eq!(refused, WebhookRefused::Malformed, "{wrong:?}");
            }
            let other = messenger.verify(signed("{}", Some(&format!("sha256={hex}"))), &keys).unwrap_err();
            assert_eq!(other, WebhookRefused::Mismatch);
        }
    }

    #[test]
    fn the_set_up_page_asks_for_what_is_used() {
        let messenger = Messenger::new(&stub::outside("http://127.0.0.1:1"));
        let fields: Vec<_> = messenger.credential_fields().iter().map(|f| (f.name, f.secret, f.optional)).collect();
        assert_eq!(fields, [("page_id", false, false), ("page_access_token", true, false), ("human_agent", false, true)]);
        let traits = messenger.traits();
        assert_eq!((traits.provider_type, traits.templates, traits.profiles, traits.history), ("facebook", false, true, true));
    }
}
