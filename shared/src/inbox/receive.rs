//! From a provider's verified webhook into the table. A message is stored in one transaction together with its dedupe
//! record and its outbox entry, so that none exists without the others; the table's stream does the rest.
//!
//! Everything here may be repeated: the provider sends a webhook again until it hears 2xx.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, stream};

use super::ports::{AccountOwner, NewMessage, ReceiveStore, Reference, StoreError, StoreOutcome};
use crate::{
    clock::Clock,
    model::{
        channel::ProviderKind,
        conversation::{Conversation, ConversationState, Stamp},
        ids::{AccountId, ChannelId, ContactKey, ConversationId, Place},
        message::{Direction, Message, Sending},
        status::Status,
        text::{MAX_MESSAGE_BYTES, MAX_NAME_BYTES, clean},
        time::Timestamp,
    },
    providers::{Event, EventKind, InboundMessage, StatusUpdate},
};

/// How long after a write `redeliver` looks whether the stream did its part.
pub const STREAM_GRACE: Duration = Duration::from_secs(90);
/// How far ahead of us a provider's clock may be before we use our own.
const CLOCK_SKEW: Duration = Duration::from_mins(5);
/// How often a write is tried against others that write the same conversation.
const TRIES: usize = 8;
/// How many customers' events of one webhook are stored at the same time.
const PARALLEL: usize = 16;

/// What receiving needs.
pub struct ReceivePorts<'a> {
    /// The table.
    pub store: &'a dyn ReceiveStore,
    /// The time.
    pub clock: &'a dyn Clock,
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
    /// Events of accounts that nobody connected.
    pub unknown_account: usize,
    /// Events that change nothing: old statuses, kinds that are not shown.
    pub ignored: usize,
}

enum Outcome {
    Stored,
    Duplicate,
    Status,
    Parked,
    Ignored,
}

/// Stores every event of a webhook. `path_channel` is the channel that the webhook's path names, for providers whose events
/// don't name an account. Every event is tried, also when one fails; then the whole is an error, so that the provider
/// repeats it.
pub async fn receive(
    ports: &ReceivePorts<'_>,
    provider: ProviderKind,
    path_channel: Option<&AccountOwner>,
    events: Vec<Event>,
) -> Result<Received, StoreError> {
    let now = ports.clock.now();
    let owners = owners(ports, provider, path_channel, &events).await?;
    let mut received = Received::default();
    let mut groups: BTreeMap<(&ChannelId, &str), Group<'_>> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        let group = match &event.kind {
            EventKind::Message(message) => message.customer.keys.first().map(ContactKey::as_str),
            EventKind::Status(update) => Some(update.provider_id.as_str()),
            EventKind::Ignored { .. } => None,
        };
        match (group, owners.get(&event.account)) {
            (None, _) => {
                if let EventKind::Ignored { what } = &event.kind {
                    tracing::info!(%provider, what, "an event is not shown");
                }
                received.ignored += 1;
            }
            (Some(_), None) => received.unknown_account += 1,
            (Some(group), Some(owner)) => {
                groups.entry((&owner.channel, group)).or_default().push((index, owner, &event.kind));
            }
        }
    }
    // Collected before it is awaited: a closure within the stream would keep the future from being `Send`.
    let stores: Vec<_> = groups
        .into_values()
        .map(|group| async move {
            let mut outcomes = Vec::with_capacity(group.len());
            for (index, owner, kind) in group {
                outcomes.push(store_event(ports, now, index, owner, kind).await);
            }
            outcomes
        })
        .collect();
    let outcomes: Vec<Vec<Result<Outcome, StoreError>>> = stream::iter(stores).buffer_unordered(PARALLEL).collect().await;
    for outcome in outcomes.into_iter().flatten() {
        match outcome? {
            Outcome::Stored => received.stored += 1,
            Outcome::Duplicate => received.duplicates += 1,
            Outcome::Status => received.statuses += 1,
            Outcome::Parked => received.parked += 1,
            Outcome::Ignored => received.ignored += 1,
        }
    }
    Ok(received)
}

/// Events of one customer, or about one message, in their order; groups are stored beside each other.
type Group<'a> = Vec<(usize, &'a AccountOwner, &'a EventKind)>;

