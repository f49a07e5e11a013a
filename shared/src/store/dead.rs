//! Dead letters: listed from the sparse index of what is due, read and revived where they lie.

use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Item, Table,
    change::Change,
    conversations::{self, owe},
    due::due_at,
    keys::{CONVERSATION, DEAD_PREFIX, DUE, Key, SK, dead_shard, media_shard},
    messages,
    records::{number, time},
    unavailable,
    write::Transacted,
};
use crate::{
    inbox::{
        dead::{DeadLetter, DeadStore, Order, Revival},
        ports::{Page, StoreError},
    },
    model::{
        conversation::{Conversation, MAX_OUTBOX, Stamp},
        cursor::DeadCursor,
        ids::{CompanyId, ConversationId, MessageId},
        time::Timestamp,
    },
};

const LIST: &str = "list dead letters";
/// Positions in the transaction of a revival.
const MESSAGE: usize = 0;
const CONVERSATION_ITEM: usize = 1;
/// Most items that one read takes (AWS, `BatchGetItem`).
const BATCH: usize = 100;

#[async_trait]
impl DeadStore for Table {
    async fn dead_letters(
        &self,
        company: CompanyId,
        order: Order,
        after: Option<&DeadCursor>,
        limit: usize,
    ) -> Result<Page<DeadLetter, DeadCursor>, StoreError> {
        let shard = dead_shard(company);
        let start = after.map(|cursor| {
            let mut start = Key::message(&cursor.message).attributes();
            start.insert("due_shard".to_owned(), AttributeValue::S(shard.clone()));
            start.insert("due_at".to_owned(), time(cursor.at));
            start
        });
        let query = self
            .query()
            .index_name(DUE)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .scan_index_forward(order == Order::OldestFirst)
            .set_exclusive_start_key(start)
            .key_condition_expression("due_shard = :shard")
            .expression_attribute_values(":shard", AttributeValue::S(shard));
        let answer = self.ask(LIST, query).await?;
        let listed: Vec<(MessageId, Timestamp)> = answer.items.iter().filter_map(dead_message).collect();
        let next = listed.last().filter(|_| answer.more);
        let next = next.map(|(message, at)| DeadCursor { at: *at, message: message.clone() });
        Ok(Page { items: self.letters(listed).await?, next })
    }

    async fn dead_letter(&self, id: &MessageId) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.letters(vec![(id.clone(), Timestamp::EPOCH)]).await?.pop())
    }

    async fn revive(&self, company: CompanyId, id: &MessageId, due_at: Timestamp) -> Result<Revival, StoreError> {
        let Some(message) = self.read_message(id).await? else { return Ok(Revival::Unknown) };
        let alive = Change::default().when("attribute_exists(#dead)");
        // What was still to be fetched for it is fetched after all.
        let alive = if message.is_incomplete() {
            alive
                .remove("#dead")
                .set("#due_shard = :shard, #due_at = :due")
                .text(":shard", media_shard(id))
                .value(":due", time(due_at))
        } else {
            alive.remove("#dead, #due_shard, #due_at")
        };
        let room = Change::default()
            .when("#company = :company")
            .value(":company", number(company.0))
            .when("size(#outbox) < :max OR attribute_exists(#outbox.#place)")
            .value(":max", number(MAX_OUTBOX));
        let owed = owe(room, &id.conversation(), &id.place(), Stamp::new(), due_at);
        let items = vec![alive.update(self, &Key::message(id))?, owed.update(self, &Key::conversation(&id.conversation()))?];
        let Transacted::Refused(refusals) = self.transact("revive a dead message", items).await? else {
            return Ok(Revival::Done);
        };
        let conversation = refusals.stored(CONVERSATION_ITEM).map(conversations::read).transpose()?;
        let foreign = refusals.failed(CONVERSATION_ITEM) && conversation.is_none_or(|stored| stored.company != company);
        Ok(match refusals.failed(MESSAGE) {
            _ if foreign => Revival::Unknown,
            true if refusals.stored(MESSAGE).is_none() => Revival::Unknown,
            true => Revival::Alive,
            false => Revival::Full,
        })
    }

    async fn dead_by_company(&self) -> Result<Vec<(CompanyId, usize)>, StoreError> {
        let mut counts = BTreeMap::new();
        let mut start = None;
        loop {
            let scan = self
                .client
                .scan()
                .table_name(&self.name)
                .index_name(DUE)
                .filter_expression("begins_with(due_shard, :dead)")
                .expression_attribute_values(":dead", AttributeValue::S(DEAD_PREFIX.to_owned()))
                .projection_expression("due_shard")
                .set_exclusive_start_key(start);
            let answer = scan.send().await.map_err(unavailable(LIST))?;
            for item in answer.items.unwrap_or_default() {
                let shard = item.get("due_shard").and_then(|shard| shard.as_s().ok()).map_or("", String::as_str);
                if let Some(company) = shard.strip_prefix(DEAD_PREFIX).and_then(|company| company.parse().ok()) {
                    *counts.entry(CompanyId(company)).or_insert(0) += 1;
                }
            }
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(counts.into_iter().collect());
            }
        }
    }
}

impl Table {
    /// Those of the messages that are dead, in the same order, with their conversations.
    async fn letters(&self, listed: Vec<(MessageId, Timestamp)>) -> Result<Vec<DeadLetter>, StoreError> {
        let conversations: HashSet<ConversationId> = listed.iter().map(|(id, _)| id.conversation()).collect();
        let keys: Vec<Key> =
            listed.iter().map(|(id, _)| Key::message(id)).chain(conversations.iter().map(Key::conversation)).collect();
        let mut by_id: HashMap<ConversationId, Conversation> = HashMap::new();
        let mut dead = HashMap::new();
        for batch in keys.chunks(BATCH) {
            for item in self.get_all("read dead letters", batch).await? {
                if item.get(SK).and_then(|sort| sort.as_s().ok()).is_some_and(|sort| sort == CONVERSATION) {
                    let conversation = conversations::read(item)?;
                    by_id.insert(conversation.id.clone(), conversation);
                } else {
                    let at = Timestamp::from_millis(due_at(&item));
                    let message = messages::read(item)?;
                    if message.dead.is_some() {
                        dead.insert(message.id.clone(), (message, at));
                    }
                }
            }
        }
        let letter = |(id, _): (MessageId, Timestamp)| {
            let (message, at) = dead.remove(&id)?;
            Some(DeadLetter { conversation: by_id.get(&id.conversation())?.clone(), message, at })
        };
        Ok(listed.into_iter().filter_map(letter).collect())
    }
}

fn dead_message(item: &Item) -> Option<(MessageId, Timestamp)> {
    Some((Key::of(item)?.message_id()?, Timestamp::from_millis(due_at(item))))
}
