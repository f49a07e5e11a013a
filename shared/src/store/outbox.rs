//! The delivery queue: outboxes of conversations, settled by `deliver`, woken and released by `redeliver`.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    Table,
    change::Change,
    conversations,
    keys::{
        ASIDE_PREFIX, Key, MEDIA_PREFIX, OUTBOX_PREFIX, Queue, aside_shard, dead_shard, held_shard, media_shard, outbox_shard,
    },
    records::{number, time, to_value},
    write::Transacted,
};
use crate::{
    inbox::ports::{DueWork, OutboxStore, Outcome, Settled, Settlement, StoreError, Then},
    model::{
        conversation::{Conversation, Pause, Rest},
        halt::HaltReason,
        ids::{CompanyId, ConversationId, MessageId, Place, UserId},
        installation::InstallationState,
        message::{FailureReason, Message, Sending},
        status::Status,
        time::Timestamp,
    },
    telemetry::metrics::{self, Metric},
};

const KIND: &str = "installation";
const SETTLE: &str = "settle an outbox";

#[async_trait]
impl OutboxStore for Table {
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.read_conversation(id).await
    }

    async fn messages_at(&self, conversation: &ConversationId, places: &[Place]) -> Result<Vec<Message>, StoreError> {
        self.read_messages_at(conversation, places).await
    }

    async fn settle(&self, seen: &Conversation, settlement: &Settlement) -> Result<bool, StoreError> {
        let key = Key::conversation(&seen.id);
        let change = settled(seen, settlement)?;
        let mut others = Vec::new();
        for Settled { place, outcome, .. } in &settlement.settled {
            let message = Key::message(&seen.id.message(place));
            match outcome {
                Outcome::Dead(reason) => others.push(buried(seen.company, reason, settlement.at)?.update(self, &message)?),
                Outcome::Delivered { revived: true } => others.push(revived(seen.company).update(self, &message)?),
                Outcome::Delivered { revived: false } => {}
            }
        }
        if matches!(settlement.then, Then::Pause(Pause::Held { .. })) {
            // Held only while there is something to wait for that releases it: an installation that came back meanwhile releases
            // nothing twice, and a passing halt releases nothing.
            let away = Change::default()
                .when(
                    "attribute_not_exists(#PK) OR #state <> :connected OR (attribute_exists(#halt) AND #halt.#reason <> :passing)",
                )
                .value(":connected", to_value(KIND, &InstallationState::Connected)?)
                .value(":passing", to_value(KIND, &HaltReason::RateLimited)?);
            others.push(away.check(self, &Key::installation(seen.company, seen.owner))?);
        }
        if others.is_empty() {
            return Ok(self.update(SETTLE, &key, &change).await?.is_done());
        }
        let items = std::iter::once(change.update(self, &key)?).chain(others).collect();
        Ok(matches!(self.transact(SETTLE, items).await?, Transacted::Done))
    }

    async fn give_up_sending(&self, message: &MessageId, reason: &FailureReason) -> Result<bool, StoreError> {
        let change = Change::default()
            .when("#sending.#stage = :underway")
            .text(":underway", "underway")
            .set("#status = :failed, #failure = :reason, #sending = :done")
            .text(":failed", Status::Failed.as_str())
            .value(":reason", to_value("message", reason)?)
            .value(":done", to_value("message", &Sending::Done)?);
        Ok(self.update("give up a message", &Key::message(message), &change).await?.is_done())
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueWork>, StoreError> {
        let queues = [Queue::Outbox, Queue::Media, Queue::Removal, Queue::Release, Queue::Probe, Queue::Aside];
        self.due_in(&queues, now, limit).await
    }

    async fn wake(&self, conversation: &ConversationId, due_at: Timestamp) -> Result<(), StoreError> {
        let key = Key::conversation(conversation);
        self.touch("wake an outbox", &key, OUTBOX_PREFIX, outbox_shard(conversation), due_at).await
    }

    async fn wake_media(&self, message: &MessageId, due_at: Timestamp) -> Result<(), StoreError> {
        let key = Key::message(message);
        self.touch("wake a message's files", &key, MEDIA_PREFIX, media_shard(message), due_at).await
    }

    async fn release(&self, company: CompanyId, user: UserId, due_at: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let held = held_shard(company, user);
        let found = self.in_shard(held.clone(), None, limit).await?;
        for key in found.iter().filter_map(Key::of) {
            let Some(DueWork::Outbox(id)) = key.due_work(&held) else { continue };
            let change = Change::default()
                .when("#due_shard = :held")
                .text(":held", &held)
                .set("#due_shard = :shard, #due_at = :due")
                .text(":shard", outbox_shard(&id))
                .value(":due", time(due_at))
                .remove("#pause");
            self.update("release an outbox", &key, &change).await?;
        }
        Ok(found.len())
    }

    async fn released(&self, company: CompanyId, user: UserId, asked_before: Timestamp) -> Result<(), StoreError> {
        // `due_at` says when the release was asked for; one that was asked for since has all its work still to do.
        let delete = Change::default()
            .when("attribute_not_exists(#PK) OR #due_at < :before")
            .value(":before", time(asked_before))
            .delete(self, &Key::release(company, user))?;
        self.transact("end a release", vec![delete]).await.map(drop)
    }
}

