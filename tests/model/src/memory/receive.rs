//! What providers report, into memory.

use async_trait::async_trait;
use shared::{
    inbox::ports::{AccountOwner, Advance, Change, NewMessage, ReceiveStore, Reference, StoreError, StoreOutcome},
    model::{
        channel::{Channel, ProviderKind},
        conversation::{Conversation, ConversationState, GLIMPSE, Glimpse, Stamp},
        ids::{AccountId, ChannelId, ContactKey, ConversationId, MessageId, ProviderMessageId},
        message::{Direction, FailureReason, Message},
        status::Status,
        text::shortened,
        time::Timestamp,
    },
    providers::outgoing::PartId,
};

use super::{
    Memory,
    state::{Due, Flaw, State, Stored},
};
use crate::nowhere::nobody_asks;

#[async_trait]
impl ReceiveStore for Memory {
    async fn account_owner(&self, _: ProviderKind, account: &AccountId) -> Result<Option<AccountOwner>, StoreError> {
        let found = self.call(|state| state.accounts.get(account).cloned()).await?;
        Ok(found.map(|(channel, owner)| AccountOwner { channel, owner }))
    }

    async fn group_owners(&self, _: ProviderKind, _: &AccountId) -> Result<Vec<AccountOwner>, StoreError> {
        nobody_asks()
    }

    async fn channel(&self, _: &ChannelId) -> Result<Option<Channel>, StoreError> {
        nobody_asks()
    }

    async fn conversation_of(
        &self,
        channel: &ChannelId,
        keys: &[ContactKey],
        except: &[ConversationId],
    ) -> Result<Option<(ContactKey, ConversationId)>, StoreError> {
        self.call(|state| {
            keys.iter().find_map(|key| {
                let found = state.contact(channel, key).filter(|found| !except.contains(found))?;
                Some((key.clone(), found.clone()))
            })
        })
        .await
    }

    async fn store_message(&self, new: &NewMessage) -> Result<StoreOutcome, StoreError> {
        self.call(|state| if new.known { state.append(new) } else { state.open(new) }).await
    }

    async fn reference(&self, channel: &ChannelId, id: &ProviderMessageId) -> Result<Reference, StoreError> {
        self.call(|state| state.reference(channel, id)).await
    }

    async fn adopt_reference(
        &self,
        _: &ChannelId,
        _: &ProviderMessageId,
        _: &PartId,
        _: &Reference,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        nobody_asks()
    }

    async fn park_status(
        &self,
        channel: &ChannelId,
        id: &ProviderMessageId,
        seen: &Reference,
        status: Status,
        failure: Option<&FailureReason>,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(|state| {
            let fits = matches!(seen, Reference::Unknown { .. }) && state.reference(channel, id) == *seen;
            if fits && !state.has(Flaw::NoParking) {
                state.refer(channel, id, Reference::Unknown { parked: Some((status, failure.cloned())) });
            }
            fits
        })
        .await
    }

    async fn advance_status(&self, channel: &ChannelId, advance: &Advance, due_at: Timestamp) -> Result<bool, StoreError> {
        self.call(|state| state.advance(channel, advance, due_at)).await
    }

    async fn answered_message(&self, _: &MessageId) -> Result<Option<Message>, StoreError> {
        nobody_asks()
    }

    async fn newest_messages(&self, _: &ConversationId, _: usize) -> Result<Vec<Message>, StoreError> {
        nobody_asks()
    }

    async fn change_message(&self, message: &MessageId, change: &Change, due_at: Timestamp) -> Result<bool, StoreError> {
        self.call(|state| state.rewrite(message, change, due_at)).await
    }

    async fn rename_customer(
        &self,
        _: &ChannelId,
        _: &ConversationId,
        _: &[ContactKey],
        _: Option<&str>,
    ) -> Result<bool, StoreError> {
        nobody_asks()
    }

    async fn set_problem(&self, _: &ChannelId, _: Option<&FailureReason>) -> Result<(), StoreError> {
        nobody_asks()
    }

    async fn forget_templates(&self, _: &ChannelId) -> Result<(), StoreError> {
        nobody_asks()
    }
}

fn merged(keys: &[ContactKey], others: &[ContactKey]) -> Vec<ContactKey> {
    let mut all: Vec<ContactKey> = Vec::new();
    for key in keys.iter().chain(others) {
        if !all.contains(key) {
            all.push(key.clone());
        }
    }
    all
}

impl State {
    /// The message with the status that overtook it, if it is new.
    fn unheard(&self, new: &NewMessage) -> Option<Message> {
        if self.message(&new.message.id).is_some() {
            return None;
        }
        let mut message = new.message.clone();
        let Some(id) = &message.provider_id else { return Some(message) };
        match self.reference(&new.conversation.channel, id) {
            Reference::Message(_) => return None,
            Reference::Unknown { parked: Some((status, failure)) }
                if message.direction == Direction::Out && message.status.may_become(status) =>
            {
                (message.status, message.failure) = (status, failure);
            }
            Reference::Unknown { .. } => {}
        }
        Some(message)
    }

