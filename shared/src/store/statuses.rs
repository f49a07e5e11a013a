//! Statuses of messages, which only move forward. Each move is owed to Pipedrive by the outbox.

use super::{
    Table,
    change::Change,
    conversations::{self, owe},
    keys::{Key, dead_shard},
    messages::{self, no_room, outbox_full},
    records::{number, time, to_value},
    write::{ATTEMPTS, Transacted, pause},
};
use crate::{
    inbox::ports::{Advance, StoreError},
    model::{
        conversation::{MAX_OUTBOX, Stamp},
        ids::{ChannelId, CompanyId},
        message::{FailureReason, Message, Sending, folded},
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

/// `message` after news of one of its parts, or of all; none if it says nothing new.
fn advanced_parts(message: &Message, advance: &Advance) -> Option<Message> {
    let mut after = message.clone();
    for (position, part) in after.parts.iter_mut().enumerate() {
        // A receipt is about what was sent: a part that the provider did not take has not been read.
        let concerned = advance.part.map_or(part.provider_id.is_some(), |named| named == position);
        if concerned && part.status.may_become(advance.status) {
            part.status = advance.status;
        }
    }
    let folded = folded(&after.parts)?;
    if after.parts == message.parts {
        return None;
    }
    // While it is under way, parts of it are still to be sent: whoever sends them says how the whole fared.
    if message.sending == Sending::Done && message.status.may_become(folded) {
        after.status = folded;
        after.failure = (folded == Status::Failed).then(|| advance.failure.clone()).flatten();
    } else if message.sending != Sending::Done && advance.status == Status::Failed {
        // Its reason waits for them.
        after.failure.clone_from(&advance.failure);
    }
    Some(after)
}

/// The change from `before` to `after`, which differ in statuses alone.
fn exchanged(before: &Message, after: &Message) -> Result<Change, StoreError> {
    let change = Change::default()
        .when("#parts = :seen_parts AND #status = :seen_status AND #sending = :seen_sending")
        .value(":seen_parts", to_value(KIND, &before.parts)?)
        .text(":seen_status", before.status.as_str())
        .value(":seen_sending", to_value(KIND, &before.sending)?)
        .set("#parts = :parts, #status = :status")
        .value(":parts", to_value(KIND, &after.parts)?)
        .text(":status", after.status.as_str());
    Ok(match &after.failure {
        Some(failure) => change.set("#failure = :failure").value(":failure", to_value(KIND, failure)?),
        None => change.remove("#failure"),
    })
}

impl Table {
    pub(super) async fn move_status(
        &self,
        channel: &ChannelId,
        advance: &Advance,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let message = &advance.message;
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
        // The message and what becomes of it, once it is known that it was sent as several.
        let mut parts: Option<(Message, Message)> = None;
        for attempt in 0..ATTEMPTS {
            let moved = match &parts {
                None => advanced(advance.status, advance.failure.as_ref())?.when("attribute_not_exists(#parts)"),
                Some((before, after)) => exchanged(before, after)?,
            };
            let items = match without_room {
                None => vec![moved.update(self, &Key::message(message))?, owed.clone()],
                Some(company) => vec![dead(moved, company, due_at)?.update(self, &Key::message(message))?],
            };
            let Transacted::Refused(refusals) = self.transact(ADVANCE, items).await? else {
                if without_room.is_some() {
                    no_room(message, channel);
                }
                return Ok(true);
            };
            if refusals.failed(MESSAGE) {
                let stored = refusals.stored(MESSAGE).map(messages::read).transpose()?;
                let Some(before) = stored.filter(|stored| !stored.parts.is_empty()) else { return Ok(false) };
                let Some(after) = advanced_parts(&before, advance) else { return Ok(false) };
                parts = Some((before, after));
                pause(attempt).await;
                continue;
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
