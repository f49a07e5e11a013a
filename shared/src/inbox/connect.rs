//! Connecting a provider's account: its credentials are checked with the provider, the channel is stored, the provider is
//! asked for its webhooks, Pipedrive is told. A try that dies half-way is completed by the same try again.

use std::time::Duration;

use serde_json::Value;

use super::{
    Caller,
    error::InboxError,
    halt,
    ports::{ChannelStore, ConnectOutcome, InstallationStore},
    register::register,
    tokens::Tokens,
};
use crate::{
    clock::Clock,
    config::DeliveryChoice,
    model::{
        channel::{Channel, ChannelState, Delivery, Import, ProviderKind},
        ids::{AccountId, ChannelId},
        installation::Installation,
        record::ChannelSettings,
        text::{MAX_NAME_BYTES, clean},
        time::Timestamp,
    },
    pipedrive::{Access, ChannelsApi, error::PipedriveError},
    providers::{
        Account, CredentialField, Provider, Registry, Traits,
        error::{ProviderError, Refusal},
    },
    secrets::SecretCache,
};

/// How long to wait when Pipedrive asks to without saying how long.
const RATE_LIMIT_WAIT: Duration = Duration::from_mins(1);
/// Longest name of a channel, in characters.
const MAX_CHANNEL_NAME: usize = 100;

/// What connecting needs.
pub struct ConnectPorts<'a> {
    /// Channels.
    pub channels: &'a dyn ChannelStore,
    /// Installations.
    pub installations: &'a dyn InstallationStore,
    /// Access to Pipedrive.
    pub tokens: Tokens<'a>,
    /// The Channels API.
    pub api: &'a dyn ChannelsApi,
    /// The providers.
    pub providers: &'a Registry,
    /// To seal the credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
    /// What the bundle's configuration says of delivery.
    pub delivery: DeliveryChoice,
}

/// What the set-up page sends.
#[derive(Debug)]
pub struct ConnectRequest {
    /// Which provider.
    pub provider: String,
    /// What to call the channel.
    pub name: String,
    /// The provider's credentials.
    pub credentials: Value,
    /// Where the bundle is reached.
    pub public_url: String,
}

/// A channel as the set-up page sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChannelView {
    /// Its id.
    pub provider_channel_id: ChannelId,
    /// Its name.
    pub name: String,
    /// Its provider.
    pub provider: ProviderKind,
    /// The icon class that Pipedrive accepted.
    pub provider_type: String,
    /// Where its messages end.
    pub delivery: Delivery,
    /// Where the provider sends its webhooks.
    pub webhook_url: String,
    /// Whether it is served.
    pub state: ChannelState,
    /// Why the provider does not serve the account, or why nothing gets to Pipedrive at the moment, in a sentence.
    pub problem: Option<String>,
    /// How far the import of what was written before is; none where there is no such thing.
    pub import: Option<ImportView>,
    /// Whether the caller connected it.
    pub own: bool,
}

/// An import as the set-up page sees it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ImportView {
    /// Messages read so far.
    pub messages: usize,
    /// Whether it is over.
    pub done: bool,
    /// Why it did not get to the end, in a sentence, if it did not.
    pub problem: Option<String>,
}

impl From<&Import> for ImportView {
    fn from(import: &Import) -> Self {
        Self {
            messages: import.messages,
            done: import.done,
            problem: import.failure.as_ref().map(|failure| failure.text.clone()),
        }
    }
}

/// A provider as the set-up page sees it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ProviderView {
    /// Its word in requests.
    pub provider: ProviderKind,
    /// What to call it.
    pub name: &'static str,
    /// What its channels are connected with.
    pub fields: &'static [CredentialField],
    /// Where webhooks come in; ends with the channel's id where each channel has an address of its own.
    pub webhook_url: String,
    /// Whether the owner has to enter that address at the provider.
    pub webhook_by_hand: bool,
}

/// All providers, for the set-up page.
pub fn providers(registry: &Registry, public_url: &str) -> Vec<ProviderView> {
    let view = |kind: &ProviderKind| {
        let provider = registry.get(*kind);
        let traits = provider.traits();
        ProviderView {
            provider: *kind,
            name: traits.name,
            fields: provider.credential_fields(),
            webhook_url: format!("{public_url}/webhooks/{kind}"),
            webhook_by_hand: traits.webhook_by_hand,
        }
    };
    ProviderKind::ALL.iter().map(view).collect()
}

impl ChannelView {
    fn new(channel: Channel, caller: &Caller, traits: Traits, public_url: &str) -> Self {
        Self {
            webhook_url: webhook_url(public_url, channel.provider, traits, &channel.id),
            provider_channel_id: channel.id,
            name: channel.name,
            provider: channel.provider,
            provider_type: channel.provider_type,
            delivery: channel.delivery,
            state: channel.state,
            problem: channel.problem.map(|problem| problem.text),
            import: channel.import.as_ref().map(ImportView::from),
            own: channel.owner == caller.user,
        }
    }
}

