//! Files.

use async_trait::async_trait;
use bytes::Bytes;

use super::Access;
use crate::{
    model::{ids::FileId, record::Records},
    pipedrive::error::PipedriveError,
};

/// Longest file that is copied, in bytes. Pipedrive documents no limit of its own; this one keeps a function's memory in
/// bounds, and a link in the note does for longer ones.
pub const MAX_UPLOAD: usize = 20 * 1024 * 1024;

/// A file that is copied to records.
#[derive(Debug, Clone)]
pub struct Upload<'a> {
    /// What it is called there.
    pub name: &'a str,
    /// Its media type.
    pub mime: &'a str,
    /// What is in it.
    pub content: Bytes,
}

/// A file as it is in Pipedrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uploaded {
    /// Pipedrive's.
    pub id: FileId,
    /// What it is called.
    pub name: String,
}

/// Files.
#[async_trait]
pub trait FilesApi: Send + Sync {
    /// `POST /files`. Not to be repeated when the outcome is unknown. One longer than [`MAX_UPLOAD`] is
    /// [`PipedriveError::Invalid`] with 413, and so is one that Pipedrive finds too long.
    async fn upload_file(&self, access: &Access, file: Upload<'_>, on: &Records) -> Result<Uploaded, PipedriveError>;
}
