//! Leads (Pipedrive's API reference, Leads, version 1).

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};
use shared::model::{ids::UserId, time::Timestamp};
use uuid::Uuid;

use super::{
    Ask, Records,
    answer::{Refusal, one},
    body::{Currency, Day, Given, LabelId, Name, Visibility, read},
    query::Query,
    slice::{SLICING, Sort, slice},
    time,
};

const FILTERS: [&str; 5] = ["owner_id", "person_id", "organization_id", "filter_id", "updated_since"];

/// A lead.
#[derive(Clone, Debug, Serialize)]
pub struct Lead {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Whose lead it is.
    pub owner_id: UserId,
    creator_id: UserId,
    label_ids: Vec<LabelId>,
    /// Who it is.
    pub person_id: Option<u64>,
    /// Their organization.
    pub organization_id: Option<u64>,
    source_name: &'static str,
    origin: &'static str,
    /// The app's own id for it.
    pub origin_id: Option<String>,
    channel: Option<u64>,
    channel_id: Option<String>,
    /// Whether it is archived.
    pub is_archived: bool,
    /// Whether somebody has seen it in Pipedrive.
    pub was_seen: bool,
    value: Option<Money>,
    expected_close_date: Option<String>,
    next_activity_id: Option<u64>,
    /// When it was created.
    #[serde(serialize_with = "time::write_millis")]
    pub add_time: Timestamp,
    /// When it was last changed.
    #[serde(serialize_with = "time::write_millis")]
    pub update_time: Timestamp,
    visible_to: String,
    cc_email: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Money {
    amount: Number,
    currency: Currency,
}

/// What a lead is created from and changed by.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Change {
    title: Given<Option<Name>>,
    owner_id: Given<UserId>,
    label_ids: Given<Vec<LabelId>>,
    person_id: Given<Option<u64>>,
    organization_id: Given<Option<u64>>,
    is_archived: Given<bool>,
    value: Given<Option<Money>>,
    expected_close_date: Given<Option<Day>>,
    visible_to: Given<String>,
    was_seen: Given<bool>,
    origin_id: Given<Option<String>>,
    channel: Given<Option<u64>>,
    channel_id: Given<Option<String>>,
}

impl Lead {
    fn new(ask: &Ask<'_>) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            title: String::new(),
            owner_id: ask.user,
            creator_id: ask.user,
            label_ids: Vec::new(),
            person_id: None,
            organization_id: None,
            source_name: "API",
            origin: "API",
            origin_id: None,
            channel: None,
            channel_id: None,
            is_archived: false,
            was_seen: false,
            value: None,
            expected_close_date: None,
            next_activity_id: None,
            add_time: ask.now,
            update_time: ask.now,
            visible_to: "3".to_owned(),
            cc_email: "leads@example.com".to_owned(),
        }
    }

    fn take(&mut self, change: Change, ask: &Ask<'_>) -> Result<(), Refusal> {
        if let Some(owner) = change.owner_id.0 {
            self.owner_id = ask.owner(owner)?;
        }
        if let Some(Some(Name(title))) = change.title.0 {
            self.title = title;
        }
        if let Some(group) = change.visible_to.0 {
            let is_group = group.parse().is_ok_and(Visibility::is_group);
            self.visible_to = Some(group).filter(|_| is_group).ok_or_else(|| Refusal::invalid("visible_to", "is no group"))?;
        }
        if let Some(day) = change.expected_close_date.0 {
            self.expected_close_date = day.map(|Day(day)| day);
        }
        change.label_ids.put(&mut self.label_ids);
        change.person_id.put(&mut self.person_id);
        change.organization_id.put(&mut self.organization_id);
        change.is_archived.put(&mut self.is_archived);
        change.value.put(&mut self.value);
        change.was_seen.put(&mut self.was_seen);
        change.origin_id.put(&mut self.origin_id);
        change.channel.put(&mut self.channel);
        change.channel_id.put(&mut self.channel_id);
        if self.person_id.is_none() && self.organization_id.is_none() {
            return Err(Refusal::invalid("body", "needs person_id or organization_id"));
        }
        self.update_time = ask.now;
        Ok(())
    }
}

impl Records {
    pub(super) fn lead(&self, id: &str) -> Option<&Lead> {
        self.leads.iter().find(|lead| lead.id == id)
    }

    fn check_lead(&self, change: &Change) -> Result<(), Refusal> {
        if change.person_id.0.flatten().is_some_and(|id| self.living_person(id).is_none()) {
            return Err(Refusal::invalid("person_id", "is not a person of the company"));
        }
        let organization = change.organization_id.0.flatten();
        organization.map_or(Ok(()), |id| self.organization(id))
    }

    fn lead_place(&self, ask: &Ask<'_>) -> Result<usize, Refusal> {
        self.leads.iter().position(|lead| Some(lead.id.as_str()) == ask.id).ok_or_else(missing)
    }
}

fn missing() -> Refusal {
    Refusal::not_found("requested lead not found")
}

/// Archived leads are in no list.
pub(super) fn list(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let query = Query::read(ask.query, &[&FILTERS, &SLICING])?;
    query.no_filter()?;
    let (owner, person) = (query.number("owner_id")?, query.number("person_id")?);
    let (organization, since) = (query.number("organization_id")?, query.moment("updated_since")?);
    let rows = records.leads.iter().filter(|lead| {
        !lead.is_archived
            && owner.is_none_or(|id| lead.owner_id.0 == id)
            && person.is_none_or(|id| lead.person_id == Some(id))
            && organization.is_none_or(|id| lead.organization_id == Some(id))
            && since.is_none_or(|at| lead.update_time.secs() >= at.secs())
    });
    let sort: Sort<'_, Lead> = &[
        ("id", |lead| lead.id.clone()),
        ("title", |lead| lead.title.clone()),
        ("was_seen", |lead| lead.was_seen.to_string()),
        ("add_time", |lead| lead.add_time.rfc3339()),
        ("update_time", |lead| lead.update_time.rfc3339()),
    ];
    slice(rows.collect(), &query, sort, |lead| json!(lead))
}

pub(super) fn get(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    Query::read(ask.query, &[])?;
    Ok(one(&records.leads[records.lead_place(ask)?]))
}

pub(super) fn create(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let change: Change = read(ask.body)?;
    if change.title.0.as_ref().is_none_or(Option::is_none) {
        return Err(Refusal::invalid("title", "is required"));
    }
    if change.is_archived.0.is_some() {
        return Err(Refusal::invalid("is_archived", "is not allowed"));
    }
    records.check_lead(&change)?;
    let mut lead = Lead::new(ask);
    lead.take(change, ask)?;
    let answer = one(&lead);
    records.leads.push(lead);
    Ok(answer)
}

pub(super) fn update(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let place = records.lead_place(ask)?;
    let change: Change = read(ask.body)?;
    if change.origin_id.0.is_some() {
        return Err(Refusal::invalid("origin_id", "is not allowed"));
    }
    records.check_lead(&change)?;
    let mut lead = records.leads[place].clone();
    lead.take(change, ask)?;
    let answer = one(&lead);
    records.leads[place] = lead;
    Ok(answer)
}

pub(super) fn delete(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let lead = records.leads.remove(records.lead_place(ask)?);
    Ok(one(json!({"id": lead.id})))
}
