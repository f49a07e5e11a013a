//! Notes (Pipedrive's API reference, Notes, version 1).

use serde::Deserialize;
use serde_json::{Value, json};
use shared::model::{ids::UserId, time::Timestamp};

use super::{
    Ask, Records,
    answer::{Refusal, one},
    body::{Flag, Given, Seconds, read},
    html,
    query::Query,
    slice::{SLICING, Sort, slice},
    time,
};

/// Most bytes of a note's content. Pipedrive speaks of about 100 KB.
const MAX_CONTENT: usize = 100_000;
/// What a note can be on, and be pinned to.
const FILTERS: [&str; 9] =
    ["user_id", "lead_id", "deal_id", "person_id", "org_id", "project_id", "start_date", "end_date", "updated_since"];
const PINNED: [&str; 5] = [
    "pinned_to_lead_flag",
    "pinned_to_deal_flag",
    "pinned_to_organization_flag",
    "pinned_to_person_flag",
    "pinned_to_project_flag",
];

/// A note.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// Its id.
    pub id: u64,
    /// HTML that Pipedrive has sanitized.
    pub content: String,
    /// Who wrote it.
    pub user_id: u64,
    last_update_user_id: u64,
    /// The person that it is on.
    pub person_id: Option<u64>,
    /// The deal that it is on.
    pub deal_id: Option<u64>,
    /// The organization that it is on.
    pub org_id: Option<u64>,
    /// The lead that it is on.
    pub lead_id: Option<String>,
    /// When it was written, by its author's account.
    pub add_time: Option<Timestamp>,
    /// When it was last changed.
    pub update_time: Option<Timestamp>,
    /// Whether it is deleted.
    pub is_deleted: bool,
    /// In the order of [`PINNED`].
    pinned: [bool; 5],
}

/// What a note is created from and changed by.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Change {
    content: Given<String>,
    lead_id: Given<String>,
    deal_id: Given<u64>,
    person_id: Given<u64>,
    org_id: Given<u64>,
    project_id: Given<u64>,
    user_id: Given<UserId>,
    add_time: Given<Seconds>,
    pinned_to_lead_flag: Given<Flag>,
    pinned_to_deal_flag: Given<Flag>,
    pinned_to_organization_flag: Given<Flag>,
    pinned_to_person_flag: Given<Flag>,
    pinned_to_project_flag: Given<Flag>,
}

impl Note {
    fn take(&mut self, change: Change, ask: &Ask<'_>) -> Result<(), Refusal> {
        if let Some(content) = change.content.0 {
            if content.len() > MAX_CONTENT {
                return Err(Refusal::invalid("content", "is longer than 100 KB"));
            }
            self.content = html::sanitize(&content);
        }
        if let Some(author) = change.user_id.0 {
            let is_admin = ask.users.iter().any(|user| user.id == ask.user && user.admin);
            if author != ask.user && !is_admin {
                return Err(Refusal::forbidden("Only admins can set another author"));
            }
            self.user_id = ask.owner(author).map_err(|_| Refusal::invalid("user_id", "is not a user of the company"))?.0;
        }
        change.lead_id.put_some(&mut self.lead_id);
        change.deal_id.put_some(&mut self.deal_id);
        change.person_id.put_some(&mut self.person_id);
        change.org_id.put_some(&mut self.org_id);
        if let Some(Seconds(at)) = change.add_time.0 {
            self.add_time = Some(at);
        }
        let flags = [
            change.pinned_to_lead_flag,
            change.pinned_to_deal_flag,
            change.pinned_to_organization_flag,
            change.pinned_to_person_flag,
            change.pinned_to_project_flag,
        ];
        for (pinned, flag) in self.pinned.iter_mut().zip(flags) {
            if let Some(Flag(flag)) = flag.0 {
                *pinned = flag;
            }
        }
        if self.content.is_empty() {
            return Err(Refusal::invalid("content", "is required"));
        }
        if self.lead_id.is_none() && self.deal_id.is_none() && self.person_id.is_none() && self.org_id.is_none() {
            return Err(Refusal::invalid("body", "needs one of lead_id, deal_id, person_id, org_id, project_id"));
        }
        (self.last_update_user_id, self.update_time) = (ask.user.0, Some(ask.now));
        Ok(())
    }
}

impl Records {
    fn check_links(&self, change: &Change) -> Result<(), Refusal> {
        let refused = |name: &str| Err(Refusal::invalid(name, "is not a record of the company"));
        if change.person_id.0.is_some_and(|id| self.living_person(id).is_none()) {
            return refused("person_id");
        }
        if change.deal_id.0.is_some_and(|id| self.deals.get(&id).is_none_or(|deal| deal.is_deleted)) {
            return refused("deal_id");
        }
        if change.lead_id.0.as_ref().is_some_and(|id| self.lead(id).is_none()) {
            return refused("lead_id");
        }
        if change.project_id.0.is_some() {
            return refused("project_id");
        }
        change.org_id.0.map_or(Ok(()), |id| self.organization(id))
    }

