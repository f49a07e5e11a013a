//! Deals.

use async_trait::async_trait;

use super::{Access, Batch};
use crate::{
    model::{
        ids::{DealId, PersonId, PipelineId, StageId, UserId},
        time::Timestamp,
    },
    pipedrive::error::PipedriveError,
};

/// A deal.
#[derive(Debug, Clone, PartialEq)]
pub struct Deal {
    /// Pipedrive's.
    pub id: DealId,
    /// What it is called.
    pub title: String,
    /// What it is worth.
    pub value: Option<serde_json::Number>,
    /// In which currency.
    pub currency: Option<String>,
    /// With whom.
    pub person: Option<PersonId>,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// Where it is.
    pub pipeline: PipelineId,
    /// How far it is.
    pub stage: StageId,
    /// `open`, `won`, `lost`, or what Pipedrive may add.
    pub status: String,
    /// When it is expected to close, as a date.
    pub expected_close_date: Option<String>,
    /// When it was added.
    pub added_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

impl Deal {
    /// Whether it is neither won nor lost.
    pub fn is_open(&self) -> bool {
        self.status == "open"
    }
}

/// What is written of a deal. What is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DealFields {
    /// What it is called. A new deal needs it.
    pub title: Option<String>,
    /// What it is worth.
    pub value: Option<serde_json::Number>,
    /// With whom.
    pub person: Option<PersonId>,
    /// Whose it is. A new deal is the calling user's unless it says otherwise.
    pub owner: Option<UserId>,
    /// Where it goes.
    pub pipeline: Option<PipelineId>,
    /// How far it is.
    pub stage: Option<StageId>,
    /// When it is expected to close, as a date.
    pub expected_close_date: Option<String>,
}

/// Which deals are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DealFilter {
    /// Of this person alone.
    pub person: Option<PersonId>,
    /// Of this pipeline alone.
    pub pipeline: Option<PipelineId>,
    /// Of this stage alone.
    pub stage: Option<StageId>,
    /// `open`, `won` or `lost` ones alone.
    pub status: Option<&'static str>,
}

/// Deals.
#[async_trait]
pub trait DealsApi: Send + Sync {
    /// `GET /deals/{id}`. A deleted one is [`PipedriveError::NotFound`].
    async fn deal(&self, access: &Access, id: DealId) -> Result<Deal, PipedriveError>;
    /// `GET /deals` by id, at most [`MAX_BATCH`](crate::pipedrive::MAX_BATCH).
    async fn deals(
        &self,
        access: &Access,
        filter: &DealFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Batch<Deal>, PipedriveError>;
    /// `GET /deals` that are open with a person, newest first.
    async fn open_deals_of(&self, access: &Access, person: PersonId, limit: usize) -> Result<Vec<Deal>, PipedriveError>;
    /// `POST /deals`. Not to be repeated when the outcome is unknown.
    async fn create_deal(&self, access: &Access, fields: &DealFields) -> Result<Deal, PipedriveError>;
    /// `PATCH /deals/{id}`.
    async fn update_deal(&self, access: &Access, id: DealId, fields: &DealFields) -> Result<Deal, PipedriveError>;
}