/// Where the provider sends the webhooks of a channel.
pub(super) fn webhook_url(public_url: &str, provider: ProviderKind, traits: Traits, id: &ChannelId) -> String {
    if traits.webhook_per_channel {
        format!("{public_url}/webhooks/{provider}/{id}")
    } else {
        format!("{public_url}/webhooks/{provider}")
    }
}

/// The company's channels, those of other users included.
pub async fn list(
    store: &dyn InstallationStore,
    providers: &Registry,
    caller: &Caller,
    public_url: &str,
) -> Result<Vec<ChannelView>, InboxError> {
    let members = store.members(caller.company).await?;
    let mut channels: Vec<Channel> =
        members.channels.into_iter().filter(|channel| channel.state != ChannelState::Removed).collect();
    channels.sort_by_key(|channel| channel.created_at);
    let view = |channel: Channel| {
        let traits = providers.get(channel.provider).traits();
        let owner = members.installations.iter().find(|installation| installation.user == channel.owner);
        let halted = owner.and_then(halt::reason).map(|reason| reason.text);
        let view = ChannelView::new(channel, caller, traits, public_url);
        ChannelView { problem: view.problem.or(halted), ..view }
    };
    Ok(channels.into_iter().map(view).collect())
}

/// Connects an account as a channel of the caller; anew, if it is theirs already.
pub async fn connect(ports: &ConnectPorts<'_>, caller: &Caller, request: ConnectRequest) -> Result<ChannelView, InboxError> {
    let kind: ProviderKind =
        request.provider.parse().map_err(|()| InboxError::invalid_body("provider", "is not one that this bundle knows"))?;
    let name = clean(request.name.trim(), MAX_NAME_BYTES);
    if name.is_empty() || name.chars().count() > MAX_CHANNEL_NAME {
        let problem = format!("has to have 1 to {MAX_CHANNEL_NAME} characters");
        return Err(InboxError::invalid_body("name", problem));
    }
    let (installation, access) = ports.tokens.access(caller.company, caller.user).await?;
    let provider = ports.providers.get(kind);
    let account = provider.check(&request.credentials).await.map_err(|e| credentials_error(ports, e))?;

    let wanted = ports.delivery.of(&installation);
    let (channel, is_new) = store_channel(ports, caller, provider, name, &account, wanted).await?;
    let connected = announce(ports, provider, &channel, &access, &installation, &request.public_url).await;
    match connected {
        Ok(channel) => Ok(ChannelView::new(channel, caller, provider.traits(), &request.public_url)),
        Err(error) => {
            // Whether Pipedrive has a channel of which it did not tell is not known: the same try again finds this one.
            let undecided = matches!(error, InboxError::Pipedrive(PipedriveError::Transient { .. }) | InboxError::Store(_));
            if is_new && !undecided {
                ports.channels.set_channel_state(&channel, ChannelState::Removed, ports.clock.now()).await?;
            }
            Err(error)
        }
    }
}

/// The account as it leads to its channel. A chat whose webhooks name the channel needs no such way, and its address is
/// just what somebody typed: it is told apart by company, so that nobody can take another's by typing it first.
fn account_id(caller: &Caller, traits: Traits, account: &Account) -> Result<AccountId, InboxError> {
    if !traits.webhook_per_channel {
        return Ok(account.id.clone());
    }
    AccountId::parse(&format!("{}.{}", caller.company, account.id))
        .map_err(|_| InboxError::invalid_body("credentials", "name an account with too long an id"))
}

/// Stores the channel, under the id that it had if the caller connected the same account before.
async fn store_channel(
    ports: &ConnectPorts<'_>,
    caller: &Caller,
    provider: &dyn Provider,
    name: String,
    account: &Account,
    delivery: Delivery,
) -> Result<(Channel, bool), InboxError> {
    let secrets = ports.secrets.get().await?;
    let plain = account.credentials.to_string();
    let mut channel = Channel {
        id: ChannelId::new(caller.company),
        company: caller.company,
        owner: caller.user,
        provider: provider.kind(),
        account: account_id(caller, provider.traits(), account)?,
        group: account.group.clone(),
        name,
        provider_type: provider.traits().provider_type.to_owned(),
        state: ChannelState::Active,
        delivery,
        settings: ChannelSettings::default(),
        problem: None,
        import: None,
        credentials: None,
        created_at: ports.clock.now(),
    };
    channel.credentials = Some(secrets.vault.seal(&channel.seal_context(), plain.as_bytes())?);
    let taken = match ports.channels.save_channel(&channel).await? {
        ConnectOutcome::Stored => return Ok((channel, true)),
        ConnectOutcome::AccountTaken(taken) => taken,
    };
    if taken.channel.company() != caller.company || taken.owner != caller.user {
        return Err(InboxError::Forbidden("this account is connected by another user already".to_owned()));
    }
    let before = ports.channels.channel(&taken.channel).await?;
    channel.id = taken.channel;
    if let Some(before) = before {
        channel.created_at = before.created_at;
        channel.settings = before.settings;
        // What was imported once is not imported again: after weeks, nobody could tell it from new messages.
        channel.import = before.import.map(Import::resumed);
    }
    channel.credentials = Some(secrets.vault.seal(&channel.seal_context(), plain.as_bytes())?);
    match ports.channels.save_channel(&channel).await? {
        ConnectOutcome::Stored => Ok((channel, false)),
        ConnectOutcome::AccountTaken(_) => {
            Err(InboxError::Forbidden("this account is being connected by another user".to_owned()))
        }
    }
}

