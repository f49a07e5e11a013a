//! What is stored.

use std::collections::BTreeMap;

use shared::{
    inbox::{ports::Reference, receive::STREAM_GRACE},
    model::{
        conversation::{Conversation, Stamp},
        ids::{AccountId, ChannelId, CompanyId, ContactKey, ConversationId, MessageId, Place, ProviderMessageId, UserId},
        installation::Installation,
        message::Message,
        time::Timestamp,
    },
};

/// Something that the table could do wrong. The model must notice each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A message is stored without its outbox entry.
    NoOutboxEntry,
    /// A provider's message id is not remembered.
    NoReference,
    /// What was delivered is crossed off though it changed meanwhile.
    NoStampCheck,
    /// A settlement takes place though the outbox is not as it was seen.
    NoSizeCheck,
    /// A status may move back.
    StatusesMoveBack,
    /// A status that comes before its message is forgotten.
    NoParking,
    /// What is due is never found again.
    NoRedelivery,
    /// What was held stays held.
    NoRelease,
    /// Two conversations are made for one customer.
    NoContactCheck,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::NoOutboxEntry,
        Self::NoReference,
        Self::NoStampCheck,
        Self::NoSizeCheck,
        Self::StatusesMoveBack,
        Self::NoParking,
        Self::NoRedelivery,
        Self::NoRelease,
        Self::NoContactCheck,
    ];

    /// The invariants that do not hold with it, by their numbers in docs/reliability.md.
    pub fn invariants(self) -> &'static [u8] {
        match self {
            Self::NoOutboxEntry => &[1],
            Self::NoReference => &[1, 2],
            Self::NoStampCheck | Self::NoSizeCheck | Self::NoContactCheck => &[2],
            Self::StatusesMoveBack | Self::NoParking => &[4],
            Self::NoRedelivery | Self::NoRelease => &[6],
        }
    }
}

/// Where an outbox stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// To be delivered; `redeliver` looks after it from then on.
    Outbox(Timestamp),
    /// Until its installation is back.
    Held(Timestamp),
}

/// A conversation, with its messages as they lie beside it.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) conversation: Conversation,
    pub(super) messages: BTreeMap<Place, Message>,
    pub(super) due: Option<Due>,
}

impl Stored {
    pub(super) fn is_held_for(&self, company: CompanyId, user: UserId) -> bool {
        matches!(self.due, Some(Due::Held(_))) && (self.conversation.company, self.conversation.owner) == (company, user)
    }

    /// Adds an entry to the outbox, which is a change. What is in it already keeps its due time, and stays held if it is.
    pub(super) fn owe(&mut self, place: Place, stamp: Stamp, due_at: Timestamp) {
        self.conversation.changed_at = Some(due_at.minus(STREAM_GRACE));
        self.conversation.outbox.insert(place, stamp);
        self.due.get_or_insert(Due::Outbox(due_at));
    }

    /// Lets it go on at once.
    pub(super) fn let_go(&mut self, due_at: Timestamp) {
        self.due = Some(Due::Outbox(due_at));
        self.conversation.pause = None;
    }
}

/// Whose installation.
pub(super) type Owner = (CompanyId, UserId);

#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<AccountId, (ChannelId, UserId)>,
    /// The oldest first: their ids are drawn, and what happens must not hang on them.
    pub(super) conversations: Vec<Stored>,
    pub(super) references: BTreeMap<(ChannelId, ProviderMessageId), Reference>,
    pub(super) contacts: BTreeMap<(ChannelId, ContactKey), ConversationId>,
    pub(super) installations: BTreeMap<Owner, Installation>,
    pub(super) releases: BTreeMap<Owner, Timestamp>,
    pub(super) probes: BTreeMap<Owner, Timestamp>,
    pub(super) stream: Vec<ConversationId>,
    pub(super) flaw: Option<Flaw>,
}

impl State {
    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(super) fn conversation(&self, id: &ConversationId) -> Option<&Stored> {
        self.conversations.iter().find(|stored| stored.conversation.id == *id)
    }

    pub(super) fn message(&self, id: &MessageId) -> Option<&Message> {
        self.conversation(&id.conversation())?.messages.get(&id.place())
    }

    /// Changes a conversation, if it is there, and tells the stream of it.
    pub(super) fn change(&mut self, id: &ConversationId, change: impl FnOnce(&mut Stored)) {
        let Some(stored) = self.conversations.iter_mut().find(|stored| stored.conversation.id == *id) else { return };
        change(stored);
        // Of others, template.yaml lets `deliver` hear nothing.
        if matches!(stored.due, Some(Due::Outbox(_))) {
            self.stream.push(id.clone());
        }
    }

    pub(super) fn reference(&self, channel: &ChannelId, id: &ProviderMessageId) -> Reference {
        let found = self.references.get(&(channel.clone(), id.clone())).cloned();
        found.unwrap_or(Reference::Unknown { parked: None })
    }

    pub(super) fn refer(&mut self, channel: &ChannelId, id: &ProviderMessageId, reference: Reference) {
        self.references.insert((channel.clone(), id.clone()), reference);
    }

    pub(super) fn contact(&self, channel: &ChannelId, key: &ContactKey) -> Option<&ConversationId> {
        self.contacts.get(&(channel.clone(), key.clone()))
    }

    pub(super) fn point(&mut self, channel: &ChannelId, key: &ContactKey, conversation: &ConversationId) {
        self.contacts.insert((channel.clone(), key.clone()), conversation.clone());
    }
}
