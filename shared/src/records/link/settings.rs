//! What a company and the owners of its channels want of Pipedrive's records.

use futures_util::future::try_join;
use serde::{Deserialize, Serialize};

use super::{LinkPorts, installed};
use crate::{
    inbox::{
        Caller,
        error::InboxError,
        ports::{ChannelStore, Members},
        sight::SharingStore,
    },
    model::{
        channel::{Channel, ChannelState, Delivery, ProviderKind},
        ids::{ChannelId, CompanyId, PipelineId, StageId, UserId},
        installation::{Installation, InstallationState},
        record::{ChannelSettings, Strangers},
    },
    pipedrive::PipelinesApi,
};

/// The settings of a company and its channels.
#[derive(Debug, Clone, Serialize)]
pub struct SettingsView {
    /// The company.
    pub company: CompanyView,
    /// Users who use the app.
    pub users: Vec<UserView>,
    /// The channels, oldest first.
    pub channels: Vec<ChannelSettingsView>,
}

/// The company.
#[derive(Debug, Clone, Serialize)]
pub struct CompanyView {
    /// Pipedrive's.
    pub id: CompanyId,
    /// What it is called.
    pub name: String,
    /// Where the caller's messages end; none if that is not known yet.
    pub delivery: Option<Delivery>,
    /// In which time zone its days begin; empty if Pipedrive did not tell.
    pub timezone: String,
}

/// A user.
#[derive(Debug, Clone, Serialize)]
pub struct UserView {
    /// Pipedrive's.
    pub id: UserId,
    /// What they are called.
    pub name: String,
    /// Whether Pipedrive still lets the app act for them.
    pub connected: bool,
    /// Whether that is the caller.
    pub own: bool,
}

/// A channel.
#[derive(Debug, Clone, Serialize)]
pub struct ChannelSettingsView {
    /// Ours.
    pub provider_channel_id: ChannelId,
    /// What the owner called it.
    pub name: String,
    /// Whom it talks to.
    pub provider: ProviderKind,
    /// Where its messages end.
    pub delivery: Delivery,
    /// Who connected it.
    pub owner: UserId,
    /// Whether that is the caller, who alone may change its settings.
    pub own: bool,
    /// Whether they keep its conversations to themselves.
    pub private: bool,
    /// What they want.
    #[serde(flatten)]
    pub settings: ChannelSettings,
}

/// New settings of a channel, all of them.
#[derive(Debug, Clone, Deserialize)]
pub struct ChangeSettings {
    /// The channel.
    pub channel: String,
    /// Whether a person is created for a customer whom Pipedrive does not know.
    pub create_persons: bool,
    /// What else is created for them.
    pub strangers: Strangers,
    /// Who gets the badge of conversations whose records are nobody's; the channel's owner if none.
    #[serde(default)]
    pub assignee: Option<UserId>,
}

/// Who is to see a channel's conversations.
#[derive(Debug, Clone, Deserialize)]
pub struct ChangeSharing {
    /// The channel.
    pub channel: String,
    /// Its owner alone, instead of everybody.
    pub private: bool,
}

/// A pipeline with its stages.
#[derive(Debug, Clone, Serialize)]
pub struct PipelineView {
    /// Pipedrive's.
    pub id: PipelineId,
    /// What it is called.
    pub name: String,
    /// Its stages, first to last.
    pub stages: Vec<StageView>,
}

/// A stage.
#[derive(Debug, Clone, Serialize)]
pub struct StageView {
    /// Pipedrive's.
    pub id: StageId,
    /// What it is called.
    pub name: String,
}

/// The settings of the caller's company.
pub async fn settings(ports: &LinkPorts<'_>, sharing: &dyn SharingStore, caller: &Caller) -> Result<SettingsView, InboxError> {
    let members = async { ports.installations.members(caller.company).await };
    let (members, private) = try_join(members, sharing.private_channels(caller.company)).await?;
    let Members { installations, mut channels } = members;
    channels.retain(|channel| channel.state != ChannelState::Removed);
    channels.sort_by_key(|channel| channel.created_at);
    let own = installations.iter().find(|installation| installation.user == caller.user);
    let told = |tell: fn(&Installation) -> &str| own.map(tell).unwrap_or_default().to_owned();
    Ok(SettingsView {
        company: CompanyView {
            id: caller.company,
            name: told(|own| &own.company_name),
            delivery: own.and_then(|own| own.delivery),
            timezone: told(|own| &own.timezone),
        },
        users: installations
            .into_iter()
            .filter(|installation| installation.state != InstallationState::Uninstalled)
            .map(|installation| UserView {
                id: installation.user,
                connected: installation.state == InstallationState::Connected,
                own: installation.user == caller.user,
                name: installation.user_name,
            })
            .collect(),
        channels: channels.into_iter().map(|channel| view(private.contains(&channel.id), channel, caller)).collect(),
    })
}

