//! Once a week, looks again at what may have changed in Pipedrive without a word, for installations whose messages end on
//! records: what the user and the company are called, and whether the Messaging inbox is there (again). An installation that gets
//! one moves there with all its channels; what was written on records stays. The time zone stays as well: days that have notes would
//! begin at another moment.

use std::time::Duration;

use super::{
    as_user::AsUser,
    error::InboxError,
    ports::{ChannelStore, Members},
    register::{self, RegisterPorts},
    tokens::Tokens,
};
use crate::{
    clock::Clock,
    config::DeliveryChoice,
    model::{
        channel::{Channel, ChannelState, Delivery},
        ids::CompanyId,
        installation::{Installation, InstallationState, Profile},
    },
    pipedrive::{ChannelsApi, Users, error::PipedriveError, spend::Spend},
    providers::Registry,
    records::{link::told, ports::BudgetStore},
    telemetry,
};

/// How often. A little less than a week: the schedule comes each 24 hours, and this counts from the middle of a run.
const EACH: Duration = Duration::from_hours(7 * 24 - 4);

/// What it needs.
pub struct ReviewPorts<'a> {
    /// Installations, and access to Pipedrive.
    pub tokens: Tokens<'a>,
    /// Who the user is.
    pub users: &'a dyn Users,
    /// The Messaging inbox.
    pub api: &'a dyn ChannelsApi,
    /// Channels.
    pub channels: &'a dyn ChannelStore,
    /// What channels are registered as.
    pub providers: &'a Registry,
    /// What the bundle's configuration says of delivery.
    pub choice: DeliveryChoice,
    /// What it costs.
    pub budget: &'a dyn BudgetStore,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// Reviews what is due of these companies. What fails is tried again when it is called next. How many installations were reviewed.
pub async fn review_due(ports: &ReviewPorts<'_>, companies: &[CompanyId]) -> usize {
    let mut reviewed = 0;
    for company in companies {
        let members = match ports.tokens.store.members(*company).await {
            Ok(members) => members,
            Err(error) => {
                telemetry::log_error("a company could not be reviewed", &error);
                continue;
            }
        };
        for installation in members.installations.iter().filter(|installation| is_due(ports, installation)) {
            let spend = Spend::default();
            match review(ports, &members, installation, &spend).await {
                Ok(()) => reviewed += 1,
                Err(error) => telemetry::log_error("an installation could not be reviewed", &error),
            }
            told::write_down(ports.budget, ports.clock, *company, &spend).await;
        }
    }
    reviewed
}

fn is_due(ports: &ReviewPorts<'_>, installation: &Installation) -> bool {
    let works = installation.state == InstallationState::Connected && installation.delivery == Some(Delivery::Records);
    works && installation.reviewed_at.is_none_or(|at| ports.clock.now().since(at) >= EACH)
}

async fn review(
    ports: &ReviewPorts<'_>,
    members: &Members,
    installation: &Installation,
    spend: &Spend,
) -> Result<(), InboxError> {
    let (company, user) = (installation.company, installation.user);
    let as_user = AsUser::new(&ports.tokens, company, user, spend.clone());
    let users = ports.users;
    let me = as_user.call(|access| async move { users.me(&access).await }).await?;
    let told = Profile { company_name: me.company_name, user_name: me.user_name };
    let now = ports.clock.now();
    if ports.choice == DeliveryChoice::Auto && gets_inbox(ports, &as_user, members, installation).await? {
        tracing::info!(%company, %user, "the Messaging inbox is there; delivering to it");
        ports.tokens.store.set_delivery(company, user, Delivery::Channels, now).await?;
    }
    // Last, so that a try that dies is made up for.
    ports.tokens.store.save_profile(company, user, &told, now).await?;
    Ok(())
}

/// Registers the user's channels with the Messaging inbox. False if there is none; whoever has no channel cannot tell.
async fn gets_inbox(
    ports: &ReviewPorts<'_>,
    as_user: &AsUser<'_>,
    members: &Members,
    installation: &Installation,
) -> Result<bool, InboxError> {
    let is_own = |channel: &&Channel| channel.owner == installation.user && channel.state == ChannelState::Active;
    let inbox = RegisterPorts { api: ports.api, channels: ports.channels, providers: ports.providers };
    let mut registered = false;
    for channel in members.channels.iter().filter(is_own) {
        match register::bring(&inbox, as_user, channel, &installation.public_url).await {
            Ok(()) => registered = true,
            Err(InboxError::Pipedrive(PipedriveError::Gone { .. })) => return Ok(false),
            // One that is refused does not keep the others; the settings page shows it.
            Err(error @ (InboxError::Forbidden(_) | InboxError::Pipedrive(PipedriveError::Invalid { .. }))) => {
                telemetry::log_error("a channel could not be registered with the Messaging inbox", &error);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(registered)
}
