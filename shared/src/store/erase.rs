//! Finding all that belongs to a company or a person, by reading the whole table, and deleting it.
//!
//! A record belongs to a company by its key, or, where that names a conversation or a provider's account, by what is in it. So a
//! kind of record that is new is found too, as long as it keeps to that; a test fails for one that does not.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;

use super::{
    Item, Table,
    change::Change,
    keys::{Key, PK, SK, linked_partition},
    links::read_person,
    records::number,
    unavailable,
    write::Transacted,
};
use crate::{
    crm::{locks, ports::ListStore},
    inbox::{
        erase::{Beside, EraseStore, Found, Known, Places},
        ports::StoreError,
    },
    model::{
        ids::{ChannelId, CompanyId, ConversationId, PersonId},
        record::RecordRef,
    },
};

const FIND: &str = "find what is to be erased";
const END: &str = "end the way to a person";
/// Most items of one batch read.
const BATCH: usize = 100;

/// A record, as far as it matters here.
struct Seen {
    key: Key,
    company: Option<CompanyId>,
    person: Option<PersonId>,
}

impl Seen {
    fn read(item: &Item) -> Option<Self> {
        let number = |name: &str| item.get(name).and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok());
        let channel = item.get("channel").and_then(|channel| ChannelId::parse(channel.as_s().ok()?).ok());
        let key = Key::of(item)?;
        let company = number("company").map(CompanyId).or(channel.map(|id| id.company())).or_else(|| key.company());
        Some(Self { company, person: number("person").map(PersonId), key })
    }

    fn place(&self) -> (String, String) {
        (self.key.partition().to_owned(), self.key.sort().to_owned())
    }
}

/// Partitions of what is known of persons beside the conversations with them and the ways to them.
fn partitions(company: CompanyId, known: &Known) -> BTreeSet<String> {
    let records = known.persons.iter().map(|person| RecordRef::Person(*person));
    let persons = known.persons.iter().map(|person| Key::person(company, *person));
    let keys = persons.chain(records.clone().map(|record| Key::known(company, &record))).map(|key| key.partition().to_owned());
    keys.chain(records.map(|record| linked_partition(company, &record))).collect()
}

