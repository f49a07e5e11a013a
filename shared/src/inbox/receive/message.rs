//! One message into the table, a customer's or one that the company wrote past us.

use std::collections::BTreeMap;

use super::{MAX_QUOTE, Outcome, ReceivePorts, STREAM_GRACE, TRIES};
use crate::{
    inbox::{
        ports::{AccountOwner, NewMessage, Reference, StoreError, StoreOutcome},
        show,
    },
    model::{
        content::{Attachment, Content, FileState, ReplyTo},
        conversation::{Conversation, ConversationState, Stamp},
        ids::{ChannelId, ConversationId, Place},
        message::{Direction, Message},
        record::Link,
        text::{MAX_MESSAGE_BYTES, MAX_NAME_BYTES, clean, shortened},
        time::Timestamp,
    },
    providers::{
        InboundMessage,
        event::{InboundFile, ProviderReply},
    },
};

/// Most files of one message that are kept. Providers send one each, as a rule.
const MAX_FILES: usize = 30;
/// Most address cards of one message, and ways to reach somebody on one, that are kept.
const MAX_CARDS: usize = 20;
/// Longest file name, in bytes.
const MAX_FILE_NAME: usize = 255;
/// Longest MIME type, in bytes.
const MAX_MIME: usize = 255;
/// For files of which the provider tells no type; the bytes will.
const UNKNOWN_MIME: &str = "application/octet-stream";

/// How a message came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    now: Timestamp,
    index: usize,
    past: bool,
    owed: bool,
}

impl Origin {
    /// By a webhook, in which it was the event number `index`.
    pub fn live(now: Timestamp, index: usize) -> Self {
        Self { now, index, past: false, owed: true }
    }

    /// By the import of what was before the channel was connected. `owed`: whether Pipedrive is told of it by itself.
    pub fn past(now: Timestamp, index: usize, owed: bool) -> Self {
        Self { now, index, past: true, owed }
    }
}

/// Stores a message, unless it is stored already. Repeatable.
pub async fn store_message(
    ports: &ReceivePorts<'_>,
    origin: Origin,
    owner: &AccountOwner,
    inbound: &InboundMessage,
) -> Result<Outcome, StoreError> {
    let place = Place::new(sent_at(inbound, origin.now), origin.now, origin.index);
    let reply_to = match &inbound.reply_to {
        Some(reply) => Some(resolved(ports, &owner.channel, reply).await?),
        None => None,
    };
    // Where names lead that were erased.
    let mut gone: Vec<ConversationId> = Vec::new();
    for _ in 0..TRIES {
        let known = ports.store.conversation_of(&owner.channel, &inbound.customer.keys, &gone).await?.map(|(_, id)| id);
        let mut new = new_message(origin, owner, inbound, known.as_ref(), &place);
        new.message.reply_to.clone_from(&reply_to);
        new.message.wants_profile = ports.profiles && known.is_none();
        match ports.store.store_message(&new).await? {
            StoreOutcome::Stored => {
                tracing::info!(message = %new.message.id, channel = %owner.channel, "a message is stored");
                return Ok(Outcome::Stored);
            }
            StoreOutcome::Duplicate => return Ok(Outcome::Duplicate),
            StoreOutcome::LookAgain => gone.extend(known),
        }
    }
    Err(StoreError::Contended { operation: "store a message" })
}

/// What a message answers: our message, if the provider's id names one, and how that begins.
async fn resolved(ports: &ReceivePorts<'_>, channel: &ChannelId, reply: &ProviderReply) -> Result<ReplyTo, StoreError> {
    let message = match ports.store.reference(channel, &reply.id).await? {
        Reference::Message(named) => Some(named.message),
        Reference::Unknown { .. } => None,
    };
    let mut quote = reply.quote.as_deref().map(|quote| clean(quote, MAX_MESSAGE_BYTES)).unwrap_or_default();
    if let Some(id) = message.as_ref().filter(|_| quote.is_empty()) {
        quote = ports.store.answered_message(id).await?.map(|answered| show::quote(&answered, MAX_QUOTE)).unwrap_or_default();
    }
    Ok(ReplyTo { message, quote: shortened(&quote, MAX_QUOTE) })
}

/// By the provider's clock, or by ours if that one is too far ahead.
fn sent_at(inbound: &InboundMessage, now: Timestamp) -> Timestamp {
    inbound.sent_at.filter(|at| *at <= now.plus(Place::AHEAD)).unwrap_or(now)
}

