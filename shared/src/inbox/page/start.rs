//! What the page needs when it opens: who is there, which channels, how they fare.

use serde::Serialize;

use super::{list, rows::ConversationRow};
use crate::{
    clock::Clock,
    inbox::{
        Caller,
        error::InboxError,
        ports::{InboxReader, InstallationStore, Members},
    },
    media::links::Links,
    model::{
        channel::{Channel, ChannelState, Delivery, ProviderKind},
        ids::{ChannelId, UserId},
        installation::{Installation, InstallationState},
    },
    providers::Registry,
};

/// Everything about the company, and the first page of its conversations.
#[derive(Debug, Clone, Serialize)]
pub struct Start {
    /// The caller.
    pub me: UserId,
    /// What the company is called.
    pub company: String,
    /// Where Pipedrive shows the company's records, without a slash at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipedrive_url: Option<String>,
    /// Who of the company uses the app.
    pub members: Vec<Member>,
    /// Its channels.
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
}

impl ChannelRow {
    fn new(channel: Channel, caller: &Caller, providers: &Registry) -> Self {
        let traits = providers.get(channel.provider).traits();
        Self {
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

/// The company's channels that are not removed, in the order in which they were connected.
pub fn channels(members: Vec<Channel>, caller: &Caller, providers: &Registry) -> Vec<ChannelRow> {
    let mut channels: Vec<Channel> = members.into_iter().filter(|channel| channel.state != ChannelState::Removed).collect();
    channels.sort_by_key(|channel| channel.created_at);
    channels.into_iter().map(|channel| ChannelRow::new(channel, caller, providers)).collect()
}

fn member(installation: &Installation) -> Option<Member> {
    (installation.state != InstallationState::Uninstalled).then(|| Member {
        user: installation.user,
        name: installation.user_name.clone(),
        connected: installation.state == InstallationState::Connected,
    })
}

/// All that the page shows first. 2 queries at the same time.
pub async fn start(
    store: &dyn InboxReader,
    installations: &dyn InstallationStore,
    providers: &Registry,
    links: &Links,
    clock: &dyn Clock,
    caller: &Caller,
    limit: usize,
) -> Result<Start, InboxError> {
    // Before the list is read: what changes meanwhile is told again rather than not at all.
    let since = clock.now().millis();
    let filter = list::Filter::default();
    let list = list::conversations(store, links, caller, &filter, None, limit);
    let members = async { Ok(installations.members(caller.company).await?) };
    let (Members { installations, channels: found }, list) = futures_util::future::try_join(members, list).await?;
    let mine = installations.iter().find(|one| one.user == caller.user);
    Ok(Start {
        me: caller.user,
        company: mine.map(|one| one.company_name.clone()).unwrap_or_default(),
        pipedrive_url: mine.map(|one| one.api_domain.clone()).filter(|url| !url.is_empty()),
        members: installations.iter().filter_map(member).collect(),
        channels: channels(found, caller, providers),
        conversations: list.conversations,
        after: list.after,
        since,
    })
}
