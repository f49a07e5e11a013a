//! Who is the customer? What this bundle knows comes first: the same customer on another channel, then the person of their
//! number or e-mail address. Then Pipedrive's search, compared on our side. Whoever nobody knows is created, if the channel's
//! owner wants that; never twice, since their number and address are held meanwhile, and what is about to be created is written
//! down.

use std::time::Duration;

use super::{
    deal,
    identity::{self, Identity},
    strangers,
    work::{Stop, Work, is_declined},
};
use crate::{
    model::{
        conversation::Conversation,
        ids::PersonId,
        record::{AuditEntry, Deed, Link, RecordRef, Records, Why},
    },
    pipedrive::{FoundPerson, Person, SearchField, error::PipedriveError},
    records::link::known_person,
};

/// How long a customer whom nobody knows is not looked for again.
const LOOK_AGAIN: Duration = Duration::from_hours(24);
/// Newest persons among which one is looked for that may have been created.
const NEWEST: usize = 50;
/// Persons of the same number that are compared.
const CANDIDATES: usize = 5;

/// Whom it is.
struct Found {
    person: Person,
    why: Why,
    /// Whether Pipedrive did not know them before.
    created: bool,
}

/// The conversation, linked to what it can be linked to. Whether the customer was looked for.
pub(super) async fn ensure(work: &Work<'_>, conversation: Conversation) -> Result<(Conversation, bool), Stop> {
    let record = &conversation.record;
    if record.refused {
        return Ok((conversation, false));
    }
    if record.person().is_some() {
        return Ok((deal::look(work, conversation).await?, false));
    }
    let looked = record.looked_at.is_some_and(|at| work.now().since(at) < LOOK_AGAIN);
    if !record.records.is_empty() || looked {
        return Ok((conversation, false));
    }
    let identity = Identity::of(&conversation.customer);
    let linked = work.alone(identity.locks(&conversation.id), link(work, &conversation, &identity)).await?;
    Ok((linked, true))
}

async fn link(work: &Work<'_>, seen: &Conversation, identity: &Identity) -> Result<Conversation, Stop> {
    let conversation = work.read(seen).await?;
    if conversation.record.person().is_some() || conversation.record.refused {
        return Ok(conversation);
    }
    let now = work.now();
    let intent = identity.intent(&conversation);
    let (found, mut entries) = find(work, &conversation, identity, &intent).await?;
    let Some(found) = found else {
        return work.relink(&conversation, &entries, |seen| Some(Link { looked_at: Some(now), ..seen.record.clone() })).await;
    };
    let id = found.person.id;
    work.learn(&RecordRef::Person(id), &known_person(&found.person, now)).await?;
    let what = if found.created { Deed::Created } else { Deed::Matched };
    entries.push(work.entry(what, Some(RecordRef::Person(id)), found.why.clone()));
    let more = if found.created {
        strangers::welcome(work, &conversation, id, &mut entries).await?
    } else {
        deal::choose(work, id, &mut entries).await?
    };
    let change = |seen: &Conversation| {
        let free = seen.record.person().is_none() && !seen.record.refused;
        free.then(|| {
            let link = seen.record.moved_to(id);
            let deal = link.records.deal.or(more.deal);
            let records = Records { person: Some(id), deal, lead: more.lead.clone() };
            Link { records, looked_at: Some(now), ..link }
        })
    };
    let linked = work.relink(&conversation, &entries, change).await?;
    if found.created {
        work.ports.intents.done(conversation.company, &intent).await?;
        strangers::done(work, &conversation).await?;
    }
    Ok(linked)
}

async fn find(
    work: &Work<'_>,
    conversation: &Conversation,
    identity: &Identity,
    intent: &[String],
) -> Result<(Option<Found>, Vec<AuditEntry>), Stop> {
    let ask = |id| async move {
        match work.ports.persons.person(work.access, id).await {
            Ok(person) => Ok(Some(person)),
            Err(PipedriveError::NotFound) => Ok(None),
            Err(error) => Err(Stop::from(error)),
        }
    };
    if let Some(person) = identity::known(work.ports.relink.links, conversation, identity, ask).await? {
        return Ok((Some(Found { person, why: Why::Known, created: false }), Vec::new()));
    }
    if let Some(earlier) = work.ports.intents.intent(conversation.company, intent).await? {
        let newest = work.ports.persons.newest_persons(work.access, NEWEST).await?;
        if let Some(person) = newest.into_iter().find(|person| identity.is(person) || identity.is_intended(person, &earlier)) {
            let created = identity.is_intended(&person, &earlier);
            return Ok((Some(Found { person, why: Why::Found, created }), Vec::new()));
        }
    }
    if let Some(found) = search(work, identity).await? {
        return Ok((Some(found), Vec::new()));
    }
    if !work.channel.settings.create_persons {
        return Ok((None, vec![work.entry(Deed::Skipped, None, Why::Setting)]));
    }
    create(work, conversation, identity, intent).await
}

/// The person whom Pipedrive's search finds. A search costs as much as all else that a stranger makes us do, so it is asked once:
/// for the address where it is known, which compares exactly; else for the end of the number, since how the search compares
/// numbers is not documented, and the end is part of every way to write one. Of several, the installation's user's own come
/// first, then the one that was changed last.
async fn search(work: &Work<'_>, identity: &Identity) -> Result<Option<Found>, Stop> {
    let (field, term, exact, why) = match identity {
        Identity { email: Some(email), .. } => (SearchField::Email, email.as_str(), true, Why::Email),
        Identity { phone: Some(phone), .. } => (SearchField::Phone, phone.ending(), false, Why::Phone),
        Identity { .. } => return Ok(None),
    };
    let mut found = work.ports.persons.search_persons(work.access, field, term, exact).await?;
    found.retain(|person| identity.is_found(person));
    best(work, found, why).await
}

async fn best(work: &Work<'_>, found: Vec<FoundPerson>, why: Why) -> Result<Option<Found>, Stop> {
    let mut candidates = Vec::new();
    for person in found.into_iter().take(CANDIDATES) {
        match work.ports.persons.person(work.access, person.id).await {
            Ok(person) => candidates.push(person),
            Err(PipedriveError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    candidates.sort_by_key(|person| (person.owner == Some(work.installation.user), person.updated_at));
    let Some(person) = candidates.pop() else { return Ok(None) };
    let others: Vec<PersonId> = candidates.iter().rev().map(|person| person.id).collect();
    let why = if others.is_empty() { why } else { Why::Ambiguous { others } };
    Ok(Some(Found { person, why, created: false }))
}

async fn create(
    work: &Work<'_>,
    conversation: &Conversation,
    identity: &Identity,
    intent: &[String],
) -> Result<(Option<Found>, Vec<AuditEntry>), Stop> {
    let called = conversation.customer.name.clone();
    let fields = identity.fields(&called, work.provider());
    let made = super::creating::once(work, intent, called, work.ports.persons.create_person(work.access, &fields)).await;
    match made {
        Ok(person) => Ok((Some(Found { person, why: Why::Stranger, created: true }), Vec::new())),
        Err(Stop::Pipedrive(error)) if is_declined(&error) => {
            let why = Why::Declined { code: error.code().to_owned() };
            Ok((None, vec![work.entry(Deed::Skipped, None, why)]))
        }
        Err(stop) => Err(stop),
    }
}
