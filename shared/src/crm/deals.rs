//! Deals, and the pipelines and stages that they move through. A contact has at most one open deal in a pipeline as far as
//! this API goes: a second one, created or moved there, is refused. Within Pipedrive there may be more.

use super::{
    contacts::{self, ContactPorts},
    error::CrmError,
    locks,
    pages::{self, PagePorts},
    shapes::{
        Amount, DealCreate, DealFilterQuery, DealStatus, DealUpdate, DealUpdated, DealView, Name, Page, PipelineView, SavedDeal,
        StageView,
    },
};
use crate::{
    model::{
        contact::ContactRef,
        ids::{DealId, PersonId, PipelineId, StageId},
    },
    pipedrive::{Deal, DealFields, DealFilter, DealsApi, Person, PipelinesApi, Stage},
};

/// How many open deals of a contact are looked at when one more is to be.
const SOME: usize = 100;

/// What deals need.
pub struct DealPorts<'a> {
    /// The contacts that they are with.
    pub contacts: ContactPorts<'a>,
    /// Pipedrive's deals.
    pub deals: &'a dyn DealsApi,
    /// Its pipelines and stages.
    pub pipelines: &'a dyn PipelinesApi,
}

/// Creates a deal with a contact, in a stage.
pub async fn create(ports: &DealPorts<'_>, new: DealCreate) -> Result<SavedDeal, CrmError> {
    let person = contacts::find(&ports.contacts, &contact(new.contact_id.as_str())?).await?;
    let pipeline = pipeline(ports, new.pipeline_id.number().map(PipelineId).ok_or(CrmError::PipelineNotFound)?).await?;
    let stage = stage(ports, new.stage_id.number().map(StageId).ok_or(CrmError::StageNotFound)?).await?;
    if stage.pipeline != pipeline {
        return Err(CrmError::StageNotFound);
    }
    let attributes = new.attributes;
    let fields = DealFields {
        title: Some(attributes.name.and_then(Name::given).unwrap_or_else(|| format!("{} deal", person.name))),
        value: attributes.amount.map(Amount::number),
        person: Some(person.id),
        pipeline: Some(pipeline),
        stage: Some(stage.id),
        expected_close_date: attributes.closing_date.map(String::from),
        ..DealFields::default()
    };
    let held = lock(ports, vec![(person.id, pipeline)]).await?;
    let made = held.end(create_alone(ports, &person, pipeline, &fields).await).await?;
    Ok(SavedDeal { id: made.id.to_string(), contact_id: person.id.to_string(), email: person.email().map(str::to_owned) })
}

async fn create_alone(
    ports: &DealPorts<'_>,
    person: &Person,
    pipeline: PipelineId,
    fields: &DealFields,
) -> Result<Deal, CrmError> {
    free(ports, person.id, pipeline, None).await?;
    let made = acting(ports).call(|access| async move { ports.deals.create_deal(&access, fields).await }).await;
    made.map_err(CrmError::of_write)
}

/// A deal.
pub async fn get(ports: &DealPorts<'_>, id: DealId) -> Result<DealView, CrmError> {
    deal(ports, id).await.map(DealView::from)
}

/// A page of deals, oldest first.
pub async fn list(ports: &DealPorts<'_>, page: usize, query: &DealFilterQuery) -> Result<Page<DealView>, CrmError> {
    let filter = DealFilter {
        person: query.contact_id.as_ref().map(|id| id.number().map(PersonId).ok_or(CrmError::ContactNotFound)).transpose()?,
        pipeline: query
            .pipeline_id
            .as_ref()
            .map(|id| id.number().map(PipelineId).ok_or(CrmError::PipelineNotFound))
            .transpose()?,
        stage: query.stage_id.as_ref().map(|id| id.number().map(StageId).ok_or(CrmError::StageNotFound)).transpose()?,
        status: query.status.map(DealStatus::as_str),
    };
    let text = |id: Option<String>| id.unwrap_or_default();
    let name = format!(
        "deals#{}#{}#{}#{}",
        text(filter.person.map(|id| id.to_string())),
        text(filter.pipeline.map(|id| id.to_string())),
        text(filter.stage.map(|id| id.to_string())),
        filter.status.unwrap_or_default()
    );
    let ContactPorts { walks, acting, clock, .. } = ports.contacts;
    let filter = &filter;
    let part = |after: Option<String>, limit| async move {
        let call = acting.call(|access| {
            let after = after.clone();
            async move { ports.deals.deals(&access, filter, after.as_deref(), limit).await }
        });
        call.await
    };
    let found = pages::page(&PagePorts { walks, acting, clock }, &name, page, part).await?;
    let data = found.items.into_iter().map(DealView::from).collect();
    Ok(Page { page, total: found.total, has_more: found.more, data })
}

