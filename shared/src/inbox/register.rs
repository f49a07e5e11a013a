//! Registering channels with Pipedrive's Messaging inbox.

use super::{as_user::AsUser, error::InboxError, ports::ChannelStore};
use crate::{
    model::channel::Channel,
    pipedrive::{Access, ChannelsApi, Registration, error::PipedriveError},
    providers::{Registry, Traits},
};

/// What bringing channels to the Messaging inbox needs.
#[derive(Clone, Copy)]
pub(super) struct RegisterPorts<'a> {
    /// The Messaging inbox.
    pub(super) api: &'a dyn ChannelsApi,
    /// Channels.
    pub(super) channels: &'a dyn ChannelStore,
    /// What channels are registered as.
    pub(super) providers: &'a Registry,
}

/// Brings a channel to its owner's Messaging inbox, as which the caller acts, and stores as what Pipedrive took it.
pub(super) async fn bring(
    ports: &RegisterPorts<'_>,
    owner: &AsUser<'_>,
    channel: &Channel,
    public_url: &str,
) -> Result<(), InboxError> {
    let (api, traits) = (ports.api, ports.providers.get(channel.provider).traits());
    let provider_type = owner.call(|access| async move { register(api, &access, channel, traits, public_url).await }).await?;
    if provider_type != channel.provider_type {
        ports.channels.set_provider_type(&channel.id, &provider_type).await?;
    }
    Ok(())
}

/// Registers the channel and returns the icon class that Pipedrive took: its newer reference lists `other` alone, so that
/// is tried when it refuses another.
pub(super) async fn register(
    api: &dyn ChannelsApi,
    access: &Access,
    channel: &Channel,
    traits: Traits,
    public_url: &str,
) -> Result<String, PipedriveError> {
    let avatar_url = format!("{public_url}/inbox/assets/icon-{}.png", channel.provider);
    let registration = |provider_type| Registration {
        id: &channel.id,
        name: &channel.name,
        avatar_url: &avatar_url,
        provider_type,
        // Pipedrive supports templates for WhatsApp alone (Pipedrive's API reference, Channels, "Adds a channel").
        template_support: traits.templates && traits.provider_type == "whatsapp",
    };
    let mut provider_type = traits.provider_type;
    let mut result = api.register(access, &registration(provider_type)).await;
    if matches!(result, Err(PipedriveError::Invalid { .. })) && provider_type != "other" {
        provider_type = "other";
        result = api.register(access, &registration(provider_type)).await;
    }
    match result {
        Ok(()) | Err(PipedriveError::ChannelExists) => Ok(provider_type.to_owned()),
        Err(error) => Err(error),
    }
}
