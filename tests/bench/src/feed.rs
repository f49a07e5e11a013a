//! `deliver`, woken by the table's stream as Lambda does it: filtered and in batches, as template.yaml says.

use std::sync::Arc;

use aws_lambda_events::dynamodb::Event;
use aws_sdk_dynamodb::Client;
use local::{
    dynamodb::{StreamPosition, StreamStart},
    template::{self, Subscription, Template},
};
use serde_json::{Value, json};
use shared::start::StreamFunction;

use crate::{error::BenchError, series::Pair, stage::Stage};

/// The function that is woken.
const FUNCTION: &str = "deliver";

/// Most rounds of delivery after which all must be delivered: each write of a round may wake another.
const ROUNDS: usize = 20;

/// The function, and where reading of the stream goes on.
pub(crate) struct Feed<'a> {
    stage: &'a Stage,
    function: Arc<deliver::Function>,
    position: StreamPosition,
    subscription: Subscription,
}

impl<'a> Feed<'a> {
    /// Of what is written from now on.
    pub(crate) async fn from_now_on(stage: &'a Stage) -> Result<Self, BenchError> {
        let position = stage.world.bundle.dynamodb().stream_position(StreamStart::Next);
        let position = position.map_err(BenchError::failed("find the stream's end"))?;
        let template = Template::parse(template::BUNDLE).map_err(BenchError::failed("read the template"))?;
        let function = template.functions.into_iter().find(|function| function.name == FUNCTION);
        let subscription = function.and_then(|function| function.streams.into_iter().next());
        let subscription = subscription.ok_or_else(|| BenchError::unexpected(FUNCTION, "no stream wakes it"))?;
        Ok(Self { stage, function: stage.start(deliver::Function::new).await?, position, subscription })
    }

    /// Delivers what is due, until the stream is quiet; and makes the bare calls on the table of `bare`, if it is given.
    pub(crate) async fn work_off(&mut self, bare: Option<&Client>) -> Result<Pair, BenchError> {
        let mut all = Pair::default();
        for _ in 0..ROUNDS {
            let events = self.events().await?;
            if events.is_empty() {
                return Ok(all);
            }
            let function = self.function.clone();
            let handle = move |event| {
                let function = function.clone();
                async move { function.handle(event).await }
            };
            let (answers, plans, series) = self.stage.recorded(events, handle).await?;
            if answers.iter().any(|answer| !answer.batch_item_failures.is_empty()) {
                return Err(BenchError::unexpected(FUNCTION, "it failed"));
            }
            all.function.add(series);
            if let Some(client) = bare {
                all.bare.add(self.stage.bare(client, &plans).await?);
            }
        }
        Err(BenchError::unexpected(FUNCTION, format!("it is not done after {ROUNDS} rounds")))
    }

    /// What came since the last time.
    async fn events(&mut self) -> Result<Vec<Event>, BenchError> {
        let mut wanted: Vec<Value> = Vec::new();
        loop {
            let read = self.stage.world.bundle.dynamodb().records_after(&self.position).await;
            let (records, next) = read.map_err(BenchError::failed("read the stream"))?;
            self.position = next;
            if records.is_empty() {
                break;
            }
            let filters = &self.subscription.filters;
            wanted.extend(records.into_iter().filter(|record| filters.iter().any(|filter| filter.passes(record))));
        }
        let event = |batch: &[Value]| serde_json::from_value(json!({ "Records": batch }));
        let events: Result<_, _> = wanted.chunks(self.subscription.batch_size).map(event).collect();
        events.map_err(BenchError::failed("read a record of the stream"))
    }
}
