//! The DynamoDB table behind the ports of `inbox`: one table for everything, one file per record kind, all keys in `keys`.
//!
//! What belongs together is written together: a message with its dedupe record and its outbox entry in one transaction, each
//! other change in one conditional write. A write that loses to another is tried again here or reported as such; none is
//! ever half done, and each may be repeated. Reads that a decision rests on are strongly consistent; the lists of
//! conversations and of what is due come from indexes and may lag.

mod api_keys;
mod audit;
mod budget;
mod change;
mod channels;
mod contacts;
mod conversations;
mod dead;
mod due;
mod edits;
mod erase;
mod everyone;
mod halts;
mod idempotency;
mod inbox;
mod installations;
mod intents;
mod keys;
mod known;
mod links;
mod listens;
mod locks;
mod media;
mod messages;
mod notes;
mod outbox;
mod read;
mod receive;
mod record_links;
mod records;
mod references;
mod removal;
mod segments;
mod send;
mod sharing;
mod statuses;
mod templates;
mod turns;
mod walks;
mod watches;
mod write;

use std::collections::HashMap;

use aws_sdk_dynamodb::{error::SdkError, types::AttributeValue};

use crate::inbox::ports::StoreError;

/// A stored record as the client sees it.
type Item = HashMap<String, AttributeValue>;

/// The table. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Table {
    client: aws_sdk_dynamodb::Client,
    name: String,
}

impl Table {
    /// The table called `name`, as template.yaml describes it.
    pub fn new(client: aws_sdk_dynamodb::Client, name: String) -> Self {
        Self { client, name }
    }

    /// Connects, by a request for an item that there never is. Its answer does not matter: a role that may read no single items is
    /// refused over a connection that is there then.
    pub async fn connect(&self) {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(keys::Key::of_nothing().attributes()));
        drop(request.send().await);
    }
}

/// The client gave up. Its own error is kept without the raw response, which might hold contents of a record.
fn unavailable<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> StoreError
where
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| StoreError::Unavailable {
        operation,
        source: error.into_source().unwrap_or_else(|_| "the table's client gave no reason".into()),
    }
}
