//! Deals, pipelines and stages, in and out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::values::{Amount, Day, GivenId, Name, or_default};
use crate::{
    model::time::Timestamp,
    pipedrive::{Deal, Pipeline, Stage},
};

/// What is given of a deal.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[schemars(rename = "DealAttributesGiven")]
pub struct DealAttributes {
    /// The deal's title. A new deal without one is named after its contact.
    #[serde(default, rename = "pb_name")]
    pub name: Option<Name>,
    /// What it is worth, in the company's currency.
    #[serde(default, rename = "pb_amount")]
    pub amount: Option<Amount>,
    /// When it is expected to close.
    #[serde(default, rename = "pb_closingDate")]
    pub closing_date: Option<Day>,
}

/// A new deal.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DealCreate {
    /// Whom it is with.
    pub contact_id: GivenId,
    /// Where it starts.
    pub pipeline_id: GivenId,
    /// How far it is; a stage of that pipeline.
    pub stage_id: GivenId,
    /// Title, amount, expected end.
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<DealAttributes>")]
    pub attributes: DealAttributes,
}

/// What changes of a deal. What is left out, or null, stays as it is.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DealUpdate {
    /// Whom it is with from now on.
    #[serde(default)]
    pub contact_id: Option<GivenId>,
    /// Where it goes; a stage of another pipeline moves it there.
    #[serde(default)]
    pub stage_id: Option<GivenId>,
    /// Title, amount, expected end.
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<DealAttributes>")]
    pub attributes: DealAttributes,
}

/// A deal that was created.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedDeal {
    /// Pipedrive's id of it.
    pub id: String,
    /// Whom it is with.
    pub contact_id: String,
    /// Their primary e-mail address.
    pub email: Option<String>,
}

/// A deal that was changed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DealUpdated {
    /// Pipedrive's id of it.
    pub id: String,
}

/// Which deals are listed.
#[derive(Debug, Clone, Default)]
pub struct DealFilterQuery {
    /// Of this contact alone.
    pub contact_id: Option<GivenId>,
    /// Of this pipeline alone.
    pub pipeline_id: Option<GivenId>,
    /// Of this stage alone.
    pub stage_id: Option<GivenId>,
    /// Of this status alone.
    pub status: Option<DealStatus>,
}

/// What became of a deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum DealStatus {
    /// Nothing yet.
    Open,
    /// It was won.
    Won,
    /// It was lost.
    Lost,
}

impl DealStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Open, Self::Won, Self::Lost];

    /// Pipedrive's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// What is shown of a deal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "DealAttributes")]
pub struct DealAttributesView {
    /// The deal's title.
    #[serde(rename = "pb_name")]
    pub name: String,
    /// What it is worth.
    #[serde(rename = "pb_amount")]
    pub amount: Option<String>,
    /// In which currency.
    #[serde(rename = "pb_currency")]
    pub currency: Option<String>,
    /// When it is expected to close, as a date.
    #[serde(rename = "pb_closingDate")]
    pub closing_date: Option<String>,
}

/// A deal.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Deal")]
pub struct DealView {
    /// Pipedrive's id of it.
    pub id: String,
    /// Whom it is with.
    pub contact_id: Option<String>,
    /// Where it is.
    pub pipeline_id: String,
    /// How far it is.
    pub stage_id: String,
    /// `open`, `won` or `lost`.
    pub status: String,
    /// When it was created, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub created_at: Option<String>,
    /// When it was last changed, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub updated_at: Option<String>,
    /// Title, amount, expected end.
    pub attributes: DealAttributesView,
}

impl From<Deal> for DealView {
    fn from(deal: Deal) -> Self {
        Self {
            id: deal.id.to_string(),
            contact_id: deal.person.map(|id| id.to_string()),
            pipeline_id: deal.pipeline.to_string(),
            stage_id: deal.stage.to_string(),
            status: deal.status,
            created_at: deal.added_at.map(Timestamp::rfc3339),
            updated_at: deal.updated_at.map(Timestamp::rfc3339),
            attributes: DealAttributesView {
                name: deal.title,
                amount: deal.value.map(|value| value.to_string()),
                currency: deal.currency,
                closing_date: deal.expected_close_date,
            },
        }
    }
}

/// A pipeline.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "Pipeline")]
pub struct PipelineView {
    /// Pipedrive's id of it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its place among the pipelines.
    pub order: u64,
}

impl From<Pipeline> for PipelineView {
    fn from(Pipeline { id, name, order }: Pipeline) -> Self {
        Self { id: id.to_string(), name, order }
    }
}

/// A stage of a pipeline.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Stage")]
pub struct StageView {
    /// Pipedrive's id of it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub pipeline_id: String,
    /// Its place in the pipeline.
    pub order: u64,
}

impl From<Stage> for StageView {
    fn from(Stage { id, name, pipeline, order }: Stage) -> Self {
        Self { id: id.to_string(), name, pipeline_id: pipeline.to_string(), order }
    }
}
