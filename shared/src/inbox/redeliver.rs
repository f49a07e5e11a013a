//! Each minute: what is due. Outboxes whose pause is over, or that the stream missed, are touched so that the stream
//! wakes `deliver`, and messages with files to fetch so that it wakes `fetch-media`; held outboxes are let go when their
//! installation works again, and one of them before, to see whether it does; removed channels are erased.

use std::time::Duration;

use futures_util::{StreamExt, stream};

use super::{
    error::InboxError,
    halt::{self, HaltStore},
    ports::{ChannelStore, DueWork, InstallationStore, OutboxStore, StoreError},
    receive::STREAM_GRACE,
    remove::{self, Erasure},
};
use crate::{clock::Clock, media::bucket::Bucket, model::time::Timestamp, telemetry};

/// Most pieces of work taken from one shard in one run.
const PER_SHARD: usize = 250;
/// Held outboxes let go in one run. The next run goes on.
const RELEASED_PER_RUN: usize = 500;
/// How long a release looks for held outboxes.
const RELEASE: Duration = Duration::from_mins(5);
/// Pieces of work at the same time.
const PARALLEL: usize = 16;

/// What redelivering needs.
pub struct RedeliverPorts<'a> {
    /// The queue.
    pub outbox: &'a dyn OutboxStore,
    /// What stops whole installations.
    pub halts: &'a dyn HaltStore,
    /// The installations.
    pub installations: &'a dyn InstallationStore,
    /// Channels to erase.
    pub channels: &'a dyn ChannelStore,
    /// Where their files are.
    pub bucket: &'a dyn Bucket,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What a run did, for the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Outboxes and messages touched.
    pub woken: usize,
    /// Held outboxes that may ask whether their installation delivers again.
    pub probes: usize,
    /// Held outboxes let go.
    pub released: usize,
    /// Conversations of removed channels erased.
    pub erased: usize,
    /// Pieces of work that failed; they stay due.
    pub failed: usize,
}

/// Does what is due. One failing piece does not keep the others from being done.
pub async fn run(ports: &RedeliverPorts<'_>) -> Result<Summary, StoreError> {
    let now = ports.clock.now();
    let work = ports.outbox.due(now, PER_SHARD).await?;
    let mut results = stream::iter(work).map(|piece| one(ports, piece, now)).buffer_unordered(PARALLEL);
    let mut summary = Summary::default();
    while let Some(result) = results.next().await {
        match result {
            Ok(part) => {
                summary.woken += part.woken;
                summary.probes += part.probes;
                summary.released += part.released;
                summary.erased += part.erased;
            }
            Err(error) => {
                summary.failed += 1;
                telemetry::log_error("a piece of due work failed and stays due", &error);
            }
        }
    }
    Ok(summary)
}

async fn one(ports: &RedeliverPorts<'_>, piece: DueWork, now: Timestamp) -> Result<Summary, InboxError> {
    let mut summary = Summary::default();
    match piece {
        DueWork::Outbox(conversation) => {
            ports.outbox.wake(&conversation, now.plus(STREAM_GRACE)).await?;
            summary.woken = 1;
        }
        DueWork::Media(message) => {
            ports.outbox.wake_media(&message, now.plus(STREAM_GRACE)).await?;
            summary.woken = 1;
        }
        DueWork::Removal(channel) => {
            summary.erased = remove::erase(ports.channels, ports.bucket, &channel, now, Erasure::Background).await?;
        }
        DueWork::Probe(company, user) => {
            summary.probes = usize::from(halt::probe(ports.halts, ports.installations, company, user, now).await?);
        }
        DueWork::Release(company, user) => {
            let installation = ports.installations.installation(company, user).await?;
            if installation.and_then(|found| found.halt).is_some_and(|halt| halt.reason.holds() || halt.until > now) {
                // Pipedrive takes nothing at the moment: what is released now would only be held again.
                return Ok(summary);
            }
            summary.released = ports.outbox.release(company, user, now, RELEASED_PER_RUN).await?;
            // The index may lag behind an outbox that was held a moment ago: look for some minutes before it is done.
            if summary.released < RELEASED_PER_RUN {
                ports.outbox.released(company, user, now.minus(RELEASE)).await?;
            }
        }
        // Those of import-history and keep-tokens.
        DueWork::Import(_) | DueWork::Tokens(..) | DueWork::Watch(_) | DueWork::Listen(..) => {}
    }
    Ok(summary)
}
