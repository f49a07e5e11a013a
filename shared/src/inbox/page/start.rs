//! What the page needs when it opens: who is there, which channels, how they fare.

use serde::Serialize;

use super::{list, rows::ConversationRow};
use crate::{
    clock::Clock,
    inbox::{
        Caller,
        error::InboxError,
        ports::{InboxReader, InstallationStore, Members, StoreError},
        sight::Sight,
    },
    media::links::Links,
    model::{
        channel::{Channel, ChannelState, Delivery, ProviderKind},
        ids::{ChannelId, UserId},
        installation::{Installation, InstallationState},
    },
    providers::Registry,
    secrets::{SecretCache, Secrets},
};

/// Everything about the company, and the first page of its conversations.
#[derive(Debug, Clone, Serialize)]
pub struct Start {
    /// The caller.
    pub me: UserId,
    /// What the company is called.
    pub company: String,
    /// Who of the company uses the app.
    pub members: Vec<Member>,
    /// Its channels, as far as the caller may see what is on them.
    pub channels: Vec<ChannelRow>,
    /// Its newest conversations.
    pub conversations: Vec<ConversationRow>,
    /// Where the list goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// From when on to ask for changes.
    pub since: i64,
}

/// A user of the company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Their id.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// Whether Pipedrive still lets the app act for them.
    pub connected: bool,
}

/// A channel, as the inbox page needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "what a page shows or hides, each by itself")]
pub struct ChannelRow {
    /// Its id.
    pub id: ChannelId,
    /// Its name.
    pub name: String,
    /// Its provider's word.
    pub provider: ProviderKind,
    /// What the provider is called.
    pub provider_name: &'static str,
    /// Whether it is served.
    pub state: ChannelState,
    /// Why the provider does not serve the account, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Where its messages end.
    pub delivery: Delivery,
    /// Who connected it, and alone may remove it or delete its conversations.
    pub owner: UserId,
    /// Whether that is the caller.
    pub own: bool,
    /// Whether it has approved templates.
    pub templates: bool,
    /// Longest text, in characters.
    pub max_text: usize,
    /// Whether a message can say which one it answers.
    pub replies: bool,
    /// Whether the company may write to a phone number first.
    pub writes_first: bool,
    /// How much longer than a conversation's `reply_by` says its customer may be written to, in seconds.
    pub reply_extension: u64,
}

impl ChannelRow {
    /// As the caller sees it. What only its credentials tell is not so where those can't be opened.
    fn new(channel: Channel, caller: &Caller, providers: &Registry, secrets: &Secrets) -> Self {
        let provider = providers.get(channel.provider);
        let traits = provider.traits();
        let sealed = channel.credentials.as_ref();
        let credentials = sealed.and_then(|sealed| secrets.vault.open(&channel.seal_context(), sealed).ok());
        let told = credentials.as_ref();
        Self {
            replies: traits.replies,
            writes_first: told.is_some_and(|credentials| provider.writes_first(credentials)),
            reply_extension: told.map_or(0, |credentials| provider.reply_extension(credentials).as_secs()),
            own: channel.owner == caller.user,
            id: channel.id,
            name: channel.name,
            provider: channel.provider,
            provider_name: traits.name,
            state: channel.state,
            problem: channel.problem.map(|problem| problem.text),
            delivery: channel.delivery,
            owner: channel.owner,
            templates: traits.templates,
            max_text: traits.max_text_chars,
        }
    }
}

/// The channels that are not removed and of which the caller may see what is on them, in the order in which they were connected.
async fn channels(
    members: Vec<Channel>,
    sight: &Sight<'_>,
    providers: &Registry,
    secrets: &Secrets,
) -> Result<Vec<ChannelRow>, StoreError> {
    let mut channels: Vec<Channel> = members.into_iter().filter(|channel| channel.state != ChannelState::Removed).collect();
    channels.sort_by_key(|channel| channel.created_at);
    let mut rows = Vec::with_capacity(channels.len());
    for channel in channels {
        if sight.shows(&channel).await? {
            rows.push(ChannelRow::new(channel, &sight.caller, providers, secrets));
        }
    }
    Ok(rows)
}

fn member(installation: &Installation) -> Option<Member> {
    (installation.state != InstallationState::Uninstalled).then(|| Member {
        user: installation.user,
        name: installation.user_name.clone(),
        connected: installation.state == InstallationState::Connected,
    })
}

/// What starting needs.
pub struct StartPorts<'a> {
    /// The conversations.
    pub reader: &'a dyn InboxReader,
    /// Who is there.
    pub installations: &'a dyn InstallationStore,
    /// What they can do.
    pub providers: &'a Registry,
    /// To open the channels' credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// All that the page shows first. 2 queries at the same time, and 1 read of who sees what, where there are colleagues' channels.
pub async fn start(ports: &StartPorts<'_>, links: &Links, sight: &Sight<'_>, limit: usize) -> Result<Start, InboxError> {
    let caller = &sight.caller;
    // Before the list is read: what changes meanwhile is told again rather than not at all.
    let since = ports.clock.now().millis();
    let secrets = ports.secrets.get().await?;
    let filter = list::Filter::default();
    let list = list::conversations(ports.reader, links, sight, &filter, None, limit);
    let members = async { Ok(ports.installations.members(caller.company).await?) };
    let (Members { installations, channels: found }, list) = futures_util::future::try_join(members, list).await?;
    let mine = installations.iter().find(|one| one.user == caller.user);
    Ok(Start {
        me: caller.user,
        company: mine.map(|one| one.company_name.clone()).unwrap_or_default(),
        members: installations.iter().filter_map(member).collect(),
        channels: channels(found, sight, ports.providers, &secrets).await?,
        conversations: list.conversations,
        after: list.after,
        since,
    })
}
