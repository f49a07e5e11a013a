//! What people do in Pipedrive that moves things from one record to another: merging persons and deals, and making deals
//! of leads.

use serde_json::json;
use shared::model::ids::{CompanyId, UserId};

use super::{
    super::PipedriveSim,
    Ask, Entry, Kind, Records,
    answer::Refusal,
    deal::Deal,
    events::{Doer, Event},
};

/// What is merged.
#[derive(Clone, Copy)]
enum Pair {
    Persons,
    Deals,
}

impl PipedriveSim {
    /// Merges a person into another one, which stays and wins where both have something. Two events tell of it.
    ///
    /// # Errors
    /// That one of them is not there.
    pub fn merge_persons(&self, company: CompanyId, user: UserId, gone: u64, kept: u64) -> Result<(), String> {
        self.merge((company, user), Pair::Persons, gone, kept)
    }

    /// Merges a deal into another one in the same way.
    ///
    /// # Errors
    /// That one of them is not there.
    pub fn merge_deals(&self, company: CompanyId, user: UserId, gone: u64, kept: u64) -> Result<(), String> {
        self.merge((company, user), Pair::Deals, gone, kept)
    }

    /// Makes a deal of a lead, and gives back its id. What was on the lead is on the deal then; the lead is gone.
    ///
    /// # Errors
    /// That it is not there.
    pub fn convert_lead(&self, company: CompanyId, user: UserId, lead: &str) -> Result<u64, String> {
        let ((id, events), doer) = self.work((company, user), |records, ask| records.convert(lead, ask))?;
        self.spread(doer, events);
        Ok(id)
    }

    fn merge(&self, who: (CompanyId, UserId), pair: Pair, gone: u64, kept: u64) -> Result<(), String> {
        let (events, doer) = self.work(who, |records, ask| records.merge(pair, gone, kept, ask))?;
        self.spread(doer, events);
        Ok(())
    }

    fn work<T>(
        &self,
        (company, user): (CompanyId, UserId),
        work: impl FnOnce(&mut Records, &Ask<'_>) -> Result<T, Refusal>,
    ) -> Result<(T, Doer), String> {
        let result = self.with_records((company, user), None, &[], work).map_err(|refused| refused.to_string())?;
        Ok((result, Doer { company, user, by_api: false }))
    }
}

/// Those of `gone` that `kept` does not have, behind its own.
fn join(kept: &mut Vec<Entry>, gone: &[Entry]) {
    for entry in gone {
        if kept.iter().all(|known| known.value != entry.value) {
            let primary = kept.is_empty();
            kept.push(Entry { primary, ..entry.clone() });
        }
    }
}

fn move_to<T: PartialEq>(place: &mut Option<T>, from: &T, to: Option<T>) {
    if place.as_ref() == Some(from) {
        *place = to;
    }
}

impl Records {
    fn merge(&mut self, pair: Pair, gone: u64, kept: u64, ask: &Ask<'_>) -> Result<[Event; 2], Refusal> {
        let (kind, missing) = match pair {
            Pair::Persons => (Kind::Persons, Refusal::not_found("Person not found")),
            Pair::Deals => (Kind::Deals, Refusal::not_found("Deal not found")),
        };
        let (from, to) = (gone.to_string(), kept.to_string());
        let (before_gone, before_kept) = (self.told(kind, &from), self.told(kind, &to));
        if gone == kept || before_gone.is_none() || before_kept.is_none() {
            return Err(missing);
        }
        match pair {
            Pair::Persons => self.merge_person(gone, kept, ask),
            Pair::Deals => self.merge_deal(gone, kept, ask),
        }
        let deleted = Event::between(kind, &from, before_gone, None).ok_or_else(|| missing.clone())?;
        // The kept one changes at least in its time; what else differs is in `previous`.
        let after = self.told(kind, &to);
        let changed = Event::changed(kind, &to, before_kept, after).ok_or(missing)?;
        Ok([deleted.merged("merged_to_id", kept), changed.merged("merged_from_id", gone)])
    }

    fn merge_person(&mut self, gone: u64, kept: u64, ask: &Ask<'_>) {
        let Some(mut from) = self.persons.get(&gone).cloned() else { return };
        let Some(mut to) = self.persons.get(&kept).cloned() else { return };
        join(&mut to.phones, &from.phones);
        join(&mut to.emails, &from.emails);
        to.org_id = to.org_id.or(from.org_id);
        to.update_time = ask.now;
        (from.is_deleted, from.update_time) = (true, ask.now);
        for person in [from, to] {
            self.index.changed(person.clone());
            self.persons.insert(person.id, person);
        }
        self.deals.values_mut().for_each(|deal| move_to(&mut deal.person_id, &gone, Some(kept)));
        self.leads.iter_mut().for_each(|lead| move_to(&mut lead.person_id, &gone, Some(kept)));
        self.notes.values_mut().for_each(|note| move_to(&mut note.person_id, &gone, Some(kept)));
        self.files.values_mut().for_each(|file| move_to(&mut file.person_id, &gone, Some(kept)));
    }

    fn merge_deal(&mut self, gone: u64, kept: u64, ask: &Ask<'_>) {
        let person = self.deals.get_mut(&gone).and_then(|deal| {
            (deal.is_deleted, deal.update_time) = (true, ask.now);
            deal.person_id
        });
        if let Some(deal) = self.deals.get_mut(&kept) {
            deal.person_id = deal.person_id.or(person);
            deal.update_time = ask.now;
        }
        self.notes.values_mut().for_each(|note| move_to(&mut note.deal_id, &gone, Some(kept)));
        self.files.values_mut().for_each(|file| move_to(&mut file.deal_id, &gone, Some(kept)));
    }

    fn convert(&mut self, lead: &str, ask: &Ask<'_>) -> Result<(u64, [Event; 2]), Refusal> {
        let missing = || Refusal::not_found("requested lead not found");
        let (lead_id, before) = (lead.to_owned(), self.told(Kind::Leads, lead));
        let at = self.leads.iter().position(|known| known.id == lead).ok_or_else(missing)?;
        let first = self.pipelines.first().and_then(|pipeline| self.first_stage(pipeline.id));
        let place = first.map(|stage| (stage.pipeline_id, stage.id)).ok_or_else(missing)?;
        let id = self.deals.last_key_value().map_or(1, |(id, _)| id + 1);
        let lead = self.leads.remove(at);
        let mut deal = Deal::new(id, ask, place);
        (deal.title, deal.owner_id, deal.person_id) = (lead.title, lead.owner_id, lead.person_id);
        self.deals.insert(id, deal);
        for note in self.notes.values_mut().filter(|note| note.lead_id.as_ref() == Some(&lead_id)) {
            (note.lead_id, note.deal_id) = (None, note.deal_id.or(Some(id)));
        }
        for file in self.files.values_mut().filter(|file| file.lead_id.as_ref() == Some(&lead_id)) {
            (file.lead_id, file.deal_id) = (None, file.deal_id.or(Some(id)));
        }
        let mut told = self.told(Kind::Deals, &id.to_string());
        if let Some(told) = &mut told {
            told["source_lead_id"] = json!(lead_id);
        }
        let deleted = Event::between(Kind::Leads, &lead_id, before, None).ok_or_else(missing)?;
        let created = Event::between(Kind::Deals, &id.to_string(), None, told).ok_or_else(missing)?;
        Ok((id, [deleted, created]))
    }
}
