//! Messaging providers behind one trait, one folder each. A new provider is a folder (adapter and icon) and a line in
//! `providers!` at the end of this file; docs/providers.md shows how.

mod credentials;
mod download;
pub mod error;
pub mod event;
mod lenient;
pub mod meta;
pub mod outgoing;
#[cfg(test)]
mod stub;
mod transport;

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use secrecy::SecretSlice;

use self::error::ProviderError;
pub use self::{
    event::{Event, EventKind, InboundMessage, StatusUpdate},
    outgoing::{Accepted, Draft, Outgoing, PlannedPart},
};
use crate::{
    clock::Clock,
    http::client::LazyClient,
    model::{
        contact::Phone,
        content::FileSource,
        conversation::Customer,
        ids::{AccountId, ContactKey},
        template::Template,
        time::Timestamp,
    },
    secrets::Secrets,
};

/// A webhook request as it came. Nothing in it may be believed before [`Provider::verify`].
#[derive(Debug)]
pub struct RawWebhook {
    /// The address that it was sent to, as the provider was told it: from the configuration, with the request's path and
    /// query.
    pub url: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte for byte.
    pub body: Bytes,
}

/// A webhook whose sender is proven. Only `RawWebhook::trust` makes one, so that no parser sees an unproven body.
#[derive(Debug)]
pub struct VerifiedWebhook {
    url: String,
    body: Bytes,
}

impl RawWebhook {
    /// For [`Provider::verify`] alone, after the signature matched.
    pub(crate) fn trust(self) -> VerifiedWebhook {
        VerifiedWebhook { url: self.url, body: self.body }
    }
}

impl VerifiedWebhook {
    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The address that it was sent to. Proven only where the provider's signature covers it.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// The sender of a webhook is not proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    /// No signature, or one in a form that is not accepted.
    #[error("signature missing or malformed")]
    Malformed,
    /// The signature does not match.
    #[error("signature does not match")]
    Mismatch,
    /// Signed too long ago or in the future.
    #[error("timestamp outside the tolerance")]
    Stale,
    /// The key to check it with is not set up.
    #[error("no key to check the signature with")]
    NoKey,
}

/// What is wrong with the content of a webhook whose contract is ours, for the developer who sends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct InvalidWebhook {
    /// Where, e.g. `events[0].from.id`; `body` for the whole.
    pub field: String,
    /// What, to be read after the field's name. Never repeats what the field holds.
    pub problem: Cow<'static, str>,
}

impl InvalidWebhook {
    /// See the fields.
    pub fn new(field: impl Into<String>, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// What a webhook is verified with.
pub struct WebhookKeys<'a> {
    /// The bundle's secret.
    pub secrets: &'a Secrets,
    /// The channel's credentials, opened, for providers that sign per channel.
    pub credentials: Option<&'a SecretSlice<u8>>,
    /// The present.
    pub now: Timestamp,
}

/// Who is behind a set of credentials, as the provider says.
#[derive(Clone)]
pub struct Account {
    /// The provider's id of the account.
    pub id: AccountId,
    /// The provider's id of a group that the account belongs to, where some events name only that; in the form in which
    /// they name it.
    pub group: Option<AccountId>,
    /// The credentials as they are to be kept: the fields that the adapter uses, and no others.
    pub credentials: serde_json::Value,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Credentials must not get into a log.
        f.debug_struct("Account").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A file as the provider gave it.
#[derive(Clone)]
pub struct Fetched {
    /// Its contents.
    pub bytes: Bytes,
    /// MIME type, if the provider told it now.
    pub mime: Option<String>,
    /// File name, if the provider told it now.
    pub name: Option<String>,
}

impl std::fmt::Debug for Fetched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetched").field("size", &self.bytes.len()).field("mime", &self.mime).finish_non_exhaustive()
    }
}

/// What a provider tells of a customer when it is asked.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// What they are called.
    pub name: Option<String>,
    /// A picture of them.
    pub avatar: Option<Fetched>,
}

/// A part of the messages that were before the channel was connected.
#[derive(Debug, Clone, Default)]
pub struct HistoryPage {
    /// Them, both ways, newest first.
    pub messages: Vec<InboundMessage>,
    /// Where the next part starts, in the provider's own terms; none at the end. Holds no credential.
    pub next: Option<String>,
}

