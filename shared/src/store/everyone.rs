//! Installations, channels and watches of all companies, and sealing what they hold anew. For the operator's tool: it reads the
//! whole table.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Table,
    change::Change,
    channels,
    keys::{CHANNEL_PREFIX, COMPANY_PREFIX, INSTALLATION_PREFIX, Key, PK, Queue, SK, WATCH},
    records::{from_item, to_value},
    unavailable,
};
use crate::{
    inbox::{
        everyone::{Everyone, EveryoneStore},
        ports::{DueWork, StoreError},
    },
    model::{channel::Channel, installation::Installation, time::Timestamp, watch::Watch},
    seal::Sealed,
};

const LIST: &str = "list all companies";
const RESEAL: &str = "seal anew";
/// What is done each minute.
const EACH_MINUTE: [Queue; 6] = [Queue::Outbox, Queue::Media, Queue::Import, Queue::Removal, Queue::Release, Queue::Probe];
/// Of all records, these alone.
const MEMBERS: &str = "#SK = :watch OR (begins_with(#PK, :company) AND (begins_with(#SK, :user) OR begins_with(#SK, :channel)))";

#[async_trait]
impl EveryoneStore for Table {
    async fn everyone(&self) -> Result<Everyone, StoreError> {
        let mut everyone = Everyone::default();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let scan = self
            .client
            .scan()
            .table_name(&self.name)
            .consistent_read(true)
            .filter_expression(MEMBERS)
            .expression_attribute_names("#PK", PK)
            .expression_attribute_names("#SK", SK)
            .expression_attribute_values(":watch", text(WATCH))
            .expression_attribute_values(":company", text(COMPANY_PREFIX))
            .expression_attribute_values(":user", text(INSTALLATION_PREFIX))
            .expression_attribute_values(":channel", text(CHANNEL_PREFIX));
        let mut items = scan.into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item.map_err(unavailable(LIST))?;
            let sort = item.get(SK).and_then(|sort| sort.as_s().ok()).map_or("", String::as_str);
            if sort == WATCH {
                everyone.watches.push(from_item("watch", item)?);
            } else if sort.starts_with(CHANNEL_PREFIX) {
                everyone.channels.push(channels::read(item)?);
            } else {
                everyone.installations.push(from_item("installation", item)?);
            }
        }
        Ok(everyone)
    }

    async fn overdue(&self, before: Timestamp, limit: usize) -> Result<Vec<DueWork>, StoreError> {
        self.due_in(&EACH_MINUTE, before, limit).await
    }

    async fn set_aside(&self, limit: usize) -> Result<Vec<DueWork>, StoreError> {
        self.all_in(Queue::Aside, limit).await
    }

    async fn replace_tokens(&self, installation: &Installation, sealed: &Sealed) -> Result<bool, StoreError> {
        let key = Key::installation(installation.company, installation.user);
        self.replace(&key, "#tokens", installation.tokens.as_ref(), sealed).await
    }

    async fn replace_credentials(&self, channel: &Channel, sealed: &Sealed) -> Result<bool, StoreError> {
        self.replace(&Key::channel(&channel.id), "#credentials", channel.credentials.as_ref(), sealed).await
    }

    async fn replace_password(&self, watch: &Watch, sealed: &Sealed) -> Result<bool, StoreError> {
        self.replace(&Key::watch(watch.company), "#password", watch.password.as_ref(), sealed).await
    }
}

impl Table {
    /// Writes a sealed value in the place of another, if that is still there.
    async fn replace(&self, key: &Key, name: &str, old: Option<&Sealed>, new: &Sealed) -> Result<bool, StoreError> {
        let change = Change::default()
            .when(format!("{name} = :old"))
            .value(":old", to_value("sealed value", &old)?)
            .set(format!("{name} = :new"))
            .value(":new", to_value("sealed value", new)?);
        Ok(self.update(RESEAL, key, &change).await?.is_done())
    }
}
