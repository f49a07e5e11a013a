//! What is about to be created in Pipedrive.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    Table,
    change::Change,
    keys::Key,
    records::{from_item, number, to_item},
    write::Transacted,
};
use crate::{
    inbox::ports::StoreError,
    model::ids::CompanyId,
    records::ports::{Intent, IntentStore},
};

const KIND: &str = "intent";
/// How long one is kept that nobody came back to. Long past the last try of a delivery.
const KEPT: Duration = Duration::from_hours(14 * 24);

#[async_trait]
impl IntentStore for Table {
    async fn intent(&self, company: CompanyId, name: &str) -> Result<Option<Intent>, StoreError> {
        self.get("read an intent", &Key::intent(company, name)).await?.map(|item| from_item(KIND, item)).transpose()
    }

    async fn intend(&self, company: CompanyId, name: &str, intent: &Intent) -> Result<(), StoreError> {
        let mut item = to_item(KIND, &Key::intent(company, name), intent)?;
        item.insert("expires".to_owned(), number(intent.at.plus(KEPT).secs()));
        match self.transact("write an intent down", vec![Change::default().put(self, item)?]).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    async fn done(&self, company: CompanyId, name: &str) -> Result<(), StoreError> {
        let delete = Change::default().delete(self, &Key::intent(company, name))?;
        match self.transact("drop an intent", vec![delete]).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }
}
