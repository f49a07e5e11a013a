//! What hearing of changes in Pipedrive needs of the table.

use async_trait::async_trait;

use crate::{
    inbox::ports::StoreError,
    model::{
        contact::Phone,
        ids::{CompanyId, PersonId},
        known::Known,
        record::RecordRef,
        time::Timestamp,
        watch::Watch,
    },
};

/// The webhooks that companies have in Pipedrive.
#[async_trait]
pub trait WatchStore: Send + Sync {
    /// A company's, as last written. 1 read.
    async fn watch(&self, company: CompanyId) -> Result<Option<Watch>, StoreError>;
    /// Stores `watch` if its password is still the stored one, or none is stored; comes back at `due_at`. False if not: read
    /// again. 1 write.
    async fn save_watch(&self, watch: &Watch, due_at: Timestamp) -> Result<bool, StoreError>;
    /// Has a company's webhooks looked after from `due_at` on. 1 write.
    async fn watch_from(&self, company: CompanyId, due_at: Timestamp) -> Result<(), StoreError>;
    /// Forgets a company's webhooks, and their password with them. 1 write.
    async fn forget_watch(&self, company: CompanyId) -> Result<(), StoreError>;
    /// Companies whose webhooks have to be looked after, at most `limit` a shard.
    async fn watches_due(&self, now: Timestamp, limit: usize) -> Result<Vec<CompanyId>, StoreError>;
}

/// What records in Pipedrive looked like when they were last seen.
#[async_trait]
pub trait KnownStore: Send + Sync {
    /// What is known of these records (at most 100), in their order. 1 batch read.
    async fn known(&self, company: CompanyId, records: &[RecordRef]) -> Result<Vec<Option<Known>>, StoreError>;
    /// Keeps what was seen of a record, unless a later change of it is known. False if one is. 1 write.
    async fn learn(&self, company: CompanyId, record: &RecordRef, known: &Known) -> Result<bool, StoreError>;
    /// Forgets a record that is gone. 1 write.
    async fn forget(&self, company: CompanyId, record: &RecordRef) -> Result<(), StoreError>;
    /// Ends the way from a number to a person, if it leads there. 1 write.
    async fn end_way(&self, company: CompanyId, phone: &Phone, person: PersonId) -> Result<(), StoreError>;
    /// Leads a number to a person, if it leads nowhere yet. 1 write.
    async fn begin_way(&self, company: CompanyId, phone: &Phone, person: PersonId) -> Result<(), StoreError>;
}
