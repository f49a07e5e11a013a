//! Pipedrive refused to hang a note on the records that a conversation is linked to. If one of them is gone, the link ends.

use super::work::{Stop, Work};
use crate::{
    model::{
        conversation::Conversation,
        record::{Deed, RecordRef, Why},
    },
    pipedrive::error::PipedriveError,
};

/// Unlinks what is gone. Whether there was anything.
pub(super) async fn unlink(work: &Work<'_>, conversation: &Conversation) -> Result<bool, Stop> {
    let mut gone = Vec::new();
    for record in conversation.record.records.all() {
        let found = match &record {
            RecordRef::Person(id) => work.ports.persons.person(work.access, *id).await.map(drop),
            RecordRef::Deal(id) => work.ports.deals.deal(work.access, *id).await.map(drop),
            RecordRef::Lead(id) => work.ports.leads.lead(work.access, id).await.map(drop),
        };
        match found {
            Err(PipedriveError::NotFound) => gone.push(record),
            Ok(()) | Err(PipedriveError::Forbidden { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if gone.is_empty() {
        return Ok(false);
    }
    let entries: Vec<_> = gone.iter().map(|record| work.entry(Deed::Unlinked, Some(record.clone()), Why::Gone)).collect();
    let change = |seen: &Conversation| {
        let left = gone.iter().fold(seen.record.clone(), |link, record| link.without(record).unwrap_or(link));
        (left != seen.record).then_some(left)
    };
    work.relink(conversation, &entries, change).await?;
    Ok(true)
}
