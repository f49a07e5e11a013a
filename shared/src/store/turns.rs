//! Whose turn it is to send a message that two ask for at once.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::{
    Item, Table,
    change::Change,
    keys::Key,
    records::{field, number, time},
    write::Written,
};
use crate::{
    inbox::ports::StoreError,
    model::{ids::MessageId, time::Timestamp},
};

const KIND: &str = "turn";

/// Whose turn a stored one is.
pub(super) fn holder(item: &Item) -> Result<MessageId, StoreError> {
    field(KIND, item, "message")
}

impl Table {
    /// As part of a transaction: the message's turn, unless another has it. It ends by itself at `until`.
    pub(super) fn take_turn(
        &self,
        message: &MessageId,
        fingerprint: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = Key::turn(&message.conversation(), fingerprint).attributes();
        item.insert("message".to_owned(), AttributeValue::S(message.to_string()));
        item.insert("until".to_owned(), time(until));
        item.insert("expires".to_owned(), number(until.secs()));
        Change::default().when("attribute_not_exists(#PK) OR #until <= :now").value(":now", time(now)).put(self, item)
    }

    /// Ends it, now or at `keep_until`, if it is still the message's.
    pub(super) async fn leave_turn(
        &self,
        message: &MessageId,
        fingerprint: &str,
        keep_until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let change = Change::default()
            .when("#message = :message")
            .text(":message", message.as_str())
            .set("#until = :until")
            .value(":until", time(keep_until.unwrap_or(Timestamp::EPOCH)));
        let key = Key::turn(&message.conversation(), fingerprint);
        match self.update("end a turn to send", &key, &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }
}