/// A field of a provider's credentials, for the set-up page.
#[derive(Debug, Clone, Copy, serde::Serialize)]
pub struct CredentialField {
    /// Its name in `credentials`.
    pub name: &'static str,
    /// What the page calls it.
    pub label: &'static str,
    /// Where the owner finds it.
    pub help: &'static str,
    /// Whether it is to be hidden while it is typed.
    pub secret: bool,
    /// Whether it may be left empty.
    pub optional: bool,
}

/// What a provider can do, for the set-up page and the checks before sending.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself")]
pub struct Traits {
    /// What people call it.
    pub name: &'static str,
    /// Whether the owner has to enter the webhook's address at the provider; where not, connecting does that.
    pub webhook_by_hand: bool,
    /// Pipedrive's icon class for it: `whatsapp`, `facebook` or `other`.
    pub provider_type: &'static str,
    /// Whether it has approved templates.
    pub templates: bool,
    /// Longest text of a message, in characters.
    pub max_text_chars: usize,
    /// Whether a message can say which one it answers.
    pub replies: bool,
    /// Whether it can be asked who a customer is: name or picture come so, not with the message.
    pub profiles: bool,
    /// Whether it keeps messages from before the channel was connected, and lets them be read.
    pub history: bool,
    /// Whether its webhooks name the channel in their path (`/webhooks/<provider>/<channel>`).
    pub webhook_per_channel: bool,
}

/// A customer whom a company can write to first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// They, by the name under which their answers come.
    pub customer: Customer,
    /// A link to the chat at the provider; empty where there is none.
    pub link: String,
}

/// What a provider wants to hear when its webhook was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebhookAnswer {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: &'static str,
}

