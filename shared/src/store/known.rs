//! What records in Pipedrive looked like when they were last seen, and the ways from numbers to persons as people in
//! Pipedrive change them.

use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;

use super::{
    Table,
    change::Change,
    keys::Key,
    records::{from_item, number, time, to_value},
    write::Transacted,
};
use crate::{
    inbox::ports::StoreError,
    model::{
        contact::Phone,
        ids::{CompanyId, PersonId},
        known::Known,
        record::RecordRef,
    },
    records::watch::ports::KnownStore,
};

const KIND: &str = "known record";
/// How long a record is known that nobody saw again.
const KEPT: Duration = Duration::from_hours(90 * 24);

#[async_trait]
impl KnownStore for Table {
    async fn known(&self, company: CompanyId, records: &[RecordRef]) -> Result<Vec<Option<Known>>, StoreError> {
        let keys: Vec<Key> = records.iter().map(|record| Key::known(company, record)).collect();
        let mut found: HashMap<String, Known> = HashMap::new();
        for item in self.get_all("read known records", &keys).await? {
            if let Some(key) = Key::of(&item) {
                found.insert(key.partition().to_owned(), from_item(KIND, item)?);
            }
        }
        Ok(keys.iter().map(|key| found.get(key.partition()).cloned()).collect())
    }

    async fn learn(&self, company: CompanyId, record: &RecordRef, known: &Known) -> Result<bool, StoreError> {
        let change = Change::default()
            .when("attribute_not_exists(#updated_at) OR #updated_at <= :updated_at")
            .set("#name = :name, #owner = :owner, #open = :open, #updated_at = :updated_at, #seen_at = :seen_at")
            .text(":name", &known.name)
            .value(":owner", to_value(KIND, &known.owner)?)
            .value(":open", to_value(KIND, &known.open)?)
            .value(":updated_at", time(known.updated_at))
            .value(":seen_at", time(known.seen_at))
            .set("#expires = :expires")
            .value(":expires", number(known.seen_at.plus(KEPT).secs()));
        Ok(self.update("keep what a record looks like", &Key::known(company, record), &change).await?.is_done())
    }

    async fn forget(&self, company: CompanyId, record: &RecordRef) -> Result<(), StoreError> {
        let delete = Change::default().delete(self, &Key::known(company, record))?;
        self.transact("forget a record", vec![delete]).await.map(drop)
    }

    async fn end_way(&self, company: CompanyId, phone: &Phone, person: PersonId) -> Result<(), StoreError> {
        let leads_there = Change::default().when("#person = :person").value(":person", number(person.0));
        let delete = leads_there.delete(self, &Key::person_of_phone(company, phone))?;
        match self.transact("end the way to a person", vec![delete]).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    async fn begin_way(&self, company: CompanyId, phone: &Phone, person: PersonId) -> Result<(), StoreError> {
        let mut item = Key::person_of_phone(company, phone).attributes();
        item.insert("person".to_owned(), number(person.0));
        match self.transact("lead a number to a person", vec![Change::default().absent().put(self, item)?]).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }
}
