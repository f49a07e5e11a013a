//! Answers with invented data (`x-developer-mode: true`): of the same types as real ones, and always the same, so that a
//! program can be tried against them.

use shared::{
    crm::shapes::{DealAttributesView, DealUpdated, DealView, Page, PipelineView, SavedDeal, StageView},
    http::v2::Reply,
};

use crate::calls::Call;

const ID: &str = "2001";
const CONTACT: &str = "1001";
const PIPELINE: &str = "1";
const STAGE: &str = "1";
const AT: &str = "2026-01-01T00:00:00.000Z";

/// The invented answer to a call.
pub(crate) fn reply(call: Call) -> Reply {
    match call {
        Call::CreateDeal(new) => {
            let contact_id = new.contact_id.number().map_or_else(|| CONTACT.to_owned(), |id| id.to_string());
            Reply::created("Deal created", SavedDeal { id: ID.to_owned(), contact_id, email: Some("ada@example.com".to_owned()) })
        }
        Call::ListDeals(page, _) => {
            let data = if page == 0 { vec![deal(ID.to_owned())] } else { Vec::new() };
            Reply::ok("Deals found", Page { page, total: 1, has_more: false, data })
        }
        Call::GetDeal(id) => Reply::ok("Deal found", deal(id.to_string())),
        Call::UpdateDeal(id, _) => Reply::ok("Deal updated", DealUpdated { id: id.to_string() }),
        Call::ListPipelines => {
            let pipeline = PipelineView { id: PIPELINE.to_owned(), name: "Sales".to_owned(), order: 1 };
            Reply::ok("Pipelines found", [pipeline])
        }
        Call::ListStages(pipeline) => {
            let stage = |id: u64, name: &str| StageView {
                id: id.to_string(),
                name: name.to_owned(),
                pipeline_id: pipeline.to_string(),
                order: id,
            };
            Reply::ok("Stages found", [stage(1, "Qualified"), stage(2, "Offer made")])
        }
    }
}

fn deal(id: String) -> DealView {
    DealView {
        id,
        contact_id: Some(CONTACT.to_owned()),
        pipeline_id: PIPELINE.to_owned(),
        stage_id: STAGE.to_owned(),
        status: "open".to_owned(),
        created_at: Some(AT.to_owned()),
        updated_at: Some(AT.to_owned()),
        attributes: DealAttributesView {
            name: "Ada Example deal".to_owned(),
            amount: Some("2300000".to_owned()),
            currency: Some("EUR".to_owned()),
            closing_date: Some("2026-12-24".to_owned()),
        },
    }
}