/// A messaging provider.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Which one.
    fn kind(&self) -> ProviderKind;

    /// What it can do.
    fn traits(&self) -> Traits;

    /// What the set-up page asks for, in this order.
    fn credential_fields(&self) -> &'static [CredentialField];

    /// Proves the sender of a webhook on the raw bytes, in constant time.
    fn verify(&self, raw: RawWebhook, keys: &WebhookKeys<'_>) -> Result<VerifiedWebhook, WebhookRefused>;

    /// Whether the content is as agreed, asked before anything of it is stored. Only for providers whose contract is ours
    /// and whose senders are developers; others would repeat a webhook that is refused for its content.
    fn validate(&self, _webhook: &VerifiedWebhook) -> Result<(), InvalidWebhook> {
        Ok(())
    }

    /// Every event in the webhook, in its order. What is not understood becomes [`EventKind::Ignored`] or a placeholder;
    /// one broken item never loses the others.
    fn parse(&self, webhook: &VerifiedWebhook) -> Vec<Event>;

    /// What to answer to a webhook that was taken, with 200.
    fn answer(&self) -> WebhookAnswer {
        WebhookAnswer { content_type: "application/json", body: "{}" }
    }

    /// Reads credentials as the set-up page sends them and asks the provider whether they work. Changes nothing there.
    /// A missing or malformed field is a [`ProviderError::Refused`] with [`error::Refusal::Invalid`] whose message
    /// starts with `credentials.<field>` and a blank.
    async fn check(&self, credentials: &serde_json::Value) -> Result<Account, ProviderError>;

    /// Asks the provider to send its webhooks to us, where an app may ask that. Repeatable.
    async fn subscribe(&self, credentials: &SecretSlice<u8>, webhook_url: &str) -> Result<(), ProviderError>;

    /// Undoes [`Provider::subscribe`]. `others` are the credentials of the company's other channels of this provider, which
    /// must go on working. Repeatable.
    async fn unsubscribe(&self, _credentials: &SecretSlice<u8>, _others: &[SecretSlice<u8>]) -> Result<(), ProviderError> {
        Ok(())
    }

    /// Splits a draft into what the provider can carry. What it can't is refused by [`outgoing::unsendable`]. Asks nobody.
    fn plan(&self, draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError>;

    /// Sends one part. Never repeats a request whose outcome is not known.
    async fn send(&self, credentials: &SecretSlice<u8>, part: &Outgoing<'_>) -> Result<Accepted, ProviderError>;

    /// Gets a file that came with a message, at most `max` bytes of it: a larger one is refused. Credentials go to the
    /// provider's own hosts alone.
    async fn fetch(&self, credentials: &SecretSlice<u8>, source: &FileSource, max: usize) -> Result<Fetched, ProviderError>;

    /// How much longer than a message's `reply_by` says a customer may be written to on a channel with these credentials:
    /// some businesses are allowed more than others. `Outgoing.reply_by` is the message's all the same.
    fn reply_extension(&self, _credentials: &SecretSlice<u8>) -> Duration {
        Duration::ZERO
    }

    /// Whether a channel with these credentials may write to a phone number that has never written to it.
    fn writes_first(&self, _credentials: &SecretSlice<u8>) -> bool {
        false
    }

    /// The customer with that phone number. Only called where [`Provider::writes_first`] says so.
    fn reached_by(&self, _phone: &Phone) -> Option<Reached> {
        None
    }

    /// Asks who a customer is. Only called where [`Traits::profiles`] says so; an empty answer is a normal one.
    async fn profile(&self, _credentials: &SecretSlice<u8>, _customer: &ContactKey) -> Result<Profile, ProviderError> {
        Ok(Profile::default())
    }

    /// Whether a template can be sent with nothing but texts in its gaps. One that can't is listed, and a text that looks
    /// like it is not taken for it.
    fn is_fillable(&self, _template: &Template) -> bool {
        true
    }

    /// The approved templates.
    async fn templates(&self, _credentials: &SecretSlice<u8>) -> Result<Vec<Template>, ProviderError> {
        Ok(Vec::new())
    }

    /// A page of what was written before the channel was connected, from `cursor` on. Only called where
    /// [`Traits::history`] says so.
    async fn history(&self, _credentials: &SecretSlice<u8>, _cursor: Option<&str>) -> Result<HistoryPage, ProviderError> {
        Ok(HistoryPage::default())
    }
}

/// What the adapters share.
#[derive(Clone)]
pub struct Outside {
    /// For calls to base URLs from the configuration.
    pub http: LazyClient,
    /// For addresses that others name: refuses those inside networks. See [`crate::http::outside`].
    pub guarded: LazyClient,
    /// Meta's Graph API with its version.
    pub graph_api_url: String,
    /// Telegram's Bot API.
    pub telegram_api_url: String,
    /// Twilio's API.
    pub twilio_api_url: String,
    /// Whether users' addresses may lead to this machine. See `Config::allow_loopback_urls`.
    pub allow_loopback_urls: bool,
    /// The time, for signatures on calls.
    pub clock: Arc<dyn Clock>,
}

/// From one line a provider: its module, its kind, its place in [`Registry`], its icon.
macro_rules! providers {
    ($($(#[$doc:meta])* $module:ident: $kind:ident,)+) => {
        $(pub mod $module;)+

        /// Whom a channel talks to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum ProviderKind {
            $($(#[$doc])* $kind,)+
        }

        impl ProviderKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The word for it in paths, bodies and the table.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => stringify!($module),)+
                }
            }

            /// Its icon: PNG, 48 × 48 pixels.
            pub fn icon(self) -> &'static [u8] {
                match self {
                    $(Self::$kind => include_bytes!(concat!(stringify!($module), "/icon.png")),)+
                }
            }
        }

        /// Every provider.
        #[derive(Clone)]
        pub struct Registry {
            $($module: Arc<dyn Provider>,)+
        }

        impl Registry {
            /// All adapters over the same clients.
            pub fn new(outside: &Outside) -> Self {
                Self { $($module: Arc::new($module::$kind::new(outside)),)+ }
            }

            /// The same, with another adapter in the place of the one of its kind.
            #[must_use]
            pub fn with(mut self, provider: Arc<dyn Provider>) -> Self {
                match provider.kind() {
                    $(ProviderKind::$kind => self.$module = provider,)+
                }
                self
            }

            /// The adapter of a kind.
            pub fn get(&self, kind: ProviderKind) -> &dyn Provider {
                match kind {
                    $(ProviderKind::$kind => &*self.$module,)+
                }
            }
        }
    };
}

providers! {
    /// WhatsApp Business Cloud API.
    whatsapp: Whatsapp,
    /// Facebook Messenger.
    messenger: Messenger,
    /// Telegram Bot API.
    telegram: Telegram,
    /// Twilio Programmable Messaging: SMS and MMS, and WhatsApp through it.
    twilio: Twilio,
    /// A company's own chat, by the bundle's own JSON.
    custom: Custom,
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProviderKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(())
    }
}
