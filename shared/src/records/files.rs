//! Files beside the notes: copied to the records while there is budget for it. The note has a link to each in any case.

use super::{
    budget::Governor,
    work::{Stop, Work},
};
use crate::{
    model::{
        content::{Attachment, FileState},
        conversation::Conversation,
        ids::MessageId,
        message::Message,
        record::{AuditEntry, Deed, Upload, Why},
    },
    pipedrive::{self, MAX_UPLOAD},
};

/// Most files of a conversation that are copied in one round.
const MOST: usize = 3;

/// Copies the files of the messages that were not copied yet. One that fails is not tried again: nobody knows whether it is
/// there already.
pub(super) async fn copy(
    work: &Work<'_>,
    governor: &Governor,
    conversation: &Conversation,
    messages: &[&Message],
) -> Result<(), Stop> {
    let stored: Vec<(MessageId, usize, &Attachment)> = messages
        .iter()
        .filter(|message| message.deleted_at.is_none())
        .flat_map(|message| message.attachments.iter().enumerate().map(|(position, file)| (message.id.clone(), position, file)))
        .filter(|(_, _, file)| matches!(file.file, FileState::Stored { .. }))
        .collect();
    if stored.is_empty() {
        return Ok(());
    }
    let names: Vec<(MessageId, usize)> = stored.iter().map(|(id, position, _)| (id.clone(), *position)).collect();
    let known = work.ports.notes.uploads(&names).await?;
    let new = |(id, position, _): &(MessageId, usize, &Attachment)| {
        !known.iter().any(|upload| upload.place == id.place() && upload.position == *position)
    };
    let mut entries = Vec::new();
    for (count, (id, position, file)) in stored.into_iter().filter(new).enumerate() {
        let too_much = count >= MOST || !governor.is_rich() || file.size.is_some_and(|size| size > MAX_UPLOAD as u64);
        let upload = Upload { place: id.place(), position, file: None, at: work.now() };
        work.ports.notes.save_upload(&conversation.id, &upload).await?;
        let record = conversation.record.records.all().next();
        let entry = |what, why| AuditEntry { at: work.now(), what, record: record.clone(), note: None, why };
        entries.push(if too_much {
            entry(Deed::Skipped, Why::TooMuch)
        } else {
            match copy_one(work, conversation, file).await {
                Ok(Some(copied)) => {
                    work.ports.notes.save_upload(&conversation.id, &Upload { file: Some(copied), ..upload }).await?;
                    entry(Deed::Copied, Why::Message)
                }
                Ok(None) => entry(Deed::Skipped, Why::Gone),
                Err(code) => entry(Deed::Skipped, Why::Declined { code }),
            }
        });
    }
    Ok(work.ports.audit.add_audit(&conversation.id, &entries).await?)
}

async fn copy_one(
    work: &Work<'_>,
    conversation: &Conversation,
    file: &Attachment,
) -> Result<Option<crate::model::ids::FileId>, String> {
    let FileState::Stored { key, .. } = &file.file else { return Ok(None) };
    let found = work.ports.bucket.get(key).await.map_err(|_| "bucket".to_owned())?;
    let Some(content) = found else { return Ok(None) };
    let name = file.name.clone().unwrap_or_else(|| file.kind.word().to_owned());
    let upload = pipedrive::Upload { name: &name, mime: &file.mime, content };
    let copied = work.ports.files.upload_file(work.access, upload, &conversation.record.records).await;
    copied.map(|copied| Some(copied.id)).map_err(|error| error.code().to_owned())
}
