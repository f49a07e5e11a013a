//! Messages of which something is still at the provider: what `fetch-media` reads and writes. A round's result changes the
//! files' own attributes and nothing else of the message, in one transaction with the entry in the outbox.

use async_trait::async_trait;

use super::{
    Table,
    change::Change,
    conversations::{self, changed, owe},
    keys::{CONVERSATION as CONVERSATION_SORT, Key, MEDIA_PREFIX, SK, dead_shard, media_shard},
    messages::{self, outbox_full},
    records::{number, time, to_value},
    write::{ATTEMPTS, Transacted, Written, pause},
};
use crate::{
    inbox::{
        ports::{FetchThen, FetchedFiles, FoundProfile, MediaStore, StoreError},
        receive::STREAM_GRACE,
    },
    model::{
        channel::Channel,
        conversation::{Conversation, MAX_OUTBOX},
        ids::{ChannelId, CompanyId, MessageId},
        message::Message,
    },
};

const KIND: &str = "message";
const SAVE: &str = "store what was fetched";

const MESSAGE: usize = 0;
const CONVERSATION: usize = 1;

/// What is known of the message besides what the round saw.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing.
    Alive,
    /// It is among the dead, and stays there.
    Dead,
    /// The outbox of the company's conversation has no room to tell Pipedrive of it.
    NoRoom(CompanyId),
}

#[async_trait]
impl MediaStore for Table {
    async fn message_and_conversation(&self, id: &MessageId) -> Result<(Option<Message>, Option<Conversation>), StoreError> {
        let keys = [Key::message(id), Key::conversation(&id.conversation())];
        let mut found = (None, None);
        for item in self.get_all("read message and conversation", &keys).await? {
            if item.get(SK).and_then(|sort| sort.as_s().ok()).is_some_and(|sort| sort == CONVERSATION_SORT) {
                found.1 = Some(conversations::read(item)?);
            } else {
                found.0 = Some(messages::read(item)?);
            }
        }
        Ok(found)
    }

    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError> {
        self.read_channel(id).await
    }

    async fn save_fetched(&self, fetched: &FetchedFiles) -> Result<bool, StoreError> {
        let mut fate = Fate::Alive;
        let mut full = None;
        for attempt in 0..ATTEMPTS {
            let mut items = vec![message_change(fetched, fate)?.update(self, &Key::message(&fetched.message))?];
            if let Some(change) = conversation_change(fetched, fate)? {
                items.push(change.update(self, &Key::conversation(&fetched.message.conversation()))?);
            }
            let Transacted::Refused(refusals) = self.transact(SAVE, items).await? else {
                if let (Fate::NoRoom(_), Some(channel)) = (fate, full) {
                    messages::no_room(&fetched.message, &channel);
                }
                return Ok(true);
            };
            if refusals.failed(MESSAGE) {
                let Some(stored) = refusals.stored(MESSAGE) else { return Ok(false) };
                let is_dead = messages::read(stored)?.dead.is_some();
                match fate {
                    Fate::Alive | Fate::NoRoom(_) if is_dead => fate = Fate::Dead,
                    _ => return Ok(false),
                }
            } else {
                let Some(stored) = refusals.stored(CONVERSATION) else { return Ok(false) };
                let conversation = conversations::read(stored)?;
                fate = Fate::NoRoom(conversation.company);
                full = Some(conversation.channel);
            }
            if attempt > 1 {
                pause(attempt).await;
            }
        }
        Err(StoreError::Contended { operation: SAVE })
    }

    async fn end_fetching(&self, seen: &Message) -> Result<(), StoreError> {
        let count = seen.attachments.len();
        let change = Change::default()
            .when("begins_with(#due_shard, :media)")
            .text(":media", MEDIA_PREFIX)
            .when("attribute_not_exists(#wants_profile)")
            .when(format!("attribute_not_exists(#attachments[{count}])"))
            .remove("#due_shard, #due_at, #fetch_rest, #wakes");
        let change = (0..count).fold(change, |change, position| {
            change.when(format!("#attachments[{position}].#file.#state <> :awaited")).text(":awaited", "awaited")
        });
        match self.update("end fetching for a message", &Key::message(&seen.id), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }
}

/// The message's part: the files, if they are still awaited as they were seen, and when to go on.
fn message_change(fetched: &FetchedFiles, fate: Fate) -> Result<Change, StoreError> {
    let mut change = Change::default().exists();
    for file in &fetched.files {
        let (path, source, now) =
            (format!("#attachments[{}]", file.position), format!(":source{}", file.position), format!(":file{}", file.position));
        change = change
            .when(format!("{path}.#file.#state = :awaited AND {path}.#file.#source = {source}"))
            .text(":awaited", "awaited")
            .text(source, &file.source.0)
            .set(format!("{path} = {now}"))
            .value(now, to_value(KIND, &file.now)?);
    }
    if fetched.profile.is_some() {
        change = change.remove("#wants_profile");
    }
    if fate == Fate::Dead {
        return Ok(change.when("attribute_exists(#dead)").remove("#fetch_rest"));
    }
    change = change.when("attribute_not_exists(#dead)");
    if let Fate::NoRoom(company) = fate {
        return Ok(change
            .set("#dead = :dead, #due_shard = :shard, #due_at = :due")
            .value(":dead", to_value(KIND, &outbox_full())?)
            .text(":shard", dead_shard(company))
            .value(":due", time(fetched.due_at))
            .remove("#fetch_rest"));
    }
    let (due_at, rest) = match &fetched.then {
        FetchThen::Done => return Ok(change.remove("#due_shard, #due_at, #fetch_rest, #wakes")),
        FetchThen::Continue { due_at } => (*due_at, None),
        FetchThen::Wait(rest) => (rest.until, Some(rest)),
    };
    let change = change
        .set("#due_shard = :shard, #due_at = :due")
        .text(":shard", media_shard(&fetched.message))
        .value(":due", time(due_at))
        .remove("#wakes");
    Ok(match rest {
        None => change.remove("#fetch_rest"),
        Some(rest) => change.set("#fetch_rest = :rest").value(":rest", to_value(KIND, rest)?),
    })
}

/// The conversation's part: the customer, and the entry in the outbox. None if it does not change.
fn conversation_change(fetched: &FetchedFiles, fate: Fate) -> Result<Option<Change>, StoreError> {
    let mut change = Change::default().exists();
    let mut changes = false;
    if let Some(FoundProfile { name, avatar }) = &fetched.profile {
        if let Some(name) = name {
            changes = true;
            change = change.set("#customer.#name = :name").text(":name", name);
        }
        if let Some(avatar) = avatar {
            changes = true;
            change = change.set("#customer.#avatar = :avatar").value(":avatar", to_value(conversations::KIND, avatar)?);
        }
    }
    if let Some(stamp) = fetched.owed.filter(|_| fate == Fate::Alive) {
        changes = true;
        let room = change.when("size(#outbox) < :max OR attribute_exists(#outbox.#place)").value(":max", number(MAX_OUTBOX));
        change = owe(room, &fetched.message.conversation(), &fetched.message.place(), stamp, fetched.due_at);
    } else if changes {
        change = changed(change, fetched.due_at.minus(STREAM_GRACE));
    }
    Ok(changes.then_some(change))
}
