//! What the bundle asks of Pipedrive, as traits: a file for each kind of thing.

mod account;
mod channels;
mod deals;
mod files;
mod leads;
mod notes;
mod persons;
mod pipelines;
mod webhooks;

pub use account::{Access, Grant, Me, OAuth, Users};
pub use channels::{ChannelsApi, Receipt, Registration};
pub use deals::{Deal, DealFields, DealFilter, DealsApi};
pub use files::{FilesApi, MAX_UPLOAD, Upload, Uploaded};
pub use leads::{Lead, LeadFields, LeadsApi};
pub use notes::{Note, NotesApi};
pub use persons::{FoundPerson, Labelled, Person, PersonFields, PersonsApi, SearchField};
pub use pipelines::{Pipeline, PipelinesApi, Stage};
pub use webhooks::{Subscription, Webhook, WebhooksApi};

/// A part of a list, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next part starts; none at the end.
    pub next: Option<String>,
}

/// Most entries of a list in one answer (Pipedrive's API reference, v2, pagination).
pub const MAX_BATCH: usize = 500;
