//! Persons (Pipedrive's API reference, Persons, version 2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::model::{ids::UserId, time::Timestamp};

use super::{
    Ask, Records,
    answer::{Refusal, one},
    body::{CustomFields, Given, Moment, Name, Visibility, read},
    paging::{BY_TIME, PAGING, Row, page},
    query::{Query, SHAPING},
    time,
};

/// Members that only accounts with contact sync have.
const CONTACT_SYNC: [&str; 5] = ["job_title", "notes", "im", "birthday", "postal_address"];
const FILTERS: [&str; 7] = ["filter_id", "ids", "owner_id", "org_id", "deal_id", "updated_since", "updated_until"];

/// A person.
#[derive(Clone, Debug, Serialize)]
pub struct Person {
    /// Its id.
    pub id: u64,
    /// The whole name.
    pub name: String,
    first_name: Option<String>,
    last_name: Option<String>,
    /// Whose contact it is.
    pub owner_id: UserId,
    /// Its organization.
    pub org_id: Option<u64>,
    /// When it was created.
    #[serde(serialize_with = "time::write")]
    pub add_time: Timestamp,
    /// When it was last changed.
    #[serde(serialize_with = "time::write")]
    pub update_time: Timestamp,
    /// Its e-mail addresses.
    pub emails: Vec<Entry>,
    /// Its phone numbers.
    pub phones: Vec<Entry>,
    /// Whether it is deleted. Pipedrive purges deleted persons after 30 days.
    pub is_deleted: bool,
    visible_to: u8,
    /// Its labels.
    pub label_ids: Vec<u64>,
    picture_id: Option<u64>,
    custom_fields: Map<String, Value>,
}

/// An e-mail address or a phone number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// As it was entered.
    pub value: String,
    /// Whether it is the one to use.
    pub primary: bool,
    /// What it is for: `work`, or what somebody wrote.
    pub label: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewEntry {
    value: String,
    #[serde(default)]
    primary: Given<bool>,
    #[serde(default)]
    label: Given<String>,
}

/// What a person is created from and changed by.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct Change {
    name: Given<Name>,
    owner_id: Given<UserId>,
    org_id: Given<u64>,
    add_time: Given<Moment>,
    update_time: Given<Moment>,
    emails: Given<Vec<NewEntry>>,
    phones: Given<Vec<NewEntry>>,
    visible_to: Given<Visibility>,
    label_ids: Given<Vec<u64>>,
    marketing_status: Given<MarketingStatus>,
    custom_fields: Given<CustomFields>,
}

/// Accepted, and not kept: reading it back takes the marketing app.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MarketingStatus {
    NoConsent,
    Unsubscribed,
    Subscribed,
    Archived,
}

impl Row for Person {
    fn id(&self) -> u64 {
        self.id
    }
    fn added(&self) -> Timestamp {
        self.add_time
    }
    fn updated(&self) -> Timestamp {
        self.update_time
    }
}

/// Exactly one is the primary one: the first that says so, else the first.
fn entries(new: Vec<NewEntry>) -> Vec<Entry> {
    let primary = new.iter().position(|entry| entry.primary.0 == Some(true)).unwrap_or(0);
    let entry = |(at, entry): (usize, NewEntry)| Entry {
        value: entry.value,
        primary: at == primary,
        label: entry.label.0.unwrap_or_else(|| "work".to_owned()),
    };
    new.into_iter().enumerate().map(entry).collect()
}

fn change(ask: &Ask<'_>) -> Result<Change, Refusal> {
    let members: Map<String, Value> = read(ask.body)?;
    match CONTACT_SYNC.into_iter().find(|name| members.contains_key(*name)) {
        Some(name) => Err(Refusal::forbidden(&format!("Contact sync is not enabled: {name}"))),
        None => read(ask.body),
    }
}

impl Person {
    fn set_name(&mut self, name: String) {
        let (first, last) = name.split_once(' ').map_or((name.as_str(), None), |(first, last)| (first, Some(last)));
        (self.first_name, self.last_name) = (Some(first.to_owned()), last.map(str::to_owned));
        self.name = name;
    }

