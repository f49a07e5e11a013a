//! What is said about messages, customers and accounts that are here already: statuses, receipts, edits, deletions, new
//! names, suspensions.

use std::time::Duration;

use super::{Origin, Outcome, ReceivePorts, STREAM_GRACE, TRIES, store_message};
use crate::{
    inbox::ports::{AccountOwner, Advance, Change, Reference, StoreError},
    model::{
        ids::ChannelId,
        message::{Direction, FailureReason},
        status::Status,
        text::{MAX_MESSAGE_BYTES, clean},
        time::Timestamp,
    },
    providers::{
        StatusUpdate,
        event::{AccountNews, Deletion, Edit, Receipt, Rename},
        outgoing::PartId,
    },
};

/// How many messages a receipt looks back over. The older ones have been read by then, or nobody will look.
const RECEIPT_MESSAGES: usize = 50;
/// How far a provider's clock may be behind ours: a receipt holds for messages that were sent so much later by our clock.
const RECEIPT_SKEW: Duration = Duration::from_secs(3);
/// Put in front of a changed text whose message is not known.
const EDITED: &str = "[edited]";
/// A stable word for a provider's block.
const SUSPENDED: &str = "account_suspended";

pub(super) async fn store_status(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    channel: &ChannelId,
    update: &StatusUpdate,
) -> Result<Outcome, StoreError> {
    let failure = update.failure.as_ref();
    for _ in 0..TRIES {
        let seen = ports.store.reference(channel, &update.provider_id).await?;
        let parked = match &seen {
            Reference::Unknown { parked } => parked,
            Reference::Message(named) => {
                return advanced(ports, now, channel, named, [(update.status, update.failure.clone())]).await;
            }
        };
        // Not referenced: its send may have ended without our hearing the provider's id. From now on it is known.
        if let Some(named) = &update.message
            && ports.store.adopt_reference(channel, &update.provider_id, named, &seen, now).await?
        {
            let news = parked.clone().into_iter().chain([(update.status, update.failure.clone())]);
            return advanced(ports, now, channel, named, news).await;
        }
        if parked.as_ref().is_some_and(|(status, _)| !status.may_become(update.status)) {
            return Ok(Outcome::Ignored);
        }
        if ports.store.park_status(channel, &update.provider_id, &seen, update.status, failure, now).await? {
            return Ok(Outcome::Parked);
        }
    }
    Err(StoreError::Contended { operation: "store a status" })
}

/// Moves a message forward by each piece of news, in their order.
async fn advanced(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    channel: &ChannelId,
    named: &PartId,
    news: impl IntoIterator<Item = (Status, Option<FailureReason>)>,
) -> Result<Outcome, StoreError> {
    let mut moved = false;
    for (status, failure) in news {
        let advance = Advance { message: named.message.clone(), part: Some(named.part), status, failure };
        moved |= ports.store.advance_status(channel, &advance, now.plus(STREAM_GRACE)).await?;
    }
    Ok(Outcome::Statuses(usize::from(moved)))
}

pub(super) async fn store_receipt(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    channel: &ChannelId,
    receipt: &Receipt,
) -> Result<Outcome, StoreError> {
    let found = ports.store.conversation_of(channel, std::slice::from_ref(&receipt.customer), &[]).await?;
    let Some((_, conversation)) = found else { return Ok(Outcome::Ignored) };
    let up_to = receipt.up_to.plus(RECEIPT_SKEW);
    let mut moved = 0;
    for message in ports.store.newest_messages(&conversation, RECEIPT_MESSAGES).await? {
        let concerned = message.direction == Direction::Out
            && message.sent_at <= up_to
            && message.provider_id.is_some()
            && (message.status.may_become(receipt.status) || !message.parts.is_empty());
        if !concerned {
            continue;
        }
        let advance = Advance { message: message.id, part: None, status: receipt.status, failure: None };
        moved += usize::from(ports.store.advance_status(channel, &advance, now.plus(STREAM_GRACE)).await?);
    }
    Ok(Outcome::Statuses(moved))
}

pub(super) async fn store_edit(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    index: usize,
    owner: &AccountOwner,
    edit: &Edit,
) -> Result<Outcome, StoreError> {
    let Reference::Message(named) = ports.store.reference(&owner.channel, &edit.target).await? else {
        let mut message = edit.message.clone();
        message.text = format!("{EDITED} {}", message.text);
        return store_message(ports, Origin::live(now, index), owner, &message).await;
    };
    let change = Change::Edited {
        text: clean(&edit.message.text, MAX_MESSAGE_BYTES),
        content: edit.message.content.clone(),
        at: edit.message.sent_at.unwrap_or(now),
    };
    let changed = ports.store.change_message(&named.message, &change, now.plus(STREAM_GRACE)).await?;
    Ok(if changed { Outcome::Changed } else { Outcome::Ignored })
}

pub(super) async fn store_deletion(
    ports: &ReceivePorts<'_>,
    now: Timestamp,
    channel: &ChannelId,
    deletion: &Deletion,
) -> Result<Outcome, StoreError> {
    let Reference::Message(named) = ports.store.reference(channel, &deletion.target).await? else {
        return Ok(Outcome::Ignored);
    };
    let change = Change::Deleted { at: deletion.at.unwrap_or(now) };
    let changed = ports.store.change_message(&named.message, &change, now.plus(STREAM_GRACE)).await?;
    Ok(if changed { Outcome::Changed } else { Outcome::Ignored })
}

pub(super) async fn store_rename(ports: &ReceivePorts<'_>, channel: &ChannelId, rename: &Rename) -> Result<Outcome, StoreError> {
    let Some((_, conversation)) = ports.store.conversation_of(channel, &rename.known, &[]).await? else {
        return Ok(Outcome::Ignored);
    };
    let renamed = ports.store.rename_customer(channel, &conversation, &rename.keys, rename.phone.as_deref()).await?;
    Ok(if renamed { Outcome::Changed } else { Outcome::Ignored })
}

pub(super) async fn store_account(
    ports: &ReceivePorts<'_>,
    channel: &ChannelId,
    news: &AccountNews,
) -> Result<Outcome, StoreError> {
    match news {
        AccountNews::Suspended { reason } => {
            tracing::warn!(%channel, "the provider has suspended an account");
            let problem = FailureReason { code: SUSPENDED.to_owned(), text: reason.clone() };
            ports.store.set_problem(channel, Some(&problem)).await?;
        }
        AccountNews::Restored => ports.store.set_problem(channel, None).await?,
        AccountNews::TemplatesChanged => ports.store.forget_templates(channel).await?,
    }
    Ok(Outcome::Changed)
}
