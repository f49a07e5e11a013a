//! Files on their way from the page to a message: straight into the bucket, because a function takes no more than 6 MB in a
//! call. What is there after that is taken by the send, or deleted by the bucket after a day.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    inbox::{Caller, error::InboxError, send::NewFile},
    media::bucket::{Bucket, Prefix, upload_key},
    model::ids::UploadId,
    telemetry,
};

/// Most files of one message.
pub const MAX_FILES: usize = 10;
/// Largest file, in bytes. All files of a message are in the function's memory when it is sent.
pub const MAX_FILE_BYTES: u64 = 25 * 1024 * 1024;
/// Most bytes of all files of a message.
pub const MAX_MESSAGE_BYTES: u64 = 50 * 1024 * 1024;
/// How long an address takes an upload.
const LIFETIME: Duration = Duration::from_mins(10);
/// What a file is that says nothing of itself.
const UNKNOWN: &str = "application/octet-stream";

/// What the page wants to upload.
#[derive(Debug, Clone, Deserialize)]
pub struct Wanted {
    /// MIME type, as the browser says; may be empty.
    #[serde(rename = "type", default)]
    pub mime: String,
    /// Bytes.
    pub size: u64,
}

/// Where to upload it.
#[derive(Debug, Clone, Serialize)]
pub struct Ticket {
    /// What to name the file by when the message is sent.
    pub id: UploadId,
    /// Where to PUT it, within ten minutes.
    pub url: String,
    /// With this `Content-Type`.
    #[serde(rename = "type")]
    pub mime: String,
}

/// A file of a message that is to be sent.
#[derive(Debug, Clone, Deserialize)]
pub struct Uploaded {
    /// Which.
    pub id: UploadId,
    /// What it is called.
    #[serde(default)]
    pub name: Option<String>,
}

/// An address for one file of the caller's.
pub async fn begin(bucket: &dyn Bucket, caller: &Caller, wanted: &Wanted) -> Result<Ticket, InboxError> {
    if wanted.size == 0 {
        return Err(InboxError::invalid_body("size", "is 0: the file is empty"));
    }
    if wanted.size > MAX_FILE_BYTES {
        return Err(too_large("size"));
    }
    let id = UploadId::new();
    let mime = header_safe(&wanted.mime);
    let url = bucket.upload_link(&upload_key(caller.company, caller.user, &id), mime, wanted.size, LIFETIME).await?;
    Ok(Ticket { id, url, mime: mime.to_owned() })
}

/// The caller's files from the bucket.
pub async fn take(bucket: &dyn Bucket, caller: &Caller, files: &[Uploaded]) -> Result<Vec<NewFile>, InboxError> {
    if files.len() > MAX_FILES {
        return Err(InboxError::invalid_body("files", format!("are more than {MAX_FILES}")));
    }
    let (mut taken, mut bytes) = (Vec::with_capacity(files.len()), 0);
    for file in files {
        let key = upload_key(caller.company, caller.user, &file.id);
        let missing = || InboxError::invalid_body("files", "were not uploaded, or too long ago");
        let info = bucket.head(&key).await?.ok_or_else(missing)?;
        bytes += info.size;
        if info.size > MAX_FILE_BYTES || bytes > MAX_MESSAGE_BYTES {
            return Err(too_large("files"));
        }
        let contents = bucket.get(&key).await?.ok_or_else(missing)?;
        taken.push(NewFile { name: file.name.clone(), mime: info.headers.mime, bytes: contents });
    }
    Ok(taken)
}

/// Deletes what was sent. If that fails, the bucket does it after a day.
pub async fn drop_all(bucket: &dyn Bucket, caller: &Caller, files: &[Uploaded]) {
    for file in files {
        if let Err(error) = bucket.delete_under(&Prefix::upload(caller.company, caller.user, &file.id)).await {
            telemetry::log_error("an uploaded file could not be deleted", &error);
        }
    }
}

fn too_large(field: &str) -> InboxError {
    let (one, all) = (MAX_FILE_BYTES / 1024 / 1024, MAX_MESSAGE_BYTES / 1024 / 1024);
    InboxError::invalid_body(field, format!("is too large: at most {one} MB a file, {all} MB together"))
}

/// A type that can stand in a header; what its bytes say counts anyway.
fn header_safe(mime: &str) -> &str {
    let is_safe = mime.len() <= 127 && mime.contains('/') && mime.bytes().all(|b| b.is_ascii_graphic() && b != b',');
    if is_safe { mime } else { UNKNOWN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_header_is_taken_as_a_type() {
        for (given, taken) in [
            ("image/png", "image/png"),
            ("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
            ("", UNKNOWN),
            ("png", UNKNOWN),
            ("image/png\r\nx: y", UNKNOWN),
            ("text/plain; charset=utf-8", UNKNOWN),
            ("bild/ä", UNKNOWN),
        ] {
            assert_eq!(header_safe(given), taken);
        }
    }
}
