//! The wire between a function and its table: counts what passes, and cuts it where a test wants the process to die.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{
        BehaviorVersion, ConfigBag, Credentials, Intercept, Region, RuntimeComponents,
        http::HttpResponse,
        interceptors::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef},
        retry::RetryConfig,
    },
    error::BoxError,
};
use shared::{aws::connector::shared_client, environment::Environment, store::Table};

use crate::slow;

/// What goes wrong at a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before it left: this request fails, and all after it.
    DieBefore,
    /// The process dies after the table did it, before the answer was heard.
    DieAfter,
    /// The answer is lost on the way: the SDK sends the same request again.
    Repeat,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DieBefore, Self::DieAfter, Self::Repeat];
}

/// What passed since the last reset.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// The operations in the order in which they left, e.g. `GetItem`.
    pub operations: Vec<String>,
    /// How many times a request left while no other was under way: round trips in sequence.
    pub waves: usize,
}

#[derive(Debug, Default)]
struct State {
    traffic: Traffic,
    in_flight: usize,
    fault: Option<(usize, Fault)>,
    dead: bool,
    repeating: bool,
}

/// A wire. Clones are the same wire.
#[derive(Clone, Debug, Default)]
pub struct Wire(Arc<Mutex<State>>);

impl Wire {
    /// `environment` with its table at the other end of this wire. With the SDK's own retries, but without its pauses.
    pub fn environment(&self, environment: &Environment) -> Environment {
        self.environment_at(environment, environment.config.dynamodb_endpoint.as_deref())
    }

    /// The same over a [`slow::line`], on which [`Traffic::waves`] counts what waits for what, and not how fast the table is.
    ///
    /// # Panics
    /// If there is no embedded table, or no port for the line.
    #[expect(clippy::expect_used, reason = "tests")]
    pub async fn slow_environment(&self, environment: &Environment) -> Environment {
        let table = environment.config.dynamodb_endpoint.as_deref().and_then(|url| url.strip_prefix("http://"));
        let line = slow::line(table.expect("an embedded table")).await.expect("a port for the line");
        self.environment_at(environment, Some(&format!("http://{line}")))
    }

    fn environment_at(&self, environment: &Environment, endpoint: Option<&str>) -> Environment {
        let config = &environment.config;
        let mut client = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .http_client(shared_client(config.aws_roots))
            .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .interceptor(self.clone());
        if let Some(endpoint) = endpoint {
            client = client.endpoint_url(endpoint);
        }
        let table = Table::new(aws_sdk_dynamodb::Client::from_conf(client.build()), config.table.clone());
        environment.clone().with_table(table)
    }

    /// Counts anew, with a fault at the `at`th request (from 0) if any.
    pub fn reset(&self, fault: Option<(usize, Fault)>) {
        *self.state() = State { fault, ..State::default() };
    }

    /// What passed since the last reset.
    pub fn traffic(&self) -> Traffic {
        self.state().traffic.clone()
    }

    /// Requests since the last reset that are worth a fault: all but the first queries, which are alike and leave side by side;
    /// one of those.
    pub fn steps(&self) -> Vec<usize> {
        let operations = self.traffic().operations;
        let queries = operations.iter().take_while(|operation| *operation == "Query").count();
        (queries.saturating_sub(1)..operations.len()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Wire {
    fn name(&self) -> &'static str {
        "Wire"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let target = context.request().headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let mut state = self.state();
        let index = state.traffic.operations.len();
        state.traffic.operations.push(operation);
        if state.fault == Some((index, Fault::DieBefore)) {
            state.dead = true;
        }
        if state.dead {
            return Err("the process died before the request left".into());
        }
        if state.in_flight == 0 {
            state.traffic.waves += 1;
        }
        state.in_flight += 1;
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        let count = state.traffic.operations.len();
        match state.fault {
            Some((at, Fault::DieAfter)) if at < count => state.dead = true,
            Some((at, Fault::Repeat)) if at < count && !state.repeating => {
                state.repeating = true;
                let body = context.response_mut().take_body();
                *context.response_mut() = HttpResponse::new(500.try_into()?, body);
            }
            _ => {}
        }
        if state.dead { Err("the process died before the answer was heard".into()) } else { Ok(()) }
    }
}
