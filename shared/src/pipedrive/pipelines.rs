//! Pipelines and stages (Pipedrive's API reference, v2, Pipelines, Stages).

use async_trait::async_trait;
use serde::Deserialize;

use super::{
    Access, MAX_BATCH, Pipeline, PipelinesApi, Stage,
    client::Client,
    error::PipedriveError,
    price::Call,
    records::{Many, One, or_default},
};
use crate::{
    http::number,
    model::ids::{PipelineId, StageId},
};

#[derive(Deserialize)]
struct PipelineRecord {
    #[serde(deserialize_with = "number::deserialize")]
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    order_nr: u64,
    #[serde(default, deserialize_with = "or_default")]
    is_deleted: bool,
}

#[derive(Deserialize)]
struct StageRecord {
    #[serde(deserialize_with = "number::deserialize")]
    id: u64,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "number::deserialize")]
    pipeline_id: u64,
    #[serde(default, deserialize_with = "or_default")]
    order_nr: u64,
    #[serde(default, deserialize_with = "or_default")]
    is_deleted: bool,
}

impl PipelineRecord {
    fn pipeline(self) -> Option<Pipeline> {
        (!self.is_deleted).then_some(Pipeline { id: PipelineId(self.id), name: self.name, order: self.order_nr })
    }
}

impl StageRecord {
    fn stage(self) -> Option<Stage> {
        let pipeline = PipelineId(self.pipeline_id);
        (!self.is_deleted).then_some(Stage { id: StageId(self.id), name: self.name, pipeline, order: self.order_nr })
    }
}

#[async_trait]
impl PipelinesApi for Client {
    async fn pipelines(&self, access: &Access) -> Result<Vec<Pipeline>, PipedriveError> {
        let request = self.http.get(self.v2(access, "/pipelines")).query(&[("limit", MAX_BATCH)]);
        let answer = Self::call(access, Call::Pipelines, request).await?;
        let mut pipelines = answer.data::<Many<PipelineRecord>>()?.batch(PipelineRecord::pipeline).items;
        pipelines.sort_by_key(|pipeline| (pipeline.order, pipeline.id));
        Ok(pipelines)
    }

    async fn pipeline(&self, access: &Access, id: PipelineId) -> Result<Pipeline, PipedriveError> {
        let answer = Self::call(access, Call::Pipeline, self.http.get(self.v2(access, &format!("/pipelines/{id}")))).await?;
        answer.data::<One<PipelineRecord>>()?.data.pipeline().ok_or(PipedriveError::NotFound)
    }

    async fn stages(&self, access: &Access, pipeline: PipelineId) -> Result<Vec<Stage>, PipedriveError> {
        let query = [("pipeline_id", pipeline.to_string()), ("limit", MAX_BATCH.to_string())];
        let answer = Self::call(access, Call::Stages, self.http.get(self.v2(access, "/stages")).query(&query)).await?;
        let mut stages = answer.data::<Many<StageRecord>>()?.batch(StageRecord::stage).items;
        stages.sort_by_key(|stage| (stage.order, stage.id));
        Ok(stages)
    }

    async fn stage(&self, access: &Access, id: StageId) -> Result<Stage, PipedriveError> {
        let answer = Self::call(access, Call::Stage, self.http.get(self.v2(access, &format!("/stages/{id}")))).await?;
        answer.data::<One<StageRecord>>()?.data.stage().ok_or(PipedriveError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::pipedrive::testing::{access, stub};

    fn many(data: &[Value]) -> String {
        json!({"success": true, "data": data, "additional_data": {"next_cursor": null}}).to_string()
    }

    #[tokio::test]
    async fn pipelines_are_listed_in_their_order_without_deleted_ones() {
        let pipeline = |id, order, gone| json!({"id": id, "name": "Sales", "order_nr": order, "is_deleted": gone});
        let stub = stub(200, &[], many(&[pipeline(1, 2, false), pipeline(2, 1, false), pipeline(3, 0, true)])).await;
        let pipelines = stub.client().pipelines(&access(&stub.url)).await.unwrap();
        assert_eq!(pipelines.iter().map(|pipeline| pipeline.id.0).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(stub.only_request().path, "/api/v2/pipelines?limit=500");
    }

    #[tokio::test]
    async fn stages_are_those_of_a_pipeline() {
        let stage = |id, order| json!({"id": id, "name": "Won over", "pipeline_id": 1, "order_nr": order, "is_deleted": false});
        let stub = stub(200, &[], many(&[stage(5, 2), stage(4, 1)])).await;
        let stages = stub.client().stages(&access(&stub.url), PipelineId(1)).await.unwrap();
        assert_eq!(stages.iter().map(|stage| stage.id.0).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(stub.only_request().path, "/api/v2/stages?pipeline_id=1&limit=500");
    }

    #[tokio::test]
    async fn one_that_is_deleted_is_not_found() {
        let gone = json!({"success": true, "data": {"id": 1, "pipeline_id": 1, "is_deleted": true}}).to_string();
        let stub = stub(200, &[], gone).await;
        assert_eq!(stub.client().pipeline(&access(&stub.url), PipelineId(1)).await, Err(PipedriveError::NotFound));
        assert_eq!(stub.client().stage(&access(&stub.url), StageId(1)).await, Err(PipedriveError::NotFound));
        let paths: Vec<String> = stub.requests().into_iter().map(|asked| asked.path).collect();
        assert_eq!(paths, ["/api/v2/pipelines/1", "/api/v2/stages/1"]);
    }
}
