//! What was done for a conversation in Pipedrive, kept for a while beside its messages.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::{
    Table,
    change::Change,
    keys::{AUDIT_PREFIX, Key, conversation_partition},
    records::{from_item, number, to_item},
    write::Transacted,
};
use crate::{
    inbox::ports::StoreError,
    model::{ids::ConversationId, record::AuditEntry},
    records::ports::{AUDIT_KEPT, AuditStore},
};

const KIND: &str = "audit entry";
/// Most entries in one transaction, which also looks whether the conversation is still there.
const BATCH: usize = 99;

#[async_trait]
impl AuditStore for Table {
    async fn add_audit(&self, conversation: &ConversationId, entries: &[AuditEntry]) -> Result<(), StoreError> {
        for batch in entries.chunks(BATCH) {
            let mut items = self.audit_entries(conversation, batch)?;
            items.push(Change::default().exists().check(self, &Key::conversation(conversation))?);
            match self.transact("add to an audit", items).await? {
                Transacted::Done | Transacted::Refused(_) => {}
            }
        }
        Ok(())
    }

    async fn audit(&self, conversation: &ConversationId, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression("PK = :conversation AND begins_with(SK, :audit)")
            .expression_attribute_values(":conversation", AttributeValue::S(conversation_partition(conversation)))
            .expression_attribute_values(":audit", AttributeValue::S(AUDIT_PREFIX.to_owned()));
        self.ask("read an audit", query).await?.items.into_iter().map(|item| from_item(KIND, item)).collect()
    }
}

impl Table {
    /// Entries as parts of a transaction.
    pub(super) fn audit_entries(
        &self,
        conversation: &ConversationId,
        entries: &[AuditEntry],
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let put = |entry: &AuditEntry| {
            let key = Key::audit(conversation, entry.at, uuid::Uuid::new_v4().as_fields().0);
            let mut item = to_item(KIND, &key, entry)?;
            item.insert("expires".to_owned(), number(entry.at.plus(AUDIT_KEPT).secs()));
            Change::default().put(self, item)
        };
        entries.iter().map(put).collect()
    }
}
