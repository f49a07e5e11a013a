//! Removing: a channel with all that is in it, or one conversation. What is removed is not served from that moment on;
//! what is left of it is erased at once if it is little, by `redeliver` if it is much. Every step may be repeated.

use std::time::Duration;

use super::{
    Caller,
    error::InboxError,
    ports::{ChannelStore, InboxReader, InstallationStore},
    sight::Sight,
    tokens::{TokenError, Tokens},
};
use crate::{
    clock::Clock,
    media::bucket::{self, Bucket},
    model::{
        channel::{Channel, ChannelState, Delivery},
        conversation::Conversation,
        ids::{ChannelId, CompanyId, ConversationId, UserId},
        installation::InstallationState,
        time::Timestamp,
    },
    pipedrive::{Access, ChannelsApi, error::PipedriveError},
    providers::Registry,
    secrets::SecretCache,
    telemetry,
};

/// Conversations erased within a request.
const AT_ONCE: usize = 25;
/// Conversations erased in one background run.
const PER_RUN: usize = 200;
/// When to look whether a message that was on its way when the channel was removed came in after all.
const STRAGGLERS: Duration = Duration::from_mins(15);
/// When to go on erasing.
const NEXT: Duration = Duration::from_secs(30);

/// What removing needs.
pub struct RemovePorts<'a> {
    /// Channels.
    pub channels: &'a dyn ChannelStore,
    /// Where their files are.
    pub bucket: &'a dyn Bucket,
    /// The company's other channels.
    pub members: &'a dyn InstallationStore,
    /// The providers, to be told that we don't listen any more.
    pub providers: &'a Registry,
    /// To open the channels' credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What it takes to tell Pipedrive, on the owner's behalf.
pub struct TellPorts<'a> {
    /// Access to Pipedrive.
    pub tokens: Tokens<'a>,
    /// The Channels API.
    pub api: &'a dyn ChannelsApi,
}

/// What Pipedrive is told.
#[derive(Clone, Copy)]
enum Deletion<'a> {
    Channel(&'a ChannelId),
    Conversation(&'a ChannelId, &'a ConversationId),
}

impl Deletion<'_> {
    async fn tell(self, api: &dyn ChannelsApi, access: &Access) -> Result<(), PipedriveError> {
        match self {
            Self::Channel(channel) => api.delete_channel(access, channel).await,
            Self::Conversation(channel, conversation) => api.delete_conversation(access, channel, conversation).await,
        }
    }
}

/// Pipedrive's user removed the channel in Pipedrive. A channel that is gone, or never was, is as it should be.
pub async fn remove_channel_by_pipedrive(ports: &RemovePorts<'_>, id: &ChannelId) -> Result<(), InboxError> {
    match ports.channels.channel(id).await? {
        // Kept for the user's return.
        Some(channel) if channel.state == ChannelState::Uninstalled => {
            Err(InboxError::Unauthorized("the channel's owner has uninstalled the app"))
        }
        Some(channel) => remove(ports, channel).await,
        None => Ok(()),
    }
}

/// The channel's owner removes it here; Pipedrive is told.
pub async fn remove_channel_by_owner(
    ports: &RemovePorts<'_>,
    tell: &TellPorts<'_>,
    caller: &Caller,
    id: &ChannelId,
) -> Result<(), InboxError> {
    let channel = ports.channels.channel(id).await?;
    let channel = channel
        .filter(|found| found.company == caller.company && found.state != ChannelState::Removed)
        .ok_or(InboxError::NotFound("channel"))?;
    if channel.owner != caller.user {
        return Err(InboxError::Forbidden("only the user who connected the channel may remove it".to_owned()));
    }
    still_installed(tell, caller).await?;
    if channel.delivery == Delivery::Channels {
        tell_pipedrive(tell, caller.company, caller.user, Deletion::Channel(id)).await?;
    }
    remove(ports, channel).await
}

/// The owner of the conversation's channel deletes it; Pipedrive is told.
pub async fn delete_conversation(
    channels: &dyn ChannelStore,
    bucket: &dyn Bucket,
    reader: &dyn InboxReader,
    tell: &TellPorts<'_>,
    sight: &Sight<'_>,
    id: &ConversationId,
) -> Result<(), InboxError> {
    let caller = &sight.caller;
    let conversation = sight.conversation(reader.conversation(id).await?).await?;
    if conversation.owner != caller.user {
        return Err(InboxError::Forbidden("only the user who connected the channel may delete its conversations".to_owned()));
    }
    still_installed(tell, caller).await?;
    let channel = channels.channel(&conversation.channel).await?;
    let known_there = channel.is_some_and(|channel| channel.delivery == Delivery::Channels);
    let deletion = Deletion::Conversation(&conversation.channel, id);
    if known_there {
        tell_pipedrive(tell, caller.company, caller.user, deletion).await?;
    }
    erase_one(channels, bucket, &conversation).await?;
    if known_there && !conversation.outbox.is_empty() {
        // What was on its way may have brought it back.
        tell_pipedrive(tell, caller.company, caller.user, deletion).await?;
    }
    Ok(())
}

