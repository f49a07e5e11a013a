//! What was written before a channel was connected, for providers that keep it: read page by page in the background and
//! stored as if it had come in then. A page may be repeated; a message that is here already stays as it is.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;

use super::{
    ports::{AccountOwner, ChannelStore, ReceiveStore, StoreError},
    receive::{Origin, Outcome, ReceivePorts, STREAM_GRACE, store_message},
    retry,
};
use crate::{
    clock::Clock,
    model::{
        channel::{Channel, ChannelState, Import},
        ids::ChannelId,
        message::{Direction, FailureReason},
        time::Timestamp,
    },
    providers::{HistoryPage, InboundMessage, Registry, error::ProviderError},
    secrets::SecretCache,
    telemetry,
};

/// How long a round goes on. What is left is due for the next one.
const ROUND_TIME: Duration = Duration::from_secs(20);
/// Most messages that are imported. Who needs more of the past finds it at the provider.
const MAX_MESSAGES: usize = 20_000;
/// How long a send of ours may take until the provider's id of it is stored.
const OWN_SENDS: Duration = Duration::from_mins(2);
/// Most channels of one shard that are imported at the same time.
const PER_SHARD: usize = 5;
/// How often in a row a page is asked for before the import ends without it.
const MAX_ATTEMPTS: u32 = 10;

/// What importing needs.
pub struct ImportPorts<'a> {
    /// Channels and how far their imports are.
    pub channels: &'a dyn ChannelStore,
    /// Where messages go.
    pub store: &'a dyn ReceiveStore,
    /// The providers.
    pub providers: &'a Registry,
    /// To open the channel's credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What a run did, for the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Messages stored.
    pub stored: usize,
    /// Channels whose import failed for our own reasons; they stay due.
    pub failed: usize,
}

/// Does a round for each channel whose import has something to do.
pub async fn run(ports: &ImportPorts<'_>) -> Result<Summary, StoreError> {
    let due = ports.channels.imports_due(ports.clock.now(), PER_SHARD).await?;
    let rounds: Vec<_> = due.iter().map(|id| import(ports, id)).collect();
    let mut summary = Summary::default();
    for stored in join_all(rounds).await {
        match stored {
            Ok(stored) => summary.stored += stored,
            Err(error) => {
                summary.failed += 1;
                telemetry::log_error("a channel's past could not be imported and stays due", &error);
            }
        }
    }
    Ok(summary)
}

/// Imports pages of the channel's past until time is up. How many messages were stored.
async fn import(ports: &ImportPorts<'_>, id: &ChannelId) -> Result<usize, StoreError> {
    let Some(mut channel) = ports.channels.channel(id).await? else { return Ok(0) };
    let started = ports.clock.now();
    let mut stored = 0;
    while let Some(import) = due(&channel, ports.clock.now()) {
        if ports.clock.now().since(started) > ROUND_TIME {
            break;
        }
        let (next, count) = match ask(ports, &channel, import.cursor.as_deref()).await {
            Ok(page) => {
                let count = store_page(ports, &channel, &page).await?;
                (after_page(&import, page), count)
            }
            Err(error) => (after_failure(&import, &error, ports.clock.now(), ports.clock.jitter()), 0),
        };
        stored += count;
        let due_at = next.next_at.unwrap_or_else(|| ports.clock.now().plus(STREAM_GRACE));
        if !ports.channels.save_import(&channel, &next, due_at).await? {
            // Removed, or another round got further.
            break;
        }
        channel.import = Some(next);
    }
    Ok(stored)
}

/// The import, if there is something to do now.
fn due(channel: &Channel, now: Timestamp) -> Option<Import> {
    let import = channel.import.as_ref().filter(|import| !import.done)?;
    let waits = import.next_at.is_some_and(|at| at > now);
    (channel.state == ChannelState::Active && !waits).then(|| import.clone())
}

async fn ask(ports: &ImportPorts<'_>, channel: &Channel, cursor: Option<&str>) -> Result<HistoryPage, ProviderError> {
    let locked = |error: &(dyn std::error::Error + 'static)| {
        telemetry::log_error("a channel's credentials could not be opened", error);
        ProviderError::Transient { code: "credentials".to_owned() }
    };
    let sealed = channel.credentials.as_ref().ok_or_else(|| ProviderError::Transient { code: "credentials".to_owned() })?;
    let secrets = ports.secrets.get().await.map_err(|error| locked(&error))?;
    let credentials = secrets.vault.open(&channel.seal_context(), sealed).map_err(|error| locked(&error))?;
    ports.providers.get(channel.provider).history(&credentials, cursor).await.map_err(ProviderError::nothing_at_stake)
}

