//! What is due: the shards of the sparse index, asked side by side. The index may lag, so whoever acts on an answer acts
//! under a condition.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;

use super::{
    Item, Table,
    keys::{DUE, Key, Queue},
    records::time,
};
use crate::{
    inbox::ports::{DueWork, StoreError},
    model::time::Timestamp,
};

impl Table {
    /// What is due in `queues`, oldest first, at most `limit` a shard.
    pub(super) async fn due_in(&self, queues: &[Queue], now: Timestamp, limit: usize) -> Result<Vec<DueWork>, StoreError> {
        let shards = queues.iter().flat_map(|queue| queue.shards());
        let answers = try_join_all(shards.map(|shard| self.in_shard(shard, Some(now), limit))).await?;
        let mut items: Vec<Item> = answers.into_iter().flatten().collect();
        items.sort_by_key(due_at);
        Ok(items.iter().filter_map(work).collect())
    }

    /// What lies in a queue, whenever it is due; at most `limit` a shard.
    pub(super) async fn all_in(&self, queue: Queue, limit: usize) -> Result<Vec<DueWork>, StoreError> {
        let answers = try_join_all(queue.shards().map(|shard| self.in_shard(shard, None, limit))).await?;
        Ok(answers.iter().flatten().filter_map(work).collect())
    }

    /// What lies in one shard, oldest first; up to `until`, if that is given.
    pub(super) async fn in_shard(&self, shard: String, until: Option<Timestamp>, limit: usize) -> Result<Vec<Item>, StoreError> {
        let query = self
            .query()
            .index_name(DUE)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .expression_attribute_values(":shard", AttributeValue::S(shard));
        let query = match until {
            None => query.key_condition_expression("due_shard = :shard"),
            Some(until) => query
                .key_condition_expression("due_shard = :shard AND due_at <= :until")
                .expression_attribute_values(":until", time(until)),
        };
        Ok(self.ask("list what is due", query).await?.items)
    }
}

fn work(item: &Item) -> Option<DueWork> {
    let shard = item.get("due_shard")?.as_s().ok()?;
    Key::of(item)?.due_work(shard)
}

/// When an item is due, in milliseconds; 0 if it is not.
pub(super) fn due_at(item: &Item) -> i64 {
    item.get("due_at").and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok()).unwrap_or(0)
}
