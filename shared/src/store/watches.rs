//! The webhooks that companies have in Pipedrive, with the chore of looking after them.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{
    Table,
    change::Change,
    keys::{Key, Queue, watch_shard},
    records::{from_item, number, time, to_value},
};
use crate::{
    inbox::ports::{DueWork, StoreError},
    model::{ids::CompanyId, time::Timestamp, watch::Watch},
    records::watch::ports::WatchStore,
};

const KIND: &str = "watch";

#[async_trait]
impl WatchStore for Table {
    async fn watch(&self, company: CompanyId) -> Result<Option<Watch>, StoreError> {
        self.get("read a watch", &Key::watch(company)).await?.map(|item| from_item(KIND, item)).transpose()
    }

    async fn save_watch(&self, watch: &Watch, due_at: Timestamp) -> Result<bool, StoreError> {
        let change = due(watch.company, due_at)
            .when("attribute_not_exists(#password) OR #password = :password")
            .set("#password = :password, #user = :user, #webhooks = :webhooks, #checked_at = :checked_at")
            .value(":password", to_value(KIND, &watch.password)?)
            .value(":user", to_value(KIND, &watch.user)?)
            .value(":webhooks", to_value(KIND, &watch.webhooks)?)
            .value(":checked_at", to_value(KIND, &watch.checked_at)?);
        Ok(self.update("store a watch", &Key::watch(watch.company), &change).await?.is_done())
    }

    async fn watch_from(&self, company: CompanyId, due_at: Timestamp) -> Result<(), StoreError> {
        self.update("have a watch looked after", &Key::watch(company), &due(company, due_at)).await.map(drop)
    }

    async fn forget_watch(&self, company: CompanyId) -> Result<(), StoreError> {
        let delete = Change::default().delete(self, &Key::watch(company))?;
        self.transact("forget a watch", vec![delete]).await.map(drop)
    }

    async fn watches_due(&self, now: Timestamp, limit: usize) -> Result<Vec<CompanyId>, StoreError> {
        let due = self.due_in(&[Queue::Watch], now, limit).await?.into_iter();
        Ok(due.filter_map(|work| if let DueWork::Watch(company) = work { Some(company) } else { None }).collect())
    }
}

impl Table {
    /// Has a company's webhooks looked after, as part of a transaction.
    pub(super) fn watch_chore(&self, company: CompanyId, due_at: Timestamp) -> Result<TransactWriteItem, StoreError> {
        due(company, due_at).update(self, &Key::watch(company))
    }
}

fn due(company: CompanyId, due_at: Timestamp) -> Change {
    Change::default()
        .set("#company = :company, #due_shard = :shard, #due_at = :due")
        .value(":company", number(company.0))
        .text(":shard", watch_shard(company))
        .value(":due", time(due_at))
}