async fn owners(
    ports: &ReceivePorts<'_>,
    provider: ProviderKind,
    path_channel: Option<&AccountOwner>,
    events: &[Event],
) -> Result<BTreeMap<Option<AccountId>, AccountOwner>, StoreError> {
    let mut owners = BTreeMap::new();
    if let Some(owner) = path_channel {
        owners.insert(None, owner.clone());
        return Ok(owners);
    }
    let mut asked: Vec<&AccountId> = events.iter().filter_map(|event| event.account.as_ref()).collect();
    asked.sort();
    asked.dedup();
    for account in asked {
        if let Some(owner) = ports.store.account_owner(provider, account).await? {
            owners.insert(Some(account.clone()), owner);
        }
    }
    Ok(owners)
}

async fn store_event(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    index: usize,
    owner: &AccountOwner,
    kind: &EventKind,
) -> Result<Outcome, StoreError> {
    match kind {
        EventKind::Message(message) => store_message(ports, now, index, owner, message).await,
        EventKind::Status(update) => store_status(ports, now, owner, update).await,
        EventKind::Ignored { .. } => Ok(Outcome::Ignored),
    }
}

async fn store_message(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    index: usize,
    owner: &AccountOwner,
    inbound: &InboundMessage,
) -> Result<Outcome, StoreError> {
    let place = Place::new(sent_at(inbound, now), now, index);
    // Where names lead that were erased.
    let mut gone: Vec<ConversationId> = Vec::new();
    for _ in 0..TRIES {
        let known = ports.store.conversation_of(&owner.channel, &inbound.customer.keys, &gone).await?.map(|(_, id)| id);
        let new = new_message(owner, inbound, known.as_ref(), &place, now);
        match ports.store.store_message(&new).await? {
            StoreOutcome::Stored => return Ok(Outcome::Stored),
            StoreOutcome::Duplicate => return Ok(Outcome::Duplicate),
            StoreOutcome::LookAgain => gone.extend(known),
        }
    }
    Err(StoreError::Contended { operation: "store a message" })
}

fn sent_at(inbound: &InboundMessage, now: Timestamp) -> Timestamp {
    inbound.sent_at.filter(|at| *at <= now.plus(CLOCK_SKEW)).unwrap_or(now)
}

fn new_message(
    owner: &AccountOwner,
    inbound: &InboundMessage,
    known: Option<&ConversationId>,
    place: &Place,
    now: Timestamp,
) -> NewMessage {
    let id = known.cloned().unwrap_or_default();
    let stamp = Stamp::new();
    let sent_at = sent_at(inbound, now);
    let mut customer = inbound.customer.clone();
    customer.name = clean(&customer.name, MAX_NAME_BYTES);
    NewMessage {
        message: Message {
            id: id.message(place),
            provider_id: Some(inbound.provider_id.clone()),
            direction: Direction::In,
            sender: id.end_user(),
            text: clean(&inbound.text, MAX_MESSAGE_BYTES),
            sent_at,
            status: Status::Delivered,
            failure: None,
            sending: Sending::Done,
            reply_by: inbound.reply_by,
            attachments: Vec::new(),
            dead: None,
        },
        conversation: Conversation {
            id,
            channel: owner.channel.clone(),
            company: owner.channel.company(),
            owner: owner.owner,
            customer,
            state: ConversationState::Open,
            link: inbound.link.clone(),
            last_at: sent_at,
            unread: 1,
            reply_by: inbound.reply_by,
            outbox: BTreeMap::from([(place.clone(), stamp)]),
            rest: None,
            person: None,
        },
        known: known.is_some(),
        name_known: inbound.name_known,
        stamp,
        due_at: now.plus(STREAM_GRACE),
    }
}

async fn store_status(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    owner: &AccountOwner,
    update: &StatusUpdate,
) -> Result<Outcome, StoreError> {
    let channel = &owner.channel;
    let failure = update.failure.as_ref();
    for _ in 0..TRIES {
        let seen = ports.store.reference(channel, &update.provider_id).await?;
        let message = match &seen {
            Reference::Message(message) => Some(message),
            // Not referenced: its send may have ended without our hearing the provider's id.
            Reference::Unknown { .. } => update.message.as_ref(),
        };
        if let Some(message) = message {
            let due_at = now.plus(STREAM_GRACE);
            if ports.store.advance_status(channel, message, update.status, failure, due_at).await? {
                return Ok(Outcome::Status);
            }
        }
        let Reference::Unknown { parked } = &seen else { return Ok(Outcome::Ignored) };
        if parked.as_ref().is_some_and(|(status, _)| !status.may_become(update.status)) {
            return Ok(Outcome::Ignored);
        }
        if ports.store.park_status(channel, &update.provider_id, &seen, update.status, failure, now).await? {
            return Ok(Outcome::Parked);
        }
    }
    Err(StoreError::Contended { operation: "store a status" })
}
