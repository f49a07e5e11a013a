//! What leads to a person in Pipedrive and what we know of one: addresses and numbers, origin, lists, conversations. The way
//! from a conversation to its person and back is written in one transaction.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use futures_util::future::try_join;

use super::{
    Item, Table,
    change::Change,
    conversations,
    keys::{BY_COMPANY, Key},
    records::{from_item, time, to_value},
    write::Transacted,
};
use crate::{
    crm::ports::{ContactChange, ContactStore},
    inbox::ports::{InstallationStore, StoreError},
    model::{
        channel::ChannelState,
        contact::{ContactRecord, Email, Phone},
        conversation::Conversation,
        ids::{CompanyId, ContactKey, ConversationId, PersonId},
        time::Timestamp,
    },
};

const KIND: &str = "contact";
const SAVE: &str = "store a contact";
const LOOK: &str = "look for a contact's conversations";

/// The person to whom a way leads.
pub(super) fn read_person(item: Item) -> Result<PersonId, StoreError> {
    #[derive(serde::Deserialize)]
    struct Record {
        person: PersonId,
    }
    from_item::<Record>("way to a person", item).map(|record| record.person)
}

#[async_trait]
impl ContactStore for Table {
    async fn persons_of(
        &self,
        company: CompanyId,
        email: Option<&Email>,
        phone: Option<&Phone>,
    ) -> Result<Vec<PersonId>, StoreError> {
        let mut keys: Vec<Key> = email.map(|email| Key::person_of_email(company, email)).into_iter().collect();
        keys.extend(phone.map(|phone| Key::person_of_phone(company, phone)));
        let found = self.get_all("look for a person", &keys).await?;
        let mut persons = found.into_iter().map(read_person).collect::<Result<Vec<_>, _>>()?;
        persons.sort();
        persons.dedup();
        Ok(persons)
    }

    async fn contact_records(&self, company: CompanyId, persons: &[PersonId]) -> Result<Vec<ContactRecord>, StoreError> {
        let keys: Vec<Key> = persons.iter().map(|person| Key::person(company, *person)).collect();
        let mut found: HashMap<String, ContactRecord> = HashMap::new();
        for item in self.get_all("read contacts", &keys).await? {
            if let Some(key) = Key::of(&item) {
                found.insert(key.partition().to_owned(), from_item(KIND, item)?);
            }
        }
        Ok(keys.iter().map(|key| found.remove(key.partition()).unwrap_or_default()).collect())
    }

    async fn save_contact(&self, company: CompanyId, person: PersonId, change: &ContactChange) -> Result<(), StoreError> {
        let mut items = Vec::new();
        let ways = [
            change.email.as_ref().map(|email| Key::person_of_email(company, email)),
            change.phone.as_ref().map(|phone| Key::person_of_phone(company, phone)),
        ];
        for key in ways.into_iter().flatten() {
            items.push(self.way_to_person(&key, person)?);
        }
        let mut record = Change::default();
        if let Some((origin, at)) = &change.created {
            record = record
                .set("#origin = :origin, #created_at = :created_at")
                .value(":origin", to_value(KIND, origin)?)
                .value(":created_at", time(*at));
        }
        if !change.conversations.is_empty() {
            let ids = change.conversations.iter().map(|conversation| conversation.id.to_string()).collect();
            record = record.add("#conversations :conversations").value(":conversations", AttributeValue::Ss(ids));
        }
        if change.created.is_some() || !change.conversations.is_empty() {
            items.push(record.update(self, &Key::person(company, person))?);
        }
        for conversation in &change.conversations {
            items.extend(self.linked(company, person, conversation, change.linked_at)?);
        }
        match self.transact(SAVE, items).await? {
            Transacted::Done => Ok(()),
            // A conversation was removed or linked meanwhile.
            Transacted::Refused(_) => Err(StoreError::Contended { operation: SAVE }),
        }
    }

    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.read_conversation(id).await
    }

    async fn conversations_with(&self, company: CompanyId, phone: &Phone, limit: usize) -> Result<Vec<Conversation>, StoreError> {
        let (mut found, newest) =
            try_join(self.conversations_by_key(company, phone), self.newest_conversations_with(company, phone)).await?;
        for conversation in newest {
            if !found.iter().any(|known| known.id == conversation.id) {
                found.push(conversation);
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

impl Table {
    /// Leads a conversation to the person, and takes it from whomever it led to.
    fn linked(
        &self,
        company: CompanyId,
        person: PersonId,
        conversation: &Conversation,
        at: Option<Timestamp>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let before = conversation.record.person();
        let mut items = self.relinked(conversation, &conversation.record.moved_to(person), at)?;
        if let Some(before) = before.filter(|before| *before != person) {
            let ids = AttributeValue::Ss(vec![conversation.id.to_string()]);
            let taken = Change::default().take("#conversations :conversations").value(":conversations", ids);
            items.push(taken.update(self, &Key::person(company, before))?);
        }
        Ok(items)
    }

    /// Conversations on channels whose provider knows customers by their number.
    async fn conversations_by_key(&self, company: CompanyId, phone: &Phone) -> Result<Vec<Conversation>, StoreError> {
        let Ok(key) = ContactKey::parse(&format!("phone:{}", phone.digits())) else { return Ok(Vec::new()) };
        let channels = self.members(company).await?.channels;
        let mut found = Vec::new();
        for channel in channels.into_iter().filter(|channel| channel.state != ChannelState::Removed) {
            if let Some((_, id)) = self.find_conversation(&channel.id, std::slice::from_ref(&key), &[]).await? {
                found.extend(self.read_conversation(&id).await?);
            }
        }
        Ok(found)
    }

    /// Conversations among the newest megabyte of the company's, by what the provider tells of the customer.
    async fn newest_conversations_with(&self, company: CompanyId, phone: &Phone) -> Result<Vec<Conversation>, StoreError> {
        let query = self
            .query()
            .index_name(BY_COMPANY)
            .scan_index_forward(false)
            .key_condition_expression("#list_company = :company")
            .filter_expression("#customer.#phone = :phone")
            .expression_attribute_names("#list_company", "list_company")
            .expression_attribute_names("#customer", "customer")
            .expression_attribute_names("#phone", "phone")
            .expression_attribute_values(":company", AttributeValue::S(company.to_string()))
            .expression_attribute_values(":phone", AttributeValue::S(format!("+{}", phone.digits())));
        self.ask(LOOK, query).await?.items.into_iter().map(conversations::read).collect()
    }
}
