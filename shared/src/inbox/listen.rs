//! Keeps providers sending: an app's registration for webhooks can be lost on their side without a word, and then a channel is
//! silent as if nobody wrote. So each channel is registered anew each day, and one whose credentials are not accepted any more
//! says so where it is seen.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    connect::webhook_url,
    error::InboxError,
    ports::{AccountOwner, InstallationStore, StoreError},
};
use crate::{
    clock::Clock,
    model::{
        channel::{Channel, ChannelState, ProviderKind},
        ids::{AccountId, ChannelId},
        message::FailureReason,
        time::Timestamp,
    },
    providers::{
        Registry,
        error::{ProviderError, Refusal},
    },
    secrets::SecretCache,
    telemetry::{
        self,
        metrics::{self, Metric},
    },
};

/// How often a channel is registered anew. Less than a day: the schedule comes each 24 hours, and this counts from the middle of a
/// run.
pub const EACH: Duration = Duration::from_hours(20);
/// Code of the problem of a channel whose credentials are refused. Only this one ends when they are accepted again.
const REFUSED: &str = "credentials_refused";

/// Accounts that have to be registered anew.
#[async_trait]
pub trait ListenStore: Send + Sync {
    /// Those that are due, oldest first, at most `limit` a shard.
    async fn listens_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(ProviderKind, AccountId)>, StoreError>;
    /// Who connected the account.
    async fn account_owner(&self, provider: ProviderKind, account: &AccountId) -> Result<Option<AccountOwner>, StoreError>;
    /// A channel, as last written.
    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError>;
    /// Comes back to the account at `due_at`, if it is still connected.
    async fn listen_again(&self, provider: ProviderKind, account: &AccountId, due_at: Timestamp) -> Result<(), StoreError>;
    /// Notes why the provider does not serve a channel, or that it does again.
    async fn set_problem(&self, channel: &ChannelId, problem: Option<&FailureReason>) -> Result<(), StoreError>;
}

/// What it needs.
pub struct ListenPorts<'a> {
    /// Accounts and channels.
    pub store: &'a dyn ListenStore,
    /// Where the bundle is reached.
    pub installations: &'a dyn InstallationStore,
    /// The providers.
    pub providers: &'a Registry,
    /// To open the channels' credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// Registers what is due. How many were, and how many failed and are due again the next day.
pub async fn keep(ports: &ListenPorts<'_>, limit: usize) -> Result<(usize, usize), StoreError> {
    let (mut kept, mut failed) = (0, 0);
    for (provider, account) in ports.store.listens_due(ports.clock.now(), limit).await? {
        match one(ports, provider, &account).await {
            Ok(()) => kept += 1,
            Err(error) => {
                failed += 1;
                telemetry::log_error("a channel's webhooks could not be registered anew", &error);
            }
        }
    }
    Ok((kept, failed))
}

async fn one(ports: &ListenPorts<'_>, provider: ProviderKind, account: &AccountId) -> Result<(), InboxError> {
    // First, so that one that always fails does not come before all others.
    ports.store.listen_again(provider, account, ports.clock.now().plus(EACH)).await?;
    let Some(owner) = ports.store.account_owner(provider, account).await? else { return Ok(()) };
    let active = ports.store.channel(&owner.channel).await?.filter(|channel| channel.state == ChannelState::Active);
    let Some((channel, sealed)) = active.and_then(|channel| Some((channel.clone(), channel.credentials?))) else { return Ok(()) };
    let Some(installation) = ports.installations.installation(channel.company, channel.owner).await? else { return Ok(()) };
    let credentials = ports.secrets.get().await?.vault.open(&channel.seal_context(), &sealed)?;
    let adapter = ports.providers.get(provider);
    let url = webhook_url(&installation.public_url, provider, adapter.traits(), &channel.id);
    let known = channel.problem.as_ref().is_some_and(|problem| problem.code == REFUSED);
    match adapter.subscribe(&credentials, &url).await {
        Ok(()) if known => Ok(ports.store.set_problem(&channel.id, None).await?),
        Ok(()) => Ok(()),
        Err(error) => {
            metrics::count_kind(Metric::ProviderErrors, error.kind());
            if is_about_credentials(&error) && channel.problem.is_none() {
                tracing::warn!(channel = %channel.id, code = error.code(), "a channel's credentials are refused");
                ports.store.set_problem(&channel.id, Some(&refused(&error))).await?;
            }
            Err(InboxError::Provider(error))
        }
    }
}

/// By the provider's code, which its adapter has read; never by its words.
fn is_about_credentials(error: &ProviderError) -> bool {
    // An adapter says of a field of the credentials what is wrong with it, as it does when they are entered.
    let names_a_field = |message: &str| message.starts_with("credentials.");
    matches!(error, ProviderError::Refused { refusal: Refusal::Unauthorized, .. })
        || matches!(error, ProviderError::Refused { refusal: Refusal::Invalid, message, .. } if names_a_field(message))
}

fn refused(error: &ProviderError) -> FailureReason {
    let said = match error {
        ProviderError::Refused { message, .. } => message.strip_prefix("credentials.").unwrap_or(message),
        _ => "",
    };
    let text = format!("The provider does not accept the channel's credentials any more ({said}). Connect the channel anew.");
    FailureReason { code: REFUSED.to_owned(), text }
}
