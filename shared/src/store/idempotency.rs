//! Calls that may be repeated, and the answers that they got. Whether one is too old is decided here; the table's own expiry
//! only cleans up.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValue;
use serde::Deserialize;

use super::{
    Table,
    change::Change,
    keys::Key,
    records::{from_item, number, time, to_value},
    write::{Transacted, Written},
};
use crate::{
    crm::ports::{Attempt, Begun, IdempotencyStore, StoredAnswer},
    inbox::ports::StoreError,
    model::time::Timestamp,
};

const KIND: &str = "call";

#[derive(Deserialize)]
struct Record {
    body: String,
    #[serde(default)]
    answer: Option<StoredAnswer>,
}

fn key(attempt: &Attempt) -> Key {
    Key::call(&attempt.key, &attempt.call)
}

#[async_trait]
impl IdempotencyStore for Table {
    async fn begin(&self, attempt: &Attempt, now: Timestamp, until: Timestamp) -> Result<Begun, StoreError> {
        // `until` ends a try's turn, or the time for which an answer is kept.
        let change = Change::default()
            .when("attribute_not_exists(#PK) OR (#until <= :now AND (attribute_exists(#answer) OR #body = :body))")
            .set("#body = :body, #owner = :owner, #until = :until, #expires = :expires")
            .remove("#answer")
            .text(":body", &attempt.body)
            .text(":owner", &attempt.owner)
            .value(":now", time(now))
            .value(":until", time(until))
            .value(":expires", number(until.secs()));
        let begun = self.update_and_read("begin a call", &key(attempt), &change, ReturnValue::None).await?;
        let Err(stored) = begun else { return Ok(Begun::Here) };
        // Gone again in the moment between.
        let Some(stored) = stored else { return Ok(Begun::Elsewhere) };
        let Record { body, answer } = from_item(KIND, stored)?;
        Ok(match answer {
            _ if body != attempt.body => Begun::Different,
            Some(answer) => Begun::Answered(answer),
            None => Begun::Elsewhere,
        })
    }

    async fn answer(&self, attempt: &Attempt, answer: &StoredAnswer, until: Timestamp) -> Result<(), StoreError> {
        let change = Change::default()
            .when("#owner = :owner")
            .text(":owner", &attempt.owner)
            .set("#answer = :answer, #until = :until, #expires = :expires")
            .value(":answer", to_value(KIND, answer)?)
            .value(":until", time(until))
            .value(":expires", number(until.secs()));
        match self.update("keep an answer", &key(attempt), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }

    async fn forget(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mine = Change::default().when("#owner = :owner").text(":owner", &attempt.owner);
        match self.transact("forget a call", vec![mine.delete(self, &key(attempt))?]).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }
}
