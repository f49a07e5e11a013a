//! One conversation: its messages, and what is done with it as a whole.

use futures_util::future::try_join;
use serde::Serialize;

use super::{
    list::bad_cursor,
    rows::{ConversationRow, MessageRow},
    within,
};
use crate::{
    clock::Clock,
    inbox::{
        Caller,
        error::InboxError,
        ports::{InboxReader, InboxWriter},
    },
    media::links::Links,
    model::{
        conversation::ConversationState,
        cursor::MessageCursor,
        ids::{ConversationId, MessageId},
    },
};

/// A conversation with a page of its messages.
#[derive(Debug, Clone, Serialize)]
pub struct Thread {
    /// The conversation.
    pub conversation: ConversationRow,
    /// Newest first.
    pub messages: Vec<MessageRow>,
    /// Where older ones begin; none at the beginning of the conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A page of a conversation's messages.
pub async fn thread(
    store: &dyn InboxReader,
    links: &Links,
    caller: &Caller,
    id: &ConversationId,
    after: Option<&str>,
    limit: usize,
) -> Result<Thread, InboxError> {
    let after = after.filter(|after| !after.is_empty()).map(MessageCursor::decode).transpose().map_err(|_| bad_cursor())?;
    let (conversation, mut page) = try_join(store.conversation(id), store.messages(id, after.as_ref(), limit)).await?;
    let conversation = within(conversation, caller)?;
    crate::inbox::read::keep_within(&mut page, crate::inbox::read::ANSWER_BYTES);
    Ok(Thread {
        conversation: ConversationRow::new(conversation, caller, links),
        after: page.next.as_ref().map(MessageCursor::encode),
        messages: page.items.into_iter().map(|message| MessageRow::new(message, links)).collect(),
    })
}

/// The caller has seen the messages up to `seen`.
pub async fn mark_read(
    store: &dyn InboxWriter,
    clock: &dyn Clock,
    caller: &Caller,
    id: &ConversationId,
    seen: &MessageId,
) -> Result<(), InboxError> {
    if seen.conversation() != *id {
        return Err(InboxError::invalid_body("seen", "is not a message of the conversation"));
    }
    known(store.mark_read(caller.company, id, &seen.place(), clock.now()).await?)
}

/// Closes a conversation that is dealt with, or opens it again.
pub async fn set_state(
    store: &dyn InboxWriter,
    clock: &dyn Clock,
    caller: &Caller,
    id: &ConversationId,
    state: ConversationState,
) -> Result<(), InboxError> {
    known(store.set_conversation_state(caller.company, id, state, clock.now()).await?)
}

fn known(there: bool) -> Result<(), InboxError> {
    if there { Ok(()) } else { Err(InboxError::NotFound("conversation")) }
}
