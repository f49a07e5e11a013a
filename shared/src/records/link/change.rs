//! A salesperson says who the customer is and which deal it is about. What they say goes before what the bundle finds by
//! itself, and stays. Each of these may be repeated.

use super::{LinkPorts, installed, known_deal, known_person, relink, visible};
use crate::{
    inbox::{Caller, as_user::AsUser, error::InboxError},
    model::{
        contact::Phone,
        conversation::Conversation,
        ids::{ConversationId, DealId, PersonId},
        record::{AuditEntry, Chosen, Deed, Link, RecordRef, Records, Why},
    },
    telemetry,
};

/// The customer is this person. Gives back the conversation as it is then.
pub async fn link(
    ports: &LinkPorts<'_>,
    caller: &Caller,
    id: &ConversationId,
    person: PersonId,
) -> Result<Conversation, InboxError> {
    let conversation = visible(ports, id).await?;
    let as_user = ports.acting(caller);
    let api = ports.persons;
    let found = as_user.call(|access| async move { api.person(&access, person).await }).await;
    let found = found.map_err(|error| missing(error, "person", "is not a person that this user sees in Pipedrive"))?;
    ports.learn(caller, &RecordRef::Person(person), &known_person(&found, ports.clock.now())).await?;
    if conversation.record.person() == Some(person) {
        return Ok(conversation);
    }
    let wanted = conversation.record.moved_to(person);
    let chosen = newest_open_deal(ports, caller, &as_user, &wanted).await;
    let mut entries = vec![by_hand(ports, caller, Deed::Linked, RecordRef::Person(person))];
    entries.extend(chosen.deal.map(|deal| chosen_entry(ports, deal)));
    let change = |seen: &Conversation| (seen.record.person() != Some(person)).then(|| chosen.with(seen.record.moved_to(person)));
    changed(ports, caller, conversation, &entries, change).await
}

/// The customer is nobody in Pipedrive, and will not be taken for somebody again.
pub async fn unlink(ports: &LinkPorts<'_>, caller: &Caller, id: &ConversationId) -> Result<Conversation, InboxError> {
    let conversation = visible(ports, id).await?;
    installed(ports, caller).await?;
    let before: Vec<RecordRef> = conversation.record.records.all().collect();
    let entries: Vec<AuditEntry> = before.into_iter().map(|record| by_hand(ports, caller, Deed::Unlinked, record)).collect();
    let change = |seen: &Conversation| {
        let unlinked = Link { refused: true, revision: seen.record.revision, ..Link::default() };
        (seen.record != unlinked).then_some(unlinked)
    };
    let phone = conversation.customer.phone.as_deref().and_then(Phone::parse);
    if let (Some(person), Some(phone)) = (conversation.record.person(), phone) {
        // Before the link, which says that there is something left to do.
        ports.known.end_way(caller.company, &phone, person).await?;
    }
    changed(ports, caller, conversation, &entries, change).await
}

/// It is about this deal, until somebody says otherwise.
pub async fn pin(ports: &LinkPorts<'_>, caller: &Caller, id: &ConversationId, deal: DealId) -> Result<Conversation, InboxError> {
    let conversation = visible(ports, id).await?;
    let as_user = ports.acting(caller);
    let api = ports.deals;
    let found = as_user.call(|access| async move { api.deal(&access, deal).await }).await;
    let found = found.map_err(|error| missing(error, "deal", "is not a deal that this user sees in Pipedrive"))?;
    ports.learn(caller, &RecordRef::Deal(deal), &known_deal(&found, ports.clock.now())).await?;
    let entry = by_hand(ports, caller, Deed::Chosen, RecordRef::Deal(deal));
    changed(ports, caller, conversation, &[entry], |seen| pinned(&seen.record, deal)).await
}

/// A conversation that was begun is about this deal of `person`'s, unless it is with somebody else or somebody chose another.
pub async fn pin_begun(
    ports: &LinkPorts<'_>,
    caller: &Caller,
    begun: Conversation,
    person: Option<PersonId>,
    deal: DealId,
) -> Result<Conversation, InboxError> {
    if begun.record.person() != person || begun.record.deal_by == Chosen::Hand {
        return Ok(begun);
    }
    pin(ports, caller, &begun.id, deal).await
}

