//! Many messages in a conversation, as after years: copies of one that is stored, written past the functions.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use local::bundle::Bundle;
use pigeonpost_tests::table::{self, Item};
use shared::model::{
    ids::{ConversationId, Place},
    time::Timestamp,
};

use crate::{error::BenchError, twin};

/// Items in memory at the same time.
const PART: usize = 1_000;

/// A conversation that is made longer.
pub(crate) struct Long {
    conversation: ConversationId,
    model: Item,
    oldest: Timestamp,
}

impl Long {
    /// The conversation of that id, which has a message.
    pub(crate) async fn of(bundle: &Bundle, conversation: &str) -> Result<Self, BenchError> {
        let nothing = |what: &str| BenchError::unexpected(conversation, format!("it has no {what}"));
        let id = ConversationId::parse(conversation).map_err(BenchError::failed("read a conversation's id"))?;
        let is_message = |item: &Item| {
            text(item, "PK").is_some_and(|key| key == format!("CV#{conversation}"))
                && text(item, "SK").is_some_and(|key| key.starts_with("M#"))
        };
        let model = table::items(bundle).await.into_iter().find(is_message).ok_or_else(|| nothing("message"))?;
        let at = model.get("sent_at").and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok());
        let oldest = Timestamp::from_millis(at.ok_or_else(|| nothing("time"))?);
        Ok(Self { conversation: id, model, oldest })
    }

    /// Adds so many messages, each a minute older than the one before.
    pub(crate) async fn add(&mut self, bundle: &Bundle, count: usize) -> Result<(), BenchError> {
        let client = table::client(bundle);
        let mut left = count;
        while left > 0 {
            let part = left.min(PART);
            let items = (0..part).map(|_| self.older()).collect();
            twin::write(&client, bundle.dynamodb().table(), items).await?;
            left -= part;
        }
        Ok(())
    }

    fn older(&mut self) -> Item {
        self.oldest = self.oldest.minus(Duration::from_mins(1));
        let place = Place::new(self.oldest, self.oldest, 0);
        let mut item = self.model.clone();
        for (name, value) in [
            ("SK", AttributeValue::S(format!("M#{place}"))),
            ("id", AttributeValue::S(self.conversation.message(&place).to_string())),
            ("sent_at", AttributeValue::N(self.oldest.millis().to_string())),
        ] {
            item.insert(name.to_owned(), value);
        }
        item
    }
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}
