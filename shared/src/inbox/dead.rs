//! Dead letters: messages that could not be delivered to Pipedrive and are not tried any more. They stay where they were, in
//! their conversations, each with its reason, until somebody has them sent again. That puts a message back into its
//! conversation's outbox, at its old place; whether it gets through this time, delivery finds out.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use super::{
    error::InboxError,
    ports::{InboxReader, Page, StoreError},
    receive::STREAM_GRACE,
    show,
    sight::Sight,
};
use crate::model::{
    conversation::Conversation,
    cursor::DeadCursor,
    ids::{ChannelId, CompanyId, ConversationId, MessageId},
    message::{Direction, FailureReason, Message},
    time::Timestamp,
};

/// How many answers of the table one page may take when some letters are left out.
const ANSWERS: usize = 10;
/// When to try again with an outbox that is full.
const FULL: Duration = Duration::from_mins(1);

/// A message that is dead, and where it belongs.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// The message; its `dead` says why.
    pub message: Message,
    /// Its conversation.
    pub conversation: Conversation,
    /// When it was given up.
    pub at: Timestamp,
}

/// From which end dead letters are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// For people.
    NewestFirst,
    /// For sending them again.
    OldestFirst,
}

/// What became of a try to revive a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revival {
    /// It is in its conversation's outbox again.
    Done,
    /// It is not dead, or not any more.
    Alive,
    /// Its conversation's outbox is full.
    Full,
    /// The company has no such message.
    Unknown,
}

/// Messages that are not tried any more.
#[async_trait]
pub trait DeadStore: Send + Sync {
    /// Dead letters of a company. May lag behind a write by moments.
    async fn dead_letters(
        &self,
        company: CompanyId,
        order: Order,
        after: Option<&DeadCursor>,
        limit: usize,
    ) -> Result<Page<DeadLetter, DeadCursor>, StoreError>;
    /// One of them, as last written; none if the message is not dead.
    async fn dead_letter(&self, id: &MessageId) -> Result<Option<DeadLetter>, StoreError>;
    /// Puts a dead message of the company back into its conversation's outbox.
    async fn revive(&self, company: CompanyId, id: &MessageId, due_at: Timestamp) -> Result<Revival, StoreError>;
    /// Companies that have dead letters, with the number of them. For operators: it reads all that is due.
    async fn dead_by_company(&self) -> Result<Vec<(CompanyId, usize)>, StoreError>;
}

/// A dead letter as the company's people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadView {
    /// The message.
    pub message_id: MessageId,
    /// Where it belongs.
    pub conversation_id: ConversationId,
    /// Where that is.
    pub channel_id: ChannelId,
    /// What the customer is called.
    pub customer: String,
    /// `in` or `out`.
    pub direction: Direction,
    /// What it says.
    pub text: String,
    /// How many files it has.
    pub attachments: usize,
    /// RFC 3339, UTC: when it was written.
    pub sent_at: String,
    /// The same: when it was given up.
    pub dead_at: String,
    /// Why.
    pub reason: Option<FailureReason>,
}

impl From<DeadLetter> for DeadView {
    fn from(letter: DeadLetter) -> Self {
        let DeadLetter { message, conversation, at } = letter;
        Self {
            text: show::text(&message),
            conversation_id: conversation.id,
            channel_id: conversation.channel,
            customer: conversation.customer.name,
            direction: message.direction,
            attachments: message.attachments.len(),
            sent_at: message.sent_at.rfc3339(),
            dead_at: at.rfc3339(),
            reason: message.dead,
            message_id: message.id,
        }
    }
}

/// For whom dead letters are looked at, which says which there are.
#[derive(Clone, Copy)]
pub enum ForWhom<'a> {
    /// All of a company's: for the operator.
    Company(CompanyId),
    /// Those that a user may see.
    Seen(&'a Sight<'a>),
}

impl ForWhom<'_> {
    fn company(self) -> CompanyId {
        match self {
            Self::Company(company) => company,
            Self::Seen(sight) => sight.caller.company,
        }
    }

    async fn include(self, conversation: &Conversation) -> Result<bool, StoreError> {
        match self {
            Self::Company(company) => Ok(conversation.company == company),
            Self::Seen(sight) => sight.sees(conversation).await,
        }
    }
}