/// How often a piece of work is woken without anybody writing what came of it, before it is set aside.
const MOST_WAKES: u32 = 20;
/// How long it is left alone then. It is tried once after that, and set aside again.
const ASIDE: Duration = Duration::from_hours(1);

impl Table {
    /// Writes what is due in a queue, if it still is, so that the stream sees it. Work that whoever is woken never gets to the
    /// end of is set aside: it may be a record that nobody can read, and must not hold up the stream again and again.
    async fn touch(
        &self,
        operation: &'static str,
        key: &Key,
        queue: &str,
        shard: String,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let due = Change::default()
            .when("begins_with(#due_shard, :queue) OR begins_with(#due_shard, :aside)")
            .text(":queue", queue)
            .text(":aside", ASIDE_PREFIX)
            .value(":most", number(MOST_WAKES));
        let woken = due
            .clone()
            .when("attribute_not_exists(#wakes) OR #wakes < :most")
            .set("#due_shard = :shard, #due_at = :due")
            .text(":shard", shard)
            .value(":due", time(due_at))
            .add("#wakes :one")
            .value(":one", number(1));
        if self.update(operation, key, &woken).await?.is_done() {
            return Ok(());
        }
        let aside = due
            .when("#wakes >= :most")
            .set("#due_shard = :shard, #due_at = :due, #wakes = :left")
            .text(":shard", aside_shard(key))
            .value(":due", time(due_at.plus(ASIDE)))
            .value(":left", number(MOST_WAKES - 1));
        if self.update("set work aside", key, &aside).await?.is_done() {
            tracing::error!(record = key.partition(), "work that never gets to its end is set aside");
            metrics::count(Metric::SetAside, 1);
        }
        Ok(())
    }
}

/// The change that a settlement makes of the conversation. It holds only for an outbox with as many entries as were seen, of
/// which those that are done are unchanged; so it is known here whether anything is left.
fn settled(seen: &Conversation, settlement: &Settlement) -> Result<Change, StoreError> {
    // Short placeholders: with a hundred entries the expression must stay under 4 KB.
    let mut change = Change::default().name("#o", "outbox").when("size(#o) = :seen").value(":seen", number(seen.outbox.len()));
    for (position, Settled { place, stamp, .. }) in settlement.settled.iter().enumerate() {
        change = change
            .name(format!("#{position}"), place.as_str())
            .value(format!(":{position}"), number(stamp.0))
            .when(format!("#o.#{position} = :{position}"))
            .remove(format!("#o.#{position}"));
    }
    if seen.outbox.keys().all(|place| settlement.settled.iter().any(|settled| settled.place == *place)) {
        return Ok(change.remove("#due_shard, #due_at, #pause, #wakes"));
    }
    let (shard, due_at, pause) = match &settlement.then {
        Then::Continue { due_at } => (outbox_shard(&seen.id), *due_at, None),
        Then::Pause(pause @ (Pause::Waiting(Rest { until, .. }) | Pause::Later { until, .. })) => {
            (outbox_shard(&seen.id), *until, Some(pause))
        }
        Then::Pause(pause @ Pause::Held { since, .. }) => (held_shard(seen.company, seen.owner), *since, Some(pause)),
    };
    let change =
        change.set("#due_shard = :shard, #due_at = :due").text(":shard", shard).value(":due", time(due_at)).remove("#wakes");
    Ok(match pause {
        None => change.remove("#pause"),
        Some(pause) => change.set("#pause = :pause").value(":pause", to_value(conversations::KIND, pause)?),
    })
}

/// The message is dead: from now on it is found among the company's dead ones. Nothing more is fetched for it.
fn buried(company: CompanyId, reason: &FailureReason, now: Timestamp) -> Result<Change, StoreError> {
    Ok(Change::default()
        .exists()
        .set("#dead = :reason, #due_shard = :shard, #due_at = :now")
        .value(":reason", to_value("message", reason)?)
        .text(":shard", dead_shard(company))
        .value(":now", time(now)))
}

/// The message was dead, and got through after all, with a later change.
fn revived(company: CompanyId) -> Change {
    Change::default().when("#due_shard = :shard").text(":shard", dead_shard(company)).remove("#dead, #due_shard, #due_at")
}