/// Tells the provider and Pipedrive, and stores what Pipedrive made of it.
async fn announce(
    ports: &ConnectPorts<'_>,
    provider: &dyn Provider,
    channel: &Channel,
    access: &Access,
    installation: &Installation,
    public_url: &str,
) -> Result<Channel, InboxError> {
    let mut channel = channel.clone();
    let sealed = channel.credentials.as_ref().ok_or(InboxError::NotFound("channel"))?;
    let credentials = ports.secrets.get().await?.vault.open(&channel.seal_context(), sealed)?;
    let webhook = webhook_url(public_url, channel.provider, provider.traits(), &channel.id);
    provider.subscribe(&credentials, &webhook).await.map_err(|error| credentials_error(ports, error))?;
    if provider.traits().history && channel.import.is_none() {
        channel.import = Some(Import::default());
    }
    if channel.delivery == Delivery::Channels {
        let mut registered = register(ports.api, access, &channel, provider.traits(), public_url).await;
        if registered == Err(PipedriveError::Unauthorized) {
            let (_, renewed) = ports.tokens.renew(channel.company, channel.owner, access.version).await?;
            registered = register(ports.api, &renewed, &channel, provider.traits(), public_url).await;
        }
        match registered {
            Ok(provider_type) => channel.provider_type = provider_type,
            Err(PipedriveError::Gone { status }) if ports.delivery == DeliveryChoice::Auto => {
                tracing::info!(company = %channel.company, status, "no Channels API; delivering to records");
                channel.delivery = Delivery::Records;
            }
            Err(error) => return Err(registration_error(error, ports.clock.now())),
        }
    }
    ports.channels.save_channel(&channel).await?;
    if installation.delivery != Some(channel.delivery) {
        let now = ports.clock.now();
        ports.installations.set_delivery(channel.company, channel.owner, channel.delivery, now).await?;
    }
    Ok(channel)
}

/// What the person who connects hears of Pipedrive's refusal. Never 401: that is about their session.
fn registration_error(error: PipedriveError, now: Timestamp) -> InboxError {
    let forbidden = |sentence: &str| InboxError::Forbidden(sentence.to_owned());
    match error {
        PipedriveError::AdminOnly => forbidden("only an admin of the Pipedrive company may register channels"),
        PipedriveError::Gone { .. } => forbidden("this Pipedrive account does not offer the Channels API"),
        PipedriveError::AccountClosed => forbidden("this Pipedrive account is closed or unpaid"),
        PipedriveError::Forbidden { .. } => forbidden("Pipedrive does not allow this user to register channels"),
        PipedriveError::Unauthorized => forbidden("Pipedrive does not accept the app's access; connect Pipedrive again"),
        PipedriveError::Invalid { .. } => InboxError::invalid_body("name", "was not accepted by Pipedrive"),
        PipedriveError::RateLimited { retry_after } => {
            InboxError::RateLimited { retry_at: now.plus(retry_after.unwrap_or(RATE_LIMIT_WAIT)) }
        }
        PipedriveError::BudgetSpent { probe_after } => InboxError::RateLimited { retry_at: now.plus(probe_after) },
        error => InboxError::Pipedrive(error),
    }
}

/// What the person who typed the credentials hears. Never 401: that is about their session, not about the provider's.
fn credentials_error(ports: &ConnectPorts<'_>, error: ProviderError) -> InboxError {
    match error {
        ProviderError::Refused { refusal: Refusal::Invalid, message, .. } => match message.split_once(' ') {
            Some((field, problem)) if field.starts_with("credentials") => InboxError::invalid_body(field, problem),
            _ => InboxError::invalid_body("credentials", message),
        },
        ProviderError::Refused { message, .. } => InboxError::invalid_body("credentials", message),
        ProviderError::Transient { .. } | ProviderError::Uncertain { .. } => {
            InboxError::invalid_body("credentials", "could not be checked: the provider does not answer; try again")
        }
        error @ ProviderError::RateLimited { .. } => InboxError::from_provider(error, ports.clock.now()),
    }
}
