//! Deals (Pipedrive's API reference, Deals, version 2).

use serde_json::{Value, json};

use super::{
    Ask, Records,
    answer::{Refusal, one},
    body::read,
    deal::{Change, Deal, DealStatus},
    paging::{BY_TIME, PAGING, page},
    query::{Query, SHAPING},
};

const FILTERS: [&str; 10] = [
    "filter_id",
    "ids",
    "owner_id",
    "person_id",
    "org_id",
    "pipeline_id",
    "stage_id",
    "status",
    "updated_since",
    "updated_until",
];

impl Records {
    /// Checks that what the change refers to is there, and says which pipeline and stage it leads to, if any.
    fn references(&self, change: &Change) -> Result<Option<(u64, u64)>, Refusal> {
        if change.person_id.0.is_some_and(|id| self.living_person(id).is_none()) {
            return Err(Refusal::invalid("person_id", "is not a person of the company"));
        }
        change.org_id.0.map_or(Ok(()), |id| self.organization(id))?;
        if change.pipeline_id.0.is_some_and(|id| self.pipeline(id).is_none()) {
            return Err(Refusal::invalid("pipeline_id", "is not a pipeline of the company"));
        }
        let stage = match change.stage_id.0 {
            Some(id) => self.stage(id).ok_or_else(|| Refusal::invalid("stage_id", "is not a stage of the company"))?,
            None => match change.pipeline_id.0.and_then(|id| self.first_stage(id)) {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        if change.pipeline_id.0.is_some_and(|id| id != stage.pipeline_id) {
            return Err(Refusal::invalid("stage_id", "is not a stage of the pipeline"));
        }
        Ok(Some((stage.pipeline_id, stage.id)))
    }

    fn keep_deal(&mut self, deal: Deal) -> Value {
        let answer = one(&deal);
        self.deals.insert(deal.id, deal);
        answer
    }
}

fn missing() -> Refusal {
    Refusal::not_found("Deal not found")
}

/// Archived deals are in no list; deleted ones only where they are asked for.
pub(super) fn list(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let query = Query::read(ask.query, &[&FILTERS, &SHAPING, &PAGING])?;
    query.no_filter()?;
    let statuses = query.words("status", &["open", "won", "lost", "deleted"])?.unwrap_or(vec!["open", "won", "lost"]);
    let status = |deal: &Deal| match deal.status {
        _ if deal.is_deleted => "deleted",
        DealStatus::Open => "open",
        DealStatus::Won => "won",
        DealStatus::Lost => "lost",
    };
    let ids = query.ids()?;
    let (owner, person, organization) = (query.number("owner_id")?, query.number("person_id")?, query.number("org_id")?);
    let (pipeline, stage) = (query.number("pipeline_id")?, query.number("stage_id")?);
    let (since, until) = (query.moment("updated_since")?, query.moment("updated_until")?);
    let rows = records.deals.values().filter(|deal| {
        !deal.is_archived
            && statuses.contains(&status(deal))
            && ids.as_ref().is_none_or(|ids| ids.contains(&deal.id))
            && owner.is_none_or(|id| deal.owner_id.0 == id)
            && person.is_none_or(|id| deal.person_id == Some(id))
            && organization.is_none_or(|id| deal.org_id == Some(id))
            && pipeline.is_none_or(|id| deal.pipeline_id == id)
            && stage.is_none_or(|id| deal.stage_id == id)
            && since.is_none_or(|at| deal.update_time.secs() >= at.secs())
            && until.is_none_or(|at| deal.update_time.secs() <= at.secs())
    });
    page(rows, &query, &BY_TIME)
}

/// Deleted deals are still there, and say so.
pub(super) fn get(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    Query::read(ask.query, &[&SHAPING])?;
    records.deals.get(&ask.number()?).map(one).ok_or_else(missing)
}

pub(super) fn create(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let change: Change = read(ask.body)?;
    if change.title.0.is_none() {
        return Err(Refusal::invalid("title", "is required"));
    }
    let place = records.references(&change)?;
    let first = || records.pipelines.first().and_then(|pipeline| records.first_stage(pipeline.id));
    let Some(place) = place.or_else(|| first().map(|stage| (stage.pipeline_id, stage.id))) else {
        return Err(Refusal::invalid("stage_id", "is required"));
    };
    let id = records.deals.last_key_value().map_or(1, |(id, _)| id + 1);
    let mut deal = Deal::new(id, ask, place);
    deal.take(change, None, ask)?;
    Ok(records.keep_deal(deal))
}

pub(super) fn update(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let mut deal = records.deals.get(&ask.number()?).ok_or_else(missing)?.clone();
    let change: Change = read(ask.body)?;
    if deal.is_deleted && change.is_deleted.0 != Some(false) {
        return Err(missing());
    }
    let place = records.references(&change)?;
    deal.take(change, place, ask)?;
    Ok(records.keep_deal(deal))
}

pub(super) fn delete(records: &mut Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let deal = records.deals.get_mut(&ask.number()?).filter(|deal| !deal.is_deleted).ok_or_else(missing)?;
    (deal.is_deleted, deal.update_time) = (true, ask.now);
    Ok(one(json!({"id": deal.id})))
}