fn view(private: bool, channel: Channel, caller: &Caller) -> ChannelSettingsView {
    ChannelSettingsView {
        private,
        own: channel.owner == caller.user,
        provider_channel_id: channel.id,
        name: channel.name,
        provider: channel.provider,
        delivery: channel.delivery,
        owner: channel.owner,
        settings: channel.settings,
    }
}

/// A channel that the caller wants to change, as its owner alone may.
async fn own_channel(channels: &dyn ChannelStore, caller: &Caller, id: &str, what: &str) -> Result<Channel, InboxError> {
    const NONE: InboxError = InboxError::NotFound("channel");
    let id = ChannelId::parse(id).map_err(|_| NONE)?;
    let is_served = |found: &Channel| found.company == caller.company && found.state != ChannelState::Removed;
    let channel = channels.channel(&id).await?.filter(is_served).ok_or(NONE)?;
    if channel.owner != caller.user {
        return Err(InboxError::Forbidden(format!("only the user who connected the channel may change {what}")));
    }
    Ok(channel)
}

/// Keeps a channel's conversations to its owner, or shares them with the company, as its owner alone may.
pub async fn share(
    ports: &LinkPorts<'_>,
    channels: &dyn ChannelStore,
    sharing: &dyn SharingStore,
    caller: &Caller,
    wanted: &ChangeSharing,
) -> Result<ChannelSettingsView, InboxError> {
    let channel = own_channel(channels, caller, &wanted.channel, "who sees its conversations").await?;
    installed(ports, caller).await?;
    sharing.set_private(&channel.id, wanted.private).await?;
    tracing::info!(channel = %channel.id, user = %caller.user, private = wanted.private, "who sees a channel was changed");
    Ok(view(wanted.private, channel, caller))
}

/// Changes a channel's settings, as its owner alone may.
pub async fn change(
    ports: &LinkPorts<'_>,
    channels: &dyn ChannelStore,
    sharing: &dyn SharingStore,
    pipelines: &dyn PipelinesApi,
    caller: &Caller,
    wanted: ChangeSettings,
) -> Result<ChannelSettingsView, InboxError> {
    let channel = own_channel(channels, caller, &wanted.channel, "its settings").await?;
    installed(ports, caller).await?;
    if let Some(assignee) = wanted.assignee {
        let found = ports.installations.installation(caller.company, assignee).await?;
        if found.is_none_or(|installation| installation.state == InstallationState::Uninstalled) {
            return Err(InboxError::invalid_body("assignee", "is not a user of this company who uses the app"));
        }
    }
    if let Strangers::Deal { pipeline, stage } = wanted.strangers {
        let found = ports.acting(caller).call(|access| async move { pipelines.stage(&access, stage).await }).await;
        let is_there = match found {
            Ok(found) => found.pipeline == pipeline,
            Err(InboxError::NotFound(_)) => false,
            Err(error) => return Err(error),
        };
        if !is_there {
            return Err(InboxError::invalid_body("strangers", "name a stage that is not one of that pipeline's"));
        }
    }
    let ChangeSettings { create_persons, strangers, assignee, .. } = wanted;
    let settings = ChannelSettings { create_persons, strangers, assignee };
    if !channels.save_settings(&channel.id, &settings).await? {
        return Err(InboxError::NotFound("channel"));
    }
    let private = sharing.private_channels(caller.company).await?.contains(&channel.id);
    Ok(view(private, Channel { settings, ..channel }, caller))
}

/// The company's pipelines and their stages, as the caller sees them.
pub async fn pipelines(
    ports: &LinkPorts<'_>,
    pipelines: &dyn PipelinesApi,
    caller: &Caller,
) -> Result<Vec<PipelineView>, InboxError> {
    let as_user = ports.acting(caller);
    let mut found = as_user.call(|access| async move { pipelines.pipelines(&access).await }).await?;
    found.sort_by_key(|pipeline| pipeline.order);
    let mut views = Vec::with_capacity(found.len());
    for pipeline in found {
        let id = pipeline.id;
        let mut stages = as_user.call(|access| async move { pipelines.stages(&access, id).await }).await?;
        stages.sort_by_key(|stage| stage.order);
        let stages = stages.into_iter().map(|stage| StageView { id: stage.id, name: stage.name }).collect();
        views.push(PipelineView { id, name: pipeline.name, stages });
    }
    Ok(views)
}