/// Changes what is given of a deal.
pub async fn update(ports: &DealPorts<'_>, id: DealId, change: DealUpdate) -> Result<DealUpdated, CrmError> {
    let before = deal(ports, id).await?;
    let person = match &change.contact_id {
        Some(id) => Some(contacts::find(&ports.contacts, &contact(id.as_str())?).await?.id),
        None => None,
    };
    let stage = match &change.stage_id {
        Some(id) => Some(stage(ports, id.number().map(StageId).ok_or(CrmError::StageNotFound)?).await?),
        None => None,
    };
    let pipeline = stage.as_ref().map_or(before.pipeline, |stage| stage.pipeline);
    let attributes = change.attributes;
    let fields = DealFields {
        title: attributes.name.and_then(Name::given),
        value: attributes.amount.map(Amount::number),
        person,
        // With a stage of another pipeline, Pipedrive wants both.
        pipeline: (pipeline != before.pipeline).then_some(pipeline),
        stage: stage.map(|stage| stage.id),
        expected_close_date: attributes.closing_date.map(String::from),
        ..DealFields::default()
    };
    if fields == DealFields::default() {
        return Ok(DealUpdated { id: id.to_string() });
    }
    let owner = person.or(before.person);
    let moves = owner.filter(|_| before.is_open() && (owner != before.person || pipeline != before.pipeline));
    let held = lock(ports, moves.map(|person| (person, pipeline)).into_iter().collect()).await?;
    held.end(update_alone(ports, id, moves.map(|person| (person, pipeline)), &fields).await).await?;
    Ok(DealUpdated { id: id.to_string() })
}

async fn update_alone(
    ports: &DealPorts<'_>,
    id: DealId,
    moves: Option<(PersonId, PipelineId)>,
    fields: &DealFields,
) -> Result<Deal, CrmError> {
    if let Some((person, pipeline)) = moves {
        free(ports, person, pipeline, Some(id)).await?;
    }
    let changed = acting(ports).call(|access| async move { ports.deals.update_deal(&access, id, fields).await }).await;
    changed.map_err(|error| error.or(CrmError::DealNotFound).of_write())
}

/// The company's pipelines, in their order.
pub async fn pipelines(ports: &DealPorts<'_>) -> Result<Vec<PipelineView>, CrmError> {
    let all = acting(ports).call(|access| async move { ports.pipelines.pipelines(&access).await }).await?;
    Ok(all.into_iter().map(PipelineView::from).collect())
}

/// A pipeline's stages, in their order.
pub async fn stages(ports: &DealPorts<'_>, id: PipelineId) -> Result<Vec<StageView>, CrmError> {
    // Of a pipeline that there is not, Pipedrive lists no stages.
    let id = pipeline(ports, id).await?;
    let all = acting(ports).call(|access| async move { ports.pipelines.stages(&access, id).await }).await;
    Ok(all.map_err(|error| error.or(CrmError::PipelineNotFound))?.into_iter().map(StageView::from).collect())
}

fn acting<'a>(ports: &'a DealPorts<'_>) -> &'a super::acting::Acting<'a> {
    ports.contacts.acting
}

fn contact(text: &str) -> Result<ContactRef, CrmError> {
    ContactRef::parse(text).ok_or(CrmError::ContactNotFound)
}

async fn deal(ports: &DealPorts<'_>, id: DealId) -> Result<Deal, CrmError> {
    let found = acting(ports).call(|access| async move { ports.deals.deal(&access, id).await }).await;
    found.map_err(|error| error.or(CrmError::DealNotFound))
}

async fn pipeline(ports: &DealPorts<'_>, id: PipelineId) -> Result<PipelineId, CrmError> {
    let found = acting(ports).call(|access| async move { ports.pipelines.pipeline(&access, id).await }).await;
    found.map(|pipeline| pipeline.id).map_err(|error| error.or(CrmError::PipelineNotFound))
}

async fn stage(ports: &DealPorts<'_>, id: StageId) -> Result<Stage, CrmError> {
    let found = acting(ports).call(|access| async move { ports.pipelines.stage(&access, id).await }).await;
    found.map_err(|error| error.or(CrmError::StageNotFound))
}

async fn lock<'a>(ports: &'a DealPorts<'_>, moves: Vec<(PersonId, PipelineId)>) -> Result<locks::Held<'a>, CrmError> {
    let names = moves.into_iter().map(|(person, pipeline)| locks::deals_of(person, pipeline)).collect();
    locks::take(ports.contacts.locks, ports.contacts.clock, ports.contacts.acting.company(), names).await
}

/// Fails if the person has an open deal in the pipeline, other than `except`.
async fn free(ports: &DealPorts<'_>, person: PersonId, pipeline: PipelineId, except: Option<DealId>) -> Result<(), CrmError> {
    let filter = DealFilter { person: Some(person), pipeline: Some(pipeline), status: Some("open"), ..DealFilter::default() };
    let filter = &filter;
    let open = acting(ports).call(|access| async move { ports.deals.deals(&access, filter, None, SOME).await }).await?;
    let other = |deal: &Deal| deal.is_open() && deal.pipeline == pipeline && Some(deal.id) != except;
    if open.items.iter().any(other) { Err(CrmError::ContactHasDeal) } else { Ok(()) }
}
