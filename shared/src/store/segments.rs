//! Segmentation lists and the contacts on them. An entry, its note with the contact and the list's count change together.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Item, Table,
    change::Change,
    keys::{Key, PK, SK, list_partition, lists_partition},
    records::{from_item, number, to_item},
    write::Transacted,
};
use crate::{
    crm::ports::{ListStore, Listed},
    inbox::ports::StoreError,
    model::{
        contact::SegmentationList,
        ids::{CompanyId, ListId, PersonId},
    },
};

const KIND: &str = "segmentation list";
const ADD: &str = "put a contact on a list";
const TAKE: &str = "take a contact off a list";
const DELETE: &str = "delete a list";
/// How many entries of a list are deleted at the same time.
const AT_ONCE: usize = 8;

const LIST: usize = 0;
const ENTRY: usize = 1;

fn read(item: Item) -> Result<SegmentationList, StoreError> {
    from_item(KIND, item)
}

/// The list's count goes up or down, as long as there is the list.
fn counted(by: i64) -> Change {
    Change::default()
        .when("attribute_exists(#PK) AND #deleted = :no")
        .value(":no", AttributeValue::Bool(false))
        .add("#contacts :by")
        .value(":by", number(by))
}

fn noted(list: &ListId) -> (Change, AttributeValue) {
    (Change::default(), AttributeValue::Ss(vec![list.to_string()]))
}

#[async_trait]
impl ListStore for Table {
    async fn lists(&self, company: CompanyId) -> Result<Vec<SegmentationList>, StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("#PK = :company")
            .expression_attribute_names("#PK", PK)
            .expression_attribute_values(":company", AttributeValue::S(lists_partition(company)));
        self.ask_all("list a company's lists", query).await?.into_iter().map(read).collect()
    }

    async fn list(&self, company: CompanyId, id: &ListId) -> Result<Option<SegmentationList>, StoreError> {
        self.get("read a list", &Key::list(company, id)).await?.map(read).transpose()
    }

    async fn add_list(&self, company: CompanyId, list: &SegmentationList) -> Result<(), StoreError> {
        let item = to_item(KIND, &Key::list(company, &list.id), list)?;
        // Written again by the same request if an answer was lost, so without a condition: the id is new.
        self.transact("store a list", vec![Change::default().put(self, item)?]).await.map(drop)
    }

    async fn add_to_list(&self, company: CompanyId, list: &ListId, person: PersonId) -> Result<Listed, StoreError> {
        let (note, set) = noted(list);
        let items = vec![
            counted(1).update(self, &Key::list(company, list))?,
            Change::default().absent().put(self, Key::on_list(company, list, person).attributes())?,
            note.add("#lists :list").value(":list", set).update(self, &Key::person(company, person))?,
        ];
        Ok(match self.transact(ADD, items).await? {
            Transacted::Done => Listed::Added,
            Transacted::Refused(refusals) if refusals.failed(LIST) => Listed::NoList,
            Transacted::Refused(_) => Listed::Already,
        })
    }

    async fn take_off_list(&self, company: CompanyId, list: &ListId, person: PersonId) -> Result<bool, StoreError> {
        let (note, set) = noted(list);
        let items = vec![
            counted(-1).update(self, &Key::list(company, list))?,
            Change::default().exists().delete(self, &Key::on_list(company, list, person))?,
            note.take("#lists :list").value(":list", set).update(self, &Key::person(company, person))?,
        ];
        Ok(match self.transact(TAKE, items).await? {
            Transacted::Done => true,
            Transacted::Refused(refusals) if refusals.failed(ENTRY) || refusals.failed(LIST) => false,
            Transacted::Refused(_) => return Err(StoreError::Contended { operation: TAKE }),
        })
    }

    async fn delete_list(&self, company: CompanyId, id: &ListId) -> Result<bool, StoreError> {
        let key = Key::list(company, id);
        let gone = Change::default().exists().set("#deleted = :yes").value(":yes", AttributeValue::Bool(true));
        if !self.update(DELETE, &key, &gone).await?.is_done() {
            return Ok(false);
        }
        // From here on nothing comes to the list; a deletion that is cut short is finished by the next.
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("#PK = :list")
            .projection_expression("#PK, #SK")
            .expression_attribute_names("#PK", PK)
            .expression_attribute_names("#SK", SK)
            .expression_attribute_values(":list", AttributeValue::S(list_partition(company, id)));
        let entries = self.ask_all(DELETE, query).await?;
        let erase = |item: Item| async move {
            let person = item.get(SK).and_then(|person| person.as_s().ok()?.parse().ok()).map(PersonId);
            let Some(person) = person else { return Ok(()) };
            let (note, set) = noted(id);
            let items = vec![
                note.take("#lists :list").value(":list", set).update(self, &Key::person(company, person))?,
                Change::default().delete(self, &Key::on_list(company, id, person))?,
            ];
            self.transact(DELETE, items).await.map(drop)
        };
        stream::iter(entries).map(|item| Ok(erase(item))).try_buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.transact(DELETE, vec![Change::default().delete(self, &key)?]).await?;
        Ok(true)
    }
}
