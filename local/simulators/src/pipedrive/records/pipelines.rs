//! Pipelines and their stages, which are read only here (Pipedrive's API reference, Pipelines and Stages).

use serde::Serialize;
use serde_json::Value;
use shared::model::time::Timestamp;

use super::{
    Ask, Records,
    answer::{Refusal, one},
    paging::{BY_TIME, PAGING, Row, page},
    query::Query,
    time,
};

/// A pipeline.
#[derive(Clone, Debug, Serialize)]
pub struct Pipeline {
    /// Its id.
    pub id: u64,
    /// What it is called.
    pub name: String,
    /// Its place among the pipelines.
    pub order_nr: u64,
    is_deleted: bool,
    is_deal_probability_enabled: bool,
    #[serde(serialize_with = "time::write")]
    add_time: Timestamp,
    #[serde(serialize_with = "time::write")]
    update_time: Timestamp,
    is_selected: bool,
}

/// A stage of a pipeline.
#[derive(Clone, Debug, Serialize)]
pub struct Stage {
    /// Its id.
    pub id: u64,
    /// Its place in the pipeline.
    pub order_nr: u64,
    /// What it is called.
    pub name: String,
    is_deleted: bool,
    deal_probability: u8,
    /// Its pipeline.
    pub pipeline_id: u64,
    is_deal_rot_enabled: bool,
    days_to_rotten: Option<u64>,
    #[serde(serialize_with = "time::write")]
    add_time: Timestamp,
    #[serde(serialize_with = "time::write")]
    update_time: Timestamp,
}

/// What an account begins with.
pub(super) fn first(now: Timestamp) -> (Vec<Pipeline>, Vec<Stage>) {
    let plan: [(&str, &[&str]); 2] =
        [("Sales", &["Qualified", "Contact made", "Proposal made", "Negotiations"]), ("Partners", &["First talk", "Agreement"])];
    let mut pipelines = Vec::new();
    let mut stages = Vec::new();
    for (name, names) in plan {
        let pipeline = Pipeline {
            id: pipelines.len() as u64 + 1,
            name: name.to_owned(),
            order_nr: pipelines.len() as u64 + 1,
            is_deleted: false,
            is_deal_probability_enabled: false,
            add_time: now,
            update_time: now,
            is_selected: pipelines.is_empty(),
        };
        for (order, name) in (1..).zip(names) {
            stages.push(Stage {
                id: stages.len() as u64 + 1,
                order_nr: order,
                name: (*name).to_owned(),
                is_deleted: false,
                deal_probability: 100,
                pipeline_id: pipeline.id,
                is_deal_rot_enabled: false,
                days_to_rotten: None,
                add_time: now,
                update_time: now,
            });
        }
        pipelines.push(pipeline);
    }
    (pipelines, stages)
}

impl Row for Pipeline {
    fn id(&self) -> u64 {
        self.id
    }
    fn added(&self) -> Timestamp {
        self.add_time
    }
    fn updated(&self) -> Timestamp {
        self.update_time
    }
}

impl Row for Stage {
    fn id(&self) -> u64 {
        self.id
    }
    fn added(&self) -> Timestamp {
        self.add_time
    }
    fn updated(&self) -> Timestamp {
        self.update_time
    }
    fn order(&self) -> u64 {
        self.order_nr
    }
}

impl Records {
    pub(super) fn pipeline(&self, id: u64) -> Option<&Pipeline> {
        self.pipelines.iter().find(|pipeline| pipeline.id == id)
    }

    pub(super) fn stage(&self, id: u64) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }

    /// Where deals of a pipeline begin.
    pub(super) fn first_stage(&self, pipeline: u64) -> Option<&Stage> {
        self.stages.iter().filter(|stage| stage.pipeline_id == pipeline).min_by_key(|stage| stage.order_nr)
    }
}

pub(super) fn list(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let query = Query::read(ask.query, &[&PAGING])?;
    page(records.pipelines.iter(), &query, &BY_TIME)
}

pub(super) fn get(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    Query::read(ask.query, &[])?;
    records.pipeline(ask.number()?).map(one).ok_or_else(|| Refusal::not_found("Pipeline not found"))
}

pub(super) fn list_stages(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    let query = Query::read(ask.query, &[&["pipeline_id"], &PAGING])?;
    let pipeline = query.number("pipeline_id")?;
    let rows = records.stages.iter().filter(|stage| pipeline.is_none_or(|id| stage.pipeline_id == id));
    page(rows, &query, &["id", "update_time", "add_time", "order_nr"])
}

pub(super) fn get_stage(records: &Records, ask: &Ask<'_>) -> Result<Value, Refusal> {
    Query::read(ask.query, &[])?;
    records.stage(ask.number()?).map(one).ok_or_else(|| Refusal::not_found("Stage not found"))
}
