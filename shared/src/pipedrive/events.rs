//! What Pipedrive's webhooks tell of persons, deals, leads and notes, as events of the bundle's own (Pipedrive, "Webhooks v2").
//! Lenient: ids are numbers in one place and text in another, and what is not understood is left out. A change carries the
//! record whole, a deletion its last state, and a merge both: the record that is gone names the one that stays, and the other
//! way round, in two events that come in any order.

use serde::Deserialize;
use serde_json::Value;

use super::records::{moment, or_default, related};
use crate::{
    http::number,
    model::{
        ids::{CompanyId, DealId, LeadId, NoteId, PersonId, UserId},
        record::{RecordRef, Records},
        text::{MAX_NAME_BYTES, clean},
        time::Timestamp,
    },
};

/// Numbers of one person that are looked at.
const MAX_PHONES: usize = 20;
/// Records that were merged into one at once.
const MAX_MERGED: usize = 20;

/// The body is not what a webhook of Pipedrive's sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a webhook of Pipedrive's")]
pub struct Unreadable;

/// What one webhook tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Pipedrive's id of it, the same each time that it is sent.
    pub id: String,
    /// Whose records it is about.
    pub company: CompanyId,
    /// What happened. Nothing, if it is of no use to the bundle.
    pub events: Vec<Event>,
}

/// Something that happened to a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is gone, and another one of its kind has what it had.
    Merged {
        /// The one that is gone.
        gone: RecordRef,
        /// The one that stays.
        into: RecordRef,
        /// A person's numbers, as the webhook told them.
        phones: Vec<String>,
    },
    /// It is gone.
    Deleted {
        /// Which.
        record: RecordRef,
        /// The numbers that the person had.
        phones: Vec<String>,
    },
    /// A note is gone.
    NoteDeleted {
        /// Which.
        note: NoteId,
        /// What it hung on.
        on: Records,
    },
    /// It is new, or looks different.
    Changed(Told),
}

/// A record as a webhook tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Which.
    pub record: RecordRef,
    /// Whether it was just created.
    pub created: bool,
    /// A person's name, or a title.
    pub name: String,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// Whether it is still worked at: a deal that is neither won nor lost, a lead that is not archived. A person always is.
    pub open: bool,
    /// The person that a deal or lead is about.
    pub person: Option<PersonId>,
    /// The lead that a deal was made of.
    pub from_lead: Option<LeadId>,
    /// A person's numbers.
    pub phones: Vec<String>,
    /// Those that the person had before and has no more.
    pub phones_gone: Vec<String>,
    /// When it was last changed. Webhooks overtake each other.
    pub updated_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Body {
    meta: Meta,
    #[serde(default)]
    data: Option<State>,
    #[serde(default)]
    previous: Option<State>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default, deserialize_with = "or_default")]
    id: String,
    action: String,
    entity: String,
    #[serde(default)]
    entity_id: Value,
    #[serde(deserialize_with = "number::deserialize")]
    company_id: u64,
    #[serde(default)]
    merged_to_id: Value,
    #[serde(default)]
    merged_from_id: Value,
    #[serde(default)]
    timestamp: Value,
}

#[derive(Default, Deserialize)]
struct State {
    #[serde(default)]
    id: Value,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    title: String,
    #[serde(default)]
    owner_id: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    is_archived: Value,
    #[serde(default)]
    is_deleted: Value,
    #[serde(default)]
    person_id: Value,
    #[serde(default)]
    deal_id: Value,
    #[serde(default)]
    lead_id: Value,
    #[serde(default)]
    source_lead_id: Value,
    #[serde(default)]
    phones: Option<Vec<Phone>>,
    #[serde(default)]
    update_time: Value,
}

#[derive(Deserialize)]
struct Phone {
    #[serde(default, deserialize_with = "or_default")]
    value: String,
}

/// Reads a webhook's body.
pub fn parse(body: &[u8]) -> Result<News, Unreadable> {
    let body: Body = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    let id = body.meta.id.chars().take(64).collect();
    let company = CompanyId(body.meta.company_id);
    let events = if body.meta.entity == "note" { note(&body).into_iter().collect() } else { record(body) };
    Ok(News { id, company, events })
}

