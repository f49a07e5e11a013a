//! Erasing conversations whole. An erasure that stopped half-way is found again, because the conversation's own record goes
//! after everything that hangs on it.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, WriteRequest};

use super::{
    Item, Table,
    change::{Change, incomplete},
    contacts::merged,
    conversations,
    keys::{BY_CHANNEL, CONVERSATION, Key, SK, conversation_partition},
    read::Unprocessed,
    record_links::ways,
    records::{field, number},
    unavailable,
    write::{ATTEMPTS, Transacted, pause},
};
use crate::{
    inbox::ports::StoreError,
    model::{
        conversation::Conversation,
        ids::{ChannelId, ContactKey, ConversationId, ProviderMessageId},
    },
    records::ports::LinkStore,
};

const ERASE: &str = "erase a conversation";
/// Most requests that one `BatchWriteItem` takes.
const BATCH: usize = 25;

impl Table {
    pub(super) async fn some_conversations(&self, channel: &ChannelId, limit: usize) -> Result<Vec<Conversation>, StoreError> {
        let query = self
            .query()
            .index_name(BY_CHANNEL)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .key_condition_expression("list_channel = :channel")
            .expression_attribute_values(":channel", AttributeValue::S(channel.to_string()));
        self.ask("list what to erase", query).await?.items.into_iter().map(conversations::read).collect()
    }

    pub(super) async fn erase(&self, conversation: &Conversation) -> Result<(), StoreError> {
        let Conversation { id, channel, customer, .. } = conversation;
        let stored = self.read_conversation(id).await?;
        let names = merged(&customer.keys, stored.as_ref().map_or(&[], |stored| &stored.customer.keys));
        // No new message finds its way here any more; one that is on its way already is caught by the second round.
        for name in &names {
            self.forget_name(channel, name, id).await?;
        }
        self.erase_messages(channel, id).await?;
        if let Some(stored) = &stored {
            self.forget_links(stored).await?;
        }
        let late = self.read_conversation(id).await?;
        self.delete_all(vec![Key::conversation(id)]).await?;
        self.erase_messages(channel, id).await?;
        if let Some(late) = &late {
            self.forget_links(late).await?;
        }
        // A name that was learned meanwhile must not lead to what is no more.
        for name in &merged(&names, late.as_ref().map_or(&[], |late| &late.customer.keys)) {
            self.forget_name(channel, name, id).await?;
        }
        Ok(())
    }

    /// Deletes a contact pointer, unless it leads to another conversation by now.
    async fn forget_name(&self, channel: &ChannelId, name: &ContactKey, id: &ConversationId) -> Result<(), StoreError> {
        let leads_here = Change::default()
            .when("attribute_not_exists(#PK) OR #conversation = :conversation")
            .text(":conversation", id.as_str());
        let delete = leads_here.delete(self, &Key::contact(channel, name))?;
        match self.transact(ERASE, vec![delete]).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    /// Deletes the ways from Pipedrive's records to the conversation, what is known of records that no other conversation is
    /// linked to, and the ways from its customer's number and address to the person.
    async fn forget_links(&self, conversation: &Conversation) -> Result<(), StoreError> {
        let (company, records) = (conversation.company, || conversation.record.records.all());
        self.delete_all(records().map(|record| Key::linked(company, &record, &conversation.id)).collect()).await?;
        for record in records() {
            if self.linked_to(company, &record).await?.is_empty() {
                self.delete_all(vec![Key::known(company, &record)]).await?;
            }
        }
        let Some(person) = conversation.record.person() else { return Ok(()) };
        for way in ways(conversation) {
            let leads_there = Change::default()
                .when("attribute_not_exists(#PK) OR #person = :person")
                .value(":person", number(person.0))
                .delete(self, &way)?;
            match self.transact(ERASE, vec![leads_there]).await? {
                Transacted::Done | Transacted::Refused(_) => {}
            }
        }
        Ok(())
    }

    async fn erase_messages(&self, channel: &ChannelId, id: &ConversationId) -> Result<(), StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :conversation")
            .expression_attribute_values(":conversation", AttributeValue::S(conversation_partition(id)))
            .projection_expression("PK, SK, provider_id, parts");
        let mut keys = Vec::new();
        let mut references = HashSet::new();
        for item in self.ask_all(ERASE, query).await? {
            if is_conversation(&item) {
                continue;
            }
            if item.contains_key("provider_id") {
                references.insert(field::<ProviderMessageId>("message", &item, "provider_id")?);
            }
            for part in item.get("parts").and_then(|parts| parts.as_l().ok()).into_iter().flatten() {
                let id = part.as_m().ok().and_then(|part| part.get("provider_id")?.as_s().ok());
                references.extend(id.and_then(|id| ProviderMessageId::parse(id).ok()));
            }
            keys.extend(Key::of(&item));
        }
        // References first: they are found by their messages.
        self.delete_all(references.iter().map(|reference| Key::reference(channel, reference)).collect()).await?;
        self.delete_all(keys).await
    }

    /// Deletes the items at `keys`, which must differ from each other.
    pub(super) async fn delete_all(&self, keys: Vec<Key>) -> Result<(), StoreError> {
        for batch in keys.chunks(BATCH) {
            let mut rest = batch
                .iter()
                .map(|key| {
                    let delete = DeleteRequest::builder().set_key(Some(key.attributes())).build().map_err(incomplete)?;
                    Ok(WriteRequest::builder().delete_request(delete).build())
                })
                .collect::<Result<Vec<WriteRequest>, StoreError>>()?;
            for attempt in 0..ATTEMPTS {
                if attempt > 0 {
                    pause(attempt).await;
                }
                let request = self.client.batch_write_item().request_items(&self.name, rest);
                let answer = request.send().await.map_err(unavailable(ERASE))?;
                rest = answer.unprocessed_items.into_iter().flatten().flat_map(|(_, requests)| requests).collect();
                if rest.is_empty() {
                    break;
                }
            }
            if !rest.is_empty() {
                return Err(StoreError::Unavailable { operation: ERASE, source: Box::new(Unprocessed) });
            }
        }
        Ok(())
    }
}

fn is_conversation(item: &Item) -> bool {
    item.get(SK).and_then(|sort| sort.as_s().ok()).is_some_and(|sort| sort == CONVERSATION)
}