    fn take(&mut self, change: Change, ask: &Ask<'_>) -> Result<(), Refusal> {
        if let Some(owner) = change.owner_id.0 {
            self.owner_id = ask.owner(owner)?;
        }
        if let Some(Name(name)) = change.name.0 {
            self.set_name(name);
        }
        if let Some(new) = change.emails.0 {
            self.emails = entries(new);
        }
        if let Some(new) = change.phones.0 {
            self.phones = entries(new);
        }
        change.org_id.put_some(&mut self.org_id);
        change.label_ids.put(&mut self.label_ids);
        if let Some(Visibility(group)) = change.visible_to.0 {
            self.visible_to = group;
        }
        if let Some(CustomFields(fields)) = change.custom_fields.0 {
            self.custom_fields.extend(fields);
        }
        if let Some(Moment(at)) = change.add_time.0 {
            self.add_time = at;
        }
        self.update_time = change.update_time.0.map_or(ask.now, |Moment(at)| at);
        Ok(())
    }
}

impl Records {
    /// A person that is not deleted.
    pub(super) fn living_person(&self, id: u64) -> Option<&Person> {
        self.persons.get(&id).filter(|person| !person.is_deleted)
    }

    pub(super) fn organization(&self, id: u64) -> Result<(), Refusal> {
        let is_known = self.organizations.contains_key(&id);
        if is_known { Ok(()) } else { Err(Refusal::invalid("org_id", "is not an organization of the company")) }
    }

    fn keep_person(&mut self, person: Person) -> Value {
        let answer = one(&person);
        self.index.changed(person.clone());
        self.persons.insert(person.id, person);
        answer
    }
}

fn missing() -> Refusal {
    Refusal::not_found("Person not found")
}

pub(super) fn list(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let query = Query::read(ask.query, &[&FILTERS, &SHAPING, &PAGING])?;
    query.no_filter()?;
    let (ids, owner, organization) = (query.ids()?, query.number("owner_id")?, query.number("org_id")?);
    let (since, until) = (query.moment("updated_since")?, query.moment("updated_until")?);
    let of_deal = query.number("deal_id")?.map(|id| records.deals.get(&id).and_then(|deal| deal.person_id));
    let rows = records.persons.values().filter(|person| {
        !person.is_deleted
            && ids.as_ref().is_none_or(|ids| ids.contains(&person.id))
            && owner.is_none_or(|id| person.owner_id.0 == id)
            && organization.is_none_or(|id| person.org_id == Some(id))
            && of_deal.is_none_or(|id| id == Some(person.id))
            && since.is_none_or(|at| person.update_time.secs() >= at.secs())
            && until.is_none_or(|at| person.update_time.secs() <= at.secs())
    });
    page(rows, &query, &BY_TIME)
}

/// Deleted persons are still there, and say so.
pub(super) fn get(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    Query::read(ask.query, &[&SHAPING])?;
    records.persons.get(&ask.number()?).map(one).ok_or_else(missing)
}

pub(super) fn create(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let change = change(ask)?;
    if change.name.0.is_none() {
        return Err(Refusal::invalid("name", "is required"));
    }
    change.org_id.0.map_or(Ok(()), |id| records.organization(id))?;
    let mut person = Person {
        id: records.persons.last_key_value().map_or(1, |(id, _)| id + 1),
        name: String::new(),
        first_name: None,
        last_name: None,
        owner_id: ask.user,
        org_id: None,
        add_time: ask.now,
        update_time: ask.now,
        emails: Vec::new(),
        phones: Vec::new(),
        is_deleted: false,
        visible_to: 3,
        label_ids: Vec::new(),
        picture_id: None,
        custom_fields: Map::new(),
    };
    person.take(change, ask)?;
    Ok(records.keep_person(person))
}

pub(super) fn update(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let mut person = records.living_person(ask.number()?).ok_or_else(missing)?.clone();
    let change = change(ask)?;
    change.org_id.0.map_or(Ok(()), |id| records.organization(id))?;
    person.take(change, ask)?;
    Ok(records.keep_person(person))
}

pub(super) fn delete(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let mut person = records.living_person(ask.number()?).ok_or_else(missing)?.clone();
    (person.is_deleted, person.update_time) = (true, ask.now);
    let id = person.id;
    records.keep_person(person);
    Ok(one(json!({"id": id})))
}
