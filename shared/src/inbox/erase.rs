//! Erasing whole: a company that leaves, or a person who asks for it. For the operator's tool; nothing here is served.
//!
//! What belongs to a company is found by reading the whole table, so nothing is forgotten that some other record was meant to lead to.
//! That costs as much as reading all that is stored once, and is asked for rarely. Every step may be repeated: an erasure that
//! stopped half-way is completed by the same one.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::{
    error::InboxError,
    ports::{InboxReader, StoreError},
    remove::{self, RemovePorts},
};
use crate::{
    media::bucket::{self, Prefix},
    model::{
        channel::ChannelState,
        contact::{Email, Phone},
        conversation::Conversation,
        ids::{CompanyId, ConversationId, PersonId},
    },
    telemetry,
};

/// How often is looked for what came while it was being erased.
const ROUNDS: usize = 5;
/// Conversations read at a time.
const PAGE: usize = 100;

/// Records that were found, and the conversations among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Where they lie.
    pub records: Places,
    /// Conversations, which have files.
    pub conversations: BTreeSet<ConversationId>,
}

/// What is known of a person: at first what the operator gave, then what that leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Who they are in Pipedrive.
    pub persons: BTreeSet<PersonId>,
    /// Their numbers.
    pub phones: BTreeSet<Phone>,
    /// Their addresses.
    pub emails: BTreeSet<Email>,
    /// The conversations with them.
    pub conversations: BTreeSet<ConversationId>,
}

impl Known {
    /// What a conversation says of its customer.
    fn told_by(conversation: &Conversation) -> Self {
        Self {
            persons: conversation.record.person().into_iter().collect(),
            phones: numbers(conversation).filter_map(Phone::parse).collect(),
            emails: conversation.customer.email.iter().cloned().collect(),
            conversations: BTreeSet::from([conversation.id.clone()]),
        }
    }

    fn learn(&mut self, more: Self) {
        self.persons.extend(more.persons);
        self.phones.extend(more.phones);
        self.emails.extend(more.emails);
        self.conversations.extend(more.conversations);
    }

    /// Whether a conversation is with them.
    fn is_of(&self, conversation: &Conversation) -> bool {
        let email = conversation.customer.email.as_ref();
        self.conversations.contains(&conversation.id)
            || conversation.record.person().is_some_and(|person| self.persons.contains(&person))
            || self.phones.iter().any(|phone| numbers(conversation).any(|number| phone.is(number)))
            || self.emails.iter().any(|known| email.is_some_and(|email| known.is(email.as_str())))
    }
}

/// The numbers under which a conversation's customer is known.
fn numbers(conversation: &Conversation) -> impl Iterator<Item = &str> {
    let keys = conversation.customer.keys.iter().filter_map(|key| key.as_str().strip_prefix("phone:"));
    keys.chain(conversation.customer.phone.as_deref())
}

/// Where records lie: partition and sort key of each.
pub type Places = Vec<(String, String)>;

/// What is kept of a person beside the conversations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// The ways to them from numbers and addresses that are known.
    pub ways: Places,
    /// All else: other ways to them, what they looked like, what was about to be created.
    pub rest: Places,
}

/// Finds what belongs to somebody, and deletes it.
#[async_trait]
pub trait EraseStore: Send + Sync {
    /// Everything of a company.
    async fn records_of_company(&self, company: CompanyId) -> Result<Found, StoreError>;
    /// What is kept of a person beside the conversations. A number or an address that leads to another person is theirs.
    async fn records_of_person(&self, company: CompanyId, known: &Known) -> Result<Beside, StoreError>;
    /// The persons to whom the numbers and addresses in `known` lead.
    async fn persons_behind(&self, company: CompanyId, known: &Known) -> Result<Vec<PersonId>, StoreError>;
    /// Ends the ways from the numbers and addresses in `known` that lead to one of `persons`. How many those were.
    async fn end_ways(&self, company: CompanyId, known: &Known, persons: &BTreeSet<PersonId>) -> Result<usize, StoreError>;
    /// Takes persons off the company's lists, which count who is on them.
    async fn take_off_lists(&self, company: CompanyId, persons: &BTreeSet<PersonId>) -> Result<(), StoreError>;
    /// Deletes records.
    async fn delete_records(&self, places: &Places) -> Result<(), StoreError>;
}

/// What erasing needs.
pub struct ErasePorts<'a> {
    /// Finds and deletes records.
    pub store: &'a dyn EraseStore,
    /// Reads conversations.
    pub reader: &'a dyn InboxReader,
    /// Ends channels.
    pub remove: RemovePorts<'a>,
}

/// What was erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Records of the table.
    pub records: usize,
    /// Conversations among them.
    pub conversations: usize,
}

