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
    async fn intent(&self, company: CompanyId, names: &[String]) -> Result<Option<Intent>, StoreError> {
        let keys: Vec<Key> = names.iter().map(|name| Key::intent(company, name)).collect();
        let found = self.get_all("read an intent", &keys).await?.into_iter().map(|item| from_item(KIND, item));
        let found = found.collect::<Result<Vec<Intent>, StoreError>>()?;
        Ok(found.into_iter().min_by_key(|intent| intent.at))
    }

    async fn intend(&self, company: CompanyId, names: &[String], intent: &Intent) -> Result<(), StoreError> {
        let put = |name: &String| {
            let mut item = to_item(KIND, &Key::intent(company, name), intent)?;
            item.insert("expires".to_owned(), number(intent.at.plus(KEPT).secs()));
            Change::default().put(self, item)
        };
        match self.transact("write an intent down", names.iter().map(put).collect::<Result<_, _>>()?).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }

    async fn done(&self, company: CompanyId, names: &[String]) -> Result<(), StoreError> {
        let delete = |name: &String| Change::default().delete(self, &Key::intent(company, name));
        match self.transact("drop an intent", names.iter().map(delete).collect::<Result<_, _>>()?).await? {
            Transacted::Done | Transacted::Refused(_) => Ok(()),
        }
    }
}
