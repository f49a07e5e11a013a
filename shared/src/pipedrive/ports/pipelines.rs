//! Pipelines and their stages.

use async_trait::async_trait;

use super::Access;
use crate::{
    model::ids::{PipelineId, StageId},
    pipedrive::error::PipedriveError,
};

/// A pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Pipedrive's.
    pub id: PipelineId,
    /// What it is called.
    pub name: String,
    /// Its place among the pipelines.
    pub order: u64,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Pipedrive's.
    pub id: StageId,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub pipeline: PipelineId,
    /// Its place in the pipeline.
    pub order: u64,
}

/// Pipelines and their stages. Deleted ones are left out, and [`PipedriveError::NotFound`].
#[async_trait]
pub trait PipelinesApi: Send + Sync {
    /// `GET /pipelines`, at most [`MAX_BATCH`](crate::pipedrive::MAX_BATCH).
    async fn pipelines(&self, access: &Access) -> Result<Vec<Pipeline>, PipedriveError>;
    /// `GET /pipelines/{id}`.
    async fn pipeline(&self, access: &Access, id: PipelineId) -> Result<Pipeline, PipedriveError>;
    /// `GET /stages` of a pipeline, at most [`MAX_BATCH`](crate::pipedrive::MAX_BATCH).
    async fn stages(&self, access: &Access, pipeline: PipelineId) -> Result<Vec<Stage>, PipedriveError>;
    /// `GET /stages/{id}`.
    async fn stage(&self, access: &Access, id: StageId) -> Result<Stage, PipedriveError>;
}
