//! API keys. A call is counted by the write that reads its key, so that one round trip lets it in.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{
    Item, Table,
    change::Change,
    keys::{Key, PK, keys_partition},
    records::{from_item, number, time, to_item, to_value},
    write::Transacted,
};
use crate::{
    crm::{
        access::interval,
        ports::{KeyStore, Spent},
    },
    inbox::ports::StoreError,
    model::{
        api_key::{ApiKey, Outgoing, RateLimit, SecretHash, Trouble},
        ids::{CompanyId, KeyId},
        time::Timestamp,
    },
};

const KIND: &str = "API key";
const DELETE: &str = "delete an API key";

fn read(item: Item) -> Result<ApiKey, StoreError> {
    from_item(KIND, item)
}

/// How long a call counts, where the table can add it to a time.
fn pace(limit: RateLimit) -> AttributeValue {
    number(u64::try_from(interval(limit).max(Duration::from_millis(1)).as_millis()).unwrap_or(u64::MAX))
}

#[async_trait]
impl KeyStore for Table {
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError> {
        self.get("read an API key", &Key::api_key(id)).await?.map(read).transpose()
    }

    async fn keys(&self, company: CompanyId) -> Result<Vec<ApiKey>, StoreError> {
        let query = self
            .query()
            .consistent_read(true)
            .key_condition_expression("#PK = :company")
            .expression_attribute_names("#PK", PK)
            .expression_attribute_values(":company", AttributeValue::S(keys_partition(company)));
        self.ask_all("list a company's API keys", query).await?.into_iter().map(read).collect()
    }

    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        let mut item = to_item(KIND, &Key::api_key(&key.id), key)?;
        item.insert("pace".to_owned(), pace(key.limit));
        match self.transact("store an API key", vec![Change::default().absent().put(self, item)?]).await? {
            Transacted::Done => Ok(()),
            // An id of forty random bits that is taken.
            Transacted::Refused(_) => Err(StoreError::Contended { operation: "store an API key" }),
        }
    }

    async fn spend(&self, id: &KeyId, hash: &SecretHash, now: Timestamp, latest: Timestamp) -> Result<Spent, StoreError> {
        let change = Change::default()
            .when("#hash = :hash OR (#outgoing.#hash = :hash AND #outgoing.#until > :now)")
            .text(":hash", &hash.0)
            .when("#busy_until <= :latest")
            .value(":latest", time(latest))
            .set("#last_used_at = :now")
            .value(":now", time(now));
        // After a pause the count begins now, within a burst it goes on from where it is.
        let change =
            if latest > now { change.set("#busy_until = #busy_until + #pace") } else { change.set("#busy_until = :now + #pace") };
        Ok(match self.update_and_read("count a call", &Key::api_key(id), &change, ReturnValue::AllNew).await? {
            Ok(item) => Spent::Counted(read(item)?),
            Err(stored) => Spent::Refused(stored.map(read).transpose()?),
        })
    }

    async fn change_key(&self, id: &KeyId, name: &str, limit: RateLimit) -> Result<bool, StoreError> {
        let change = Change::default()
            .exists()
            .set("#name = :name, #limit = :limit, #pace = :pace")
            .text(":name", name)
            .value(":limit", to_value(KIND, &limit)?)
            .value(":pace", pace(limit));
        Ok(self.update("change an API key", &Key::api_key(id), &change).await?.is_done())
    }

    async fn rotate_key(&self, id: &KeyId, before: &SecretHash, hash: &SecretHash, until: Timestamp) -> Result<bool, StoreError> {
        let outgoing = Outgoing { hash: before.clone(), until };
        let change = Change::default()
            .when("#hash = :before")
            .text(":before", &before.0)
            .set("#hash = :hash, #outgoing = :outgoing")
            .text(":hash", &hash.0)
            .value(":outgoing", to_value(KIND, &outgoing)?);
        Ok(self.update("rotate an API key", &Key::api_key(id), &change).await?.is_done())
    }

    async fn delete_key(&self, id: &KeyId) -> Result<bool, StoreError> {
        let deleted = Change::default().exists().delete(self, &Key::api_key(id))?;
        Ok(matches!(self.transact(DELETE, vec![deleted]).await?, Transacted::Done))
    }

    async fn set_trouble(&self, id: &KeyId, trouble: Option<Trouble>) -> Result<(), StoreError> {
        let change = match trouble {
            None => Change::default().exists().remove("#trouble"),
            Some(trouble) => Change::default().exists().set("#trouble = :trouble").value(":trouble", to_value(KIND, &trouble)?),
        };
        self.update("note what an API key runs into", &Key::api_key(id), &change).await.map(drop)
    }
}
