//! What was done in Pipedrive for a conversation, and what a company's tokens went to.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::{LinkPorts, look, visible};
use crate::{
    clock::Clock,
    inbox::{
        Caller,
        error::InboxError,
        ports::{InboxReader, StoreError},
    },
    model::{
        conversation::Conversation,
        day::Day,
        ids::{CompanyId, ConversationId, NoteId},
        record::{Allowance, AuditEntry, BudgetDay, Deed, RecordRef, SpentOn, Why},
        time::Timestamp,
    },
    pipedrive::spend::Spend,
    records::ports::BudgetStore,
    telemetry,
};

/// Conversations that the company's audit looks at.
const CONVERSATIONS: usize = 25;
/// Questions to the table side by side.
const PARALLEL: usize = 10;
/// How far back the view of the budget goes.
const DAYS: Duration = Duration::from_hours(13 * 24);

/// An entry of a conversation's audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// When, RFC 3339.
    pub at: String,
    /// What was done, or left undone.
    pub what: Deed,
    /// On which record.
    pub record: Option<RecordRow>,
    /// In which note.
    pub note: Option<NoteId>,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
}

/// A record with where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordRow {
    /// Which.
    #[serde(flatten)]
    pub record: RecordRef,
    /// Where it is in Pipedrive.
    pub url: String,
}

impl AuditRow {
    fn new(domain: &str, entry: AuditEntry) -> Self {
        Self {
            at: entry.at.rfc3339(),
            what: entry.what,
            record: entry.record.map(|record| RecordRow { url: look::url(domain, &record), record }),
            note: entry.note,
            why: entry.why,
        }
    }
}

/// What was done for the conversation, newest first.
pub async fn audit(
    ports: &LinkPorts<'_>,
    caller: &Caller,
    id: &ConversationId,
    limit: usize,
) -> Result<Vec<AuditRow>, InboxError> {
    visible(ports, id).await?;
    let members = ports.installations.members(caller.company).await?;
    let domain = look::domain(&members, caller);
    Ok(ports.audit.audit(id, limit).await?.into_iter().map(|entry| AuditRow::new(domain, entry)).collect())
}

/// An entry of the company's audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompanyAuditRow {
    /// For which conversation.
    pub conversation: ConversationId,
    /// With whom it is.
    pub name: String,
    /// What was done.
    #[serde(flatten)]
    pub entry: AuditRow,
}

/// What was done last for the conversations with the newest messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompanyAudit {
    /// Newest first.
    pub entries: Vec<CompanyAuditRow>,
    /// How many conversations that were looked at.
    pub conversations: usize,
    /// Whether those are all that there are.
    pub all: bool,
}

/// What was done last for the company's conversations with the newest messages, newest first. 1 query, and one a conversation.
pub async fn company_audit(
    ports: &LinkPorts<'_>,
    reader: &dyn InboxReader,
    caller: &Caller,
    limit: usize,
) -> Result<CompanyAudit, InboxError> {
    let page = reader.conversations_of_company(caller.company, None, CONVERSATIONS).await?;
    let members = ports.installations.members(caller.company).await?;
    let domain = look::domain(&members, caller);
    let seen = ports.sight.seen(page.items).await?;
    let (conversations, all) = (seen.len(), page.next.is_none());
    let found: Vec<(Conversation, Vec<AuditEntry>)> = stream::iter(seen)
        .map(|one| async move {
            let entries = ports.audit.audit(&one.id, limit).await?;
            Ok::<_, StoreError>((one, entries))
        })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let rows = |(one, entries): (Conversation, Vec<AuditEntry>)| {
        let row = move |entry: AuditEntry| {
            let at = entry.at;
            let name = one.customer.name.clone();
            (at, CompanyAuditRow { conversation: one.id.clone(), name, entry: AuditRow::new(domain, entry) })
        };
        entries.into_iter().map(row)
    };
    let mut entries: Vec<(Timestamp, CompanyAuditRow)> = found.into_iter().flat_map(rows).collect();
    entries.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    entries.truncate(limit);
    Ok(CompanyAudit { entries: entries.into_iter().map(|(_, row)| row).collect(), conversations, all })
}

/// What the tokens of one day went to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BudgetRow {
    /// The day, in UTC.
    pub day: Day,
    /// Tokens that this bundle spent, by what for.
    pub spent: BTreeMap<SpentOn, u64>,
    /// All of them.
    pub total: u64,
    /// Tokens that the company has a day, of all its integrations together; none if Pipedrive did not tell.
    pub limit: Option<u64>,
    /// Tokens that were left when Pipedrive last told.
    pub remaining: Option<u64>,
    /// When that was, RFC 3339.
    pub seen_at: Option<String>,
}

/// Writes down what calls cost the company. What cannot be written down is only shown nowhere.
pub async fn write_down(budget: &dyn BudgetStore, clock: &dyn Clock, company: CompanyId, spend: &Spend) {
    let tally = spend.take();
    if tally.spent.is_empty() {
        return;
    }
    let now = clock.now();
    let allowance =
        tally.daily.and_then(|daily| Some(Allowance { limit: daily.limit?, remaining: daily.remaining, seen_at: now }));
    let by_what: Vec<(SpentOn, u64)> = tally.spent.into_iter().collect();
    if let Err(error) = budget.spend(company, &Day::utc(now), &by_what, allowance.as_ref(), now).await {
        telemetry::log_error("what calls to Pipedrive cost could not be written down", &error);
    }
}

/// What the company's tokens went to on the last days, newest first.
pub async fn budget(budget: &dyn BudgetStore, clock: &dyn Clock, caller: &Caller) -> Result<Vec<BudgetRow>, InboxError> {
    let since = Day::utc(clock.now().minus(DAYS));
    let days = budget.budgets(caller.company, &since).await?;
    let row = |(day, spent): (Day, BudgetDay)| BudgetRow {
        day,
        total: spent.total(),
        limit: spent.allowance.map(|allowance| allowance.limit),
        remaining: spent.allowance.map(|allowance| allowance.remaining),
        seen_at: spent.allowance.map(|allowance| Timestamp::rfc3339(allowance.seen_at)),
        spent: spent.spent,
    };
    Ok(days.into_iter().map(row).collect())
}
