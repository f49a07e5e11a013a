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
    /// Where they lie: partition and sort key.
    pub records: Vec<(String, String)>,
    /// Conversations, which have files.
    pub conversations: BTreeSet<ConversationId>,
}

/// Whom to erase: the conversations that one of these leads to, and the persons to whom those are linked.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// The person in Pipedrive.
    pub person: Option<PersonId>,
    /// Their address.
    pub email: Option<Email>,
    /// Their number.
    pub phone: Option<Phone>,
    /// Conversations with them, where neither is known.
    pub conversations: Vec<ConversationId>,
}

/// What was found out about a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Who they are in Pipedrive.
    pub persons: Vec<PersonId>,
    /// Their numbers: the one that was given, and those of the conversations with them.
    pub phones: Vec<Phone>,
    /// Their addresses, likewise.
    pub emails: Vec<Email>,
    /// The conversations with them.
    pub conversations: Vec<ConversationId>,
}

/// Finds what belongs to somebody, and deletes it.
#[async_trait]
pub trait EraseStore: Send + Sync {
    /// Everything of a company.
    async fn records_of_company(&self, company: CompanyId) -> Result<Found, StoreError>;
    /// What is kept of a person beside the conversations: the ways to them, what they looked like, and what was about to be created.
    async fn records_of_person(&self, company: CompanyId, known: &Known) -> Result<Found, StoreError>;
    /// The persons to whom an address and a number lead.
    async fn persons_behind(&self, company: CompanyId, subject: &Subject) -> Result<Vec<PersonId>, StoreError>;
    /// Takes persons off the company's lists, which count who is on them.
    async fn take_off_lists(&self, company: CompanyId, persons: &[PersonId]) -> Result<(), StoreError>;
    /// Deletes records.
    async fn delete_records(&self, found: &Found) -> Result<(), StoreError>;
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
        ports.store.delete_records(&found).await?;
        // What was being copied meanwhile.
        for conversation in &found.conversations {
            bucket::erase_conversation(ports.remove.bucket, conversation).await?;
        }
    }
    Err(InboxError::Store(StoreError::Contended { operation: "erase a company" }))
}

/// Erases what is kept of a person: the conversations with them, and what is known of them.
pub async fn person(ports: &ErasePorts<'_>, company: CompanyId, subject: &Subject) -> Result<Erased, InboxError> {
    let mut persons = ports.store.persons_behind(company, subject).await?;
    persons.extend(subject.person);
    let conversations = conversations_with(ports.reader, company, subject, &persons).await?;
    // Whoever is linked to one of the conversations is the same person.
    persons.extend(conversations.iter().filter_map(|conversation| conversation.record.person()));
    persons.sort_unstable();
    persons.dedup();
    let phones = conversations.iter().filter_map(phone_of).chain(subject.phone.clone()).collect();
    let emails = conversations.iter().filter_map(|found| found.customer.email.clone()).chain(subject.email.clone()).collect();
    let ids = conversations.iter().map(|found| found.id.clone()).collect();
    let known = Known { persons, phones, emails, conversations: ids };
    ports.store.take_off_lists(company, &known.persons).await?;
    // Conversations go last, since they are what leads a call that makes up for a broken one to all the rest; then what came meanwhile.
    let before = ports.store.records_of_person(company, &known).await?;
    ports.store.delete_records(&before).await?;
    for conversation in &conversations {
        remove::erase_one(ports.remove.channels, ports.remove.bucket, conversation).await?;
    }
    let after = ports.store.records_of_person(company, &known).await?;
    ports.store.delete_records(&after).await?;
    Ok(Erased { records: before.records.len() + after.records.len(), conversations: conversations.len() })
}

fn phone_of(conversation: &Conversation) -> Option<Phone> {
    conversation.customer.phone.as_deref().and_then(Phone::parse)
}

async fn conversations_with(
    reader: &dyn InboxReader,
    company: CompanyId,
    subject: &Subject,
    persons: &[PersonId],
) -> Result<Vec<Conversation>, InboxError> {
    let is_theirs = |conversation: &Conversation| {
        let named = subject.phone.as_ref().is_some_and(|phone| {
            let keys = conversation.customer.keys.iter().filter_map(|key| key.as_str().strip_prefix("phone:"));
            keys.chain(conversation.customer.phone.as_deref()).any(|known| phone.is(known))
        });
        let linked = conversation.record.person().is_some_and(|person| persons.contains(&person));
        let addressed = subject
            .email
            .as_ref()
            .is_some_and(|email| conversation.customer.email.as_ref().is_some_and(|known| known.key() == email.key()));
        named || addressed || linked || subject.conversations.contains(&conversation.id)
    };
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = reader.conversations_of_company(company, after.as_ref(), PAGE).await?;
        found.extend(page.items.into_iter().filter(is_theirs));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}
