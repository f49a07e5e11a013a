//! What a piece of work on one conversation's records has at hand, and what may stop it.

use std::time::Duration;

use super::{
    link::relink::{self, RelinkPorts},
    ports::{AuditStore, BudgetStore, IntentStore, NoteStore},
    watch::ports::KnownStore,
    zone::Zone,
};
use crate::{
    clock::Clock,
    crm::{error::CrmError, locks, ports::LockStore},
    inbox::ports::{InboxReader, StoreError},
    media::{bucket::Bucket, links::Links},
    model::{
        channel::Channel,
        conversation::Conversation,
        installation::Installation,
        message::FailureReason,
        record::{AuditEntry, Deed, Link, RecordRef, Why},
        time::Timestamp,
    },
    pipedrive::{Access, DealsApi, FilesApi, LeadsApi, NotesApi, PersonsApi, Users, error::PipedriveError},
    providers::Registry,
};

/// What the delivery to records needs.
pub struct RecordsPorts<'a> {
    /// To change links.
    pub relink: RelinkPorts<'a>,
    /// What records look like.
    pub known: &'a dyn KnownStore,
    /// Channels.
    pub channels: &'a dyn InboxReader,
    /// Notes.
    pub notes: &'a dyn NoteStore,
    /// What was done.
    pub audit: &'a dyn AuditStore,
    /// To create one thing at a time.
    pub locks: &'a dyn LockStore,
    /// What is about to be created.
    pub intents: &'a dyn IntentStore,
    /// What tokens go to.
    pub budget: &'a dyn BudgetStore,
    /// Where files are.
    pub bucket: &'a dyn Bucket,
    /// What providers are called.
    pub providers: &'a Registry,
    /// Pipedrive's persons.
    pub persons: &'a dyn PersonsApi,
    /// Pipedrive's deals.
    pub deals: &'a dyn DealsApi,
    /// Pipedrive's leads.
    pub leads: &'a dyn LeadsApi,
    /// Pipedrive's notes.
    pub notes_api: &'a dyn NotesApi,
    /// Pipedrive's files.
    pub files: &'a dyn FilesApi,
    /// To ask how much of the budget is left, with a cheap call.
    pub users: &'a dyn Users,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// One conversation's work.
pub(super) struct Work<'a> {
    pub(super) ports: &'a RecordsPorts<'a>,
    pub(super) installation: &'a Installation,
    pub(super) access: &'a Access,
    pub(super) links: &'a Links,
    pub(super) channel: Channel,
    pub(super) zone: Zone,
}

/// What stops it.
#[derive(Debug)]
pub(super) enum Stop {
    /// The table.
    Store(StoreError),
    /// Pipedrive, and nobody's message in particular.
    Pipedrive(PipedriveError),
    /// It is not time yet.
    Later { until: Timestamp, reason: FailureReason },
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PipedriveError> for Stop {
    fn from(error: PipedriveError) -> Self {
        Self::Pipedrive(error)
    }
}

impl Stop {
    /// Whether Pipedrive may have done what it was asked to all the same.
    fn is_uncertain(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::Pipedrive(error) => is_uncertain(error),
            Self::Later { .. } => false,
        }
    }
}

/// Whether Pipedrive may have done it all the same.
pub(super) fn is_uncertain(error: &PipedriveError) -> bool {
    matches!(error, PipedriveError::Transient { code } if code != "connect")
}

/// Whether Pipedrive will not do it for this user or company, however often it is asked; that is no reason to keep
/// messages back.
pub(super) fn is_declined(error: &PipedriveError) -> bool {
    matches!(
        error,
        PipedriveError::Forbidden { .. }
            | PipedriveError::AdminOnly
            | PipedriveError::Invalid { .. }
            | PipedriveError::NotFound
            | PipedriveError::Gone { .. }
    )
}

impl Work<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// What the provider is called.
    pub(super) fn provider(&self) -> &'static str {
        self.ports.providers.get(self.channel.provider).traits().name
    }

    /// What a record made of the customer is called.
    pub(super) fn title(&self, conversation: &Conversation) -> String {
        format!("{}: {}", self.provider(), conversation.customer.name)
    }

    pub(super) fn entry(&self, what: Deed, record: Option<RecordRef>, why: Why) -> AuditEntry {
        AuditEntry { at: self.now(), what, record, note: None, why }
    }

    /// Does `work` while nobody else works under one of `names`. After a failure that leaves open what Pipedrive did, others
    /// wait until the names end by themselves.
    pub(super) async fn alone<T>(
        &self,
        names: Vec<String>,
        work: impl Future<Output = Result<T, Stop>> + Send,
    ) -> Result<T, Stop> {
        let company = self.installation.company;
        let held = match locks::take(self.ports.locks, self.ports.clock, company, names).await {
            Ok(held) => held,
            Err(CrmError::Store(error)) => return Err(error.into()),
            Err(_) => return Err(self.later(Duration::from_secs(5), "busy", "The same is being done elsewhere.")),
        };
        let outcome = work.await;
        if !outcome.as_ref().is_err_and(Stop::is_uncertain) {
            held.give_back().await;
        }
        outcome
    }

    pub(super) fn later(&self, wait: Duration, code: &str, text: &str) -> Stop {
        let reason = FailureReason { code: code.to_owned(), text: text.to_owned() };
        Stop::Later { until: self.now().plus(wait), reason }
    }

    /// Changes the conversation's link. The conversation as it is then.
    pub(super) async fn relink(
        &self,
        conversation: &Conversation,
        entries: &[AuditEntry],
        change: impl Fn(&Conversation) -> Option<Link> + Send + Sync,
    ) -> Result<Conversation, Stop> {
        let changed = relink::relink(&self.ports.relink, conversation.company, &conversation.id, entries, change).await?;
        match changed {
            Some(changed) => Ok(changed),
            None => self.read(conversation).await,
        }
    }

    /// The conversation as it is now.
    pub(super) async fn read(&self, conversation: &Conversation) -> Result<Conversation, Stop> {
        let found = self.ports.relink.links.conversation(&conversation.id).await?;
        found.ok_or_else(|| self.later(Duration::from_secs(1), "erased", "The conversation is gone."))
    }

    /// Remembers what a record looks like.
    pub(super) async fn learn(&self, record: &RecordRef, known: &crate::model::known::Known) -> Result<(), Stop> {
        self.ports.known.learn(self.installation.company, record, known).await?;
        Ok(())
    }
}
