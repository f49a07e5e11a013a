//! Storing what a provider reports: message, dedupe record and outbox entry in one transaction, and with a customer's
//! first message the conversation too.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{
    Table,
    change::Change,
    contacts::{merged, target},
    conversations::{self, changed, conversation_item, glimpsed, moved_to, owe},
    keys::Key,
    messages::{dead_item, message_item, no_room, outbox_full},
    records::{number, time, to_value},
    references::{self, Parked},
    write::{ATTEMPTS, Refusals, Transacted, pause},
};
use crate::{
    inbox::ports::{AccountOwner, Advance, Change as Changed, NewMessage, ReceiveStore, Reference, StoreError, StoreOutcome},
    model::{
        channel::{Channel, ProviderKind},
        conversation::{Conversation, ConversationState, Glimpse, MAX_OUTBOX},
        ids::{AccountId, ChannelId, ContactKey, ConversationId, MessageId, ProviderMessageId},
        message::{Direction, FailureReason, Message},
        status::Status,
        time::Timestamp,
    },
    providers::outgoing::PartId,
};

const STORE: &str = "store a message";

/// Positions in the transactions below. The reference comes last but for contact pointers, and only if there is one.
const MESSAGE: usize = 0;
const CONVERSATION: usize = 1;
const REFERENCE: usize = 2;

#[async_trait]
impl ReceiveStore for Table {
    async fn account_owner(&self, provider: ProviderKind, account: &AccountId) -> Result<Option<AccountOwner>, StoreError> {
        self.read_account(provider, account).await
    }

    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError> {
        self.read_channel(id).await
    }

    async fn conversation_of(
        &self,
        channel: &ChannelId,
        keys: &[ContactKey],
        except: &[ConversationId],
    ) -> Result<Option<(ContactKey, ConversationId)>, StoreError> {
        self.find_conversation(channel, keys, except).await
    }

    async fn store_message(&self, new: &NewMessage) -> Result<StoreOutcome, StoreError> {
        if new.known { self.append(new).await } else { self.open(new).await }
    }

    async fn reference(&self, channel: &ChannelId, id: &ProviderMessageId) -> Result<Reference, StoreError> {
        self.read_reference(channel, id).await
    }

    async fn adopt_reference(
        &self,
        channel: &ChannelId,
        id: &ProviderMessageId,
        named: &PartId,
        seen: &Reference,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.adopt(channel, id, named, seen, now).await
    }

    async fn park_status(
        &self,
        channel: &ChannelId,
        id: &ProviderMessageId,
        seen: &Reference,
        status: Status,
        failure: Option<&FailureReason>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.park(channel, id, seen, Parked::new(status, failure), now).await
    }

    async fn advance_status(&self, channel: &ChannelId, advance: &Advance, due_at: Timestamp) -> Result<bool, StoreError> {
        self.move_status(channel, advance, due_at).await
    }

    async fn group_owners(&self, provider: ProviderKind, group: &AccountId) -> Result<Vec<AccountOwner>, StoreError> {
        self.read_group(provider, group).await
    }

    async fn answered_message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        self.read_message(id).await
    }

    async fn newest_messages(&self, conversation: &ConversationId, limit: usize) -> Result<Vec<Message>, StoreError> {
        Ok(self.page_of_messages(conversation, None, limit).await?.items)
    }

    async fn change_message(&self, message: &MessageId, change: &Changed, due_at: Timestamp) -> Result<bool, StoreError> {
        self.apply_change(message, change, due_at).await
    }

    async fn rename_customer(
        &self,
        channel: &ChannelId,
        conversation: &ConversationId,
        keys: &[ContactKey],
        phone: Option<&str>,
    ) -> Result<bool, StoreError> {
        self.rename(channel, conversation, keys, phone).await
    }

    async fn set_problem(&self, channel: &ChannelId, problem: Option<&FailureReason>) -> Result<(), StoreError> {
        self.note_problem(channel, problem).await
    }

    async fn forget_templates(&self, channel: &ChannelId) -> Result<(), StoreError> {
        self.drop_templates(channel).await
    }
}

