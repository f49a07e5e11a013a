//! From a provider's verified webhook into the table. A message is stored in one transaction together with its dedupe
//! record and its outbox entry, so that none exists without the others; the table's stream does the rest.
//!
//! Everything here may be repeated: the provider sends a webhook again until it hears 2xx.

mod message;
mod news;

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream};

pub use self::message::{Origin, store_message};
use super::ports::{AccountOwner, ReceiveStore, StoreError};
use crate::{
    clock::Clock,
    model::{
        channel::ProviderKind,
        ids::{AccountId, ChannelId, ContactKey},
        time::Timestamp,
    },
    providers::{Event, EventKind},
};

/// How long after a write `redeliver` looks whether the stream did its part.
pub const STREAM_GRACE: Duration = Duration::from_secs(90);
/// Longest quote of what a message answers, in characters.
pub(super) const MAX_QUOTE: usize = 160;
/// How often a write is tried against others that write the same record.
const TRIES: usize = 8;
/// How many customers' events of one webhook are stored at the same time.
const PARALLEL: usize = 16;

/// What receiving needs.
pub struct ReceivePorts<'a> {
    /// The table.
    pub store: &'a dyn ReceiveStore,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Whether the provider can be asked who a customer is.
    pub profiles: bool,
}

/// What became of a webhook's events, for the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Received {
    /// Messages stored.
    pub stored: usize,
    /// Messages that were stored before.
    pub duplicates: usize,
    /// Statuses that moved a message forward.
    pub statuses: usize,
    /// Statuses kept until their message is known.
    pub parked: usize,
    /// Messages changed or taken back by their writers, customers renamed, news of accounts.
    pub changes: usize,
    /// Events of accounts that nobody connected.
    pub unknown_account: usize,
    /// Events that change nothing: old statuses, kinds that are not shown.
    pub ignored: usize,
}

/// What became of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A message is stored.
    Stored,
    /// It was stored before.
    Duplicate,
    /// This many messages moved forward.
    Statuses(usize),
    /// A status is kept until its message is known.
    Parked,
    /// Something else changed.
    Changed,
    /// Nothing did.
    Ignored,
}

/// Stores every event of a webhook. `path_channel` is the channel that the webhook's path names, for providers whose events
/// don't name an account. When an event fails, the later ones about the same customer or message are left, since they would
/// overtake it, and all others are tried; then the whole is an error, so that the provider repeats it.
pub async fn receive(
    ports: &ReceivePorts<'_>,
    provider: ProviderKind,
    path_channel: Option<&AccountOwner>,
    events: Vec<Event>,
) -> Result<Received, StoreError> {
    let owners = owners(ports, provider, path_channel, &events).await?;
    let mut received = Received::default();
    let (mut names, mut messages, mut news) = (Groups::new(), Groups::new(), Groups::new());
    for (index, event) in events.iter().enumerate() {
        if let EventKind::Ignored { what } = &event.kind {
            tracing::info!(%provider, what, "an event is not shown");
            received.ignored += 1;
            continue;
        }
        let channels = owners.get(&event.account).map_or(&[][..], Vec::as_slice);
        received.unknown_account += usize::from(channels.is_empty());
        let groups = match event.kind {
            EventKind::Rename(_) => &mut names,
            EventKind::Message(_) => &mut messages,
            _ => &mut news,
        };
        for owner in channels {
            groups.entry((&owner.channel, about(&event.kind))).or_default().push((index, owner, &event.kind));
        }
    }
    // One webhook may hold a customer's new name, a message under it, and what is said about that message.
    for groups in [names, messages, news] {
        for outcome in store_all(ports, groups).await {
            match outcome? {
                Outcome::Stored => received.stored += 1,
                Outcome::Duplicate => received.duplicates += 1,
                Outcome::Statuses(0) | Outcome::Ignored => received.ignored += 1,
                Outcome::Statuses(count) => received.statuses += count,
                Outcome::Parked => received.parked += 1,
                Outcome::Changed => received.changes += 1,
            }
        }
    }
    Ok(received)
}

