//! Storing what the company sends: before the provider is asked and after it has answered.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{
    Table,
    change::Change,
    channels, conversations,
    conversations::{moved_to, owe},
    keys::{CHANNEL_PREFIX, Key, SK},
    messages::message_item,
    records::{number, time},
    references::{self, Parked},
    write::{ATTEMPTS, Transacted, pause},
};
use crate::{
    inbox::ports::{Reference, SendStore, StoreError},
    model::{
        channel::Channel,
        conversation::{Conversation, Stamp},
        ids::{ChannelId, ConversationId},
        message::Message,
        time::Timestamp,
    },
};

const BEGIN: &str = "store a message before it is sent";
const FINISH: &str = "store what became of a sent message";

const MESSAGE: usize = 0;
const CONVERSATION: usize = 1;

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

    async fn begin_send(&self, message: &Message, stamp: Stamp, due_at: Timestamp) -> Result<bool, StoreError> {
        let id = message.id.conversation();
        let mut newest = true;
        for attempt in 0..ATTEMPTS {
            let change = owe(Change::default().exists(), &id, &message.id.place(), stamp, due_at)
                .set("#unread = :zero")
                .value(":zero", number(0));
            let change = if newest {
                moved_to(change, &id, message.sent_at).when("#last_at <= :last_at")
            } else {
                change.when("#last_at > :sent_at").value(":sent_at", time(message.sent_at))
            };
            let items = vec![
                Change::default().absent().put(self, message_item(message)?)?,
                change.update(self, &Key::conversation(&id))?,
            ];
            let Transacted::Refused(refusals) = self.transact(BEGIN, items).await? else { return Ok(true) };
            if refusals.failed(MESSAGE) {
                return Ok(true);
            }
            let Some(stored) = refusals.stored(CONVERSATION) else { return Ok(false) };
            newest = conversations::read(stored)?.last_at <= message.sent_at;
            if attempt > 1 {
                pause(attempt).await;
            }
        }
        Err(StoreError::Contended { operation: BEGIN })
    }

    async fn finish_send(
        &self,
        channel: &ChannelId,
        message: &Message,
        owed: Option<Stamp>,
        due_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut answer = Answer {
            channel,
            message: message.clone(),
            owed,
            due_at,
            parked: None,
            claims: message.provider_id.is_some(),
            awaited: true,
            last_entry: true,
        };
        for attempt in 0..ATTEMPTS {
            let (reference, changes_conversation) = (answer.reference_position(), answer.changes_conversation());
            let Transacted::Refused(refusals) = self.transact(FINISH, answer.items(self)?).await? else {
                return self.finish_late(&answer).await;
            };
            if refusals.failed(reference) {
                match refusals.stored(reference).map(references::read).transpose()? {
                    Some(Reference::Message(_)) => {
                        tracing::warn!(message = %message.id, "the provider's message id names another message already");
                        answer.claims = false;
                    }
                    Some(Reference::Unknown { parked: Some((status, failure)) }) => {
                        answer.take_over(Some(Parked::new(status, failure.as_ref())));
                    }
                    Some(Reference::Unknown { parked: None }) | None => answer.take_over(None),
                }
            }
            if changes_conversation && refusals.failed(CONVERSATION) {
                let Some(stored) = refusals.stored(CONVERSATION) else { return Ok(()) };
                let outbox = conversations::read(stored)?.outbox;
                answer.last_entry = outbox.len() == 1 && outbox.contains_key(&message.id.place());
            }
            if refusals.failed(MESSAGE) {
                if refusals.stored(MESSAGE).is_none() || message.provider_id.is_none() {
                    return Ok(());
                }
                answer.awaited = false;
            }
            if attempt > 1 {
                pause(attempt).await;
            }
        }
        Err(StoreError::Contended { operation: FINISH })
    }
}

impl Table {
    /// A message that was given up before its answer came has its status from others; one that waited for it moves it on.
    async fn finish_late(&self, answer: &Answer<'_>) -> Result<(), StoreError> {
        if let Some(parked) = answer.parked.as_ref().filter(|_| !answer.awaited) {
            self.move_status(answer.channel, &answer.message.id, parked.status, parked.failure.as_ref(), answer.due_at).await?;
        }
        Ok(())
    }
}

/// A provider's answer on its way into the table.
struct Answer<'a> {
    channel: &'a ChannelId,
    message: Message,
    owed: Option<Stamp>,
    due_at: Timestamp,
    /// The status that overtook it.
    parked: Option<Parked>,
    /// Whether the provider's id can still be made to name the message.
    claims: bool,
    /// Whether the message still waits for the answer. If not, its status is another's to say.
    awaited: bool,
    /// Whether the outbox holds nothing but the message.
    last_entry: bool,
}

impl Answer<'_> {
    /// Takes over a status that came before the answer. The caller does not know it, so the outbox tells it.
    fn take_over(&mut self, parked: Option<Parked>) {
        if let Some(parked) = &parked {
            let message = parked.applied_to(&self.message);
            if message != self.message {
                self.message = message;
                self.owed = self.owed.or_else(|| Some(Stamp::new()));
            }
        }
        self.parked = parked;
    }

    fn changes_conversation(&self) -> bool {
        self.awaited || self.owed.is_some()
    }

    fn reference_position(&self) -> usize {
        if self.changes_conversation() { CONVERSATION + 1 } else { CONVERSATION }
    }

    fn items(&self, table: &Table) -> Result<Vec<TransactWriteItem>, StoreError> {
        let Message { id, provider_id, .. } = &self.message;
        let place = id.place();
        let mut items = Vec::with_capacity(3);

        if self.awaited {
            let waiting = Change::default().when("#sending.#stage = :underway").text(":underway", "underway");
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
            let change = Change::default().name("#place", place.as_str()).remove("#outbox.#place").value(":one", number(1));
            let change = if self.last_entry {
                change.when("size(#outbox) = :one AND attribute_exists(#outbox.#place)").remove("#due_shard, #due_at, #rest")
            } else {
                change.exists().when("size(#outbox) <> :one OR attribute_not_exists(#outbox.#place)")
            };
            items.push(change.update(table, &conversation)?);
        }

        if let Some(provider_id) = provider_id.as_ref().filter(|_| self.claims) {
            items.push(table.claim(self.channel, provider_id, id, self.parked.as_ref(), self.due_at)?);
        }
        Ok(items)
    }
}
