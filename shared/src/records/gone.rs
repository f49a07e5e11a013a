//! Pipedrive refused to hang a note on the records that a conversation is linked to. If one of them is gone, the link ends.

use super::work::{Stop, Work};
use crate::{
    model::{
        conversation::Conversation,
        record::{Deed, Link, RecordRef, Records, Why},
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
        let stays = |record: RecordRef| !gone.contains(&record);
        let records = Records {
            person: seen.record.records.person.filter(|id| stays(RecordRef::Person(*id))),
            deal: seen.record.records.deal.filter(|id| stays(RecordRef::Deal(*id))),
            lead: seen.record.records.lead.clone().filter(|id| stays(RecordRef::Lead(id.clone()))),
        };
        // Whoever is deleted takes the rest along: the customer is looked for anew.
        let records = if records.person.is_none() { Records::default() } else { records };
        Some(Link { records, looked_at: None, ..seen.record.clone() })
    };
    work.relink(conversation, &entries, change).await?;
    Ok(true)
}