impl Table {
    /// Stores a message of a conversation that exists. The first try takes it that the message is the newest, the
    /// customer's names are known and the outbox has room; if not, the second knows what is stored.
    async fn append(&self, new: &NewMessage) -> Result<StoreOutcome, StoreError> {
        let key = Key::conversation(&new.conversation.id);
        let contacts = merged(&new.conversation.customer.keys, &[]);
        let mut seen: Option<Conversation> = None;
        let mut parked: Option<Parked> = None;
        for attempt in 0..ATTEMPTS {
            let full = new.stamp.is_some() && seen.as_ref().is_some_and(is_full);
            let message = overtaken(&new.message, parked.as_ref());
            let item = if full {
                dead_item(&message, outbox_full(), new.conversation.company, new.due_at)?
            } else {
                message_item(&message)?
            };
            let mut items = vec![Change::default().absent().put(self, item)?];
            items.push(appended(new, seen.as_ref())?.update(self, &key)?);
            items.extend(self.claim_for(new, parked.as_ref())?);
            if let Some(seen) = &seen {
                for contact in contacts.iter().filter(|key| !seen.customer.keys.contains(key)) {
                    // The provider says that this name, too, is the customer's: from now on it leads here.
                    items.push(self.point(&Change::default(), &new.conversation.channel, contact, &new.conversation.id)?);
                }
            }
            let Transacted::Refused(refusals) = self.transact(STORE, items).await? else {
                if full {
                    no_room(&message.id, &new.conversation.channel);
                }
                return Ok(StoreOutcome::Stored);
            };
            match before(new, &refusals)? {
                Before::Duplicate => return Ok(StoreOutcome::Duplicate),
                Before::Parked(status) => parked = status,
            }
            if refusals.failed(CONVERSATION) {
                let Some(stored) = refusals.stored(CONVERSATION) else { return Ok(StoreOutcome::LookAgain) };
                seen = Some(conversations::read(stored)?);
            }
            if attempt > 1 {
                pause(attempt).await;
            }
        }
        Err(StoreError::Contended { operation: STORE })
    }

    /// Stores a customer's first message, and the conversation with it.
    async fn open(&self, new: &NewMessage) -> Result<StoreOutcome, StoreError> {
        let contacts = merged(&new.conversation.customer.keys, &[]);
        let mut parked: Option<Parked> = None;
        // Names that lead to a conversation that is no more.
        let mut stale: BTreeMap<&ContactKey, ConversationId> = BTreeMap::new();
        for attempt in 0..ATTEMPTS {
            let message = overtaken(&new.message, parked.as_ref());
            let mut conversation = new.conversation.clone();
            conversation.customer.keys.clone_from(&contacts);
            conversation.last_at = message.sent_at;
            conversation.unread = u32::from(message.direction == Direction::In && !new.past);
            conversation.last = Some(Glimpse::of(&message));
            conversation.changed_at = Some(message.id.place().arrived_at());
            conversation.outbox = new.stamp.map(|stamp| (message.id.place(), stamp)).into_iter().collect();

            let mut items = vec![Change::default().absent().put(self, message_item(&message)?)?];
            items.push(Change::default().absent().put(self, conversation_item(&conversation, new.due_at)?)?);
            items.extend(self.claim_for(new, parked.as_ref())?);
            let first_contact = items.len();
            for contact in &contacts {
                let change = match stale.get(contact) {
                    None => Change::default().absent(),
                    Some(gone) => Change::default().when("#conversation = :gone").text(":gone", gone.as_str()),
                };
                items.push(self.point(&change, &conversation.channel, contact, &conversation.id)?);
            }
            let Transacted::Refused(refusals) = self.transact(STORE, items).await? else { return Ok(StoreOutcome::Stored) };
            match before(new, &refusals)? {
                Before::Duplicate => return Ok(StoreOutcome::Duplicate),
                Before::Parked(status) => parked = status,
            }
            if refusals.failed(CONVERSATION) {
                return Ok(StoreOutcome::LookAgain);
            }
            for (position, contact) in contacts.iter().enumerate() {
                if !refusals.failed(first_contact + position) {
                    continue;
                }
                match refusals.stored(first_contact + position).map(|item| target(&item)).transpose()? {
                    None => drop(stale.remove(contact)),
                    Some(other) if self.read_conversation(&other).await?.is_some() => return Ok(StoreOutcome::LookAgain),
                    Some(gone) => drop(stale.insert(contact, gone)),
                }
            }
            if attempt > 1 {
                pause(attempt).await;
            }
        }
        Err(StoreError::Contended { operation: STORE })
    }

    fn claim_for(&self, new: &NewMessage, parked: Option<&Parked>) -> Result<Option<TransactWriteItem>, StoreError> {
        let channel = &new.conversation.channel;
        let id = new.message.provider_id.as_ref();
        let named = PartId::from(new.message.id.clone());
        id.map(|id| self.claim(channel, id, &named, parked, new.due_at)).transpose()
    }
}

