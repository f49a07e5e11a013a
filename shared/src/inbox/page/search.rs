//! Searching: the names, numbers and addresses of all conversations that the caller may see, and the texts of the one that is
//! open and of the recent ones. There is no index of texts; so the answer says how far it looked, and the page shows that.

use futures_util::{StreamExt, TryStreamExt, future::try_join, stream};
use serde::Serialize;

use super::{list::bad_cursor, rows::ConversationRow};
use crate::{
    inbox::{
        Caller,
        error::InboxError,
        ports::{InboxReader, Page},
        sight::Sight,
    },
    media::links::Links,
    model::{
        conversation::Conversation,
        cursor::ConversationCursor,
        ids::{ConversationId, MessageId},
        message::{Direction, Message},
        text::shortened,
        time::Timestamp,
    },
};

/// Fewest characters that are searched for.
pub const MIN_CHARS: usize = 2;
/// Most characters that are searched for.
pub const MAX_CHARS: usize = 100;
/// Conversations whose names one call looks at; the page asks for the next ones.
const NAMES: usize = 3_000;
/// Conversations read at a time; the table ends an answer at 1 MB sooner.
const STRIDE: usize = 1_000;
/// Most conversations that one call finds by name.
const MAX_NAMES: usize = 50;
/// Recent conversations whose texts are looked at.
const RECENT: usize = 20;
/// Newest messages of each.
const RECENT_MESSAGES: usize = 50;
/// Newest messages of the open conversation.
const OPEN_MESSAGES: usize = 1_000;
/// Most messages that are found.
const MAX_MESSAGES: usize = 50;
/// Characters around what was found.
const AROUND: usize = 120;
/// Conversations read at the same time.
const PARALLEL: usize = 10;

/// Conversations found by name or number.
#[derive(Debug, Clone, Serialize)]
pub struct FoundConversations {
    /// Newest first.
    pub conversations: Vec<ConversationRow>,
    /// How many were looked at by this call.
    pub looked: usize,
    /// Where to look on; none when all were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Messages found by text.
#[derive(Debug, Clone, Serialize)]
pub struct FoundMessages {
    /// The open conversation's first, each conversation's newest first.
    pub messages: Vec<FoundMessage>,
    /// How far the open conversation was looked through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<Looked>,
    /// How far the recent ones were.
    pub recent: Looked,
}

/// How far a search looked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Looked {
    /// Conversations.
    pub conversations: usize,
    /// Messages of them.
    pub messages: usize,
    /// Whether that was all there is in them.
    pub all: bool,
    /// Time of the oldest message that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub back_to: Option<String>,
}

/// A message that holds what was looked for.
#[derive(Debug, Clone, Serialize)]
pub struct FoundMessage {
    /// The message.
    pub id: MessageId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Which way it went.
    pub direction: Direction,
    /// When.
    pub at: String,
    /// What stands around the place.
    pub text: String,
}

/// What is looked for: letters without regard to case, or the digits of a number.
struct Needle {
    text: String,
    digits: String,
}

impl Needle {
    fn new(query: &str) -> Result<Self, InboxError> {
        let text = query.trim().to_lowercase();
        if !(MIN_CHARS..=MAX_CHARS).contains(&text.chars().count()) {
            let problem = format!("has to have {MIN_CHARS} to {MAX_CHARS} characters");
            return Err(InboxError::BadRequest { parameter: "q", problem });
        }
        let is_number = text.chars().all(|c| c.is_ascii_digit() || " +-()/.".contains(c));
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        Ok(Self { text, digits: if is_number && digits.len() >= MIN_CHARS { digits } else { String::new() } })
    }

    fn is_in(&self, text: &str) -> bool {
        text.to_lowercase().contains(&self.text)
    }

    /// A number is found with and without its country's `0`, `00` or `+`.
    fn is_in_number(&self, phone: &str) -> bool {
        let national = self.digits.trim_start_matches('0');
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        national.len() >= MIN_CHARS && digits.contains(national)
    }

    fn finds(&self, conversation: &Conversation) -> bool {
        let customer = &conversation.customer;
        self.is_in(&customer.name)
            || customer.phone.as_ref().is_some_and(|phone| self.is_in_number(phone))
            || customer.email.as_ref().is_some_and(|email| self.is_in(email.as_str()))
    }

    /// What stands around the first place, on one line.
    fn excerpt(&self, text: &str) -> String {
        let lower = text.to_lowercase();
        let before = lower.find(&self.text).map_or(0, |at| lower[..at].chars().count());
        let start = before.saturating_sub(AROUND / 3);
        let tail: String = text.chars().skip(start).collect();
        let shown = shortened(&tail, AROUND);
        if start > 0 { format!("…{shown}") } else { shown }
    }
}

/// Conversations by the customer's name or number, newest first.
pub async fn conversations(
    store: &dyn InboxReader,
    links: &Links,
    sight: &Sight<'_>,
    query: &str,
    after: Option<&str>,
) -> Result<FoundConversations, InboxError> {
    let needle = Needle::new(query)?;
    let mut after =
        after.filter(|after| !after.is_empty()).map(ConversationCursor::decode).transpose().map_err(|_| bad_cursor())?;
    let caller = &sight.caller;
    let (mut found, mut read, mut looked) = (Vec::new(), 0, 0);
    loop {
        let Page { items, next } = store.conversations_of_company(caller.company, after.as_ref(), STRIDE).await?;
        read += items.len();
        for conversation in sight.seen(items).await? {
            looked += 1;
            if !needle.finds(&conversation) {
                continue;
            }
            found.push(conversation);
            if found.len() == MAX_NAMES {
                let after = found.last().map(|last| ConversationCursor { last_at: last.last_at, id: last.id.clone() });
                return Ok(found_conversations(found, looked, after.as_ref(), caller, links));
            }
        }
        after = next;
        if after.is_none() || read >= NAMES {
            return Ok(found_conversations(found, looked, after.as_ref(), caller, links));
        }
    }
}

