//! A busy table: conflicts, throttling and half-done batches, which the embedded table never raises, put in between the
//! client and its answer.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        http::HttpResponse,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut},
    },
    error::BoxError,
};
use serde_json::{Value, json};
use shared::{
    inbox::ports::{ChannelStore, OutboxStore, ReceiveStore, Settlement, StoreError, StoreOutcome, Then},
    model::ids::ChannelId,
};

use crate::store::fixture::*;

/// Makes of a request's body the answer that it gets instead of the table's: status and body.
type Answer = fn(&Value) -> (u16, Value);

/// Answers the first `times` requests of one operation in the table's place.
#[derive(Debug)]
struct Busy {
    operation: &'static str,
    times: AtomicUsize,
    answer: Answer,
    pending: Mutex<Option<(u16, Value)>>,
}

fn busy(operation: &'static str, times: usize, answer: Answer) -> Fixture {
    fixture_with(Busy { operation, times: AtomicUsize::new(times), answer, pending: Mutex::new(None) })
}

impl Intercept for Busy {
    fn name(&self) -> &'static str {
        "Busy"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let is_ours = request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(self.operation));
        let left = self.times.load(Ordering::SeqCst);
        if is_ours && left > 0 {
            self.times.store(left - 1, Ordering::SeqCst);
            let body = serde_json::from_slice(request.body().bytes().unwrap_or_default())?;
            *self.pending.lock().unwrap() = Some((self.answer)(&body));
            // The table must not do what it is said not to have done.
            request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.ListTables");
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some((status, body)) = self.pending.lock().unwrap().take() {
            *context.response_mut() = HttpResponse::new(status.try_into()?, body.to_string().into());
        }
        Ok(())
    }
}

fn cancelled(reasons: &Value) -> (u16, Value) {
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    (400, json!({"__type": kind, "Message": "Transaction cancelled", "CancellationReasons": reasons}))
}

fn conflict(_: &Value) -> (u16, Value) {
    cancelled(&json!([{"Code": "None"}, {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]))
}

fn throttled(_: &Value) -> (u16, Value) {
    cancelled(&json!([{"Code": "ThrottlingError", "Message": "Throughput exceeds the current capacity"}]))
}

fn update_conflict(_: &Value) -> (u16, Value) {
    (400, json!({"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException", "message": "ongoing"}))
}

#[tokio::test]
async fn a_transaction_that_others_get_in_the_way_of_is_tried_again() {
    for answer in [conflict as Answer, throttled] {
        let f = busy("TransactWriteItems", 3, answer);
        let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
        let new = new_message(&conversation, false, incoming(&conversation, "1", 0));
        assert_eq!(f.table.store_message(&new).await.unwrap(), StoreOutcome::Stored);
        assert_eq!(f.items().await.len(), 4, "message, conversation, reference and name");
    }
}

#[tokio::test]
async fn a_transaction_that_never_gets_through_is_reported_and_changes_nothing() {
    let f = busy("TransactWriteItems", usize::MAX, conflict);
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    let new = new_message(&conversation, false, incoming(&conversation, "1", 0));
    let error = f.table.store_message(&new).await.unwrap_err();
    assert!(matches!(error, StoreError::Contended { operation: "store a message" }), "{error:?}");
    assert_eq!(f.items().await.len(), 0);
}

#[tokio::test]
async fn a_cancelled_transaction_is_reported_without_what_is_stored() {
    let f = busy("TransactWriteItems", usize::MAX, |_| {
        cancelled(&json!([{"Code": "ValidationError", "Message": "bad", "Item": {"text": {"S": "a secret"}}}]))
    });
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    let new = new_message(&conversation, false, incoming(&conversation, "1", 0));
    let error = f.table.store_message(&new).await.unwrap_err();
    let said = format!("{error:?}");
    assert!(matches!(error, StoreError::Unavailable { .. }) && said.contains("ValidationError"), "{said}");
    assert!(!said.contains("secret") && !said.contains("phone"), "{said}");
}

#[tokio::test]
async fn a_single_write_waits_for_a_transaction_on_its_item() {
    let f = busy("UpdateItem", 2, update_conflict);
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    let new = new_message(&conversation, false, incoming(&conversation, "1", 0));
    f.table.store_message(&new).await.unwrap();
    let seen = OutboxStore::conversation(&f.table, &conversation.id).await.unwrap().unwrap();
    let settlement = Settlement { settled: first(&seen, 1), at: at(0), then: Then::Continue { due_at: at(1) } };
    assert!(f.table.settle(&seen, &settlement).await.unwrap());
}

#[tokio::test]
async fn what_a_batch_left_out_is_asked_for_and_deleted_again() {
    let f = busy("BatchWriteItem", 3, |body| (200, json!({"UnprocessedItems": body["RequestItems"]})));
    let conversation = conversation(&ChannelId::new(COMPANY), &["phone:1"]);
    for n in 0..30 {
        let new = new_message(&conversation, n > 0, incoming(&conversation, &n.to_string(), n));
        f.table.store_message(&new).await.unwrap();
    }
    f.table.erase_conversation(&conversation).await.unwrap();
    assert_eq!(f.items().await.len(), 0);

    let f = busy("BatchGetItem", 2, |body| (200, json!({"Responses": {}, "UnprocessedKeys": body["RequestItems"]})));
    let new = new_message(&conversation, false, incoming(&conversation, "1", 0));
    f.table.store_message(&new).await.unwrap();
    let found = f.table.messages_at(&conversation.id, &[new.message.id.place()]).await.unwrap();
    assert_eq!(found, [new.message]);
}

#[tokio::test]
async fn a_batch_that_never_ends_is_an_error_not_an_empty_answer() {
    let f = busy("BatchGetItem", usize::MAX, |body| (200, json!({"UnprocessedKeys": body["RequestItems"]})));
    let found = f.table.conversation_of(&ChannelId::new(COMPANY), &[contact("phone:1")], &[]).await;
    assert!(matches!(found, Err(StoreError::Unavailable { .. })), "{found:?}");
}