/// What a refused transaction found under the message's id and the provider's.
enum Before {
    /// The message is stored.
    Duplicate,
    /// It is not; this status waits for it.
    Parked(Option<Parked>),
}

fn before(new: &NewMessage, refusals: &Refusals) -> Result<Before, StoreError> {
    if refusals.failed(MESSAGE) {
        return Ok(Before::Duplicate);
    }
    if new.message.provider_id.is_none() || !refusals.failed(REFERENCE) {
        return Ok(Before::Parked(None));
    }
    Ok(match refusals.stored(REFERENCE).map(references::read).transpose()? {
        Some(Reference::Message(_)) => Before::Duplicate,
        Some(Reference::Unknown { parked: Some((status, failure)) }) => {
            Before::Parked(Some(Parked::new(status, failure.as_ref())))
        }
        Some(Reference::Unknown { parked: None }) | None => Before::Parked(None),
    })
}

fn overtaken(message: &Message, parked: Option<&Parked>) -> Message {
    parked.map_or_else(|| message.clone(), |parked| parked.applied_to(message))
}

fn is_full(conversation: &Conversation) -> bool {
    conversation.outbox.len() >= MAX_OUTBOX
}

/// What a further message changes in its conversation, which is as in `seen` if that is known.
fn appended(new: &NewMessage, seen: Option<&Conversation>) -> Result<Change, StoreError> {
    let Conversation { id, customer, link, reply_by, .. } = &new.conversation;
    let at = new.message.sent_at;
    let newest = seen.is_none_or(|seen| seen.last_at <= at);
    let arrived_at = new.message.id.place().arrived_at();
    let mut change = Change::default().exists();
    change = match new.stamp {
        None => changed(change, arrived_at),
        Some(_) if seen.is_some_and(is_full) => {
            changed(change, arrived_at).when("size(#outbox) >= :max").value(":max", number(MAX_OUTBOX))
        }
        Some(stamp) => {
            let room = change.when("size(#outbox) < :max").value(":max", number(MAX_OUTBOX));
            owe(room, id, &new.message.id.place(), stamp, new.due_at)
        }
    };
    match seen {
        None => {
            change = change.when("#last_at <= :last_at");
            for (position, key) in customer.keys.iter().enumerate() {
                let value = format!(":key{position}");
                change = change.when(format!("#customer.#keys[{position}] = {value}")).text(value, key.as_str());
            }
        }
        Some(seen) => {
            change = change
                .when("#last_at = :seen_at AND #customer.#keys = :seen_keys")
                .value(":seen_at", time(seen.last_at))
                .value(":seen_keys", to_value("conversation", &seen.customer.keys)?);
            let keys =
                if newest { merged(&customer.keys, &seen.customer.keys) } else { merged(&seen.customer.keys, &customer.keys) };
            change = change.set("#customer.#keys = :keys").value(":keys", to_value("conversation", &keys)?);
        }
    }
    if newest {
        change = glimpsed(moved_to(change, id, at), &new.message)?;
        if new.name_known && !customer.name.is_empty() {
            change = change.set("#customer.#name = :name").text(":name", &customer.name);
        }
        if let Some(phone) = &customer.phone {
            change = change.set("#customer.#phone = :phone").text(":phone", phone);
        }
        if let Some(email) = &customer.email {
            change = change.set("#customer.#email = :email").text(":email", email.as_str());
        }
        if let Some(avatar) = &customer.avatar_url {
            change = change.set("#customer.#avatar_url = :avatar").text(":avatar", avatar);
        }
        if !link.is_empty() {
            change = change.set("#link = :link").text(":link", link);
        }
    }
    // An older message may still be the newest that opens the window, if what came after it was the company's own.
    if let Some(until) = reply_by.filter(|until| newest || seen.is_none_or(|seen| seen.reply_by < Some(*until))) {
        change = change.set("#reply_by = :reply_by").value(":reply_by", time(until));
    }
    change = match new.message.direction {
        // What was written before the channel was connected has been read or answered elsewhere.
        _ if new.past => change,
        // Whoever writes again wants an answer.
        Direction::In => change
            .set("#unread = #unread + :one, #state = :open")
            .value(":one", number(1))
            .value(":open", to_value("conversation", &ConversationState::Open)?),
        Direction::Out if newest => change.set("#unread = :zero").value(":zero", number(0)),
        Direction::Out => change,
    };
    Ok(change)
}
