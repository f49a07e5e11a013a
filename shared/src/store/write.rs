//! Conditional writes and transactions, tried again while others write the same items.

use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::{transact_write_items::TransactWriteItemsError, update_item::UpdateItemError},
    types::{CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};

use super::{Item, Table, change::Change, keys::Key, unavailable};
use crate::inbox::ports::StoreError;

/// How often a write is tried while others get in its way.
pub(super) const ATTEMPTS: u32 = 8;
/// The longest first pause; each further one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// What became of a conditional write.
#[derive(Debug)]
pub(super) enum Written {
    /// It took place.
    Done,
    /// Its condition did not hold for what is stored; none if nothing is.
    Refused(Option<Item>),
}

impl Written {
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }
}

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Transacted {
    /// All of it took place.
    Done,
    /// Nothing of it did: some conditions did not hold.
    Refused(Refusals),
}

/// Which conditions of a transaction did not hold, by the position of their items.
#[derive(Debug)]
pub(super) struct Refusals(Vec<CancellationReason>);

impl Refusals {
    /// Whether the condition at `position` failed.
    pub(super) fn failed(&self, position: usize) -> bool {
        self.0.get(position).is_some_and(|reason| reason.code() == Some(CONDITION))
    }

    /// What was stored there at that moment.
    pub(super) fn stored(&self, position: usize) -> Option<Item> {
        self.0.get(position).and_then(|reason| reason.item().cloned()).filter(|item| !item.is_empty())
    }
}

/// The table cancelled a transaction for other reasons than its conditions.
#[derive(Debug, thiserror::Error)]
#[error("the transaction was cancelled: {0}")]
struct Cancelled(String);

const CONDITION: &str = "ConditionalCheckFailed";
/// Codes of reasons that pass by themselves.
const PASSING: [&str; 3] = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

impl Table {
    /// Changes one item.
    pub(super) async fn update(&self, operation: &'static str, key: &Key, change: &Change) -> Result<Written, StoreError> {
        Ok(match self.update_and_read(operation, key, change, ReturnValue::None).await? {
            Ok(_) => Written::Done,
            Err(refused) => Written::Refused(refused),
        })
    }

    /// Changes one item. What `wanted` of it, or what is stored if the condition does not hold.
    pub(super) async fn update_and_read(
        &self,
        operation: &'static str,
        key: &Key,
        change: &Change,
        wanted: ReturnValue,
    ) -> Result<Result<Item, Option<Item>>, StoreError> {
        for attempt in 0..ATTEMPTS {
            let sent = self
                .client
                .update_item()
                .table_name(&self.name)
                .set_key(Some(key.attributes()))
                .update_expression(change.update_expression())
                .set_condition_expression(change.condition())
                .set_expression_attribute_names(change.names())
                .set_expression_attribute_values(change.values())
                .return_values(wanted.clone())
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            match sent {
                Ok(done) => return Ok(Ok(done.attributes.unwrap_or_default())),
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                        return Ok(Err(refused.item().filter(|item| !item.is_empty()).cloned()));
                    }
                    Some(UpdateItemError::TransactionConflictException(_)) => pause(attempt).await,
                    _ => return Err(unavailable(operation)(error)),
                },
            }
        }
        Err(StoreError::Contended { operation })
    }

    /// Makes all changes or none.
    pub(super) async fn transact(
        &self,
        operation: &'static str,
        items: Vec<TransactWriteItem>,
    ) -> Result<Transacted, StoreError> {
        for attempt in 0..ATTEMPTS {
            let sent = self.client.transact_write_items().set_transact_items(Some(items.clone())).send().await;
            let Err(error) = sent else { return Ok(Transacted::Done) };
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error() else {
                return Err(unavailable(operation)(error));
            };
            let reasons = cancelled.cancellation_reasons();
            let has = |wanted: &[&str]| reasons.iter().any(|r| r.code().is_some_and(|code| wanted.contains(&code)));
            if has(&[CONDITION]) {
                return Ok(Transacted::Refused(Refusals(reasons.to_vec())));
            }
            if !has(&PASSING) {
                let codes: Vec<&str> = reasons.iter().filter_map(CancellationReason::code).collect();
                return Err(StoreError::Unavailable { operation, source: Box::new(Cancelled(codes.join(", "))) });
            }
            pause(attempt).await;
        }
        Err(StoreError::Contended { operation })
    }
}

/// Waits a random time, longer with each attempt, so that those who got in each other's way do not meet again.
pub(super) async fn pause(attempt: u32) {
    let longest = FIRST_PAUSE * 2_u32.saturating_pow(attempt.min(6));
    let random = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    tokio::time::sleep(longest.mul_f64(random)).await;
}