fn found_conversations(
    found: Vec<Conversation>,
    looked: usize,
    after: Option<&ConversationCursor>,
    caller: &Caller,
    links: &Links,
) -> FoundConversations {
    let conversations = found.into_iter().map(|one| ConversationRow::new(one, caller, links)).collect();
    FoundConversations { conversations, looked, after: after.map(ConversationCursor::encode) }
}

/// Messages of the open conversation and of the recent ones.
pub async fn messages(
    store: &dyn InboxReader,
    sight: &Sight<'_>,
    query: &str,
    open: Option<&ConversationId>,
) -> Result<FoundMessages, InboxError> {
    let needle = Needle::new(query)?;
    let in_open = async {
        match open {
            Some(id) => {
                sight.conversation(store.conversation(id).await?).await?;
                Ok(Some(look_into(store, &needle, id, OPEN_MESSAGES).await?))
            }
            None => Ok(None),
        }
    };
    let (in_open, in_recent) = try_join(in_open, look_into_recent(store, &needle, sight, open)).await?;
    let (mut found, open) = in_open.map_or_else(|| (Vec::new(), None), |(found, looked)| (found, Some(looked)));
    let (others, recent) = in_recent;
    found.extend(others);
    found.truncate(MAX_MESSAGES);
    Ok(FoundMessages { messages: found, open, recent })
}

async fn look_into_recent(
    store: &dyn InboxReader,
    needle: &Needle,
    sight: &Sight<'_>,
    open: Option<&ConversationId>,
) -> Result<(Vec<FoundMessage>, Looked), InboxError> {
    let recent = store.conversations_of_company(sight.caller.company, None, RECENT).await?;
    let is_whole = recent.next.is_none();
    let seen = sight.seen(recent.items).await?;
    let others: Vec<ConversationId> = seen.into_iter().map(|one| one.id).filter(|id| Some(id) != open).collect();
    let each: Vec<(Vec<FoundMessage>, Looked)> = stream::iter(others)
        .map(|id| async move { look_into(store, needle, &id, RECENT_MESSAGES).await })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let (mut found, mut all) = (Vec::new(), Looked { all: is_whole, ..Looked::default() });
    for (messages, looked) in each {
        found.extend(messages);
        all.conversations += 1;
        all.messages += looked.messages;
        all.all &= looked.all;
        all.back_to = match (all.back_to.take(), looked.back_to) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    Ok((found, all))
}

/// Looks through a conversation's newest messages.
async fn look_into(
    store: &dyn InboxReader,
    needle: &Needle,
    id: &ConversationId,
    most: usize,
) -> Result<(Vec<FoundMessage>, Looked), InboxError> {
    let (mut found, mut looked, mut after, mut oldest) = (Vec::new(), 0, None, None);
    loop {
        let Page { items, next } = store.messages(id, after.as_ref(), most - looked).await?;
        looked += items.len();
        oldest = items.last().map(|message| message.sent_at).or(oldest);
        found.extend(items.iter().filter(|message| message.deleted_at.is_none() && needle.is_in(&message.text)).map(
            |message: &Message| FoundMessage {
                id: message.id.clone(),
                conversation: id.clone(),
                direction: message.direction,
                at: message.sent_at.rfc3339(),
                text: needle.excerpt(&message.text),
            },
        ));
        after = next;
        if after.is_none() || looked >= most {
            let looked =
                Looked { conversations: 1, messages: looked, all: after.is_none(), back_to: oldest.map(Timestamp::rfc3339) };
            return Ok((found, looked));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needle(query: &str) -> Needle {
        Needle::new(query).unwrap()
    }

    #[test]
    fn names_are_found_without_regard_to_case_and_numbers_without_regard_to_their_writing() {
        assert!(needle("ÅSA").is_in("Åsa Öberg") && !needle("asa x").is_in("Åsa Öberg"));
        for query in ["020 000-1", "+1 555 020 0001", "00 1555", "0200001"] {
            assert!(needle(query).is_in_number("+15550200001"), "{query}");
        }
        for query in ["555 x", "99", "0 0"] {
            assert!(!needle(query).is_in_number("+15550200001"), "{query}");
        }
        for query in ["", " a ", &"x".repeat(MAX_CHARS + 1)] {
            assert!(Needle::new(query).is_err(), "{query}");
        }
    }

    #[test]
    fn an_excerpt_shows_the_place() {
        let long = format!("{} the Offer {}", "word ".repeat(100), "and ".repeat(100));
        let excerpt = needle("offer").excerpt(&long);
        assert!(excerpt.starts_with('…') && excerpt.contains("the Offer and") && excerpt.ends_with('…'), "{excerpt}");
        assert!(excerpt.chars().count() <= AROUND + 1);
        assert_eq!(needle("hi").excerpt("Oh, hi\nthere"), "Oh, hi there");
    }
}