fn new_message(
    origin: Origin,
    owner: &AccountOwner,
    inbound: &InboundMessage,
    known: Option<&ConversationId>,
    place: &Place,
) -> NewMessage {
    let id = known.cloned().unwrap_or_default();
    let stamp = origin.owed.then(Stamp::new);
    let sent_at = sent_at(inbound, origin.now);
    let mut customer = inbound.customer.clone();
    customer.name = clean(&customer.name, MAX_NAME_BYTES);
    let sender = match inbound.direction {
        Direction::In => id.end_user(),
        Direction::Out => owner.channel.source_user(),
    };
    let text = clean(&inbound.text, MAX_MESSAGE_BYTES);
    NewMessage {
        message: Message {
            provider_id: Some(inbound.provider_id.clone()),
            reply_by: inbound.reply_by,
            attachments: inbound.files.iter().take(MAX_FILES).map(awaited).collect(),
            content: inbound.content.clone().map(bounded),
            ..Message::new(id.message(place), inbound.direction, sender, text, sent_at)
        },
        conversation: Conversation {
            id,
            channel: owner.channel.clone(),
            company: owner.channel.company(),
            owner: owner.owner,
            customer,
            state: ConversationState::Open,
            link: inbound.link.clone(),
            last_at: sent_at,
            unread: 1,
            reply_by: inbound.reply_by,
            outbox: stamp.map(|stamp| (place.clone(), stamp)).into_iter().collect::<BTreeMap<_, _>>(),
            record: Link::default(),
            last: None,
            changed_at: None,
            answered_by: None,
            pause: None,
        },
        known: known.is_some(),
        name_known: inbound.name_known,
        stamp,
        past: origin.past,
        due_at: origin.now.plus(STREAM_GRACE),
    }
}

/// Address cards may be longer than a record: each list is cut, and each text.
fn bounded(content: Content) -> Content {
    let Content::Contacts { mut people } = content else { return content };
    people.truncate(MAX_CARDS);
    for person in &mut people {
        person.name = clean(&person.name, MAX_NAME_BYTES);
        for ways in [&mut person.phones, &mut person.emails] {
            ways.truncate(MAX_CARDS);
            for way in ways.iter_mut() {
                *way = clean(way, MAX_NAME_BYTES);
            }
        }
    }
    Content::Contacts { people }
}

/// A file that is still to be fetched.
fn awaited(file: &InboundFile) -> Attachment {
    let name = file.name.as_deref().map(|name| clean(name.trim(), MAX_FILE_NAME)).filter(|name| !name.is_empty());
    Attachment {
        kind: file.kind,
        mime: file.mime.as_deref().map_or_else(|| UNKNOWN_MIME.to_owned(), |mime| clean(mime.trim(), MAX_MIME)),
        name,
        size: file.size,
        file: FileState::Awaited { source: file.source.clone(), attempts: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        content::{FileKind, FileSource},
        conversation::Customer,
        ids::{CompanyId, ContactKey, ProviderMessageId, UserId},
    };

    #[test]
    fn what_a_provider_sends_beyond_all_measure_is_cut_and_not_refused() {
        let owner = AccountOwner { channel: ChannelId::new(CompanyId(1)), owner: UserId(2) };
        let customer = Customer::new(vec![ContactKey::parse("user:1").unwrap()], "n".repeat(10_000));
        let id = ProviderMessageId::parse("1").unwrap();
        let file = InboundFile {
            source: FileSource("file".to_owned()),
            kind: FileKind::Image,
            mime: Some("m".repeat(1_000)),
            name: Some("f".repeat(1_000)),
            size: None,
        };
        let endless = InboundMessage {
            files: vec![file; MAX_FILES + 5],
            ..InboundMessage::new(id, customer, "ä".repeat(MAX_MESSAGE_BYTES))
        };
        let now = Timestamp::from_secs(1_767_225_600);
        let stored = new_message(Origin::live(now, 0), &owner, &endless, None, &Place::new(now, now, 0));
        let message = &stored.message;
        assert_eq!((message.attachments.len(), message.text.len()), (MAX_FILES, MAX_MESSAGE_BYTES));
        assert_eq!(stored.conversation.customer.name.len(), MAX_NAME_BYTES);
        let first = &message.attachments[0];
        assert_eq!((first.mime.len(), first.name.as_ref().map(String::len)), (MAX_MIME, Some(MAX_FILE_NAME)));
    }
}
