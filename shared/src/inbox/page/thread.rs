//! One conversation: its messages, and what is done with it as a whole.

use futures_util::future::try_join;
use serde::Serialize;

use super::{
    list::bad_cursor,
    rows::{ConversationRow, MessageRow},
};
use crate::{
    clock::Clock,
    inbox::{
        error::InboxError,
        ports::{InboxReader, InboxWriter},
        sight::Sight,
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
    sight: &Sight<'_>,
    id: &ConversationId,
    after: Option<&str>,
    limit: usize,
) -> Result<Thread, InboxError> {
    let after = after.filter(|after| !after.is_empty()).map(MessageCursor::decode).transpose().map_err(|_| bad_cursor())?;
    let (conversation, mut page) = try_join(store.conversation(id), store.messages(id, after.as_ref(), limit)).await?;
    let conversation = sight.conversation(conversation).await?;
    crate::inbox::read::keep_within(&mut page, crate::inbox::read::ANSWER_BYTES);
    Ok(Thread {
        conversation: ConversationRow::new(conversation, &sight.caller, links),
        after: page.next.as_ref().map(MessageCursor::encode),
        messages: page.items.into_iter().map(|message| MessageRow::new(message, links)).collect(),
    })
}

/// What changing a conversation as a whole needs.
pub struct ThreadPorts<'a> {
    /// What is there.
    pub reader: &'a dyn InboxReader,
    /// To change it.
    pub writer: &'a dyn InboxWriter,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// The caller has seen the messages up to `seen`.
pub async fn mark_read(
    ports: &ThreadPorts<'_>,
    sight: &Sight<'_>,
    id: &ConversationId,
    seen: &MessageId,
) -> Result<(), InboxError> {
    if seen.conversation() != *id {
        return Err(InboxError::invalid_body("seen", "is not a message of the conversation"));
    }
    sight.conversation(ports.reader.conversation(id).await?).await?;
    known(ports.writer.mark_read(sight.caller.company, id, &seen.place(), ports.clock.now()).await?)
}

/// Closes a conversation that is dealt with, or opens it again.
pub async fn set_state(
    ports: &ThreadPorts<'_>,
    sight: &Sight<'_>,
    id: &ConversationId,
    state: ConversationState,
) -> Result<(), InboxError> {
    sight.conversation(ports.reader.conversation(id).await?).await?;
    known(ports.writer.set_conversation_state(sight.caller.company, id, state, ports.clock.now()).await?)
}

fn known(there: bool) -> Result<(), InboxError> {
    if there { Ok(()) } else { Err(InboxError::NotFound("conversation")) }
}
