//! Storing what the company sends: before the provider is asked and after it has answered.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{
    Table,
    change::Change,
    channels, conversations,
    conversations::{changed, glimpsed, moved_to, owe},
    keys::{CHANNEL_PREFIX, Key, SK},
    messages::{self, message_item},
    records::{number, time, to_value},
    references::{self, Parked},
    turns,
    write::{ATTEMPTS, Transacted, pause},
};
use crate::{
    inbox::{
        ports::{Advance, Begun, Reference, SendStore, StoreError},
        receive::STREAM_GRACE,
    },
    model::{
        channel::Channel,
        conversation::{Conversation, Stamp},
        ids::{ChannelId, ConversationId, MessageId, ProviderMessageId},
        message::{FailureReason, Message, Part, Sending, folded},
        status::Status,
        time::Timestamp,
    },
    providers::outgoing::PartId,
};

const BEGIN: &str = "store a message before it is sent";
const FINISH: &str = "store what became of a sent message";

const MESSAGE: usize = 0;
const CONVERSATION: usize = 1;
/// Of the transaction that begins.
const TURN: usize = 2;
const RETRIED: usize = 3;

#[async_trait]
impl SendStore for Table {
    async fn channel_and_conversation(
        &self,
        channel: &ChannelId,
        conversation: &ConversationId,
    ) -> Result<(Option<Channel>, Option<Conversation>), StoreError> {
        let keys = [Key::channel(channel), Key::conversation(conversation)];
        let mut found = (None, None);
        for item in self.get_all("read channel and conversation", &keys).await? {
            if item.get(SK).and_then(|sort| sort.as_s().ok()).is_some_and(|sort| sort.starts_with(CHANNEL_PREFIX)) {
                found.0 = Some(channels::read(item)?);
            } else {
                found.1 = Some(conversations::read(item)?);
            }
        }
        Ok(found)
    }

    async fn begin_send(
        &self,
        message: &Message,
        fingerprint: &str,
        stamp: Stamp,
        due_at: Timestamp,
    ) -> Result<Begun, StoreError> {
        let id = message.id.conversation();
        let mut newest = true;
        for attempt in 0..ATTEMPTS {
            let mut change = owe(Change::default().exists(), &id, &message.id.place(), stamp, due_at)
                .set("#unread = :zero")
                .value(":zero", number(0))
                // The entry is due later than others.
                .value(":changed_at", time(message.sent_at));
            if let Some(author) = message.author {
                change = change.set("#answered_by = :author").value(":author", number(author.0));
            }
            let change = if newest {
                glimpsed(moved_to(change, &id, message.sent_at).when("#last_at <= :last_at"), message)?
            } else {
                change.when("#last_at > :sent_at").value(":sent_at", time(message.sent_at))
            };
            let mut items = vec![
                Change::default().absent().put(self, message_item(message)?)?,
                change.update(self, &Key::conversation(&id))?,
                // Nobody waits for the outcome any longer than for the outbox entry.
                self.take_turn(&message.id, fingerprint, message.id.place().arrived_at(), due_at)?,
            ];
            if let Some(failed) = &message.retry_of {
                items.push(retried(message).update(self, &Key::message(failed))?);
            }
            let Transacted::Refused(refusals) = self.transact(BEGIN, items).await? else { return Ok(Begun::Stored) };
            // The answer to an earlier try of the same request was lost.
            if refusals.failed(MESSAGE) {
                return Ok(Begun::Stored);
            }
            if let Some(first) = refusals.stored(TURN).filter(|_| refusals.failed(TURN)) {
                return Ok(Begun::Repeats(turns::holder(&first)?));
            }
            if message.retry_of.is_some() && refusals.failed(RETRIED) {
                return Ok(Begun::Gone);
            }
            if !refusals.failed(CONVERSATION) {
                continue;
            }
            let Some(stored) = refusals.stored(CONVERSATION) else { return Ok(Begun::Gone) };
            newest = conversations::read(stored)?.last_at <= message.sent_at;
            if attempt > 1 {
                pause(attempt).await;
            }
        }
        Err(StoreError::Contended { operation: BEGIN })
    }

