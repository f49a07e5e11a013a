//! What Pipedrive reads through the manifest. One round trip to the table each; a list of conversations with their
//! messages takes two in sequence, whatever the sizes.

use futures_util::{StreamExt, TryStreamExt, future::try_join, future::try_join3, stream};

use super::{
    error::InboxError,
    ports::{InboxReader, Page},
    view::{ConversationView, MessageView, SenderView},
};
use crate::{
    media::links::Links,
    model::{
        channel::{Channel, ChannelState},
        cursor::{ConversationCursor, MessageCursor},
        ids::{ChannelId, ConversationId, MessageId, ParticipantId},
        message::Message,
    },
};

/// How many conversations' messages are read at the same time: all of the largest page.
const PARALLEL_READS: usize = 100;

/// Most bytes of messages in one answer. Lambda passes on 6 MB, all told.
pub(super) const ANSWER_BYTES: usize = 4_500_000;
/// Bytes of a message or attachment without its text, ids and links and all.
const MESSAGE_BYTES: usize = 600;

/// What `getConversations` asks for. Limits are within 1..=100 already.
#[derive(Debug, Clone)]
pub struct ConversationsQuery {
    /// Conversations on the page.
    pub conversations_limit: usize,
    /// Messages with each.
    pub messages_limit: usize,
    /// Where the page starts.
    pub after: Option<String>,
}

/// What `getConversationById` asks for. The limit is within 1..=100 already.
#[derive(Debug, Clone)]
pub struct MessagesQuery {
    /// Messages on the page.
    pub messages_limit: usize,
    /// Where the page starts.
    pub after: Option<String>,
}

/// A page of conversations.
#[derive(Debug, Clone)]
pub struct ConversationsPage {
    /// Newest first.
    pub conversations: Vec<ConversationView>,
    /// Where the next page starts; empty at the end.
    pub after: String,
}

/// The channel, if it is served.
pub fn served(channel: Option<Channel>) -> Result<Channel, InboxError> {
    match channel {
        Some(channel) if channel.state == ChannelState::Active => Ok(channel),
        Some(channel) if channel.state == ChannelState::Uninstalled => {
            Err(InboxError::Unauthorized("the channel's owner has uninstalled the app"))
        }
        _ => Err(InboxError::NotFound("channel")),
    }
}

/// A channel that is served.
pub async fn channel(store: &dyn InboxReader, id: &ChannelId) -> Result<Channel, InboxError> {
    served(store.channel(id).await?)
}

/// Conversations by newest message, each with its newest messages.
pub async fn conversations(
    store: &dyn InboxReader,
    links: &Links,
    id: &ChannelId,
    query: ConversationsQuery,
) -> Result<ConversationsPage, InboxError> {
    let after = query.after.as_deref().filter(|after| !after.is_empty()).map(ConversationCursor::decode).transpose();
    let after = after.map_err(|_| bad_cursor())?;
    let (channel, page) = try_join(store.channel(id), store.conversations(id, after.as_ref(), query.conversations_limit)).await?;
    let channel = served(channel)?;
    let share = ANSWER_BYTES / page.items.len().max(1);
    let views = stream::iter(page.items)
        .map(|conversation| async {
            let mut messages = store.messages(&conversation.id, None, query.messages_limit).await?;
            keep_within(&mut messages, share);
            let next = next_cursor(&messages);
            Ok::<_, InboxError>(ConversationView::new(&channel, conversation, messages.items, next, links))
        })
        .buffered(PARALLEL_READS)
        .try_collect()
        .await?;
    Ok(ConversationsPage { conversations: views, after: page.next.map(|cursor| cursor.encode()).unwrap_or_default() })
}

/// One conversation with a page of its messages.
pub async fn conversation(
    store: &dyn InboxReader,
    links: &Links,
    channel: &ChannelId,
    id: &ConversationId,
    query: MessagesQuery,
) -> Result<ConversationView, InboxError> {
    let after = query.after.as_deref().filter(|after| !after.is_empty()).map(MessageCursor::decode).transpose();
    let after = after.map_err(|_| bad_cursor())?;
    let (channel, conversation, mut messages) =
        try_join3(store.channel(channel), store.conversation(id), store.messages(id, after.as_ref(), query.messages_limit))
            .await?;
    let channel = served(channel)?;
    let conversation = conversation.filter(|found| found.channel == channel.id).ok_or(InboxError::NotFound("conversation"))?;
    keep_within(&mut messages, ANSWER_BYTES);
    let next = next_cursor(&messages);
    Ok(ConversationView::new(&channel, conversation, messages.items, next, links))
}

