//! Finding the file that an address leads to. Whoever has the address was given it, so nobody is asked who they are.

use super::{error::InboxError, ports::InboxReader};
use crate::{
    media::links::Target,
    model::{
        content::{FileState, ObjectKey},
        message::FailureReason,
    },
};

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// In the bucket.
    Stored(ObjectKey),
    /// Still at the provider; soon here, most likely.
    NotYet,
    /// Nowhere.
    Lost(FailureReason),
}

/// Looks where the file is. 1 read.
pub async fn find(store: &dyn InboxReader, target: &Target) -> Result<Found, InboxError> {
    const UNKNOWN: InboxError = InboxError::NotFound("file");
    match target {
        Target::Avatar(conversation) => {
            let conversation = store.conversation(conversation).await?;
            conversation.and_then(|found| found.customer.avatar).map(Found::Stored).ok_or(UNKNOWN)
        }
        Target::File { message, position, preview } => {
            let message = store.message(message).await?.ok_or(UNKNOWN)?;
            match message.attachments.into_iter().nth(*position).map(|file| file.file) {
                Some(FileState::Stored { key, .. }) if !preview => Ok(Found::Stored(key)),
                Some(FileState::Stored { preview: Some(key), .. }) => Ok(Found::Stored(key)),
                Some(FileState::Awaited { .. }) => Ok(Found::NotYet),
                Some(FileState::Lost { reason }) => Ok(Found::Lost(reason)),
                Some(FileState::Stored { preview: None, .. }) | None => Err(UNKNOWN),
            }
        }
    }
}
