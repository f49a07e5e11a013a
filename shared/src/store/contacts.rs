//! Contact pointers: from each name under which a provider knows a customer to the conversation with them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::{Item, Table, change::Change, keys::Key, records::field};
use crate::{
    inbox::ports::StoreError,
    model::ids::{ChannelId, ContactKey, ConversationId},
};

/// Where the pointer in `item` leads.
pub(super) fn target(item: &Item) -> Result<ConversationId, StoreError> {
    field("contact pointer", item, "conversation")
}

/// `keys`, then those of `others` that are not among them.
pub(super) fn merged(keys: &[ContactKey], others: &[ContactKey]) -> Vec<ContactKey> {
    let mut all: Vec<ContactKey> = Vec::with_capacity(keys.len() + others.len());
    for key in keys.iter().chain(others) {
        if !all.contains(key) {
            all.push(key.clone());
        }
    }
    all
}

impl Table {
    /// Leads `key` to `conversation`, under the conditions in `change`.
    pub(super) fn point(
        &self,
        change: &Change,
        channel: &ChannelId,
        key: &ContactKey,
        conversation: &ConversationId,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = Key::contact(channel, key).attributes();
        item.insert("conversation".to_owned(), AttributeValue::S(conversation.to_string()));
        change.put(self, item)
    }

    pub(super) async fn find_conversation(
        &self,
        channel: &ChannelId,
        keys: &[ContactKey],
        except: &[ConversationId],
    ) -> Result<Option<(ContactKey, ConversationId)>, StoreError> {
        let keys = merged(keys, &[]);
        let places: Vec<Key> = keys.iter().map(|key| Key::contact(channel, key)).collect();
        let mut found = BTreeMap::new();
        for item in self.get_all("look up a contact", &places).await? {
            let position = Key::of(&item).and_then(|key| places.iter().position(|place| *place == key));
            if let Some(position) = position {
                found.insert(position, target(&item)?);
            }
        }
        found.retain(|_, conversation| !except.contains(conversation));
        Ok(found.pop_first().map(|(position, conversation)| (keys[position].clone(), conversation)))
    }
}