/// One message of the channel; of `conversation`, if the caller names it.
pub async fn message(
    store: &dyn InboxReader,
    links: &Links,
    channel: &ChannelId,
    conversation: Option<&ConversationId>,
    id: &MessageId,
) -> Result<MessageView, InboxError> {
    let home = id.conversation();
    let (channel, found, message) = try_join3(store.channel(channel), store.conversation(&home), store.message(id)).await?;
    let channel = served(channel)?;
    let in_channel = found.is_some_and(|found| found.channel == channel.id) && conversation.is_none_or(|named| *named == home);
    message.filter(|_| in_channel).map(|message| MessageView::new(message, links)).ok_or(InboxError::NotFound("message"))
}

/// Name and picture of a participant of the channel.
pub async fn sender(
    store: &dyn InboxReader,
    links: &Links,
    channel: &ChannelId,
    id: &ParticipantId,
) -> Result<SenderView, InboxError> {
    let Some(conversation) = id.conversation() else {
        let channel = served(store.channel(channel).await?)?;
        return if channel.id.source_user() == *id {
            Ok(SenderView::company_side(&channel))
        } else {
            Err(InboxError::NotFound("sender"))
        };
    };
    let (channel, conversation) = try_join(store.channel(channel), store.conversation(&conversation)).await?;
    let channel = served(channel)?;
    let conversation = conversation.filter(|found| found.channel == channel.id).ok_or(InboxError::NotFound("sender"))?;
    Ok(SenderView::customer(conversation, links))
}

/// Cuts a page of messages to `share` bytes, but not below one message; the cursor leads to the rest.
pub(super) fn keep_within(page: &mut Page<Message, MessageCursor>, share: usize) {
    let mut size = 0;
    let fit = page.items.iter().take_while(|message| {
        size += size_in_answer(message);
        size <= share
    });
    let kept = fit.count().max(1);
    if kept < page.items.len() {
        page.items.truncate(kept);
        page.next = page.items.last().map(|last| MessageCursor { place: last.id.place() });
    }
}

/// Bytes that a message takes in an answer: its text is escaped once in our JSON and once more in Lambda's.
fn size_in_answer(message: &Message) -> usize {
    let escaped = |byte| match byte {
        b'"' | b'\\' => 4,
        b'\n' | b'\r' | b'\t' => 3,
        _ => 1,
    };
    MESSAGE_BYTES + message.text.bytes().map(escaped).sum::<usize>() + message.attachments.len() * MESSAGE_BYTES
}

fn next_cursor(page: &Page<Message, MessageCursor>) -> String {
    page.next.as_ref().map(MessageCursor::encode).unwrap_or_default()
}

fn bad_cursor() -> InboxError {
    InboxError::BadRequest { parameter: "after", problem: "not a cursor of this list".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{message::Direction, time::Timestamp};

    fn page(texts: &[String]) -> Page<Message, MessageCursor> {
        let conversation = ConversationId::new();
        let at = Timestamp::EPOCH;
        let message = |(index, text): (usize, &String)| {
            let id = conversation.message(&crate::model::ids::Place::new(at, at, index));
            Message::new(id, Direction::In, conversation.end_user(), text.clone(), at)
        };
        Page { items: texts.iter().enumerate().map(message).collect(), next: None }
    }

    /// How many are kept; the cursor must lead on from the last of them.
    fn kept(texts: &[String], share: usize) -> usize {
        let mut page = page(texts);
        keep_within(&mut page, share);
        let last = page.items.last().map(|last| last.id.place());
        assert_eq!(page.next.map(|next| next.place), last.filter(|_| page.items.len() < texts.len()));
        page.items.len()
    }

    #[test]
    fn as_many_as_fit_and_never_none() {
        let texts = vec!["x".repeat(400); 5];
        assert_eq!(kept(&texts, 5_000), 5);
        assert_eq!(kept(&texts, 4_999), 4);
        assert_eq!(kept(&texts, 1_000), 1);
        assert_eq!(kept(&texts, 0), 1);
        assert_eq!(kept(&[], 0), 0);
    }

    #[test]
    fn characters_count_as_they_are_escaped() {
        let (quotes, breaks) = (vec!["\"".repeat(100); 2], vec!["\n".repeat(100); 2]);
        assert_eq!((kept(&quotes, 2_000), kept(&quotes, 1_999)), (2, 1));
        assert_eq!((kept(&breaks, 1_800), kept(&breaks, 1_799)), (2, 1));
    }
}
