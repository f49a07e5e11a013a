//! The list of conversations, newest first, and what changed in it.

use std::{collections::BTreeSet, time::Duration};

use super::rows::{ConversationRow, is_mine};
use crate::{
    inbox::{
        Caller,
        error::InboxError,
        ports::{InboxReader, Page},
        sight::Sight,
    },
    media::links::Links,
    model::{
        conversation::{Conversation, ConversationState},
        cursor::ConversationCursor,
        ids::ChannelId,
        time::Timestamp,
    },
};

/// Most conversations that one call looks at when a filter lets few of them through.
const MAX_LOOKED: usize = 1_000;
/// Most conversations read at a time then.
const STRIDE: usize = 250;
/// Most changes that one call tells of.
const MAX_CHANGES: usize = 200;
/// How far back changes are told once more: an index lags behind the table by moments, and clocks differ.
const OVERLAP: Duration = Duration::from_secs(10);

/// Which conversations. All that the caller may see, unless something is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Those of this channel.
    pub channel: Option<ChannelId>,
    /// Those with something to read.
    pub unread: bool,
    /// Those that the caller looks after.
    pub mine: bool,
    /// Open or closed ones.
    pub state: Option<ConversationState>,
}

impl Filter {
    fn lets_through(&self, conversation: &Conversation, caller: &Caller) -> bool {
        (!self.unread || conversation.unread > 0)
            && (!self.mine || is_mine(conversation, caller))
            && self.state.is_none_or(|state| conversation.state == state)
    }
}

/// A page of the list.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ConversationRows {
    /// Newest first.
    pub conversations: Vec<ConversationRow>,
    /// Where the list goes on; none at its end. There may be more although this page is short or empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What changed.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Updates {
    /// Conversations that changed, the oldest change first. Some may be told twice.
    pub conversations: Vec<ConversationRow>,
    /// Channels of the changes that the caller may not see.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub hidden: BTreeSet<ChannelId>,
    /// Where the next call goes on.
    pub since: i64,
    /// Whether there is more already.
    pub more: bool,
}

/// A page of the conversations that `filter` lets through.
pub async fn conversations(
    store: &dyn InboxReader,
    links: &Links,
    sight: &Sight<'_>,
    filter: &Filter,
    after: Option<&str>,
    limit: usize,
) -> Result<ConversationRows, InboxError> {
    let mut after =
        after.filter(|after| !after.is_empty()).map(ConversationCursor::decode).transpose().map_err(|_| bad_cursor())?;
    let caller = &sight.caller;
    if filter.channel.as_ref().is_some_and(|channel| channel.company() != caller.company) {
        return Err(InboxError::NotFound("channel"));
    }
    // The fewer get through, the longer the next stride.
    let mut stride = limit;
    let (mut found, mut looked) = (Vec::new(), 0);
    loop {
        let Page { items, next } = match &filter.channel {
            Some(channel) => store.conversations(channel, after.as_ref(), stride).await?,
            None => store.conversations_of_company(caller.company, after.as_ref(), stride).await?,
        };
        looked += items.len();
        stride = (stride * 2).min(STRIDE);
        for conversation in items {
            if !filter.lets_through(&conversation, caller) || !sight.sees(&conversation).await? {
                continue;
            }
            if found.len() == limit {
                return Ok(page(found, last_of, caller, links));
            }
            found.push(conversation);
        }
        after = next;
        if after.is_none() || found.len() == limit || looked >= MAX_LOOKED {
            return Ok(page(found, |_| after, caller, links));
        }
    }
}

fn last_of(found: &[Conversation]) -> Option<ConversationCursor> {
    found.last().map(|last| ConversationCursor { last_at: last.last_at, id: last.id.clone() })
}

fn page(
    found: Vec<Conversation>,
    next: impl FnOnce(&[Conversation]) -> Option<ConversationCursor>,
    caller: &Caller,
    links: &Links,
) -> ConversationRows {
    let after = next(&found).map(|cursor| cursor.encode());
    let conversations = found.into_iter().map(|one| ConversationRow::new(one, caller, links)).collect();
    ConversationRows { conversations, after }
}

/// What changed in the company since an earlier call. 1 query, however much there is; and 1 read of who sees what, where a
/// colleague's channel is concerned.
pub async fn updates(store: &dyn InboxReader, links: &Links, sight: &Sight<'_>, since: Timestamp) -> Result<Updates, InboxError> {
    let changed = store.changed_conversations(sight.caller.company, since.minus(OVERLAP), MAX_CHANGES).await?;
    let more = changed.len() == MAX_CHANGES;
    let newest = changed.last().and_then(|last| last.changed_at).unwrap_or(since);
    // With more to come, what was told last comes again, so the next call has to begin behind it.
    let next = if more { newest.plus(OVERLAP) } else { newest.max(since) };
    let (mut conversations, mut hidden) = (Vec::with_capacity(changed.len()), BTreeSet::new());
    for one in changed {
        if sight.sees(&one).await? {
            conversations.push(ConversationRow::new(one, &sight.caller, links));
        } else {
            hidden.insert(one.channel);
        }
    }
    Ok(Updates { conversations, hidden, since: next.millis(), more })
}

pub(super) fn bad_cursor() -> InboxError {
    InboxError::BadRequest { parameter: "after", problem: "not a cursor of this list".to_owned() }
}
