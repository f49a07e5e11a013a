//! A channel's approved templates, kept because providers limit how often they may be asked for.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    Table, channels,
    keys::{CHANNEL_PREFIX, Key, SK},
    records::{from_item, number, to_item},
    unavailable,
};
use crate::{
    inbox::ports::{StoreError, TemplateStore},
    model::{channel::Channel, ids::ChannelId, template::Template, time::Timestamp},
};

const KIND: &str = "list of templates";
const KEEP: &str = "keep templates";
/// Largest list that is kept, in bytes of JSON. A record holds 400 KB.
const MAX_BYTES: usize = 300_000;
/// When the table may forget a list that nobody renewed.
const EXPIRES: std::time::Duration = std::time::Duration::from_hours(24);

#[derive(Serialize, Deserialize)]
struct Record {
    /// As JSON text: it is read and written as a whole, and the provider's own part of it may have any shape.
    templates: String,
    at: Timestamp,
}

#[async_trait]
impl TemplateStore for Table {
    async fn kept_templates(
        &self,
        channel: &ChannelId,
        not_before: Timestamp,
    ) -> Result<(Option<Channel>, Option<Vec<Template>>), StoreError> {
        let keys = [Key::channel(channel), Key::templates(channel)];
        let mut found = (None, None);
        for item in self.get_all("read a channel and its templates", &keys).await? {
            if item.get(SK).and_then(|sort| sort.as_s().ok()).is_some_and(|sort| sort.starts_with(CHANNEL_PREFIX)) {
                found.0 = Some(channels::read(item)?);
            } else {
                let record: Record = from_item(KIND, item)?;
                found.1 = serde_json::from_str(&record.templates).ok().filter(|_| record.at >= not_before);
            }
        }
        Ok(found)
    }

    async fn keep_templates(&self, channel: &ChannelId, templates: &[Template], now: Timestamp) -> Result<(), StoreError> {
        let Some(templates) = serde_json::to_string(templates).ok().filter(|json| json.len() <= MAX_BYTES) else {
            return Ok(());
        };
        let mut item = to_item(KIND, &Key::templates(channel), &Record { templates, at: now })?;
        item.insert("expires".to_owned(), number(now.plus(EXPIRES).secs()));
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        put.send().await.map(drop).map_err(unavailable(KEEP))
    }
}

impl Table {
    pub(super) async fn drop_templates(&self, channel: &ChannelId) -> Result<(), StoreError> {
        let key = Key::templates(channel).attributes();
        let delete = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        delete.send().await.map(drop).map_err(unavailable("forget templates"))
    }
}
