//! Which channels of a company their owners keep to themselves: one record a company, so that one read tells it.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{Item, Table, change::Change, keys::Key, records::from_item, write::Written};
use crate::{
    inbox::{ports::StoreError, sight::SharingStore},
    model::ids::{ChannelId, CompanyId},
};

const KIND: &str = "sharing";

fn read(item: Item) -> Result<BTreeSet<ChannelId>, StoreError> {
    // A set that loses its last element is no more.
    #[derive(serde::Deserialize)]
    struct Record {
        #[serde(default)]
        private: BTreeSet<ChannelId>,
    }
    from_item(KIND, item).map(|Record { private }| private)
}

#[async_trait]
impl SharingStore for Table {
    async fn private_channels(&self, company: CompanyId) -> Result<BTreeSet<ChannelId>, StoreError> {
        let found = self.get("read who sees what", &Key::sharing(company)).await?;
        found.map_or_else(|| Ok(BTreeSet::new()), read)
    }

    async fn set_private(&self, channel: &ChannelId, private: bool) -> Result<(), StoreError> {
        let this = AttributeValue::Ss(vec![channel.to_string()]);
        let change = Change::default().value(":this", this);
        let change = if private { change.add("#private :this") } else { change.take("#private :this") };
        match self.update("change who sees a channel", &Key::sharing(channel.company()), &change).await? {
            Written::Done | Written::Refused(_) => Ok(()),
        }
    }
}
