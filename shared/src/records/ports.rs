//! What the delivery to records needs of the table, one trait per need. `store` implements them; Pipedrive's ports are in
//! `pipedrive`.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    inbox::ports::StoreError,
    model::{
        contact::{Email, Phone},
        conversation::Conversation,
        day::Day,
        ids::{CompanyId, ConversationId, MessageId, PersonId, Place},
        message::Message,
        record::{Allowance, AuditEntry, BudgetDay, Link, Note, RecordRef, SpentOn, Upload},
        time::Timestamp,
    },
};

/// How long audit entries are kept.
pub const AUDIT_KEPT: Duration = Duration::from_hours(90 * 24);
/// How long it is remembered what a day's tokens went to.
pub const BUDGET_KEPT: Duration = Duration::from_hours(35 * 24);
/// How far Pipedrive's clock may be behind ours.
const CLOCKS: Duration = Duration::from_mins(2);

/// Which conversations hang on which records.
#[async_trait]
pub trait LinkStore: Send + Sync {
    /// A conversation, as last written.
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;
    /// Gives `seen` this link, if it still has the one in `seen`; its revision is set here. From then on the conversation is
    /// found by these records and no others, and its customer's number and address lead to the person. False if the link changed or the
    /// conversation is gone: read again. Open pages hear of it as of `at`. 1 transaction.
    async fn relink(&self, seen: &Conversation, link: &Link, at: Timestamp) -> Result<bool, StoreError>;
    /// The same, and adds entries to the conversation's audit, if the link changes; pages hear of it as of the first one. 1
    /// transaction.
    async fn relink_and_tell(&self, seen: &Conversation, link: &Link, entries: &[AuditEntry]) -> Result<bool, StoreError>;
    /// The company's conversations that are linked to a record. 1 query.
    async fn linked_to(&self, company: CompanyId, record: &RecordRef) -> Result<Vec<ConversationId>, StoreError>;
    /// The person to whom our own map leads from a number; the person itself decides whether that is still so. 1 read.
    async fn person_of_phone(&self, company: CompanyId, phone: &Phone) -> Result<Option<PersonId>, StoreError>;
    /// The same for an e-mail address. 1 read.
    async fn person_of_email(&self, company: CompanyId, email: &Email) -> Result<Option<PersonId>, StoreError>;
    /// Conversations of the company with the same customer on other channels of the same provider, by any name under which
    /// it knows them.
    async fn conversations_beside(&self, conversation: &Conversation) -> Result<Vec<Conversation>, StoreError>;
}

/// Notes of conversations, and files copied beside them.
#[async_trait]
pub trait NoteStore: Send + Sync {
    /// The notes of a conversation's day, in order. 1 query.
    async fn notes(&self, conversation: &ConversationId, day: &Day) -> Result<Vec<Note>, StoreError>;
    /// All notes of a conversation, in order. 1 query.
    async fn all_notes(&self, conversation: &ConversationId) -> Result<Vec<Note>, StoreError>;
    /// Stores a note over what was stored of it.
    async fn save_note(&self, note: &Note) -> Result<(), StoreError>;
    /// Forgets a note that did not come to be.
    async fn forget_note(&self, note: &Note) -> Result<(), StoreError>;
    /// Messages that were sent at `from` or later, but before `until`, in order. 1 query a megabyte.
    async fn messages_between(
        &self,
        conversation: &ConversationId,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Message>, StoreError>;
    /// Owes a message to Pipedrive once more.
    async fn owe_again(&self, conversation: &ConversationId, place: &Place, due_at: Timestamp) -> Result<(), StoreError>;
    /// The files of these messages that were copied, or were about to be. 1 batch read.
    async fn uploads(&self, files: &[(MessageId, usize)]) -> Result<Vec<Upload>, StoreError>;
    /// Notes that a file is about to be copied, or was.
    async fn save_upload(&self, conversation: &ConversationId, upload: &Upload) -> Result<(), StoreError>;
}

/// What was done for a conversation, and why.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds entries. They end by themselves after [`AUDIT_KEPT`].
    async fn add_audit(&self, conversation: &ConversationId, entries: &[AuditEntry]) -> Result<(), StoreError>;
    /// The newest entries, newest first. 1 query.
    async fn audit(&self, conversation: &ConversationId, limit: usize) -> Result<Vec<AuditEntry>, StoreError>;
}

/// What is about to be created in Pipedrive. Found again after a crash, it says that the record may be there already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// When it was written.
    pub at: Timestamp,
    /// What to look for: the name or title that the record was to get.
    pub called: String,
}

impl Intent {
    /// Whether a record that was added then may be the one. One of which that is not told may be.
    pub(super) fn is_before(&self, added_at: Option<Timestamp>) -> bool {
        added_at.is_none_or(|added_at| added_at.plus(CLOCKS) >= self.at)
    }
}

/// What is about to be created.
#[async_trait]
pub trait IntentStore: Send + Sync {
    /// The oldest intent under one of these names, if there is one. 1 batch read.
    async fn intent(&self, company: CompanyId, names: &[String]) -> Result<Option<Intent>, StoreError>;
    /// Writes one down under each of these names, before the call. 1 transaction.
    async fn intend(&self, company: CompanyId, names: &[String], intent: &Intent) -> Result<(), StoreError>;
    /// Drops it under each of these names once its outcome is stored. 1 transaction.
    async fn done(&self, company: CompanyId, names: &[String]) -> Result<(), StoreError>;
}

/// What companies' tokens go to.
#[async_trait]
pub trait BudgetStore: Send + Sync {
    /// Adds what was spent on a day, and what Pipedrive said of the rest. One write.
    async fn spend(
        &self,
        company: CompanyId,
        day: &Day,
        spent: &[(SpentOn, u64)],
        allowance: Option<&Allowance>,
        now: Timestamp,
    ) -> Result<BudgetDay, StoreError>;
    /// What is known of a day. 1 read.
    async fn budget(&self, company: CompanyId, day: &Day) -> Result<BudgetDay, StoreError>;
    /// What is known of the days from `since` on, newest first. 1 query.
    async fn budgets(&self, company: CompanyId, since: &Day) -> Result<Vec<(Day, BudgetDay)>, StoreError>;
}