/// Notes are of interest when they are gone. Everything else about ours we did ourselves, or is overwritten.
fn note(body: &Body) -> Option<Event> {
    if body.meta.action != "delete" {
        return None;
    }
    let last = body.previous.as_ref();
    let note = number::read(&body.meta.entity_id).or_else(|| number::read(&last?.id)).map(NoteId)?;
    let on = last.map(|last| Records {
        person: related(&last.person_id).map(PersonId),
        deal: related(&last.deal_id).map(DealId),
        lead: lead(&last.lead_id),
    });
    Some(Event::NoteDeleted { note, on: on.unwrap_or_default() })
}

fn record(body: Body) -> Vec<Event> {
    let Body { meta, data, previous } = body;
    let own = |state: &Option<State>| state.as_ref().map(|state| state.id.clone()).unwrap_or_default();
    let named = [meta.entity_id.clone(), own(&data), own(&previous)];
    let Some(record) = named.iter().find_map(|id| reference(&meta.entity, id)) else { return Vec::new() };
    let phones = numbers(data.as_ref().or(previous.as_ref()).and_then(|state| state.phones.as_ref()));
    let mut events: Vec<Event> = several(&meta.merged_from_id)
        .into_iter()
        .filter_map(|gone| reference(&meta.entity, gone))
        .filter(|gone| *gone != record)
        .map(|gone| Event::Merged { gone, into: record.clone(), phones: phones.clone() })
        .collect();
    match (meta.action.as_str(), data) {
        ("delete", _) => events.push(gone(&meta, record, phones)),
        ("create" | "change", Some(data)) if is_deleted(&data) => events.push(gone(&meta, record, phones)),
        ("create" | "change", Some(data)) => events.push(Event::Changed(told(&meta, record, &data, previous.as_ref()))),
        _ => {}
    }
    events
}

fn gone(meta: &Meta, record: RecordRef, phones: Vec<String>) -> Event {
    match several(&meta.merged_to_id).first().and_then(|into| reference(&meta.entity, into)) {
        Some(into) if into != record => Event::Merged { gone: record, into, phones },
        _ => Event::Deleted { record, phones },
    }
}

fn told(meta: &Meta, record: RecordRef, data: &State, previous: Option<&State>) -> Told {
    let name = if matches!(record, RecordRef::Person(_)) { &data.name } else { &data.title };
    let phones = numbers(data.phones.as_ref());
    let mut phones_gone = numbers(previous.and_then(|before| before.phones.as_ref()));
    phones_gone.retain(|number| !phones.contains(number));
    Told {
        created: meta.action == "create",
        name: clean(name.trim(), MAX_NAME_BYTES),
        owner: related(&data.owner_id).map(UserId),
        open: is_open(&record, data),
        person: related(&data.person_id).map(PersonId),
        from_lead: lead(&data.source_lead_id),
        updated_at: moment(data.update_time.as_str()).or_else(|| moment(meta.timestamp.as_str())),
        record,
        phones,
        phones_gone,
    }
}

fn is_deleted(data: &State) -> bool {
    data.is_deleted == Value::Bool(true) || data.status == "deleted"
}

fn is_open(record: &RecordRef, data: &State) -> bool {
    match record {
        RecordRef::Person(_) => true,
        RecordRef::Deal(_) => data.status == "open" && data.is_archived != Value::Bool(true),
        RecordRef::Lead(_) => data.is_archived != Value::Bool(true),
    }
}

fn numbers(phones: Option<&Vec<Phone>>) -> Vec<String> {
    let given = phones.into_iter().flatten().map(|phone| phone.value.trim().to_owned());
    given.filter(|number| !number.is_empty()).take(MAX_PHONES).collect()
}

fn reference(entity: &str, id: &Value) -> Option<RecordRef> {
    match entity {
        "person" => number::read(id).map(|id| RecordRef::Person(PersonId(id))),
        "deal" => number::read(id).map(|id| RecordRef::Deal(DealId(id))),
        "lead" => lead(id).map(RecordRef::Lead),
        _ => None,
    }
}

fn lead(id: &Value) -> Option<LeadId> {
    LeadId::parse(&id.as_str()?.to_ascii_lowercase()).ok()
}

/// One id, or a list of them.
fn several(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(ids) => ids.iter().take(MAX_MERGED).collect(),
        id => vec![id],
    }
}

#[cfg(test)]
mod tests;
