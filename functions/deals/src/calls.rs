//! The calls that this function takes, read from their requests.

use shared::{
    crm::{
        error::{CrmError, Missing},
        shapes::{DealCreate, DealFilterQuery, DealStatus, DealUpdate},
    },
    http::{Request, request, v2::input},
    model::ids::{DealId, PipelineId},
};

/// A call.
pub(crate) enum Call {
    CreateDeal(DealCreate),
    ListDeals(usize, DealFilterQuery),
    GetDeal(DealId),
    UpdateDeal(DealId, DealUpdate),
    ListPipelines,
    ListStages(PipelineId),
}

impl Call {
    pub(crate) fn read(request: &Request, body: &[u8]) -> Result<Self, CrmError> {
        Ok(match request::route(request) {
            "POST /v2/deals" => Self::CreateDeal(input::json(body)?),
            "GET /v2/deals" => Self::ListDeals(input::page(request)?, filter(request)?),
            "GET /v2/deals/{deal}" => Self::GetDeal(deal(request)?),
            "PUT /v2/deals/{deal}" => {
                let deal = deal(request)?;
                Self::UpdateDeal(deal, input::json(body)?)
            }
            "GET /v2/pipelines" => Self::ListPipelines,
            "GET /v2/pipelines/{pipeline}/stages" => {
                let text = request::path_parameter(request, "pipeline").unwrap_or_default();
                Self::ListStages(number(&text).map(PipelineId).ok_or(CrmError::PipelineNotFound)?)
            }
            // `PUT /v2/deals` names no deal; it is there so that the caller hears so.
            _ => return Err(CrmError::InvalidParams(Missing::DealId)),
        })
    }
}

/// The deal in the path. One that can be none of Pipedrive's is not found.
fn deal(request: &Request) -> Result<DealId, CrmError> {
    let text = input::named(request, "deal", Missing::DealId)?;
    number(&text).map(DealId).ok_or(CrmError::DealNotFound)
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn filter(request: &Request) -> Result<DealFilterQuery, CrmError> {
    let status = request::query(request, "status").map(|text| {
        let known = DealStatus::ALL.into_iter().find(|status| status.as_str() == text);
        known.ok_or_else(|| CrmError::invalid("status", "must be open, won or lost"))
    });
    Ok(DealFilterQuery {
        contact_id: input::id(request, "contactId")?,
        pipeline_id: input::id(request, "pipelineId")?,
        stage_id: input::id(request, "stageId")?,
        status: status.transpose()?,
    })
}