/// A session outlives the app's removal by minutes; the right to erase does not.
async fn still_installed(ports: &TellPorts<'_>, caller: &Caller) -> Result<(), InboxError> {
    let installation = ports.tokens.store.installation(caller.company, caller.user).await?;
    match installation {
        Some(installation) if installation.state != InstallationState::Uninstalled => Ok(()),
        _ => Err(InboxError::Unauthorized("the app is not installed for this user")),
    }
}

/// Calls Pipedrive, with renewed tokens if it refuses the first. What Pipedrive does not have need not be deleted there;
/// neither does what a user's withdrawn consent keeps us from reaching.
async fn tell_pipedrive(
    ports: &TellPorts<'_>,
    company: CompanyId,
    user: UserId,
    deletion: Deletion<'_>,
) -> Result<(), InboxError> {
    let access = match ports.tokens.access(company, user).await {
        Ok((_, access)) => access,
        Err(TokenError::NotConnected) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut result = deletion.tell(ports.api, &access).await;
    if result == Err(PipedriveError::Unauthorized) {
        result = match ports.tokens.renew(company, user, access.version).await {
            Ok((_, access)) => deletion.tell(ports.api, &access).await,
            Err(TokenError::NotConnected) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
    }
    match result {
        Ok(()) | Err(PipedriveError::NotFound | PipedriveError::Gone { .. }) => Ok(()),
        Err(PipedriveError::Forbidden { .. }) => {
            Err(InboxError::Forbidden("Pipedrive allows this to the app's owner alone".to_owned()))
        }
        Err(error) => Err(InboxError::Pipedrive(error)),
    }
}

/// Tells the provider that we don't listen any more.
pub(super) async fn unsubscribe(ports: &RemovePorts<'_>, channel: &Channel) -> Result<(), InboxError> {
    let Some(sealed) = &channel.credentials else { return Ok(()) };
    let vault = &ports.secrets.get().await?.vault;
    let credentials = vault.open(&channel.seal_context(), sealed)?;
    let members = ports.members.members(channel.company).await?;
    let others = members
        .channels
        .iter()
        .filter(|other| other.id != channel.id && other.provider == channel.provider && other.state != ChannelState::Removed);
    let others: Vec<_> = others.filter_map(|other| vault.open(&other.seal_context(), other.credentials.as_ref()?).ok()).collect();
    let unsubscribed = ports.providers.get(channel.provider).unsubscribe(&credentials, &others).await;
    unsubscribed.map_err(InboxError::Provider)
}

async fn remove(ports: &RemovePorts<'_>, channel: Channel) -> Result<(), InboxError> {
    let now = ports.clock.now();
    if channel.state != ChannelState::Removed
        && ports.channels.set_channel_state(&channel, ChannelState::Removed, now.plus(NEXT)).await?
        && let Err(error) = unsubscribe(ports, &channel).await
    {
        // The owner wants it gone here; webhooks that still come are refused.
        telemetry::log_error("a provider could not be told that a channel is gone", &error);
    }
    erase(ports.channels, ports.bucket, &channel.id, now, Erasure::AtOnce).await?;
    Ok(())
}

/// A round of erasing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// The first, within a request.
    AtOnce,
    /// A later one, by `redeliver`.
    Background,
}

/// Erases some conversations of a removed channel and says when to come back: soon if there may be more, later for
/// stragglers, never after a later look that found nothing. How many were erased.
pub async fn erase(
    channels: &dyn ChannelStore,
    bucket: &dyn Bucket,
    id: &ChannelId,
    now: Timestamp,
    round: Erasure,
) -> Result<usize, InboxError> {
    let limit = match round {
        Erasure::AtOnce => AT_ONCE,
        Erasure::Background => PER_RUN,
    };
    let conversations = channels.conversations_to_erase(id, limit).await?;
    for conversation in &conversations {
        erase_one(channels, bucket, conversation).await?;
    }
    let erased = conversations.len();
    let due_at = match (erased, round) {
        (0, Erasure::Background) => None,
        (n, _) if n == limit => Some(now.plus(NEXT)),
        _ => Some(now.plus(STRAGGLERS)),
    };
    channels.set_removal_due(id, due_at).await?;
    Ok(erased)
}

/// Erases a conversation: its files first, since they are found by it. A file that is just being fetched is deleted by its
/// fetcher, who finds the message gone.
pub(super) async fn erase_one(
    channels: &dyn ChannelStore,
    bucket: &dyn Bucket,
    conversation: &Conversation,
) -> Result<(), InboxError> {
    bucket::erase_conversation(bucket, &conversation.id).await?;
    channels.erase_conversation(conversation).await?;
    // What was copied between the two.
    bucket::erase_conversation(bucket, &conversation.id).await?;
    Ok(())
}
