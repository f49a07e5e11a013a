//! Reads: single items, batches, pages of a query.

use aws_sdk_dynamodb::{operation::query::builders::QueryFluentBuilder, types::KeysAndAttributes};

use super::{
    Item, Table,
    change::incomplete,
    keys::Key,
    unavailable,
    write::{ATTEMPTS, pause},
};
use crate::inbox::ports::StoreError;

/// The table kept leaving parts of a batch undone.
#[derive(Debug, thiserror::Error)]
#[error("the table is too busy for the whole batch")]
pub(super) struct Unprocessed;

/// One answer of a query.
pub(super) struct Answer {
    /// The items.
    pub(super) items: Vec<Item>,
    /// Whether the table stopped before the end of the list.
    pub(super) more: bool,
}

impl Table {
    /// One item, as last written.
    pub(super) async fn get(&self, operation: &'static str, key: &Key) -> Result<Option<Item>, StoreError> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key.attributes())).consistent_read(true);
        Ok(request.send().await.map_err(unavailable(operation))?.item)
    }

    /// At most 100 different items, as last written, in no order; those that don't exist are left out.
    pub(super) async fn get_all(&self, operation: &'static str, keys: &[Key]) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        let mut wanted: Vec<Item> = keys.iter().map(Key::attributes).collect();
        for attempt in 0..ATTEMPTS {
            if wanted.is_empty() {
                return Ok(found);
            }
            if attempt > 0 {
                pause(attempt).await;
            }
            let wish = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build().map_err(incomplete)?;
            let answer =
                self.client.batch_get_item().request_items(&self.name, wish).send().await.map_err(unavailable(operation))?;
            found.extend(answer.responses.into_iter().flatten().flat_map(|(_, items)| items));
            wanted = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, rest)| rest.keys).collect();
        }
        if wanted.is_empty() { Ok(found) } else { Err(StoreError::Unavailable { operation, source: Box::new(Unprocessed) }) }
    }

    /// A query to fill in.
    pub(super) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name)
    }

    /// The first answer to `query`: at most 1 MB and at most its limit.
    pub(super) async fn ask(&self, operation: &'static str, query: QueryFluentBuilder) -> Result<Answer, StoreError> {
        let answer = query.send().await.map_err(unavailable(operation))?;
        Ok(Answer { more: answer.last_evaluated_key.is_some(), items: answer.items.unwrap_or_default() })
    }

    /// Everything that `query` finds, in as many answers as it takes.
    pub(super) async fn ask_all(&self, operation: &'static str, query: QueryFluentBuilder) -> Result<Vec<Item>, StoreError> {
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let answer = query.clone().set_exclusive_start_key(start).send().await.map_err(unavailable(operation))?;
            found.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(found);
            }
        }
    }
}
