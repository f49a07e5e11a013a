//! Which conversations hang on which of Pipedrive's records. The link of a conversation and the ways from the records back to
//! it are written in one transaction.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::{
    Table,
    change::Change,
    contacts::target,
    conversations::changed,
    keys::{Key, linked_partition},
    records::{from_item, number, to_value},
    write::Transacted,
};
use crate::{
    inbox::ports::{InstallationStore, StoreError},
    model::{
        channel::ChannelState,
        contact::{Email, Phone},
        conversation::Conversation,
        ids::{CompanyId, ConversationId, PersonId},
        record::{AuditEntry, Link, RecordRef},
        time::Timestamp,
    },
    records::ports::LinkStore,
};

/// By what the customer's person is found: their number and their address.
pub(super) fn ways(conversation: &Conversation) -> Vec<Key> {
    let (company, customer) = (conversation.company, &conversation.customer);
    let phone = customer.phone.as_deref().and_then(Phone::parse).map(|phone| Key::person_of_phone(company, &phone));
    phone.into_iter().chain(customer.email.as_ref().map(|email| Key::person_of_email(company, email))).collect()
}

const KIND: &str = "link";
/// Most items of one batch read.
const BATCH: usize = 100;

#[async_trait]
impl LinkStore for Table {
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.read_conversation(id).await
    }

    async fn relink(&self, seen: &Conversation, link: &Link, at: Timestamp) -> Result<bool, StoreError> {
        self.relink_as_of(seen, link, Some(at), &[]).await
    }

    async fn relink_and_tell(&self, seen: &Conversation, link: &Link, entries: &[AuditEntry]) -> Result<bool, StoreError> {
        self.relink_as_of(seen, link, entries.first().map(|entry| entry.at), entries).await
    }

    async fn linked_to(&self, company: CompanyId, record: &RecordRef) -> Result<Vec<ConversationId>, StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("PK = :record")
            .expression_attribute_values(":record", AttributeValue::S(linked_partition(company, record)));
        let found = self.ask_all("look for a record's conversations", query).await?;
        Ok(found.iter().filter_map(Key::of).filter_map(|key| ConversationId::parse(key.sort()).ok()).collect())
    }

    async fn person_of_phone(&self, company: CompanyId, phone: &Phone) -> Result<Option<PersonId>, StoreError> {
        self.led_to(&Key::person_of_phone(company, phone)).await
    }

    async fn person_of_email(&self, company: CompanyId, email: &Email) -> Result<Option<PersonId>, StoreError> {
        self.led_to(&Key::person_of_email(company, email)).await
    }

    async fn conversations_beside(&self, conversation: &Conversation) -> Result<Vec<Conversation>, StoreError> {
        let channels = self.members(conversation.company).await?.channels;
        let Some(here) = channels.iter().find(|channel| channel.id == conversation.channel) else { return Ok(Vec::new()) };
        let beside = channels
            .iter()
            .filter(|other| other.id != here.id && other.provider == here.provider && other.state != ChannelState::Removed);
        let names: Vec<Key> =
            beside.flat_map(|other| conversation.customer.keys.iter().map(|key| Key::contact(&other.id, key))).collect();
        let mut ids = Vec::new();
        for batch in names.chunks(BATCH) {
            for item in self.get_all("look up a contact", batch).await? {
                let id = target(&item)?;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.read_conversation(&id).await?);
        }
        Ok(found)
    }
}

impl Table {
    async fn relink_as_of(
        &self,
        seen: &Conversation,
        link: &Link,
        at: Option<Timestamp>,
        entries: &[AuditEntry],
    ) -> Result<bool, StoreError> {
        let mut items = self.relinked(seen, link, at)?;
        items.extend(self.audit_entries(&seen.id, entries)?);
        if let Some(person) = link.person() {
            for way in ways(seen) {
                items.push(self.way_to_person(&way, person)?);
            }
        }
        Ok(matches!(self.transact("link a conversation", items).await?, Transacted::Done))
    }

    /// The parts of a transaction that give `seen` this link, if it still has the one in `seen`. `at`: when that is told of.
    pub(super) fn relinked(
        &self,
        seen: &Conversation,
        link: &Link,
        at: Option<Timestamp>,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let link = Link { revision: seen.record.revision.wrapping_add(1), ..link.clone() };
        let change = Change::default()
            .when("#company = :company")
            .value(":company", number(seen.company.0))
            .when("#record.#revision = :seen")
            .value(":seen", number(seen.record.revision))
            .set("#record = :record")
            .value(":record", to_value(KIND, &link)?);
        let change = match at {
            Some(at) => changed(change, at),
            None => change,
        };
        let mut items = vec![change.update(self, &Key::conversation(&seen.id))?];
        let (before, after): (Vec<RecordRef>, Vec<RecordRef>) =
            (seen.record.records.all().collect(), link.records.all().collect());
        for record in before.iter().filter(|record| !after.contains(record)) {
            items.push(Change::default().delete(self, &Key::linked(seen.company, record, &seen.id))?);
        }
        for record in &after {
            items.push(Change::default().put(self, Key::linked(seen.company, record, &seen.id).attributes())?);
        }
        Ok(items)
    }

    async fn led_to(&self, way: &Key) -> Result<Option<PersonId>, StoreError> {
        #[derive(serde::Deserialize)]
        struct Record {
            person: PersonId,
        }
        let item = self.get("look for a person", way).await?;
        item.map(|item| from_item::<Record>("way to a person", item)).transpose().map(|found| found.map(|way| way.person))
    }

    /// Leads what is at `key` to the person.
    pub(super) fn way_to_person(&self, key: &Key, person: PersonId) -> Result<TransactWriteItem, StoreError> {
        let mut item = key.attributes();
        item.insert("person".to_owned(), number(person.0));
        Change::default().put(self, item)
    }
}