    async fn end_turn(&self, message: &MessageId, fingerprint: &str, keep_until: Option<Timestamp>) -> Result<(), StoreError> {
        self.leave_turn(message, fingerprint, keep_until).await
    }

    async fn finish_send(
        &self,
        channel: &ChannelId,
        message: &Message,
        owed: Option<Stamp>,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut answer = Answer::new(channel, message, owed, due_at);
        for attempt in 0..ATTEMPTS {
            let (first_claim, changes_conversation) = (answer.first_claim(), answer.changes_conversation());
            let Transacted::Refused(refusals) = self.transact(FINISH, answer.items(self)?).await? else {
                return self.finish_late(&answer).await;
            };
            for position in 0..answer.claims.len() {
                if refusals.failed(first_claim + position) {
                    let stored = refusals.stored(first_claim + position).map(references::read).transpose()?;
                    answer.claim_refused(position, stored);
                }
            }
            // Those that name another message already are not asked for again.
            answer.claims.retain(|claim| claim.open);
            if changes_conversation && refusals.failed(CONVERSATION) {
                let Some(stored) = refusals.stored(CONVERSATION) else { return Ok(()) };
                let outbox = conversations::read(stored)?.outbox;
                answer.last_entry = outbox.len() == 1 && outbox.contains_key(&message.id.place());
            }
            if refusals.failed(MESSAGE) {
                let Some(stored) = refusals.stored(MESSAGE).map(messages::read).transpose()? else { return Ok(()) };
                if stored.sending == Sending::Done {
                    if message.provider_id.is_none() {
                        return Ok(());
                    }
                    answer.awaited = false;
                } else {
                    answer.take_parts(&stored);
                }
            }
            if attempt > 1 {
                pause(attempt).await;
            }
        }
        Err(StoreError::Contended { operation: FINISH })
    }
}

/// A failed message is sent anew once: whoever presses twice, or two people, do not double it.
fn retried(by: &Message) -> Change {
    Change::default()
        .when("#status = :failed AND attribute_not_exists(#retried_as)")
        .text(":failed", Status::Failed.as_str())
        .set("#retried_as = :retry")
        .text(":retry", by.id.as_str())
}

impl Table {
    /// A message that was given up before its answer came has its status from others; those that waited for it move it on.
    async fn finish_late(&self, answer: &Answer<'_>) -> Result<(), StoreError> {
        for claim in answer.claims.iter().filter(|_| !answer.awaited) {
            let Some(parked) = &claim.parked else { continue };
            let advance = Advance {
                message: answer.message.id.clone(),
                part: Some(claim.named.part),
                status: parked.status,
                failure: parked.failure.clone(),
            };
            self.move_status(answer.channel, &advance, answer.due_at).await?;
        }
        Ok(())
    }
}

/// One of the provider's ids, to be made to name the message or a part of it.
struct Claim {
    id: ProviderMessageId,
    named: PartId,
    /// The status that overtook it.
    parked: Option<Parked>,
    /// Whether it can still be had.
    open: bool,
}

/// A provider's answer on its way into the table.
struct Answer<'a> {
    channel: &'a ChannelId,
    message: Message,
    owed: Option<Stamp>,
    due_at: Timestamp,
    claims: Vec<Claim>,
    /// The parts as they are stored.
    seen_parts: Vec<Part>,
    /// Whether the message still waits for the answer. If not, its status is another's to say.
    awaited: bool,
    /// Whether the outbox holds nothing but the message.
    last_entry: bool,
}

impl<'a> Answer<'a> {
    fn new(channel: &'a ChannelId, message: &Message, owed: Option<Stamp>, due_at: Timestamp) -> Self {
        let claim = |part: usize, id: &ProviderMessageId| Claim {
            id: id.clone(),
            named: PartId { message: message.id.clone(), part },
            parked: None,
            open: true,
        };
        let claims = if message.parts.is_empty() {
            message.provider_id.iter().map(|id| claim(0, id)).collect()
        } else {
            let ids = message.parts.iter().enumerate();
            ids.filter_map(|(part, sent)| sent.provider_id.as_ref().map(|id| claim(part, id))).collect()
        };
        // Stored when the sending began: as many parts, none of which had an answer.
        let unanswered = Part { provider_id: None, status: Status::Sent };
        Self {
            channel,
            owed,
            due_at,
            claims,
            seen_parts: vec![unanswered; message.parts.len()],
            message: message.clone(),
            awaited: true,
            last_entry: true,
        }
    }

