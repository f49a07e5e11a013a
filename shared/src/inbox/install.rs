//! The life of an installation: consent, its withdrawal, and coming back.

use std::time::Duration;

use super::{
    as_user::AsUser,
    error::InboxError,
    ports::{ChannelStore, InstallationStore, StoreError},
    register::{self, RegisterPorts},
    tokens::{self, Tokens, keep_alive_due},
};
use crate::{
    clock::Clock,
    config::DeliveryChoice,
    model::{
        channel::{ChannelState, Delivery},
        ids::{CompanyId, UserId},
        installation::{Installation, InstallationState},
    },
    pipedrive::{Access, ChannelsApi, OAuth, Users, error::PipedriveError, spend::Spend},
    providers::Registry,
    secrets::SecretCache,
    telemetry,
};

/// How often a state change is tried against a renewal of the tokens at the same time.
const TRIES: usize = 5;

/// What installing needs.
pub struct InstallPorts<'a> {
    /// Installations.
    pub store: &'a dyn InstallationStore,
    /// Channels.
    pub channels: &'a dyn ChannelStore,
    /// Pipedrive's OAuth server.
    pub oauth: &'a dyn OAuth,
    /// Who the user is.
    pub users: &'a dyn Users,
    /// To register channels anew.
    pub api: &'a dyn ChannelsApi,
    /// To register channels anew.
    pub providers: &'a Registry,
    /// To sign in at the OAuth server and to seal the tokens.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
    /// What the bundle's configuration says of delivery.
    pub delivery: DeliveryChoice,
}

/// Turns an authorization code into an installation. A user who comes back gets their channels back, and what waited for
/// them is delivered.
pub async fn complete(
    ports: &InstallPorts<'_>,
    code: &str,
    redirect_uri: &str,
    public_url: &str,
) -> Result<Installation, InboxError> {
    let secrets = ports.secrets.get().await?;
    let grant = ports.oauth.exchange(&secrets, code, redirect_uri).await.map_err(|error| match error {
        PipedriveError::InvalidGrant => {
            InboxError::BadRequest { parameter: "code", problem: "was used before or has expired".to_owned() }
        }
        error => InboxError::Pipedrive(error),
    })?;
    let api_domain = grant.api_domain.clone().ok_or_else(|| {
        // Where the tokens may be used is not known, so they cannot be.
        InboxError::Pipedrive(PipedriveError::Transient { code: "api_domain".to_owned() })
    })?;
    let access =
        Access { api_domain: api_domain.clone(), token: grant.access_token.clone(), version: 0, spend: Spend::default() };
    let me = ports.users.me(&access).await.map_err(InboxError::Pipedrive)?;
    let before = ports.store.installation(me.company, me.user).await?;
    let now = ports.clock.now();
    let timezone = before.as_ref().map(|before| before.timezone.clone()).filter(|known| !known.is_empty());
    let installation = Installation {
        company: me.company,
        user: me.user,
        company_name: me.company_name,
        user_name: me.user_name,
        // Days that have notes must not begin at another moment.
        timezone: timezone.or(me.time_zone).unwrap_or_default(),
        tokens: Some(tokens::seal(&secrets.vault, me.company, me.user, &grant)?),
        api_domain,
        public_url: public_url.to_owned(),
        state: InstallationState::Connected,
        access_until: now.plus(Duration::from_secs(grant.expires_in)),
        refreshed_at: now,
        version: before.as_ref().map_or(0, |before| before.version) + 1,
        delivery: before.and_then(|before| before.delivery),
        reviewed_at: Some(now),
        halt: None,
    };
    ports.store.save_grant(&installation, keep_alive_due(now)).await?;
    tracing::info!(company = %me.company, user = %me.user, "installed");
    bring_back_channels(ports, &installation).await?;
    Ok(installation)
}

/// Registers the user's channels anew, also those whose end we did not hear of. One that Pipedrive refuses stays as it
/// was, and the set-up page shows it.
async fn bring_back_channels(ports: &InstallPorts<'_>, installation: &Installation) -> Result<(), InboxError> {
    let (company, user) = (installation.company, installation.user);
    let tokens = Tokens { store: ports.store, oauth: ports.oauth, secrets: ports.secrets, clock: ports.clock };
    let as_user = AsUser::new(&tokens, company, user, Spend::default());
    let inbox = RegisterPorts { api: ports.api, channels: ports.channels, providers: ports.providers };
    let members = ports.store.members(company).await?;
    let mut gone = false;
    for channel in members.channels.iter().filter(|c| c.owner == user && c.state != ChannelState::Removed) {
        // Served before it is registered: Pipedrive reads it within the same second.
        if channel.state != ChannelState::Active {
            ports.channels.set_channel_state(channel, ChannelState::Active, ports.clock.now()).await?;
        }
        if gone || channel.delivery != Delivery::Channels {
            continue;
        }
        match register::bring(&inbox, &as_user, channel, &installation.public_url).await {
            Ok(()) => {}
            Err(error @ InboxError::Store(_)) => return Err(error),
            // Whether Pipedrive has it is not known; served, it works if it does.
            Err(error @ InboxError::Pipedrive(PipedriveError::Transient { .. })) => {
                telemetry::log_error("whether a returning user's channel is registered is not known", &error);
            }
            Err(InboxError::Pipedrive(PipedriveError::Gone { .. })) if ports.delivery == DeliveryChoice::Auto => {
                gone = true;
                ports.store.set_delivery(company, user, Delivery::Records, ports.clock.now()).await?;
            }
            Err(error) => {
                telemetry::log_error("a channel of a returning user could not be registered", &error);
                ports.channels.set_channel_state(channel, channel.state, ports.clock.now()).await?;
            }
        }
    }
    Ok(())
}

/// The user removed the app in Pipedrive: the tokens go, their channels are not served any more. Messages that wait stay,
/// in case the user comes back. Repeatable.
pub async fn uninstall(
    store: &dyn InstallationStore,
    channels: &dyn ChannelStore,
    clock: &dyn Clock,
    company: CompanyId,
    user: UserId,
) -> Result<(), InboxError> {
    // The notice comes once. What can be seen from outside goes first, so that a try that dies leaves no channel served.
    let members = store.members(company).await?;
    for channel in members.channels.iter().filter(|c| c.owner == user && c.state == ChannelState::Active) {
        channels.set_channel_state(channel, ChannelState::Uninstalled, clock.now()).await?;
    }
    for _ in 0..TRIES {
        let Some(installation) = store.installation(company, user).await? else { return Ok(()) };
        if installation.state == InstallationState::Uninstalled
            || store.set_installation_state(&installation, InstallationState::Uninstalled).await?
        {
            tracing::info!(%company, %user, "uninstalled");
            return Ok(());
        }
    }
    Err(InboxError::Store(StoreError::Contended { operation: "uninstall" }))
}
