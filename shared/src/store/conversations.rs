//! Conversations: the record, its place in the lists, its entry in the outbox.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Item, Table,
    change::Change,
    keys::{BY_CHANNEL, BY_COMPANY, CHANGES, Key, list_at, outbox_shard},
    records::{from_item, number, time, to_item, to_value},
};
use crate::{
    inbox::{
        ports::{Page, StoreError},
        receive::STREAM_GRACE,
    },
    model::{
        conversation::{Conversation, Glimpse, Stamp},
        cursor::ConversationCursor,
        ids::{ChannelId, CompanyId, ConversationId, Place},
        message::Message,
        time::Timestamp,
    },
};

pub(super) const KIND: &str = "conversation";
const LIST: &str = "list conversations";

/// A conversation as an item, listed where it belongs. If its outbox holds anything, that is due at `due_at`.
pub(super) fn conversation_item(conversation: &Conversation, due_at: Timestamp) -> Result<Item, StoreError> {
    let mut item = to_item(KIND, &Key::conversation(&conversation.id), conversation)?;
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put("list_channel", text(conversation.channel.as_str()));
    put("list_company", text(conversation.company.to_string()));
    put("list_at", text(list_at(conversation.last_at, &conversation.id)));
    if !conversation.outbox.is_empty() {
        put("due_shard", text(outbox_shard(&conversation.id)));
        put("due_at", time(due_at));
    }
    Ok(item)
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn read(item: Item) -> Result<Conversation, StoreError> {
    from_item(KIND, item)
}

/// Notes that the conversation changed at `at`, for the inbox page to notice.
pub(super) fn changed(change: Change, at: Timestamp) -> Change {
    change.set("#changed_at = :changed_at").value(":changed_at", time(at))
}

/// Makes the message the one that lists of conversations show.
pub(super) fn glimpsed(change: Change, message: &Message) -> Result<Change, StoreError> {
    Ok(change.set("#last = :last").value(":last", to_value(KIND, &Glimpse::of(message))?))
}

/// Adds an entry to the outbox, which is a change. What is in it already keeps its due time, and stays held if it is.
pub(super) fn owe(change: Change, id: &ConversationId, place: &Place, stamp: Stamp, due_at: Timestamp) -> Change {
    changed(change, due_at.minus(STREAM_GRACE))
        .name("#place", place.as_str())
        .set("#outbox.#place = :stamp")
        .value(":stamp", number(stamp.0))
        .set("#due_shard = if_not_exists(#due_shard, :shard)")
        .text(":shard", outbox_shard(id))
        .set("#due_at = if_not_exists(#due_at, :due)")
        .value(":due", time(due_at))
}

/// Moves a conversation up in the lists.
pub(super) fn moved_to(change: Change, id: &ConversationId, last_at: Timestamp) -> Change {
    change
        .set("#last_at = :last_at")
        .value(":last_at", time(last_at))
        .set("#list_at = :list_at")
        .text(":list_at", list_at(last_at, id))
}

impl Table {
    pub(super) async fn read_conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.get("read a conversation", &Key::conversation(id)).await?.map(read).transpose()
    }

    pub(super) async fn conversations_of_channel(
        &self,
        channel: &ChannelId,
        after: Option<&ConversationCursor>,
        limit: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError> {
        self.list(BY_CHANNEL, "list_channel", channel.to_string(), after, limit).await
    }

    pub(super) async fn conversations_across_channels(
        &self,
        company: CompanyId,
        after: Option<&ConversationCursor>,
        limit: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError> {
        self.list(BY_COMPANY, "list_company", company.to_string(), after, limit).await
    }

    /// One answer of the table: a page that would exceed its 1 MB ends sooner, with a cursor. Indexes hold what lists show, so
    /// outboxes are empty here and nothing pauses.
    async fn list(
        &self,
        index: &str,
        attribute: &str,
        owner: String,
        after: Option<&ConversationCursor>,
        limit: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError> {
        let mut query = self
            .query()
            .index_name(index)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1))
            .expression_attribute_names("#owner", attribute)
            .expression_attribute_values(":owner", text(owner));
        query = match after {
            None => query.key_condition_expression("#owner = :owner"),
            Some(cursor) => query
                .key_condition_expression("#owner = :owner AND list_at < :after")
                .expression_attribute_values(":after", text(list_at(cursor.last_at, &cursor.id))),
        };
        let answer = self.ask(LIST, query).await?;
        let more = answer.more || answer.items.len() > limit;
        let items = answer.items.into_iter().take(limit).map(read).collect::<Result<Vec<Conversation>, _>>()?;
        let next = items.last().filter(|_| more).map(|last| ConversationCursor { last_at: last.last_at, id: last.id.clone() });
        Ok(Page { items, next })
    }

    /// In the order of their changes, as lists have them.
    pub(super) async fn conversations_changed(
        &self,
        company: CompanyId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Conversation>, StoreError> {
        let query = self
            .query()
            .index_name(CHANGES)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression("list_company = :company AND changed_at >= :since")
            .expression_attribute_values(":company", text(company.to_string()))
            .expression_attribute_values(":since", time(since));
        self.ask("list changed conversations", query).await?.items.into_iter().map(read).collect()
    }
}
