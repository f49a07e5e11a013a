//! Statuses of messages, which only move forward. Each move is owed to Pipedrive by the outbox.

use super::{
    Table,
    change::Change,
    conversations::{self, owe},
    keys::{Key, dead_shard},
    messages::outbox_full,
    records::{number, time, to_value},
    write::{ATTEMPTS, Transacted, pause},
};
use crate::{
    inbox::ports::StoreError,
    model::{
        conversation::{MAX_OUTBOX, Stamp},
        ids::{ChannelId, CompanyId, MessageId},
        message::{FailureReason, Sending},
        status::Status,
        time::Timestamp,
    },
};

const ADVANCE: &str = "advance a status";
const KIND: &str = "message";

const MESSAGE: usize = 0;
const CONVERSATION: usize = 1;

/// The message's part: forward, or from under way to the same status.
fn advanced(status: Status, failure: Option<&FailureReason>) -> Result<Change, StoreError> {
    let mut condition = "#sending.#stage = :underway AND #status = :status".to_owned();
    let mut change = Change::default()
        .set("#status = :status, #sending = :done")
        .text(":status", status.as_str())
        .text(":underway", "underway")
        .value(":done", to_value(KIND, &Sending::Done)?);
    for (position, from) in status.earlier().enumerate() {
        condition = format!("{condition} OR #status = :from{position}");
        change = change.text(format!(":from{position}"), from.as_str());
    }
    let change = change.when(condition);
    Ok(match failure {
        Some(failure) => change.set("#failure = :failure").value(":failure", to_value(KIND, failure)?),
        None => change.remove("#failure"),
    })
}

/// Also found among the dead: the outbox has no room to tell Pipedrive of it.
fn dead(change: Change, company: CompanyId, now: Timestamp) -> Result<Change, StoreError> {
    Ok(change
        .set("#dead = :dead, #due_shard = :dead_shard, #due_at = :now")
        .value(":dead", to_value(KIND, &outbox_full())?)
        .text(":dead_shard", dead_shard(company))
        .value(":now", time(now)))
}

impl Table {
    pub(super) async fn move_status(
        &self,
        channel: &ChannelId,
        message: &MessageId,
        status: Status,
        failure: Option<&FailureReason>,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = message.conversation();
        let key = Key::conversation(&id);
        // The message may be named by what a provider hands back: it must be one of the channel's own.
        let room = Change::default()
            .when("#channel = :channel")
            .text(":channel", channel.as_str())
            .when("size(#outbox) < :max OR attribute_exists(#outbox.#place)")
            .value(":max", number(MAX_OUTBOX));
        let owed = owe(room, &id, &message.place(), Stamp::new(), due_at).update(self, &key)?;
        let mut without_room: Option<CompanyId> = None;
        for attempt in 0..ATTEMPTS {
            let moved = advanced(status, failure)?;
            let items = match without_room {
                None => vec![moved.update(self, &Key::message(message))?, owed.clone()],
                Some(company) => vec![dead(moved, company, due_at)?.update(self, &Key::message(message))?],
            };
            let Transacted::Refused(refusals) = self.transact(ADVANCE, items).await? else { return Ok(true) };
            if refusals.failed(MESSAGE) {
                return Ok(false);
            }
            let Some(stored) = refusals.stored(CONVERSATION) else { return Ok(false) };
            let stored = conversations::read(stored)?;
            if stored.channel != *channel {
                return Ok(false);
            }
            without_room = Some(stored.company);
            pause(attempt).await;
        }
        Err(StoreError::Contended { operation: ADVANCE })
    }
}