/// Erases all that is kept of a company. First its channels end, so that providers stop sending; then records and files go, until
/// there is nothing left.
pub async fn company(ports: &ErasePorts<'_>, company: CompanyId) -> Result<Erased, InboxError> {
    let members = ports.remove.members.members(company).await?;
    for channel in members.channels.iter().filter(|channel| channel.state != ChannelState::Removed) {
        if ports.remove.channels.set_channel_state(channel, ChannelState::Removed, ports.remove.clock.now()).await?
            && let Err(error) = remove::unsubscribe(&ports.remove, channel).await
        {
            // Erasing does not wait for a provider; its webhooks find nobody from here on.
            telemetry::log_error("a provider could not be told that a channel is gone", &error);
        }
    }
    let mut erased = Erased::default();
    for _ in 0..ROUNDS {
        let found = ports.store.records_of_company(company).await?;
        if found.records.is_empty() {
            ports.remove.bucket.delete_under(&Prefix::uploads_of(company)).await?;
            return Ok(erased);
        }
        erased.records += found.records.len();
        erased.conversations += found.conversations.len();
        for conversation in &found.conversations {
            bucket::erase_conversation(ports.remove.bucket, conversation).await?;
        }
        ports.store.delete_records(&found.records).await?;
        // What was being copied meanwhile.
        for conversation in &found.conversations {
            bucket::erase_conversation(ports.remove.bucket, conversation).await?;
        }
    }
    Err(InboxError::Store(StoreError::Contended { operation: "erase a company" }))
}

/// A person, as far as they were found out.
struct Person {
    known: Known,
    /// The conversations with them, each after those that led to it.
    conversations: Vec<Conversation>,
}

/// What erasing a person would delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Who they are in Pipedrive.
    pub persons: BTreeSet<PersonId>,
    /// The conversations with them.
    pub conversations: BTreeSet<ConversationId>,
    /// How many records beside those.
    pub records: usize,
}

/// Whom [`person`] would erase.
pub async fn plan(ports: &ErasePorts<'_>, company: CompanyId, given: &Known) -> Result<Plan, InboxError> {
    let Person { known, .. } = find(ports, company, given).await?;
    let Beside { ways, rest } = ports.store.records_of_person(company, &known).await?;
    Ok(Plan { records: ways.len() + rest.len(), persons: known.persons, conversations: known.conversations })
}

/// Erases what is kept of a person: the conversations with them, and what is known of them. What leads to something goes after it, so
/// that a call that makes up for a broken one finds the rest.
pub async fn person(ports: &ErasePorts<'_>, company: CompanyId, given: &Known) -> Result<Erased, InboxError> {
    let Person { known, conversations } = find(ports, company, given).await?;
    ports.store.take_off_lists(company, &known.persons).await?;
    let Beside { rest, .. } = ports.store.records_of_person(company, &known).await?;
    ports.store.delete_records(&rest).await?;
    let mut records = rest.len();
    for conversation in conversations.iter().rev() {
        records += ports.store.end_ways(company, &Known::told_by(conversation), &known.persons).await?;
        remove::erase_one(ports.remove.channels, ports.remove.bucket, conversation).await?;
    }
    // The ways from what was given, and what came meanwhile.
    let Beside { ways, rest } = ports.store.records_of_person(company, &known).await?;
    for places in [rest, ways] {
        ports.store.delete_records(&places).await?;
        records += places.len();
    }
    Ok(Erased { records, conversations: conversations.len() })
}

/// Finds out who somebody is: what is known of them leads to conversations, and these to more that is known, until nothing new comes.
async fn find(ports: &ErasePorts<'_>, company: CompanyId, given: &Known) -> Result<Person, InboxError> {
    let mut known = given.clone();
    known.persons.extend(ports.store.persons_behind(company, given).await?);
    let mut conversations: Vec<Conversation> = Vec::new();
    loop {
        let new = conversations_with(ports.reader, company, &known, &conversations).await?;
        if new.is_empty() {
            break;
        }
        for conversation in &new {
            let told = Known::told_by(conversation);
            if told.persons.is_empty() {
                // Whoever is linked to a conversation is its customer. Of another, the ways say who that is.
                known.persons.extend(ports.store.persons_behind(company, &told).await?);
            }
            known.learn(told);
        }
        conversations.extend(new);
    }
    // Others that were given are not there, or not the company's.
    known.conversations = conversations.iter().map(|found| found.id.clone()).collect();
    Ok(Person { known, conversations })
}

/// Conversations of the company with somebody, but for those that were found before.
async fn conversations_with(
    reader: &dyn InboxReader,
    company: CompanyId,
    known: &Known,
    before: &[Conversation],
) -> Result<Vec<Conversation>, InboxError> {
    let is_new = |found: &Conversation| known.is_of(found) && before.iter().all(|other| other.id != found.id);
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = reader.conversations_of_company(company, after.as_ref(), PAGE).await?;
        found.extend(page.items.into_iter().filter(is_new));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}
