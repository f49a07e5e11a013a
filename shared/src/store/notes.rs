//! Notes in Pipedrive, in one partition with the conversation that they are about, and the files copied beside them.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Item, Table,
    change::Change,
    conversations::owe,
    keys::{Key, NOTE_PREFIX, conversation_partition, message_sort, notes_sort},
    messages,
    records::{from_item, to_item},
    write::{Transacted, Written},
};
use crate::{
    inbox::ports::StoreError,
    model::{
        conversation::Stamp,
        day::Day,
        ids::{ConversationId, MessageId, Place},
        message::Message,
        record::{Note, Upload},
        time::Timestamp,
    },
    records::ports::NoteStore,
};

const NOTE: &str = "note";
const UPLOAD: &str = "copied file";
/// Most items of one batch read.
const BATCH: usize = 100;

#[async_trait]
impl NoteStore for Table {
    async fn notes(&self, conversation: &ConversationId, day: &Day) -> Result<Vec<Note>, StoreError> {
        self.notes_from(conversation, notes_sort(day)).await
    }

    async fn all_notes(&self, conversation: &ConversationId) -> Result<Vec<Note>, StoreError> {
        self.notes_from(conversation, NOTE_PREFIX.to_owned()).await
    }

    async fn save_note(&self, note: &Note) -> Result<(), StoreError> {
        let item = to_item(NOTE, &Key::note(&note.conversation, &note.day, note.part), note)?;
        self.put_beside("store a note", &note.conversation, item).await
    }

    async fn forget_note(&self, note: &Note) -> Result<(), StoreError> {
        let delete = Change::default().delete(self, &Key::note(&note.conversation, &note.day, note.part))?;
        match self.transact("forget a note", vec![delete]).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    async fn messages_between(
        &self,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, StoreError> {
        let (from, until) = (message_sort(&Place::first_at(from)), message_sort(&Place::first_at(until)));
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :conversation AND SK BETWEEN :from AND :until")
            .expression_attribute_values(":conversation", AttributeValue::S(conversation_partition(conversation)))
            .expression_attribute_values(":from", AttributeValue::S(from))
            .expression_attribute_values(":until", AttributeValue::S(until));
        self.ask_all("read a day's messages", query).await?.into_iter().map(messages::read).collect()
    }

    async fn owe_again(&self, conversation: &ConversationId, place: &Place, due_at: Timestamp) -> Result<(), StoreError> {
        let change = owe(Change::default().exists(), conversation, place, Stamp::new(), due_at);
        match self.update("owe a message again", &Key::conversation(conversation), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }

    async fn uploads(&self, files: &[(MessageId, usize)]) -> Result<Vec<Upload>, StoreError> {
        let mut found = Vec::new();
        let keys: Vec<Key> = files.iter().map(|(id, position)| Key::upload(&id.conversation(), &id.place(), *position)).collect();
        for batch in keys.chunks(BATCH) {
            let items = self.get_all("read copied files", batch).await?;
            found.extend(items.into_iter().map(|item| from_item(UPLOAD, item)).collect::<Result<Vec<Upload>, _>>()?);
        }
        Ok(found)
    }

    async fn save_upload(&self, conversation: &ConversationId, upload: &Upload) -> Result<(), StoreError> {
        let key = Key::upload(conversation, &upload.place, upload.position);
        self.put_beside("note a copied file", conversation, to_item(UPLOAD, &key, upload)?).await
    }
}

impl Table {
    async fn notes_from(&self, conversation: &ConversationId, prefix: String) -> Result<Vec<Note>, StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :conversation AND begins_with(SK, :prefix)")
            .expression_attribute_values(":conversation", AttributeValue::S(conversation_partition(conversation)))
            .expression_attribute_values(":prefix", AttributeValue::S(prefix));
        self.ask_all("read notes", query).await?.into_iter().map(|item| from_item(NOTE, item)).collect()
    }

    /// Writes what hangs on a conversation, whatever was there, unless the conversation is gone: an erased one leaves nothing.
    async fn put_beside(&self, operation: &'static str, id: &ConversationId, item: Item) -> Result<(), StoreError> {
        let items = vec![Change::default().put(self, item)?, Change::default().exists().check(self, &Key::conversation(id))?];
        match self.transact(operation, items).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }
}
