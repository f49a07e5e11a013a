//! What writers and customers change afterwards: a message's words, a message's being there, a customer's names.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Table,
    change::Change,
    contacts::merged,
    conversations::{self, owe},
    keys::{Key, media_shard},
    records::{time, to_value},
    write::{ATTEMPTS, Transacted, pause},
};
use crate::{
    inbox::ports::{Change as Changed, StoreError},
    model::{
        conversation::{GLIMPSE, Stamp},
        ids::{ChannelId, ContactKey, ConversationId, MessageId},
        text::shortened,
        time::Timestamp,
    },
};

const CHANGE: &str = "change a message";
const RENAME: &str = "rename a customer";
const KIND: &str = "message";
/// Positions in the transaction of a change.
const MESSAGE: usize = 0;
const OWING: usize = 1;
/// Positions in the transaction of a renaming; pointers follow.
const CONVERSATION: usize = 0;

/// The message's part of a change.
fn changed(message: &MessageId, change: &Changed, now: Timestamp) -> Result<Change, StoreError> {
    let base = Change::default().exists().when("attribute_not_exists(#deleted_at)");
    Ok(match change {
        Changed::Edited { text, content, at } => {
            let base = base
                // Some providers tell times to the second.
                .when("attribute_not_exists(#edited_at) OR #edited_at < :at OR (#edited_at = :at AND #text <> :text)")
                .set("#text = :text, #edited_at = :at")
                .text(":text", text)
                .value(":at", time(*at));
            match content {
                Some(content) => base.set("#content = :content").value(":content", to_value(KIND, content)?),
                None => base.remove("#content"),
            }
        }
        Changed::Deleted { at } => base
            .set("#deleted_at = :at, #text = :nothing")
            .value(":at", time(*at))
            .text(":nothing", "")
            // `fetch-media` deletes what was copied of it.
            .set("#due_shard = if_not_exists(#due_shard, :media), #due_at = if_not_exists(#due_at, :now)")
            .text(":media", media_shard(message))
            .value(":now", time(now))
            .remove("#content, #attachments"),
    })
}

/// What the change makes of what lists of conversations show.
fn last_changed(owed: Change, change: &Changed) -> Change {
    match change {
        Changed::Edited { text, .. } => owed.set("#last.#text = :text").text(":text", shortened(text, GLIMPSE)),
        Changed::Deleted { .. } => owed
            .set("#last.#text = :nothing, #last.#deleted = :yes")
            .text(":nothing", "")
            .value(":yes", AttributeValue::Bool(true))
            .remove("#last.#file"),
    }
}

impl Table {
    pub(super) async fn apply_change(
        &self,
        message: &MessageId,
        change: &Changed,
        due_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = message.conversation();
        let mut is_last = true;
        for attempt in 0..ATTEMPTS {
            let owed = owe(Change::default().exists(), &id, &message.place(), Stamp::new(), due_at);
            let owed = owed.name("#which", "place").text(":which", message.place().as_str());
            let owed = if is_last {
                last_changed(owed.when("#last.#which = :which"), change)
            } else {
                owed.when("attribute_not_exists(#last) OR #last.#which <> :which")
            };
            let items = vec![
                changed(message, change, due_at)?.update(self, &Key::message(message))?,
                owed.update(self, &Key::conversation(&id))?,
            ];
            let Transacted::Refused(refusals) = self.transact(CHANGE, items).await? else { return Ok(true) };
            let Some(stored) = refusals.stored(OWING).filter(|_| !refusals.failed(MESSAGE)) else { return Ok(false) };
            is_last = conversations::read(stored)?.last.is_some_and(|last| last.place == message.place());
            if attempt > 1 {
                pause(attempt).await;
            }
        }
        Err(StoreError::Contended { operation: CHANGE })
    }

    pub(super) async fn rename(
        &self,
        channel: &ChannelId,
        id: &ConversationId,
        keys: &[ContactKey],
        phone: Option<&str>,
    ) -> Result<bool, StoreError> {
        // Names that lead to another customer's conversation stay there.
        let mut free: Vec<ContactKey> = merged(keys, &[]);
        for attempt in 0..ATTEMPTS {
            let Some(conversation) = self.read_conversation(id).await?.filter(|found| found.channel == *channel) else {
                return Ok(false);
            };
            let names = merged(&free, &conversation.customer.keys);
            if names == conversation.customer.keys
                && phone.is_none_or(|phone| conversation.customer.phone.as_deref() == Some(phone))
            {
                return Ok(true);
            }
            let mut change = Change::default()
                .when("#customer.#keys = :seen")
                .value(":seen", to_value(conversations::KIND, &conversation.customer.keys)?)
                .set("#customer.#keys = :keys")
                .value(":keys", to_value(conversations::KIND, &names)?);
            if let Some(phone) = phone {
                change = change.set("#customer.#phone = :phone").text(":phone", phone);
            }
            let mut items = vec![change.update(self, &Key::conversation(id))?];
            let here = Change::default()
                .when("attribute_not_exists(#PK) OR #conversation = :conversation")
                .text(":conversation", id.as_str());
            for name in &free {
                items.push(self.point(&here, channel, name, id)?);
            }
            let Transacted::Refused(refusals) = self.transact(RENAME, items).await? else { return Ok(true) };
            let taken = |position: &usize| refusals.failed(CONVERSATION + 1 + position);
            let mut position = 0;
            free.retain(|_| {
                position += 1;
                !taken(&(position - 1))
            });
            pause(attempt).await;
        }
        Err(StoreError::Contended { operation: RENAME })
    }
}
