//! A conversation's past: when its first note is written, what came before goes into one of its own, as far as it fits.

use super::work::{Stop, Work};
use crate::{
    inbox::ports::{InboxReader, StoreError},
    model::{conversation::Conversation, cursor::MessageCursor, ids::Place, message::Message, time::Timestamp},
    records::ports::NoteStore,
};

/// Most messages of the past.
const MOST: usize = 200;

/// The newest messages from before `until`, in order.
pub(super) async fn before(work: &Work<'_>, conversation: &Conversation, until: Timestamp) -> Result<Vec<Message>, Stop> {
    let cursor = MessageCursor { place: Place::first_at(until) };
    let mut messages = work.ports.channels.messages(&conversation.id, Some(&cursor), MOST).await?.items;
    messages.reverse();
    Ok(messages)
}

/// Has a conversation that was linked by hand be written: its newest message is owed to Pipedrive again, and the first note
/// brings the past along. Nothing, if it has no messages.
pub async fn begin(
    reader: &dyn InboxReader,
    notes: &dyn NoteStore,
    conversation: &Conversation,
    due_at: Timestamp,
) -> Result<(), StoreError> {
    let newest = reader.messages(&conversation.id, None, 1).await?.items.pop();
    match newest {
        Some(message) => notes.owe_again(&conversation.id, &message.id.place(), due_at).await,
        None => Ok(()),
    }
}
