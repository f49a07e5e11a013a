//! References: what a provider's message id names. They make a message that comes twice one message, lead a status to its
//! message, and keep a status that came too early.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use serde::{Deserialize, Serialize};

use super::{
    Item, Table,
    change::Change,
    keys::Key,
    records::{from_item, number, to_value},
    write::Transacted,
};
use crate::{
    inbox::ports::{Reference, StoreError},
    model::{
        ids::{ChannelId, MessageId, ProviderMessageId},
        message::{Direction, FailureReason, Message},
        status::Status,
        time::Timestamp,
    },
    providers::outgoing::PartId,
};

const KIND: &str = "reference";

/// How long a reference is kept. Providers repeat a webhook for days, not for weeks; a status may come weeks later.
const KEPT: Duration = Duration::from_hours(30 * 24);

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    message: Option<MessageId>,
    #[serde(default)]
    part: usize,
    #[serde(default)]
    parked: Option<Parked>,
}

/// A status that came before its message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parked {
    pub(super) status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<FailureReason>,
}

impl Parked {
    pub(super) fn new(status: Status, failure: Option<&FailureReason>) -> Self {
        Self { status, failure: failure.cloned() }
    }

    /// `message` with the status that overtook it. What the customer wrote has no status of this kind.
    pub(super) fn applied_to(&self, message: &Message) -> Message {
        let mut message = message.clone();
        if message.direction == Direction::Out && message.status.may_become(self.status) {
            message.status = self.status;
            message.failure.clone_from(&self.failure);
        }
        message
    }
}

pub(super) fn read(item: Item) -> Result<Reference, StoreError> {
    let record: Record = from_item(KIND, item)?;
    Ok(match record.message {
        Some(message) => Reference::Message(PartId { message, part: record.part }),
        None => Reference::Unknown { parked: record.parked.map(|parked| (parked.status, parked.failure)) },
    })
}

fn expires(now: Timestamp) -> AttributeValue {
    number(now.plus(KEPT).secs())
}

impl Table {
    /// Makes the provider's id name `named`, if it names none yet (or this one) and nothing waits in it but `parked`,
    /// which `named` has taken over.
    pub(super) fn claim(
        &self,
        channel: &ChannelId,
        id: &ProviderMessageId,
        named: &PartId,
        parked: Option<&Parked>,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let change = Change::default()
            .set("#message = :message, #part = :part, #expires = :expires")
            .text(":message", named.message.as_str())
            .value(":part", number(named.part))
            .value(":expires", expires(now))
            .when("attribute_not_exists(#message) OR #message = :message");
        let change = match parked {
            None => change.when("attribute_not_exists(#parked)"),
            Some(seen) => change.remove("#parked").when("#parked = :parked").value(":parked", to_value(KIND, seen)?),
        };
        change.update(self, &Key::reference(channel, id))
    }

    /// See [`crate::inbox::ports::ReceiveStore::adopt_reference`].
    pub(super) async fn adopt(
        &self,
        channel: &ChannelId,
        id: &ProviderMessageId,
        named: &PartId,
        seen: &Reference,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Reference::Unknown { parked } = seen else { return Ok(false) };
        let parked = parked.as_ref().map(|(status, failure)| Parked::new(*status, failure.as_ref()));
        let own = Change::default().when("#channel = :channel").text(":channel", channel.as_str());
        let message = Change::default().exists().set("#provider_id = if_not_exists(#provider_id, :id)").text(":id", id.as_str());
        let items = vec![
            self.claim(channel, id, named, parked.as_ref(), now)?,
            message.update(self, &Key::message(&named.message))?,
            own.check(self, &Key::conversation(&named.message.conversation()))?,
        ];
        Ok(matches!(self.transact("adopt a reference", items).await?, Transacted::Done))
    }

    pub(super) async fn read_reference(&self, channel: &ChannelId, id: &ProviderMessageId) -> Result<Reference, StoreError> {
        let found = self.get("read a reference", &Key::reference(channel, id)).await?;
        found.map_or(Ok(Reference::Unknown { parked: None }), read)
    }

    pub(super) async fn park(
        &self,
        channel: &ChannelId,
        id: &ProviderMessageId,
        seen: &Reference,
        parked: Parked,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Reference::Unknown { parked: before } = seen else { return Ok(false) };
        let change = Change::default()
            .when("attribute_not_exists(#message)")
            .set("#parked = :parked, #expires = :expires")
            .value(":parked", to_value(KIND, &parked)?)
            .value(":expires", expires(now));
        let change = match before {
            None => change.when("attribute_not_exists(#parked)"),
            Some((status, failure)) => {
                let before = Parked::new(*status, failure.as_ref());
                change.when("#parked = :before").value(":before", to_value(KIND, &before)?)
            }
        };
        Ok(self.update("park a status", &Key::reference(channel, id), &change).await?.is_done())
    }
}
