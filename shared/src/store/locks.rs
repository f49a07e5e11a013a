//! Names that one call at a time may hold.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Table,
    change::Change,
    keys::Key,
    records::{number, time},
    write::Transacted,
};
use crate::{
    crm::ports::LockStore,
    inbox::ports::StoreError,
    model::{ids::CompanyId, time::Timestamp},
};

const UNLOCK: &str = "give a lock back";

#[async_trait]
impl LockStore for Table {
    async fn lock(
        &self,
        company: CompanyId,
        names: &[String],
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        // Ours already: the answer to an earlier try of the same request was lost.
        let free = Change::default()
            .when("attribute_not_exists(#PK) OR #until <= :now OR #owner = :owner")
            .value(":now", time(now))
            .text(":owner", owner);
        let put = |name: &String| {
            let mut item = Key::lock(company, name).attributes();
            item.insert("owner".to_owned(), AttributeValue::S(owner.to_owned()));
            item.insert("until".to_owned(), time(until));
            item.insert("expires".to_owned(), number(until.secs()));
            free.put(self, item)
        };
        let items = names.iter().map(put).collect::<Result<Vec<_>, _>>()?;
        Ok(matches!(self.transact("take a lock", items).await?, Transacted::Done))
    }

    async fn unlock(&self, company: CompanyId, names: &[String], owner: &str) -> Result<(), StoreError> {
        let mine = Change::default().when("#owner = :owner").text(":owner", owner);
        let delete = |name: &String| mine.delete(self, &Key::lock(company, name));
        let items = names.iter().map(delete).collect::<Result<Vec<_>, _>>()?;
        if let Transacted::Refused(_) = self.transact(UNLOCK, items.clone()).await? {
            // Some ended by themselves and may be another's by now; the others are still ours.
            for item in items {
                self.transact(UNLOCK, vec![item]).await?;
            }
        }
        Ok(())
    }
}
