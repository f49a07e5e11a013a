//! From what was uploaded to what a provider takes: files with a type that their bytes support, a name, an address.

use crate::{
    inbox::error::InboxError,
    media::{
        bucket::{Bucket, ObjectHeaders, file_key},
        links::{Links, Target},
        name, sniff,
    },
    model::{
        content::{Attachment, FileKind, FileState},
        ids::MessageId,
    },
    providers::outgoing::OutgoingFile,
};

use super::NewFile;

/// The files as they are sent.
pub(super) fn files(files: &[NewFile], message: &MessageId, links: &Links) -> Vec<OutgoingFile> {
    let file = |(position, file): (usize, &NewFile)| {
        let mime = sniff::mime(&file.bytes, &file.mime);
        let kind = FileKind::of_mime(&mime);
        OutgoingFile {
            name: file.name.as_deref().and_then(name::clean).unwrap_or_else(|| kind.word().to_owned()),
            kind,
            mime,
            link: links.to(&Target::File { message: message.clone(), position, preview: false }),
            bytes: file.bytes.clone(),
        }
    };
    files.iter().enumerate().map(file).collect()
}

/// Puts the files into the bucket, so that they can be shown, and fetched by providers that want an address.
pub(super) async fn keep(
    bucket: &dyn Bucket,
    message: &MessageId,
    files: &[OutgoingFile],
) -> Result<Vec<Attachment>, InboxError> {
    let mut attachments = Vec::with_capacity(files.len());
    for (position, file) in files.iter().enumerate() {
        let key = file_key(message, position);
        let headers = ObjectHeaders { mime: file.mime.clone(), disposition: name::disposition(&file.mime, Some(&file.name)) };
        bucket.put(&key, file.bytes.clone(), &headers).await.map_err(InboxError::Bucket)?;
        attachments.push(Attachment {
            kind: file.kind,
            mime: file.mime.clone(),
            name: Some(file.name.clone()),
            size: u64::try_from(file.bytes.len()).ok(),
            file: FileState::Stored { key, preview: None },
        });
    }
    Ok(attachments)
}