/// Where the ways from known numbers and addresses begin. Numbers that end alike begin at the same place.
fn ways(company: CompanyId, known: &Known) -> Vec<Key> {
    let emails = known.emails.iter().map(|email| Key::person_of_email(company, email));
    let phones = known.phones.iter().map(|phone| Key::person_of_phone(company, phone));
    let mut ways = Vec::new();
    for way in emails.chain(phones) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

/// Under what names something of theirs may be locked, or about to be created.
fn names(known: &Known) -> Vec<String> {
    let emails = known.emails.iter().map(locks::email);
    let phones = known.phones.iter().map(locks::phone);
    let persons = known.persons.iter().map(|person| locks::person(*person));
    let conversations = known.conversations.iter().map(ToString::to_string);
    emails.chain(phones).chain(persons).chain(conversations).collect()
}

#[async_trait]
impl EraseStore for Table {
    async fn records_of_company(&self, company: CompanyId) -> Result<Found, StoreError> {
        let mut found = Found::default();
        let mut of_conversations: HashMap<ConversationId, Vec<(String, String)>> = HashMap::new();
        self.each(|seen| {
            let (conversation, is_theirs) = (seen.key.conversation_id(), seen.company == Some(company));
            match conversation {
                // Messages do not say whose they are; their conversation does.
                Some(id) if !is_theirs => of_conversations.entry(id).or_default().push(seen.place()),
                conversation if is_theirs => {
                    found.conversations.extend(conversation);
                    found.records.push(seen.place());
                }
                _ => {}
            }
        })
        .await?;
        let theirs: Vec<_> = found.conversations.iter().filter_map(|id| of_conversations.remove(id)).collect();
        // Messages go before their conversation, by which they would be found again.
        found.records.splice(0..0, theirs.into_iter().flatten());
        Ok(found)
    }

    async fn records_of_person(&self, company: CompanyId, known: &Known) -> Result<Beside, StoreError> {
        let (partitions, names, ways) = (partitions(company, known), names(known), ways(company, known));
        let mut beside = Beside::default();
        self.each(|seen| {
            if seen.company != Some(company) || seen.key.conversation_id().is_some() {
                return;
            }
            let leads_there = seen.person.is_some_and(|person| known.persons.contains(&person));
            if leads_there && ways.contains(&seen.key) {
                beside.ways.push(seen.place());
            } else if leads_there
                || partitions.contains(seen.key.partition())
                || names.iter().any(|name| seen.key.is_called(name))
            {
                beside.rest.push(seen.place());
            }
        })
        .await?;
        Ok(beside)
    }

    async fn persons_behind(&self, company: CompanyId, known: &Known) -> Result<Vec<PersonId>, StoreError> {
        let mut persons = Vec::new();
        for batch in ways(company, known).chunks(BATCH) {
            for way in self.get_all(FIND, batch).await? {
                persons.push(read_person(way)?);
            }
        }
        Ok(persons)
    }

    async fn end_ways(&self, company: CompanyId, known: &Known, persons: &BTreeSet<PersonId>) -> Result<usize, StoreError> {
        let mut ended = 0;
        for batch in ways(company, known).chunks(BATCH) {
            for way in self.get_all(FIND, batch).await? {
                let key = Key::of(&way);
                let person = read_person(way)?;
                let Some(key) = key.filter(|_| persons.contains(&person)) else { continue };
                let leads_there = Change::default().when("#person = :person").value(":person", number(person.0));
                let delete = leads_there.delete(self, &key)?;
                ended += usize::from(matches!(self.transact(END, vec![delete]).await?, Transacted::Done));
            }
        }
        Ok(ended)
    }

    async fn take_off_lists(&self, company: CompanyId, persons: &BTreeSet<PersonId>) -> Result<(), StoreError> {
        for list in self.lists(company).await? {
            for person in persons {
                self.take_off_list(company, &list.id, *person).await?;
            }
        }
        Ok(())
    }

    async fn delete_records(&self, places: &Places) -> Result<(), StoreError> {
        self.delete_all(places.iter().map(|(pk, sk)| Key::at(pk, sk)).collect()).await
    }
}

impl Table {
    /// Reads the whole table, as last written.
    async fn each(&self, mut see: impl FnMut(Seen) + Send) -> Result<(), StoreError> {
        let scan = self
            .client
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .projection_expression("#PK, #SK, #company, #channel, #person")
            .expression_attribute_names("#PK", PK)
            .expression_attribute_names("#SK", SK)
            .expression_attribute_names("#company", "company")
            .expression_attribute_names("#channel", "channel")
            .expression_attribute_names("#person", "person");
        let mut items = scan.into_paginator().items().send();
        while let Some(item) = items.next().await {
            if let Some(seen) = Seen::read(&item.map_err(unavailable(FIND))?) {
                see(seen);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;
    use crate::model::{
        channel::ProviderKind,
        contact::{Email, Phone},
        day::Day,
        ids::{AccountId, ContactKey, KeyId, ListId, Place, ProviderMessageId, UserId},
        time::Timestamp,
    };

    const COMPANY: CompanyId = CompanyId(4711);

    /// One of each kind that `keys` can make.
    fn keys() -> Vec<Key> {
        let (company, user, person) = (COMPANY, UserId(9), PersonId(8));
        let (channel, account) = (ChannelId::new(company), AccountId::parse("1").unwrap());
        let (conversation, key) = (ConversationId::new(), KeyId::new(company));
        let place = Place::new(Timestamp::EPOCH, Timestamp::EPOCH, 0);
        let (day, record, list) = (Day::parse("2026-11-28").unwrap(), RecordRef::Person(person), ListId::new());
        let (email, phone) = (Email::parse("ada@example.com").unwrap(), Phone::parse("+15550100001").unwrap());
        let (whatsapp, customer) = (ProviderKind::Whatsapp, ContactKey::parse("phone:1").unwrap());
        vec![
            Key::installation(company, user),
            Key::channel(&channel),
            Key::sharing(company),
            Key::account(whatsapp, &account),
            Key::group_member(whatsapp, &account, &channel),
            Key::templates(&channel),
            Key::conversation(&conversation),
            Key::message(&conversation.message(&place)),
            Key::note(&conversation, &day, 0),
            Key::audit(&conversation, Timestamp::EPOCH, 0),
            Key::upload(&conversation, &place, 0),
            Key::turn(&conversation, "f"),
            Key::contact(&channel, &customer),
            Key::reference(&channel, &ProviderMessageId::parse("wamid.1").unwrap()),
            Key::release(company, user),
            Key::probe(company, user),
            Key::api_key(&key),
            Key::call(&key, "c"),
            Key::lock(company, "n"),
            Key::intent(company, "n"),
            Key::linked(company, &record, &conversation),
            Key::known(company, &record),
            Key::watch(company),
            Key::budget(company, &day),
            Key::walk(company, user, "deals"),
            Key::person_of_email(company, &email),
            Key::person_of_phone(company, &phone),
            Key::person(company, person),
            Key::list(company, &list),
            Key::on_list(company, &list, person),
        ]
    }

    /// The kinds in the table on top of keys.rs, each by how its partition begins and what its sort key begins with, if that is fixed.
    fn documented() -> BTreeSet<String> {
        let rows = include_str!("keys.rs").lines().filter_map(|line| line.strip_prefix("//! | `"));
        let cells = rows.flat_map(|row| {
            let (partitions, sort) = row.split_once("` | `").expect("a partition and a sort key");
            let sort = sort.split('`').next().unwrap_or_default().to_owned();
            partitions.split("`, `").map(move |partition| shape(partition, &sort)).collect::<Vec<_>>()
        });
        cells.filter(|shape| !shape.starts_with("PK")).collect()
    }

    /// The words of a key that are the same for all of its kind.
    fn shape(partition: &str, sort: &str) -> String {
        let fixed = |part: &&str| part.bytes().all(|byte| byte.is_ascii_uppercase());
        let sort = sort.split('#').next().filter(fixed).unwrap_or_default();
        let words: Vec<&str> = partition.split('#').filter(fixed).chain([sort]).collect();
        words.join(" ")
    }

    #[test]
    fn every_kind_of_record_is_found_by_its_company() {
        let shapes: BTreeSet<String> = keys().iter().map(|key| shape(key.partition(), key.sort())).collect();
        assert_eq!(shapes, documented(), "kinds of keys here, and in keys.rs");
        for key in keys() {
            let mut item = key.attributes();
            match key.partition().split('#').next() {
                // Found by their conversation, which says whose it is.
                Some("CV") if key != Key::conversation(&key.conversation_id().unwrap()) => continue,
                Some("CV") => item.insert("company".to_owned(), AttributeValue::N(COMPANY.to_string())),
                Some("ACCT") => item.insert("channel".to_owned(), AttributeValue::S(ChannelId::new(COMPANY).to_string())),
                _ => None,
            };
            assert_eq!(Seen::read(&item).and_then(|seen| seen.company), Some(COMPANY), "{key:?}");
        }
    }

    #[test]
    fn locks_and_intents_go_by_name() {
        let phone = Phone::parse("+15550100001").unwrap();
        let intent = Key::intent(COMPANY, &format!("person#{}", locks::phone(&phone)));
        assert!(intent.is_called(&locks::phone(&phone)) && !intent.is_called("1"));
        let conversation = ConversationId::new();
        assert!(Key::lock(COMPANY, &format!("conversation#{conversation}")).is_called(conversation.as_str()));
        assert!(!Key::conversation(&conversation).is_called(conversation.as_str()));
    }
}