    /// A note by itself.
    pub(super) fn plain_note(note: &Note) -> Value {
        let mut shown = json!({
            "id": note.id, "content": note.content,
            "add_time": note.add_time.map(time::spaced), "update_time": note.update_time.map(time::spaced),
            "user_id": note.user_id, "lead_id": note.lead_id, "deal_id": note.deal_id, "person_id": note.person_id,
            "org_id": note.org_id, "project_id": null,
        });
        for (name, pinned) in PINNED.into_iter().zip(note.pinned) {
            shown[name] = pinned.into();
        }
        shown
    }

    fn shown(&self, note: &Note, ask: &Ask<'_>) -> Value {
        let name_of = |id: u64| ask.users.iter().find(|user| user.id.0 == id).map(|user| &user.name);
        let person = note.person_id.and_then(|id| self.persons.get(&id));
        let deal = note.deal_id.and_then(|id| self.deals.get(&id));
        let organization = note.org_id.and_then(|id| self.organizations.get(&id));
        let mut shown = Self::plain_note(note);
        let around = json!({
            "active_flag": !note.is_deleted, "last_update_user_id": note.last_update_user_id, "project": null,
            "deal": deal.map(|deal| json!({"title": deal.title})),
            "person": person.map(|person| json!({"name": person.name})),
            "organization": organization.map(|name| json!({"name": name})),
            "user": {
                "email": "user@example.com", "icon_url": null, "is_you": note.user_id == ask.user.0,
                "name": name_of(note.user_id),
            },
        });
        if let (Some(shown), Value::Object(around)) = (shown.as_object_mut(), around) {
            shown.extend(around);
        }
        shown
    }

    fn keep_note(&mut self, note: Note, ask: &Ask<'_>) -> Value {
        let answer = one(self.shown(&note, ask));
        self.notes.insert(note.id, note);
        answer
    }

    fn living_note(&self, ask: &Ask<'_>) -> Result<Note, Refusal> {
        self.notes.get(&ask.number()?).filter(|note| !note.is_deleted).cloned().ok_or_else(missing)
    }
}

fn missing() -> Refusal {
    Refusal::not_found("Note not found")
}

pub(super) fn list(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let query = Query::read(ask.query, &[&FILTERS, &PINNED, &SLICING])?;
    let (user, person, deal) = (query.number("user_id")?, query.number("person_id")?, query.number("deal_id")?);
    let (organization, project) = (query.number("org_id")?, query.number("project_id")?);
    let lead = query.text("lead_id");
    let (since, from, to) = (query.moment("updated_since")?, query.day("start_date")?, query.day("end_date")?);
    let mut pins = Vec::new();
    for (at, name) in PINNED.into_iter().enumerate() {
        if query.text(name).is_some() {
            pins.push((at, query.word(name, &["0", "1"])? == "1"));
        }
    }
    let day = |note: &Note| note.add_time.map(|at| time::text(at)[..10].to_owned()).unwrap_or_default();
    let rows = records.notes.values().filter(|note| {
        !note.is_deleted
            && project.is_none()
            && user.is_none_or(|id| note.user_id == id)
            && person.is_none_or(|id| note.person_id == Some(id))
            && deal.is_none_or(|id| note.deal_id == Some(id))
            && organization.is_none_or(|id| note.org_id == Some(id))
            && lead.is_none_or(|id| note.lead_id.as_deref() == Some(id))
            && from.is_none_or(|first| day(note).as_str() >= first)
            && to.is_none_or(|last| day(note).as_str() <= last)
            && since.is_none_or(|at| note.update_time.is_some_and(|updated| updated.secs() >= at.secs()))
            && pins.iter().all(|(at, pinned)| note.pinned[*at] == *pinned)
    });
    let sort: Sort<'_, Note> = &[
        ("id", |note| format!("{:020}", note.id)),
        ("add_time", |note| note.add_time.map(time::text).unwrap_or_default()),
        ("update_time", |note| note.update_time.map(time::text).unwrap_or_default()),
    ];
    slice(rows.collect(), &query, sort, |note| records.shown(note, ask))
}

/// Deleted notes are still there, and say so.
pub(super) fn get(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    Query::read(ask.query, &[])?;
    let note = records.notes.get(&ask.number()?).ok_or_else(missing)?;
    Ok(one(records.shown(note, ask)))
}

pub(super) fn create(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let change: Change = read(ask.body)?;
    records.check_links(&change)?;
    let id = records.notes.last_key_value().map_or(1, |(id, _)| id + 1);
    let mut note = Note { id, user_id: ask.user.0, add_time: Some(ask.now), ..Note::default() };
    note.take(change, ask)?;
    Ok(records.keep_note(note, ask))
}

pub(super) fn update(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let mut note = records.living_note(ask)?;
    let change: Change = read(ask.body)?;
    records.check_links(&change)?;
    note.take(change, ask)?;
    Ok(records.keep_note(note, ask))
}

pub(super) fn delete(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let mut note = records.living_note(ask)?;
    (note.is_deleted, note.update_time) = (true, Some(ask.now));
    records.keep_note(note, ask);
    Ok(one(true))
}