    fn claim(&mut self, new: &NewMessage) {
        if let Some(id) = new.message.provider_id.as_ref().filter(|_| !self.has(Flaw::NoReference)) {
            self.refer(&new.conversation.channel, id, Reference::Message(PartId::from(new.message.id.clone())));
        }
    }

    fn append(&mut self, new: &NewMessage) -> StoreOutcome {
        let Some(message) = self.unheard(new) else { return StoreOutcome::Duplicate };
        let Conversation { id, channel, customer, link, reply_by, .. } = &new.conversation;
        let Some(seen) = self.conversation(id).map(|stored| stored.conversation.clone()) else { return StoreOutcome::LookAgain };
        let (at, place) = (message.sent_at, message.id.place());
        let newest = seen.last_at <= at;
        for key in customer.keys.iter().filter(|key| !seen.customer.keys.contains(key)) {
            self.point(channel, key, id);
        }
        let owes = new.stamp.filter(|_| !self.has(Flaw::NoOutboxEntry));
        self.claim(new);
        self.change(id, |stored| {
            let now = &mut stored.conversation;
            now.customer.keys =
                if newest { merged(&customer.keys, &seen.customer.keys) } else { merged(&seen.customer.keys, &customer.keys) };
            if newest {
                (now.last_at, now.last) = (at, Some(Glimpse::of(&message)));
                if new.name_known && !customer.name.is_empty() {
                    now.customer.name.clone_from(&customer.name);
                }
                now.customer.phone = customer.phone.clone().or(now.customer.phone.take());
                now.customer.email = customer.email.clone().or(now.customer.email.take());
                if !link.is_empty() {
                    now.link.clone_from(link);
                }
            }
            if let Some(until) = reply_by.filter(|until| newest || seen.reply_by < Some(*until)) {
                now.reply_by = Some(until);
            }
            now.changed_at = Some(place.arrived_at());
            match message.direction {
                _ if new.past => {}
                Direction::In => (now.unread, now.state) = (now.unread + 1, ConversationState::Open),
                Direction::Out if newest => now.unread = 0,
                Direction::Out => {}
            }
            stored.messages.insert(place.clone(), message);
            if let Some(stamp) = owes {
                stored.owe(place, stamp, new.due_at);
            }
        });
        StoreOutcome::Stored
    }

    fn open(&mut self, new: &NewMessage) -> StoreOutcome {
        let Some(message) = self.unheard(new) else { return StoreOutcome::Duplicate };
        let mut conversation = new.conversation.clone();
        let (id, place) = (conversation.id.clone(), message.id.place());
        let contacts = merged(&conversation.customer.keys, &[]);
        let taken = contacts.iter().any(|key| self.contact(&conversation.channel, key).is_some());
        if (taken && !self.has(Flaw::NoContactCheck)) || self.conversation(&id).is_some() {
            return StoreOutcome::LookAgain;
        }
        for key in &contacts {
            self.point(&conversation.channel, key, &id);
        }
        conversation.customer.keys = contacts;
        (conversation.last_at, conversation.last) = (message.sent_at, Some(Glimpse::of(&message)));
        conversation.changed_at = Some(place.arrived_at());
        conversation.unread = u32::from(message.direction == Direction::In && !new.past);
        let owes = new.stamp.filter(|_| !self.has(Flaw::NoOutboxEntry));
        conversation.outbox = owes.map(|stamp| (place.clone(), stamp)).into_iter().collect();
        self.claim(new);
        let due = owes.map(|_| Due::Outbox(new.due_at));
        self.conversations.push(Stored { conversation, messages: [(place, message)].into(), due });
        self.change(&id, |_| ());
        StoreOutcome::Stored
    }

    /// Of a message that was sent as one: those of the model are.
    fn advance(&mut self, channel: &ChannelId, advance: &Advance, due_at: Timestamp) -> bool {
        let (id, place) = (advance.message.conversation(), advance.message.place());
        let own = self.conversation(&id).filter(|stored| stored.conversation.channel == *channel);
        let Some(message) = own.and_then(|stored| stored.messages.get(&place)) else { return false };
        if !message.status.may_become(advance.status) && !self.has(Flaw::StatusesMoveBack) {
            return false;
        }
        self.change(&id, |stored| {
            if let Some(message) = stored.messages.get_mut(&place) {
                message.status = advance.status;
                message.failure.clone_from(&advance.failure);
            }
            stored.owe(place, Stamp::new(), due_at);
        });
        true
    }

    fn rewrite(&mut self, id: &MessageId, change: &Change, due_at: Timestamp) -> bool {
        let Change::Edited { text, content, at } = change else { nobody_asks() };
        let Some(message) = self.message(id) else { return false };
        let newer = message.edited_at.is_none_or(|before| before < *at || (before == *at && message.text != *text));
        if newer {
            self.change(&id.conversation(), |stored| {
                if let Some(message) = stored.messages.get_mut(&id.place()) {
                    message.text.clone_from(text);
                    message.content.clone_from(content);
                    message.edited_at = Some(*at);
                }
                if let Some(last) = stored.conversation.last.as_mut().filter(|last| last.place == id.place()) {
                    last.text = shortened(text, GLIMPSE);
                }
                stored.owe(id.place(), Stamp::new(), due_at);
            });
        }
        newer
    }
}