/// Events of one customer, or about one message, in their order; groups are stored beside each other.
type Groups<'a> = BTreeMap<(&'a ChannelId, &'a str), Vec<(usize, &'a AccountOwner, &'a EventKind)>>;

/// What an event is about: events about the same are stored one after the other.
fn about(kind: &EventKind) -> &str {
    match kind {
        EventKind::Message(message) => message.customer.keys.first().map_or("", ContactKey::as_str),
        EventKind::Status(update) => update.provider_id.as_str(),
        EventKind::Edit(edit) => edit.target.as_str(),
        EventKind::Deletion(deletion) => deletion.target.as_str(),
        EventKind::Receipt(receipt) => receipt.customer.as_str(),
        EventKind::Rename(rename) => rename.known.first().map_or("", ContactKey::as_str),
        EventKind::Account(_) | EventKind::Ignored { .. } => "",
    }
}

async fn store_all(ports: &ReceivePorts<'_>, groups: Groups<'_>) -> Vec<Result<Outcome, StoreError>> {
    // Collected before it is awaited: a closure within the stream would keep the future from being `Send`.
    let stores: Vec<_> = groups
        .into_values()
        .map(|group| async move {
            let mut outcomes = Vec::with_capacity(group.len());
            let last = group.len().saturating_sub(1);
            for (position, (index, owner, kind)) in group.into_iter().enumerate() {
                // By the clock of this moment: when the same webhook comes twice at once, what is stored here after something
                // that the other one stored has arrived after it.
                let outcome = store_event(ports, ports.clock.now(), index, owner, kind, position == last).await;
                let failed = outcome.is_err();
                outcomes.push(outcome);
                // What follows must not overtake it. All of it comes again.
                if failed {
                    break;
                }
            }
            outcomes
        })
        .collect();
    let outcomes: Vec<Vec<Result<Outcome, StoreError>>> = stream::iter(stores).buffer_unordered(PARALLEL).collect().await;
    outcomes.into_iter().flatten().collect()
}

/// Whose the events' accounts are. News of a group of accounts are about each of its channels.
async fn owners(
    ports: &ReceivePorts<'_>,
    provider: ProviderKind,
    path_channel: Option<&AccountOwner>,
    events: &[Event],
) -> Result<BTreeMap<Option<AccountId>, Vec<AccountOwner>>, StoreError> {
    let mut owners = BTreeMap::new();
    if let Some(owner) = path_channel {
        owners.insert(None, vec![owner.clone()]);
        return Ok(owners);
    }
    let mut asked: Vec<&AccountId> = events.iter().filter_map(|event| event.account.as_ref()).collect();
    asked.sort();
    asked.dedup();
    for account in asked {
        let found = match ports.store.account_owner(provider, account).await? {
            Some(owner) => vec![owner],
            None => ports.store.group_owners(provider, account).await?,
        };
        owners.insert(Some(account.clone()), found);
    }
    Ok(owners)
}

async fn store_event(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    index: usize,
    owner: &AccountOwner,
    kind: &EventKind,
    is_last: bool,
) -> Result<Outcome, StoreError> {
    let channel = &owner.channel;
    match kind {
        // Of what was before, Pipedrive is told by one message of each customer: it asks for the others.
        EventKind::Message(message) if message.past => {
            store_message(ports, Origin::past(now, index, is_last), owner, message).await
        }
        EventKind::Message(message) => store_message(ports, Origin::live(now, index), owner, message).await,
        EventKind::Status(update) => news::store_status(ports, now, channel, update).await,
        EventKind::Receipt(receipt) => news::store_receipt(ports, now, channel, receipt).await,
        EventKind::Edit(edit) => news::store_edit(ports, now, index, owner, edit).await,
        EventKind::Deletion(deletion) => news::store_deletion(ports, now, channel, deletion).await,
        EventKind::Rename(rename) => news::store_rename(ports, channel, rename).await,
        EventKind::Account(account) => news::store_account(ports, channel, account).await,
        EventKind::Ignored { .. } => Ok(Outcome::Ignored),
    }
}
