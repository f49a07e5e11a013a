//! A channel's approved templates. Providers limit how often they may be asked for, so a list is kept for some minutes, or
//! until the provider says that it changed.

use std::time::Duration;

use super::{error::InboxError, ports::TemplateStore, read::served};
use crate::{
    clock::Clock,
    model::{channel::Channel, ids::ChannelId, template::Template},
    providers::Registry,
    secrets::SecretCache,
    telemetry,
};

/// How long a list is used without asking again.
const KEEP: Duration = Duration::from_mins(10);

/// What listing templates needs.
pub struct TemplatePorts<'a> {
    /// The lists that were kept.
    pub store: &'a dyn TemplateStore,
    /// The providers.
    pub providers: &'a Registry,
    /// To open the channel's credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// The templates of a channel that is served. Empty where the provider has none.
pub async fn of_channel(ports: &TemplatePorts<'_>, id: &ChannelId) -> Result<Vec<Template>, InboxError> {
    Ok(listed(ports, id).await?.1)
}

/// Those of them that can be sent with nothing but texts in their gaps.
pub async fn fillable(ports: &TemplatePorts<'_>, id: &ChannelId) -> Result<Vec<Template>, InboxError> {
    let (channel, templates) = listed(ports, id).await?;
    let provider = ports.providers.get(channel.provider);
    Ok(templates.into_iter().filter(|template| provider.is_fillable(template)).collect())
}

async fn listed(ports: &TemplatePorts<'_>, id: &ChannelId) -> Result<(Channel, Vec<Template>), InboxError> {
    let (channel, kept) = ports.store.kept_templates(id, ports.clock.now().minus(KEEP)).await?;
    let channel = served(channel)?;
    let templates = match kept {
        _ if !ports.providers.get(channel.provider).traits().templates => Vec::new(),
        Some(templates) => templates,
        None => ask(ports, &channel).await?,
    };
    Ok((channel, templates))
}

async fn ask(ports: &TemplatePorts<'_>, channel: &Channel) -> Result<Vec<Template>, InboxError> {
    let sealed = channel.credentials.as_ref().ok_or(InboxError::NotFound("channel"))?;
    let credentials = ports.secrets.get().await?.vault.open(&channel.seal_context(), sealed)?;
    let asked = ports.providers.get(channel.provider).templates(&credentials).await;
    let now = ports.clock.now();
    let templates = asked.map_err(|error| InboxError::from_provider(error.nothing_at_stake(), now))?;
    if let Err(error) = ports.store.keep_templates(&channel.id, &templates, now).await {
        telemetry::log_error("a list of templates could not be kept", &error);
    }
    Ok(templates)
}