/// Which dead letters are meant.
#[derive(Clone)]
pub struct DeadQuery<'a> {
    /// For whom.
    pub whom: ForWhom<'a>,
    /// Of this channel alone.
    pub channel: Option<ChannelId>,
    /// Where to go on; empty and none are the beginning.
    pub after: Option<String>,
    /// Most of them.
    pub limit: usize,
}

/// A page of dead letters, newest first. Where some are left out, a page may hold fewer than there are, and a cursor all the same.
pub async fn list(store: &dyn DeadStore, query: &DeadQuery<'_>) -> Result<Page<DeadLetter, DeadCursor>, InboxError> {
    found(store, query, Order::NewestFirst).await
}

/// One dead letter that the caller may see.
pub async fn show(store: &dyn DeadStore, sight: &Sight<'_>, id: &MessageId) -> Result<DeadLetter, InboxError> {
    match store.dead_letter(id).await? {
        Some(letter) if sight.sees(&letter.conversation).await? => Ok(letter),
        _ => Err(InboxError::NotFound("dead letter")),
    }
}

/// Has a dead message that the caller may see delivered again; may be repeated.
pub async fn resend_seen(
    store: &dyn DeadStore,
    reader: &dyn InboxReader,
    sight: &Sight<'_>,
    id: &MessageId,
    now: Timestamp,
) -> Result<(), InboxError> {
    sight.around(reader.conversation(&id.conversation()).await?, "dead letter").await?;
    resend(store, sight.caller.company, id, now).await
}

/// Has a dead message delivered again. One that is alive already is as it should be: this may be repeated.
pub async fn resend(store: &dyn DeadStore, company: CompanyId, id: &MessageId, now: Timestamp) -> Result<(), InboxError> {
    match store.revive(company, id, now.plus(STREAM_GRACE)).await? {
        Revival::Done => {
            tracing::info!(message = %id, %company, "a dead message is delivered again");
            Ok(())
        }
        Revival::Alive => Ok(()),
        Revival::Full => Err(InboxError::RateLimited { retry_at: now.plus(FULL) }),
        Revival::Unknown => Err(InboxError::NotFound("dead letter")),
    }
}

/// What a round of [`resend_all`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resent {
    /// Messages put back.
    pub resent: usize,
    /// Messages whose conversation's outbox was full. They are as dead as before.
    pub full: usize,
    /// Where to go on; none if nothing is left.
    pub next: Option<DeadCursor>,
}

/// Has dead messages, all or those of one channel, delivered again, the oldest first and at most `query.limit` of them.
pub async fn resend_all(store: &dyn DeadStore, query: &DeadQuery<'_>, now: Timestamp) -> Result<Resent, InboxError> {
    let page = found(store, query, Order::OldestFirst).await?;
    let mut resent = Resent { resent: 0, full: 0, next: page.next };
    for letter in page.items {
        match resend(store, query.whom.company(), &letter.message.id, now).await {
            Ok(()) => resent.resent += 1,
            Err(InboxError::RateLimited { .. }) => resent.full += 1,
            // Erased since it was listed.
            Err(InboxError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(resent)
}

async fn found(store: &dyn DeadStore, query: &DeadQuery<'_>, order: Order) -> Result<Page<DeadLetter, DeadCursor>, InboxError> {
    let after = query.after.as_deref().filter(|after| !after.is_empty()).map(DeadCursor::decode).transpose();
    let mut next =
        after.map_err(|_| InboxError::BadRequest { parameter: "after", problem: "is not a cursor of this list".to_owned() })?;
    let mut items = Vec::new();
    for _ in 0..ANSWERS {
        let page = store.dead_letters(query.whom.company(), order, next.as_ref(), query.limit - items.len()).await?;
        next = page.next;
        for letter in page.items {
            let is_there = query.channel.as_ref().is_none_or(|channel| letter.conversation.channel == *channel);
            if is_there && query.whom.include(&letter.conversation).await? {
                items.push(letter);
            }
        }
        if next.is_none() || items.len() >= query.limit {
            break;
        }
    }
    Ok(Page { items, next })
}