async fn store_page(ports: &ImportPorts<'_>, channel: &Channel, page: &HistoryPage) -> Result<usize, StoreError> {
    let traits = ports.providers.get(channel.provider).traits();
    let receive = ReceivePorts { store: ports.store, clock: ports.clock, profiles: traits.profiles };
    let owner = AccountOwner { channel: channel.id.clone(), owner: channel.owner };
    // Some providers tell times to the second: what they list later is older.
    let mut messages: Vec<&InboundMessage> = page.messages.iter().rev().collect();
    messages.sort_by_key(|message| message.sent_at);
    // Pipedrive asks for a conversation that it does not know, with all that is in it: it is enough to tell it of the newest.
    let mut newest = BTreeMap::new();
    for (index, message) in messages.iter().enumerate() {
        newest.insert(message.customer.keys.first(), index);
    }
    let mut stored = 0;
    for (index, message) in messages.iter().enumerate() {
        let now = ports.clock.now();
        let sent_at = message.sent_at.unwrap_or(now);
        // What the company sent just now may be our own, of which the provider's id is not stored yet.
        if message.direction == Direction::Out && now.since(sent_at) < OWN_SENDS {
            continue;
        }
        let owed = newest.get(&message.customer.keys.first()) == Some(&index);
        // What came since the channel is connected is news, also if it is found here first.
        let is_news = sent_at >= channel.created_at;
        let origin = if is_news { Origin::live(now, index) } else { Origin::past(now, index, owed) };
        let outcome = store_message(&receive, origin, &owner, message).await?;
        stored += usize::from(outcome == Outcome::Stored);
    }
    Ok(stored)
}

fn after_page(before: &Import, page: HistoryPage) -> Import {
    let messages = before.messages + page.messages.len();
    let repeats = page.next.is_some() && page.next == before.cursor;
    Import {
        done: page.next.is_none() || repeats || messages >= MAX_MESSAGES,
        messages,
        cursor: page.next,
        attempts: 0,
        next_at: None,
        failure: None,
    }
}

fn after_failure(before: &Import, error: &ProviderError, now: Timestamp, jitter: f64) -> Import {
    let attempts = before.attempts + 1;
    let asked = if let ProviderError::RateLimited { retry_after, .. } = error { Some(*retry_after) } else { None };
    let ends = matches!(error, ProviderError::Refused { .. }) || attempts >= MAX_ATTEMPTS;
    Import {
        done: ends,
        attempts,
        next_at: (!ends).then(|| retry::next_try(now, attempts, asked, jitter)),
        failure: ends.then(|| FailureReason { code: error.code().to_owned(), text: error.for_people() }),
        ..before.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::error::Refusal;

    fn page(next: Option<&str>) -> HistoryPage {
        HistoryPage { messages: Vec::new(), next: next.map(str::to_owned) }
    }

    #[test]
    fn pages_lead_to_the_end() {
        let first = after_page(&Import::default(), page(Some("a")));
        assert_eq!((first.done, first.cursor.as_deref()), (false, Some("a")));
        assert!(after_page(&first, page(None)).done);
        assert!(after_page(&first, page(Some("a"))).done, "a page that leads to itself is the last");
    }

    #[test]
    fn failures_are_tried_again_and_end() {
        let now = Timestamp::EPOCH;
        let passing = ProviderError::Transient { code: "http_503".to_owned() };
        let mut import = Import { messages: 7, cursor: Some("c".to_owned()), ..Import::default() };
        import = after_failure(&import, &passing, now, 0.5);
        assert!(!import.done && import.next_at > Some(now) && import.cursor.is_some() && import.messages == 7);
        let slow = ProviderError::RateLimited { code: "613".to_owned(), retry_after: Duration::from_hours(1) };
        assert!(after_failure(&import, &slow, now, 0.5).next_at >= Some(now.plus(Duration::from_hours(1))));
        for _ in 0..MAX_ATTEMPTS {
            import = after_failure(&import, &passing, now, 0.5);
        }
        assert!(import.done && import.failure.is_some() && import.next_at.is_none());
        let no = ProviderError::Refused { refusal: Refusal::Unauthorized, code: "190".to_owned(), message: "No.".to_owned() };
        let ended = after_failure(&Import::default(), &no, now, 0.5);
        assert_eq!((ended.done, ended.failure.map(|reason| reason.text)), (true, Some("No.".to_owned())));
    }
}
