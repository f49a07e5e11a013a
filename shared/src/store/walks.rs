//! Notes of where the parts of a list of Pipedrive's begin.

use async_trait::async_trait;

use super::{
    Table,
    change::Change,
    keys::Key,
    records::{from_item, number, to_item},
};
use crate::{
    crm::ports::{Walk, WalkStore},
    inbox::ports::StoreError,
    model::{
        ids::{CompanyId, UserId},
        time::Timestamp,
    },
};

const KIND: &str = "walk";

#[async_trait]
impl WalkStore for Table {
    async fn walk(&self, company: CompanyId, user: UserId, name: &str) -> Result<Option<Walk>, StoreError> {
        let found = self.get("read a walk", &Key::walk(company, user, name)).await?;
        found.map(|item| from_item(KIND, item)).transpose()
    }

    async fn save_walk(
        &self,
        company: CompanyId,
        user: UserId,
        name: &str,
        walk: &Walk,
        until: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = to_item(KIND, &Key::walk(company, user, name), walk)?;
        item.insert("expires".to_owned(), number(until.secs()));
        self.transact("keep a walk", vec![Change::default().put(self, item)?]).await.map(drop)
    }
}