    /// Another has the id, or a status waits under it. The caller does not know that status, so the outbox tells it.
    fn claim_refused(&mut self, position: usize, stored: Option<Reference>) {
        let Some(claim) = self.claims.get_mut(position) else { return };
        claim.parked = match stored {
            Some(Reference::Message(_)) => {
                tracing::warn!(message = %self.message.id, "the provider's message id names another message already");
                claim.open = false;
                return;
            }
            Some(Reference::Unknown { parked: Some((status, failure)) }) => Some(Parked::new(status, failure.as_ref())),
            Some(Reference::Unknown { parked: None }) | None => None,
        };
        let Some(parked) = claim.parked.clone() else { return };
        let before = self.message.clone();
        match self.message.parts.get_mut(claim.named.part) {
            Some(part) if part.status.may_become(parked.status) => {
                part.status = parked.status;
                self.fold(parked.failure.as_ref());
            }
            Some(_) => {}
            None => self.message = parked.applied_to(&self.message),
        }
        if self.message != before {
            self.owed = self.owed.or_else(|| Some(Stamp::new()));
        }
    }

    /// Takes over what came of the parts while others of them were still being sent.
    fn take_parts(&mut self, stored: &Message) {
        self.seen_parts.clone_from(&stored.parts);
        for (part, seen) in self.message.parts.iter_mut().zip(&stored.parts) {
            if part.status.may_become(seen.status) {
                part.status = seen.status;
            }
        }
        self.fold(stored.failure.as_ref());
    }

    fn fold(&mut self, failure: Option<&FailureReason>) {
        if let Some(status) = folded(&self.message.parts).filter(|status| self.message.status.may_become(*status)) {
            self.message.status = status;
            self.message.failure = failure.filter(|_| status == Status::Failed).cloned();
        }
    }

    fn changes_conversation(&self) -> bool {
        self.awaited || self.owed.is_some()
    }

    fn first_claim(&self) -> usize {
        if self.changes_conversation() { CONVERSATION + 1 } else { CONVERSATION }
    }

    fn items(&self, table: &Table) -> Result<Vec<TransactWriteItem>, StoreError> {
        let Message { id, provider_id, .. } = &self.message;
        let place = id.place();
        let mut items = Vec::with_capacity(2 + self.claims.len());

        if self.awaited {
            let waiting = Change::default().when("#sending.#stage = :underway").text(":underway", "underway");
            let waiting = if self.seen_parts.is_empty() {
                waiting.when("attribute_not_exists(#parts)")
            } else {
                waiting.when("#parts = :seen_parts").value(":seen_parts", to_value("message", &self.seen_parts)?)
            };
            items.push(waiting.put(table, message_item(&self.message)?)?);
        } else if let Some(provider_id) = provider_id {
            let change = Change::default().exists().set("#provider_id = :id").text(":id", provider_id.as_str());
            items.push(change.update(table, &Key::message(id))?);
        }

        let conversation = Key::conversation(&id.conversation());
        if let Some(stamp) = self.owed {
            let change = owe(Change::default().exists(), &id.conversation(), &place, stamp, self.due_at);
            items.push(change.update(table, &conversation)?);
        } else if self.awaited {
            let change = changed(Change::default(), self.due_at.minus(STREAM_GRACE))
                .name("#place", place.as_str())
                .remove("#outbox.#place")
                .value(":one", number(1));
            let change = if self.last_entry {
                change
                    .when("size(#outbox) = :one AND attribute_exists(#outbox.#place)")
                    .remove("#due_shard, #due_at, #pause, #wakes")
            } else {
                change.exists().when("size(#outbox) <> :one OR attribute_not_exists(#outbox.#place)")
            };
            items.push(change.update(table, &conversation)?);
        }

        for claim in &self.claims {
            items.push(table.claim(self.channel, &claim.id, &claim.named, claim.parked.as_ref(), self.due_at)?);
        }
        Ok(items)
    }
}
