//! Notes.

use async_trait::async_trait;

use super::{Access, Batch};
use crate::{
    model::{
        day::Day,
        ids::{NoteId, UserId},
        record::{RecordRef, Records},
        time::Timestamp,
    },
    pipedrive::error::PipedriveError,
};

/// A note as it is in Pipedrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Pipedrive's.
    pub id: NoteId,
    /// Its text, as Pipedrive keeps it: it takes out what it does not like.
    pub content: String,
    /// What it hangs on.
    pub on: Records,
    /// Who wrote it.
    pub author: Option<UserId>,
    /// When it was added.
    pub added_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// Notes. Deleted ones are left out, and [`PipedriveError::NotFound`].
#[async_trait]
pub trait NotesApi: Send + Sync {
    /// `POST /notes`, on at least one record. Not to be repeated when the outcome is unknown.
    async fn create_note(&self, access: &Access, content: &str, on: &Records) -> Result<Note, PipedriveError>;
    /// `PUT /notes/{id}`: its whole text, and what it hangs on besides what it hangs on already. Safe to repeat.
    async fn replace_note(&self, access: &Access, id: NoteId, content: &str, on: &Records) -> Result<Note, PipedriveError>;
    /// `GET /notes/{id}`.
    async fn note(&self, access: &Access, id: NoteId) -> Result<Note, PipedriveError>;
    /// `GET /notes` of a record, newest first, that were added on `since` (UTC) or later; at most
    /// [`MAX_BATCH`](super::MAX_BATCH). It knows a note at once.
    async fn notes_of(
        &self,
        access: &Access,
        record: &RecordRef,
        since: Option<&Day>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Batch<Note>, PipedriveError>;
}
