//! What the page of records shows: the list of persons, and one person with all that is on them.

use serde_json::{Value, json};
use shared::model::ids::CompanyId;

use super::{
    super::{PipedriveSim, world::World},
    Deal, DealStatus, Entry, File, Lead, Note, Person, Records,
};

impl PipedriveSim {
    /// What the page shows of the company that is looked at, and of a person if one is chosen.
    pub(in super::super) fn records_view(&self, person: Option<u64>) -> Value {
        let now = self.now();
        let mut world = self.world();
        let (company, _) = world.browser;
        world.records.entry(company).or_insert_with(|| Records::new(now));
        let view = View { world: &world, company, records: &world.records[&company] };
        let mut rows: Vec<&Person> = view.records.persons.values().filter(|person| !person.is_deleted).collect();
        rows.sort_by_key(|person| std::cmp::Reverse((person.update_time, person.id)));
        json!({
            "company": world.companies.get(&company).map(|company| &company.name),
            "persons": rows.into_iter().map(|person| view.row(person)).collect::<Vec<_>>(),
            "person": person.and_then(|id| view.records.persons.get(&id)).map(|person| view.person(person)),
        })
    }
}

struct View<'a> {
    world: &'a World,
    company: CompanyId,
    records: &'a Records,
}

fn primary(entries: &[Entry]) -> Option<&str> {
    entries.iter().find(|entry| entry.primary).map(|entry| entry.value.as_str())
}

impl View<'_> {
    fn user(&self, id: u64) -> Option<&str> {
        let company = self.world.companies.get(&self.company)?;
        company.users.iter().find(|user| user.id.0 == id).map(|user| user.name.as_str())
    }

    fn deals(&self, person: u64) -> impl Iterator<Item = &Deal> {
        self.records.deals.values().filter(move |deal| deal.person_id == Some(person) && !deal.is_deleted)
    }

    fn leads(&self, person: u64) -> impl Iterator<Item = &Lead> {
        self.records.leads.iter().filter(move |lead| lead.person_id == Some(person))
    }

    /// Notes on the person, and on their deals and leads.
    fn notes(&self, person: u64) -> Vec<&Note> {
        let is_on = |note: &Note| {
            note.person_id == Some(person)
                || self.deals(person).any(|deal| note.deal_id == Some(deal.id))
                || self.leads(person).any(|lead| note.lead_id.as_ref() == Some(&lead.id))
        };
        let mut notes: Vec<&Note> = self.records.notes.values().filter(|note| !note.is_deleted && is_on(note)).collect();
        notes.sort_by_key(|note| std::cmp::Reverse((note.add_time, note.id)));
        notes
    }

    /// Files of the person, and of their deals and leads.
    fn files(&self, person: u64) -> impl Iterator<Item = Value> {
        let is_of = move |file: &&File| {
            file.person_id == Some(person)
                || self.deals(person).any(|deal| file.deal_id == Some(deal.id))
                || self.leads(person).any(|lead| file.lead_id.as_ref() == Some(&lead.id))
        };
        let files = self.records.files.values().rev().filter(|file| !file.is_deleted).filter(is_of);
        files.map(|file| json!({"id": file.id, "name": file.name, "size": file.content.len(), "at": file.add_time}))
    }

    fn row(&self, person: &Person) -> Value {
        json!({
            "id": person.id, "name": person.name, "email": primary(&person.emails), "phone": primary(&person.phones),
            "deals": self.deals(person.id).filter(|deal| deal.status == DealStatus::Open).count(),
            "unread": self.leads(person.id).any(|lead| !lead.was_seen && !lead.is_archived),
        })
    }

    fn person(&self, person: &Person) -> Value {
        let deals = self.deals(person.id).map(|deal| {
            json!({
                "id": deal.id, "title": deal.title, "value": deal.value, "currency": deal.currency, "status": deal.status,
                "pipeline": self.records.pipeline(deal.pipeline_id).map(|pipeline| &pipeline.name),
                "stage": self.records.stage(deal.stage_id).map(|stage| &stage.name),
            })
        });
        let leads = self
            .leads(person.id)
            .map(|lead| json!({"id": lead.id, "title": lead.title, "was_seen": lead.was_seen, "is_archived": lead.is_archived}));
        let files: Vec<Value> = self.files(person.id).collect();
        let notes = self.notes(person.id).into_iter().map(|note| {
            let deal = note.deal_id.and_then(|id| self.records.deals.get(&id)).map(|deal| &deal.title);
            json!({
                "id": note.id, "content": note.content, "author": self.user(note.user_id), "deal": deal,
                "lead": note.lead_id.as_ref().and_then(|id| self.records.lead(id)).map(|lead| &lead.title),
                "at": note.add_time, "changed": note.update_time,
            })
        });
        json!({
            "id": person.id, "name": person.name, "emails": person.emails, "phones": person.phones,
            "owner": self.user(person.owner_id.0), "labels": person.label_ids, "is_deleted": person.is_deleted,
            "organization": person.org_id.and_then(|id| self.records.organizations.get(&id)),
            "deals": deals.collect::<Vec<_>>(), "leads": leads.collect::<Vec<_>>(), "notes": notes.collect::<Vec<_>>(),
            "files": files,
        })
    }
}
