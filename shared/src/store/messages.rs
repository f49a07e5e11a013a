//! Messages, in one partition with their conversation and in its order.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Item, Table,
    keys::{AFTER_MESSAGES, CONVERSATION, Key, SK, conversation_partition, dead_shard, media_shard, message_sort},
    records::{from_item, time, to_item},
};
use crate::{
    inbox::{
        ports::{Page, StoreError},
        receive::STREAM_GRACE,
    },
    model::{
        cursor::MessageCursor,
        ids::{ChannelId, CompanyId, ConversationId, MessageId, Place},
        message::{FailureReason, Message},
        time::Timestamp,
    },
    telemetry::metrics::{self, Metric},
};

const KIND: &str = "message";

/// A message as an item. While something of it is still at the provider, it is due to be fetched: at once by the stream, by
/// `redeliver` if that misses it.
pub(super) fn message_item(message: &Message) -> Result<Item, StoreError> {
    let mut item = to_item(KIND, &Key::message(&message.id), message)?;
    if message.is_incomplete() {
        item.insert("due_shard".to_owned(), AttributeValue::S(media_shard(&message.id)));
        item.insert("due_at".to_owned(), time(message.id.place().arrived_at().plus(STREAM_GRACE)));
    }
    Ok(item)
}

/// A message as an item that is found among the company's dead ones. Nothing more is fetched for it.
pub(super) fn dead_item(
    message: &Message,
    reason: FailureReason,
    company: CompanyId,
    now: Timestamp,
) -> Result<Item, StoreError> {
    let mut item = message_item(&Message { dead: Some(reason), ..message.clone() })?;
    item.insert("due_shard".to_owned(), AttributeValue::S(dead_shard(company)));
    item.insert("due_at".to_owned(), time(now));
    Ok(item)
}

/// Why a message is dead that found the outbox full.
pub(super) fn outbox_full() -> FailureReason {
    FailureReason {
        code: "outbox_full".to_owned(),
        text: "Too many messages of this conversation were waiting to be delivered.".to_owned(),
    }
}

/// Says so, as delivery does of those that it gives up.
pub(super) fn no_room(message: &MessageId, channel: &ChannelId) {
    tracing::error!(%message, %channel, code = "outbox_full", "a message is dead");
    metrics::count(Metric::MessagesDead, 1);
}

pub(super) fn read(item: Item) -> Result<Message, StoreError> {
    from_item(KIND, item)
}

impl Table {
    pub(super) async fn read_message(&self, id: &MessageId) -> Result<Option<Message>, StoreError> {
        self.get("read a message", &Key::message(id)).await?.map(read).transpose()
    }

    /// One answer of the table: a page that would exceed its 1 MB ends sooner, with a cursor.
    pub(super) async fn page_of_messages(
        &self,
        conversation: &ConversationId,
        after: Option<&MessageCursor>,
        limit: usize,
    ) -> Result<Page<Message, MessageCursor>, StoreError> {
        let before = after.map_or_else(|| AFTER_MESSAGES.to_owned(), |cursor| message_sort(&cursor.place));
        let query = self
            .query()
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1))
            .key_condition_expression("PK = :conversation AND SK < :before")
            .expression_attribute_values(":conversation", AttributeValue::S(conversation_partition(conversation)))
            .expression_attribute_values(":before", AttributeValue::S(before));
        let answer = self.ask("list messages", query).await?;
        // The conversation's own record sorts before its oldest message.
        let reached_end = answer.items.last().is_none_or(is_conversation);
        let messages: Vec<Item> = answer.items.into_iter().filter(|item| !is_conversation(item)).collect();
        let more = messages.len() > limit || (answer.more && !reached_end);
        let items = messages.into_iter().take(limit).map(read).collect::<Result<Vec<Message>, _>>()?;
        let next = items.last().filter(|_| more).map(|last| MessageCursor { place: last.id.place() });
        Ok(Page { items, next })
    }

    pub(super) async fn read_messages_at(
        &self,
        conversation: &ConversationId,
        places: &[Place],
    ) -> Result<Vec<Message>, StoreError> {
        let keys: Vec<Key> = places.iter().map(|place| Key::message(&conversation.message(place))).collect();
        let found = self.get_all("read messages", &keys).await?;
        let mut by_place = HashMap::new();
        for message in found.into_iter().map(read) {
            let message = message?;
            by_place.insert(message.id.place(), message);
        }
        Ok(places.iter().filter_map(|place| by_place.remove(place)).collect())
    }
}

fn is_conversation(item: &Item) -> bool {
    item.get(SK).and_then(|sort| sort.as_s().ok()).is_some_and(|sort| sort == CONVERSATION)
}
