//! What changes of records look like to webhooks of version 2 (Pipedrive, "Guide for Webhooks v2").

use serde_json::{Map, Value, json};
use shared::model::{
    ids::{CompanyId, UserId},
    time::Timestamp,
};

use super::{Action, Ask, Kind, Records, answer::Refusal};

/// Members of the REST API that webhooks do not have.
const NOT_TOLD: [&str; 8] = ["is_deleted", "picture_id", "active_flag", "user", "person", "deal", "organization", "project"];

/// Something that happened to a record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    action: &'static str,
    entity: &'static str,
    id: String,
    data: Value,
    previous: Value,
    /// A member of `meta` that only merges have.
    merged: Option<(&'static str, String)>,
}

/// Who did it, and by which way.
#[derive(Clone, Copy)]
pub(super) struct Doer {
    pub(super) company: CompanyId,
    pub(super) user: UserId,
    /// Whether it was an app, through the API.
    pub(super) by_api: bool,
}

impl Event {
    /// What lies between two states of a record, if anything does. None stands for a record that is not there.
    pub(super) fn between(kind: Kind, id: &str, before: Option<Value>, after: Option<Value>) -> Option<Self> {
        let (action, data, previous) = match (before, after) {
            (None, Some(after)) => ("create", after, Value::Null),
            (Some(before), None) => ("delete", Value::Null, before),
            (Some(before), Some(after)) => {
                let changed = changed(&before, &after);
                if changed.is_empty() {
                    return None;
                }
                ("change", after, changed.into())
            }
            (None, None) => return None,
        };
        Some(Self { action, entity: entity(kind)?, id: id.to_owned(), data, previous, merged: None })
    }

    /// A change, even of nothing that is told.
    pub(super) fn changed(kind: Kind, id: &str, before: Option<Value>, after: Option<Value>) -> Option<Self> {
        let (before, data) = (before?, after?);
        let previous = changed(&before, &data).into();
        Some(Self { action: "change", entity: entity(kind)?, id: id.to_owned(), data, previous, merged: None })
    }

    /// The same, as the part of a merge.
    pub(super) fn merged(self, member: &'static str, other: u64) -> Self {
        Self { merged: Some((member, other.to_string())), ..self }
    }

    pub(super) fn action(&self) -> &'static str {
        self.action
    }

    pub(super) fn entity(&self) -> &'static str {
        self.entity
    }

    /// As it is posted, but for what differs by webhook and attempt.
    pub(super) fn payload(&self, doer: Doer, host: &str, now: Timestamp) -> Value {
        let mut meta = json!({
            "action": self.action, "entity": self.entity, "entity_id": self.id,
            "company_id": doer.company.to_string(), "user_id": doer.user.to_string(),
            "id": uuid::Uuid::new_v4().to_string(), "correlation_id": uuid::Uuid::new_v4().to_string(), "is_bulk_edit": false,
            "timestamp": now.rfc3339(), "type": "application", "version": "2.0",
            "change_source": if doer.by_api { "api" } else { "app" },
            "host": host, "permitted_user_ids": [doer.user.to_string()],
        });
        if let Some((member, other)) = &self.merged {
            meta[*member] = json!(other);
        }
        json!({"meta": meta, "data": self.data, "previous": self.previous})
    }
}

/// What webhooks call a kind of record; none if they are not told of it here.
fn entity(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Persons => Some("person"),
        Kind::Deals => Some("deal"),
        Kind::Leads => Some("lead"),
        Kind::Notes => Some("note"),
        Kind::Pipelines | Kind::Stages | Kind::Files | Kind::Webhooks => None,
    }
}

/// The members of `before` that are others in `after`, but for the time of the change.
fn changed(before: &Value, after: &Value) -> Map<String, Value> {
    let members = before.as_object().into_iter().flatten();
    let other = |(name, value): &(&String, &Value)| *name != "update_time" && after.get(name.as_str()) != Some(*value);
    members.filter(other).map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Records {
    /// Carries a request out, and says what there is to tell of it.
    pub(super) fn carry_out(&mut self, kind: Kind, action: Action, ask: &Ask<'_>) -> Result<(Value, Option<Event>), Refusal> {
        if matches!(action, Action::List | Action::Search | Action::Get) {
            return Ok((self.answer(kind, action, ask)?, None));
        }
        let before = ask.id.and_then(|id| self.told(kind, id));
        let answer = self.answer(kind, action, ask)?;
        let made = || match &answer["data"]["id"] {
            Value::String(id) => id.clone(),
            other => other.to_string(),
        };
        let id = ask.id.map_or_else(made, str::to_owned);
        let event = Event::between(kind, &id, before, self.told(kind, &id));
        Ok((answer, event))
    }

    /// A record as webhooks tell it; none if it is deleted, or not there.
    pub(super) fn told(&self, kind: Kind, id: &str) -> Option<Value> {
        let number = || id.parse::<u64>().ok();
        let mut told = match kind {
            Kind::Persons => json!(self.living_person(number()?)?),
            Kind::Deals => json!(self.deals.get(&number()?).filter(|deal| !deal.is_deleted)?),
            Kind::Leads => json!(self.lead(id)?),
            Kind::Notes => Self::plain_note(self.notes.get(&number()?).filter(|note| !note.is_deleted)?),
            Kind::Pipelines | Kind::Stages | Kind::Files | Kind::Webhooks => return None,
        };
        let members = told.as_object_mut()?;
        members.retain(|name, _| !NOT_TOLD.contains(&name.as_str()));
        if let Some(group) = members.get_mut("visible_to").filter(|group| group.is_number()) {
            *group = group.to_string().into();
        }
        Some(told)
    }
}
