//! Which deal is it about? The one that a salesperson pinned; else the person's newest open one; else none.

use std::time::Duration;

use super::work::{Stop, Work, is_declined};
use crate::{
    model::{
        conversation::Conversation,
        ids::PersonId,
        record::{AuditEntry, Chosen, Deed, Link, RecordRef, Records, Why},
    },
    pipedrive::Deal,
    records::link::known_deal,
};

/// How long a choice is good. Pipedrive's webhooks tell what happens to the deal meanwhile.
const LOOK_AGAIN: Duration = Duration::from_hours(3 * 24);

/// The records that a conversation with the person is about.
pub(super) async fn choose(work: &Work<'_>, person: PersonId, entries: &mut Vec<AuditEntry>) -> Result<Records, Stop> {
    let Some(deal) = newest(work, person).await? else { return Ok(Records::default()) };
    let record = RecordRef::Deal(deal.id);
    work.learn(&record, &known_deal(&deal, work.now())).await?;
    entries.push(work.entry(Deed::Chosen, Some(record), Why::NewestOpenDeal));
    Ok(Records { deal: Some(deal.id), ..Records::default() })
}

/// Looks for a newer deal, if nobody pinned one and the last look is some time ago.
pub(super) async fn look(work: &Work<'_>, conversation: Conversation) -> Result<Conversation, Stop> {
    let (record, now) = (&conversation.record, work.now());
    let looked = record.looked_at.is_some_and(|at| now.since(at) < LOOK_AGAIN);
    let Some(person) = record.person().filter(|_| record.deal_by == Chosen::Itself && !looked) else { return Ok(conversation) };
    let mut entries = Vec::new();
    let deal = choose(work, person, &mut entries).await?.deal;
    if deal == record.records.deal {
        entries.clear();
    }
    let change = |seen: &Conversation| {
        let same = seen.record.person() == Some(person) && seen.record.deal_by == Chosen::Itself;
        same.then(|| {
            let records = Records { deal, ..seen.record.records.clone() };
            Link { records, looked_at: Some(now), ..seen.record.clone() }
        })
    };
    work.relink(&conversation, &entries, change).await
}

async fn newest(work: &Work<'_>, person: PersonId) -> Result<Option<Deal>, Stop> {
    match work.ports.deals.open_deals_of(work.access, person, 1).await {
        Ok(deals) => Ok(deals.into_iter().next()),
        Err(error) if is_declined(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
