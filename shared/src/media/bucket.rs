//! Where files lie: the port, and the one place where names of objects are made.
//!
//! | object | what |
//! |---|---|
//! | `files/<conversation>/<place>/<position>` | a file of a message |
//! | `files/<conversation>/<place>/<position>-preview` | a small picture of it |
//! | `avatars/<conversation>` | the customer's picture |
//! | `uploads/<company>/<user>/<upload>` | a file that was uploaded for a message; gone once that is sent, or after a day |
//!
//! A name follows from what it names, so a copy that is made twice is one object. Everything of a conversation lies under
//! two prefixes and goes with them.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::model::{
    content::ObjectKey,
    ids::{CompanyId, ConversationId, MessageId, UploadId, UserId},
};

/// Why the bucket did not do what it was asked to. It may be asked again: every call can be repeated.
#[derive(Debug, thiserror::Error)]
#[error("the bucket failed to {operation}")]
pub struct BucketError {
    /// What was asked.
    pub operation: &'static str,
    /// The client's report.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// What an object tells whoever fetches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHeaders {
    /// MIME type.
    pub mime: String,
    /// `Content-Disposition`.
    pub disposition: String,
}

/// An object without its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// What it tells whoever fetches it.
    pub headers: ObjectHeaders,
    /// Bytes.
    pub size: u64,
}

/// Names of objects that begin alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// The files of a message.
    pub fn message(id: &MessageId) -> Self {
        Self(format!("files/{}/{}/", id.conversation(), id.place()))
    }

    /// The files of a conversation.
    pub fn conversation(id: &ConversationId) -> Self {
        Self(format!("files/{id}/"))
    }

    /// The picture of a conversation's customer.
    pub fn avatar(id: &ConversationId) -> Self {
        Self(avatar_key(id).0)
    }

    /// One uploaded file.
    pub fn upload(company: CompanyId, user: UserId, id: &UploadId) -> Self {
        Self(upload_key(company, user, id).0)
    }

    /// All uploaded files of a company.
    pub fn uploads_of(company: CompanyId) -> Self {
        Self(format!("uploads/{company}/"))
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a message's file.
pub fn file_key(message: &MessageId, position: usize) -> ObjectKey {
    ObjectKey(format!("{}{position}", Prefix::message(message)))
}

/// The name of the small picture of a message's file.
pub fn preview_key(message: &MessageId, position: usize) -> ObjectKey {
    ObjectKey(format!("{}{position}-preview", Prefix::message(message)))
}

/// The name of the picture of a conversation's customer.
pub fn avatar_key(conversation: &ConversationId) -> ObjectKey {
    ObjectKey(format!("avatars/{conversation}"))
}

/// The name of a file that a user uploaded. Another's is out of reach: the name is made of the caller's own ids.
pub fn upload_key(company: CompanyId, user: UserId, id: &UploadId) -> ObjectKey {
    ObjectKey(format!("uploads/{company}/{user}/{id}"))
}

/// A bucket.
#[async_trait]
pub trait Bucket: Send + Sync {
    /// Stores an object, over one of the same name if there is one.
    async fn put(&self, key: &ObjectKey, bytes: Bytes, headers: &ObjectHeaders) -> Result<(), BucketError>;
    /// An object's contents; none if there is no such object.
    async fn get(&self, key: &ObjectKey) -> Result<Option<Bytes>, BucketError>;
    /// What is known of an object; none if there is no such object.
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, BucketError>;
    /// An address under which whoever knows it can GET the object, whole or in ranges, for as long as `lifetime`. It is made
    /// without asking whether there is such an object.
    async fn link(&self, key: &ObjectKey, lifetime: Duration) -> Result<String, BucketError>;
    /// An address under which whoever knows it can PUT the object for as long as `lifetime`: of exactly this type and size, and
    /// nothing else.
    async fn upload_link(&self, key: &ObjectKey, mime: &str, size: u64, lifetime: Duration) -> Result<String, BucketError>;
    /// Deletes every object whose name begins so.
    async fn delete_under(&self, prefix: &Prefix) -> Result<(), BucketError>;
}

/// Deletes all that is kept of a conversation.
pub async fn erase_conversation(bucket: &dyn Bucket, id: &ConversationId) -> Result<(), BucketError> {
    bucket.delete_under(&Prefix::conversation(id)).await?;
    bucket.delete_under(&Prefix::avatar(id)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ids::Place, time::Timestamp};

    #[test]
    fn everything_of_a_conversation_lies_under_its_prefixes_and_nothing_else() {
        let (one, other) = (ConversationId::new(), ConversationId::new());
        let message = one.message(&Place::new(Timestamp::EPOCH, Timestamp::EPOCH, 0));
        let keys = [file_key(&message, 0), preview_key(&message, 0), file_key(&message, 10)];
        assert!(keys.iter().all(|key| key.0.starts_with(Prefix::conversation(&one).as_str())));
        assert!(keys.iter().all(|key| key.0.starts_with(Prefix::message(&message).as_str())));
        assert!(keys.iter().all(|key| !key.0.starts_with(Prefix::conversation(&other).as_str())));
        assert!(avatar_key(&one).0.starts_with(Prefix::avatar(&one).as_str()));
        assert!(!avatar_key(&other).0.starts_with(Prefix::avatar(&one).as_str()));
        let upload = |company| upload_key(CompanyId(company), UserId(2), &UploadId::new()).0;
        let uploads = Prefix::uploads_of(CompanyId(1));
        assert!(upload(1).starts_with(uploads.as_str()) && !upload(11).starts_with(uploads.as_str()));
    }
}
