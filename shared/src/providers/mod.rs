//! Messaging providers behind one trait, one folder each. A new provider is a folder, a [`ProviderKind`] and a line in
//! [`Registry`].

mod credentials;
pub mod custom;
pub mod error;
mod lenient;
#[cfg(test)]
mod stub;
mod transport;
pub mod whatsapp;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use secrecy::SecretSlice;

use self::error::ProviderError;
use crate::{
    clock::Clock,
    http::client::LazyClient,
    model::{
        channel::{Channel, ProviderKind},
        conversation::Customer,
        ids::{AccountId, ContactKey, MessageId, ProviderMessageId},
        message::FailureReason,
        status::Status,
        time::Timestamp,
    },
    secrets::Secrets,
};

/// A webhook request as it came. Nothing in it may be believed before [`Provider::verify`].
#[derive(Debug)]
pub struct RawWebhook {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, byte for byte.
    pub body: Bytes,
}

/// A webhook whose sender is proven. Only `RawWebhook::trust` makes one, so that no parser sees an unproven body.
#[derive(Debug)]
pub struct VerifiedWebhook(Bytes);

impl RawWebhook {
    /// For [`Provider::verify`] alone, after the signature matched.
    pub(crate) fn trust(self) -> VerifiedWebhook {
        VerifiedWebhook(self.body)
    }
}

impl VerifiedWebhook {
    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.0
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
    pub problem: &'static str,
}

impl InvalidWebhook {
    /// See the fields.
    pub fn new(field: impl Into<String>, problem: &'static str) -> Self {
        Self { field: field.into(), problem }
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

/// Something that a provider reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The connected account that it is about. None: the channel in the webhook's path.
    pub account: Option<AccountId>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// The customer wrote.
    Message(InboundMessage),
    /// A message of ours got somewhere.
    Status(StatusUpdate),
    /// Nothing that is shown: a group chat, a read receipt of our own, an unknown kind. Counted, never an error.
    Ignored {
        /// A word for logs and metrics.
        what: &'static str,
    },
}

/// A customer's message in neutral form.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundMessage {
    /// The provider's id of it.
    pub provider_id: ProviderMessageId,
    /// Who wrote it. `keys` is not empty.
    pub customer: Customer,
    /// Whether `customer.name` is really what the provider calls them, not a stand-in.
    pub name_known: bool,
    /// When, by the provider's clock; none where the provider does not say.
    pub sent_at: Option<Timestamp>,
    /// What; a readable placeholder for what can't be shown.
    pub text: String,
    /// Until when it may be answered freely.
    pub reply_by: Option<Timestamp>,
    /// A link to the chat at the provider; empty where there is none.
    pub link: String,
}

/// News of a message that we sent.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusUpdate {
    /// The provider's id of the message.
    pub provider_id: ProviderMessageId,
    /// Our id of it, where the provider hands back what we gave it with the message.
    pub message: Option<MessageId>,
    /// How far it got.
    pub status: Status,
    /// Why it failed, if it did.
    pub failure: Option<FailureReason>,
}

/// Who is behind a set of credentials, as the provider says.
#[derive(Clone)]
pub struct Account {
    /// The provider's id of the account.
    pub id: AccountId,
    /// The credentials as they are to be kept: the fields that the adapter uses, and no others.
    pub credentials: serde_json::Value,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Credentials must not get into a log.
        f.debug_struct("Account").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A message to send.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// Our id of it; given to providers that hand it back with statuses or use it for idempotency.
    pub id: &'a MessageId,
    /// Under which name to send to the customer.
    pub to: &'a ContactKey,
    /// The customer's other names.
    pub customer: &'a Customer,
    /// What. Not empty.
    pub text: &'a str,
    /// When it was written.
    pub sent_at: Timestamp,
}

/// What the provider answered to a message that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id of the message.
    pub provider_id: ProviderMessageId,
}

/// What a provider can do, for the set-up page and the checks before sending.
#[derive(Debug, Clone, Copy)]
pub struct Traits {
    /// Pipedrive's icon class for it: `whatsapp`, `facebook` or `other`.
    pub provider_type: &'static str,
    /// Whether it has approved templates.
    pub templates: bool,
    /// Longest text in one message, in characters.
    pub max_text_chars: usize,
    /// Whether its webhooks name the channel in their path (`/webhooks/<provider>/<channel>`).
    pub webhook_per_channel: bool,
}

/// A messaging provider.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Which one.
    fn kind(&self) -> ProviderKind;

    /// What it can do.
    fn traits(&self) -> Traits;

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

    /// Reads credentials as the set-up page sends them and asks the provider whether they work. Changes nothing there.
    /// A missing or malformed field is a [`ProviderError::Refused`] with [`error::Refusal::Invalid`] whose message
    /// starts with `credentials.<field>` and a blank.
    async fn check(&self, credentials: &serde_json::Value) -> Result<Account, ProviderError>;

    /// Asks the provider to send its webhooks to us, where an app may ask that.
    async fn subscribe(&self, credentials: &SecretSlice<u8>, webhook_url: &str) -> Result<(), ProviderError>;

    /// Sends one message. Never repeats a request whose outcome is not known.
    async fn send(
        &self,
        channel: &Channel,
        credentials: &SecretSlice<u8>,
        message: &Outgoing<'_>,
    ) -> Result<Accepted, ProviderError>;
}

/// What the adapters share.
#[derive(Clone)]
pub struct Outside {
    /// For calls to base URLs from the configuration.
    pub http: LazyClient,
    /// For addresses that users entered: refuses those inside networks. See [`crate::http::outside`].
    pub guarded: LazyClient,
    /// Meta's Graph API with its version.
    pub graph_api_url: String,
    /// Whether users' addresses may lead to this machine. See `Config::allow_loopback_urls`.
    pub allow_loopback_urls: bool,
    /// The time, for signatures on calls.
    pub clock: Arc<dyn Clock>,
}

/// Every provider.
#[derive(Clone)]
pub struct Registry {
    whatsapp: Arc<whatsapp::Whatsapp>,
    custom: Arc<custom::Custom>,
}

impl Registry {
    /// All adapters over the same clients.
    pub fn new(outside: &Outside) -> Self {
        Self { whatsapp: Arc::new(whatsapp::Whatsapp::new(outside)), custom: Arc::new(custom::Custom::new(outside)) }
    }

    /// The adapter of a kind.
    pub fn get(&self, kind: ProviderKind) -> &dyn Provider {
        match kind {
            ProviderKind::Whatsapp => &*self.whatsapp,
            ProviderKind::Custom => &*self.custom,
        }
    }
}
