//! What a conversation is linked to, as it is shown beside the chat. Names come from what was last seen, which webhooks keep up
//! to date; what was never seen, or not for long, is asked for.

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use super::{LinkPorts, known_deal, known_lead, known_person, visible};
use crate::{
    inbox::{Caller, as_user::AsUser, error::InboxError, ports::Members},
    model::{
        channel::Delivery,
        conversation::Conversation,
        ids::{ConversationId, LeadId, UserId},
        known::Known,
        record::{AuditEntry, Chosen, Deed, RecordRef},
    },
    records::route::Routes,
};

/// What was seen longer ago is asked for again, in case a webhook was missed.
const FRESH: Duration = Duration::from_hours(24);
/// Entries that the summary rests on.
const SUMMED_UP: usize = 50;

/// The record beside a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordView {
    /// The person that the customer is.
    pub person: Option<Shown>,
    /// The deal that it is about.
    pub deal: Option<Shown>,
    /// The lead that was made of a stranger.
    pub lead: Option<Shown>,
    /// Whether a salesperson pinned the deal.
    pub pinned: bool,
    /// Whether a salesperson unlinked it, so that it is never matched again by itself.
    pub refused: bool,
    /// Who gets the unread badge.
    pub assignee: UserId,
    /// Where the conversation's messages end; none if that is not known yet.
    pub delivery: Option<Delivery>,
    /// What was written there.
    pub audit: AuditSummary,
}

/// A record of Pipedrive's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Pipedrive's id: a number, or a lead's UUID.
    pub id: RecordId,
    /// A person's name, or a title. None if this user does not see it, or Pipedrive does not answer.
    pub name: Option<String>,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// Whether it is still worked at.
    pub open: bool,
    /// Where it is in Pipedrive.
    pub url: String,
}

/// An id as Pipedrive writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum RecordId {
    /// Of a person or a deal.
    Number(u64),
    /// Of a lead.
    Lead(LeadId),
}

/// The newest entries of the audit, summed up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditSummary {
    /// Notes written.
    pub notes: usize,
    /// Files copied.
    pub files: usize,
    /// Things left undone.
    pub skipped: usize,
    /// When the newest entry was made.
    pub last_at: Option<String>,
}

impl AuditSummary {
    fn of(entries: &[AuditEntry]) -> Self {
        let count = |deed| entries.iter().filter(|entry| entry.what == deed).count();
        Self {
            notes: count(Deed::Noted),
            files: count(Deed::Copied),
            skipped: count(Deed::Skipped),
            last_at: entries.first().map(|entry| entry.at.rfc3339()),
        }
    }
}

/// The record beside the conversation.
pub async fn look(ports: &LinkPorts<'_>, caller: &Caller, id: &ConversationId) -> Result<RecordView, InboxError> {
    let conversation = visible(ports, id).await?;
    view(ports, caller, &conversation).await
}

/// The record beside a conversation of the caller's company, as it is now.
pub async fn view(ports: &LinkPorts<'_>, caller: &Caller, conversation: &Conversation) -> Result<RecordView, InboxError> {
    let members = ports.installations.members(caller.company).await?;
    let records: Vec<RecordRef> = conversation.record.records.all().collect();
    let known = known(ports, caller, &records).await?;
    let audit = ports.audit.audit(&conversation.id, SUMMED_UP).await?;
    let domain = domain(&members, caller);
    let shown = |wanted: fn(&RecordRef) -> bool| {
        let found = records.iter().zip(&known).find(|(record, _)| wanted(record));
        found.map(|(record, known)| shown(domain, record, known.as_ref()))
    };
    Ok(RecordView {
        person: shown(|record| matches!(record, RecordRef::Person(_))),
        deal: shown(|record| matches!(record, RecordRef::Deal(_))),
        lead: shown(|record| matches!(record, RecordRef::Lead(_))),
        pinned: conversation.record.deal_by == Chosen::Hand,
        refused: conversation.record.refused,
        assignee: Routes::new(&members).assignee(conversation),
        delivery: members.installations.iter().find(|i| i.user == conversation.owner).and_then(|i| i.delivery),
        audit: AuditSummary::of(&audit),
    })
}

/// The address of the company's pages, as the caller's tokens came with it.
pub(super) fn domain<'a>(members: &'a Members, caller: &Caller) -> &'a str {
    let own = members.installations.iter().find(|installation| installation.user == caller.user);
    own.or(members.installations.first()).map_or("", |installation| installation.api_domain.as_str())
}

/// Where a record is in Pipedrive.
pub fn url(domain: &str, record: &RecordRef) -> String {
    match record {
        RecordRef::Person(id) => format!("{domain}/person/{id}"),
        RecordRef::Deal(id) => format!("{domain}/deal/{id}"),
        RecordRef::Lead(id) => format!("{domain}/leads/inbox/{id}"),
    }
}

fn shown(domain: &str, record: &RecordRef, known: Option<&Known>) -> Shown {
    let id = match record {
        RecordRef::Person(id) => RecordId::Number(id.0),
        RecordRef::Deal(id) => RecordId::Number(id.0),
        RecordRef::Lead(id) => RecordId::Lead(id.clone()),
    };
    Shown {
        id,
        name: known.map(|known| known.name.clone()),
        owner: known.and_then(|known| known.owner),
        open: known.is_none_or(|known| known.open),
        url: url(domain, record),
    }
}

/// What the records look like, asked for where that is not known.
async fn known(ports: &LinkPorts<'_>, caller: &Caller, records: &[RecordRef]) -> Result<Vec<Option<Known>>, InboxError> {
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = ports.known.known(caller.company, records).await?;
    let now = ports.clock.now();
    let as_user = ports.acting(caller);
    let ask = |(at, record): (usize, &RecordRef)| {
        let stale = known[at].as_ref().is_none_or(|known| known.seen_at.plus(FRESH) <= now);
        let (record, as_user) = (record.clone(), &as_user);
        async move { if stale { asked(ports, caller, as_user, &record).await.map(|seen| (at, seen)) } else { None } }
    };
    let fresh = join_all(records.iter().enumerate().map(ask)).await;
    for (at, seen) in fresh.into_iter().flatten() {
        ports.learn(caller, &records[at], &seen).await?;
        known[at] = Some(seen);
    }
    Ok(known)
}

/// The record as this user sees it now. What they do not see, or Pipedrive does not tell, is shown as it was last seen.
async fn asked(ports: &LinkPorts<'_>, caller: &Caller, as_user: &AsUser<'_>, record: &RecordRef) -> Option<Known> {
    let now = ports.clock.now();
    let seen = match record {
        RecordRef::Person(id) => {
            let (api, id) = (ports.persons, *id);
            as_user.call(|access| async move { api.person(&access, id).await }).await.map(|person| known_person(&person, now))
        }
        RecordRef::Deal(id) => {
            let (api, id) = (ports.deals, *id);
            as_user.call(|access| async move { api.deal(&access, id).await }).await.map(|deal| known_deal(&deal, now))
        }
        RecordRef::Lead(id) => {
            let api = ports.leads;
            as_user.call(|access| async move { api.lead(&access, id).await }).await.map(|lead| known_lead(&lead, now))
        }
    };
    let refused = |error: &InboxError| tracing::info!(company = %caller.company, %error, "a record cannot be looked at");
    seen.inspect_err(refused).ok()
}