/// The link with a deal that stays; none if it is so already.
pub(super) fn pinned(link: &Link, deal: DealId) -> Option<Link> {
    let is_so = link.records.deal == Some(deal) && link.deal_by == Chosen::Hand;
    let records = Records { deal: Some(deal), ..link.records.clone() };
    (!is_so).then(|| Link { records, deal_by: Chosen::Hand, ..link.clone() })
}

/// Which deal it is about is for the bundle to say again.
pub async fn unpin(ports: &LinkPorts<'_>, caller: &Caller, id: &ConversationId) -> Result<Conversation, InboxError> {
    let conversation = visible(ports, id).await?;
    installed(ports, caller).await?;
    let Some(deal) = conversation.record.records.deal.filter(|_| conversation.record.deal_by == Chosen::Hand) else {
        return Ok(conversation);
    };
    let chosen = newest_open_deal(ports, caller, &ports.acting(caller), &unpinned(&conversation.record)).await;
    let mut entries = vec![by_hand(ports, caller, Deed::Unlinked, RecordRef::Deal(deal))];
    entries.extend(chosen.deal.map(|deal| chosen_entry(ports, deal)));
    let change = |seen: &Conversation| {
        let is_pinned = seen.record.deal_by == Chosen::Hand && seen.record.records.deal == Some(deal);
        is_pinned.then(|| chosen.with(unpinned(&seen.record)))
    };
    changed(ports, caller, conversation, &entries, change).await
}

fn unpinned(link: &Link) -> Link {
    let records = Records { deal: None, ..link.records.clone() };
    Link { records, deal_by: Chosen::Itself, looked_at: None, ..link.clone() }
}

/// The deal that the bundle chooses.
struct Choice {
    deal: Option<DealId>,
    looked_at: Option<crate::model::time::Timestamp>,
}

impl Choice {
    fn with(&self, link: Link) -> Link {
        if link.records.deal.is_some() {
            return link;
        }
        Link { records: Records { deal: self.deal, ..link.records.clone() }, looked_at: self.looked_at, ..link }
    }
}

/// The newest open deal of the person of `link`, if it has none yet. Whether there is one can be found out later as well, when
/// the next message is written: a failure here is no reason not to link.
async fn newest_open_deal(ports: &LinkPorts<'_>, caller: &Caller, as_user: &AsUser<'_>, link: &Link) -> Choice {
    let nothing = Choice { deal: None, looked_at: None };
    let Some(person) = link.person().filter(|_| link.records.deal.is_none()) else { return nothing };
    let api = ports.deals;
    let now = ports.clock.now();
    let looked = async {
        let deals = as_user.call(|access| async move { api.open_deals_of(&access, person, 1).await }).await?;
        let Some(deal) = deals.first() else { return Ok(None) };
        ports.learn(caller, &RecordRef::Deal(deal.id), &known_deal(deal, now)).await?;
        Ok::<_, InboxError>(Some(deal.id))
    };
    match looked.await {
        Ok(deal) => Choice { deal, looked_at: Some(now) },
        Err(error) => {
            telemetry::log_error("a person's deals could not be looked at", &error);
            nothing
        }
    }
}

/// Stores the change, and tells of it.
pub(super) async fn changed(
    ports: &LinkPorts<'_>,
    caller: &Caller,
    before: Conversation,
    entries: &[AuditEntry],
    change: impl Fn(&Conversation) -> Option<Link> + Send + Sync,
) -> Result<Conversation, InboxError> {
    match relink::relink(&ports.relink, caller.company, &before.id, entries, change).await? {
        Some(conversation) => Ok(conversation),
        // Nothing to change, or it was removed meanwhile.
        None => visible(ports, &before.id).await,
    }
}

pub(super) fn by_hand(ports: &LinkPorts<'_>, caller: &Caller, what: Deed, record: RecordRef) -> AuditEntry {
    AuditEntry { at: ports.clock.now(), what, record: Some(record), note: None, why: Why::Hand { user: caller.user } }
}

fn chosen_entry(ports: &LinkPorts<'_>, deal: DealId) -> AuditEntry {
    let record = Some(RecordRef::Deal(deal));
    AuditEntry { at: ports.clock.now(), what: Deed::Chosen, record, note: None, why: Why::NewestOpenDeal }
}

fn missing(error: InboxError, field: &str, problem: &str) -> InboxError {
    if matches!(error, InboxError::NotFound(_)) { InboxError::invalid_body(field, problem) } else { error }
}
