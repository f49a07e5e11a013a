//! What each function's `main` does: start logging, read the settings, build the function once, connect, and serve its events.
//! Whatever can fail at start-up fails here, before the first event.

use std::convert::Infallible;

use async_trait::async_trait;
use aws_lambda_events::{dynamodb, streams::DynamoDbEventResponse};
use lambda_http::{RequestExt, request::RequestContext, tower::service_fn};
use lambda_runtime::{Diagnostic, LambdaEvent};
use tracing::Instrument;

use crate::{
    config::LogSettings,
    environment::Environment,
    http::{HttpFunction, Request},
    inbox::error::InboxError,
    telemetry,
};

/// A function behind the table's stream.
#[async_trait]
pub trait StreamFunction: Send + Sync {
    /// Works off a batch of changes. The answer names those that must come again.
    async fn handle(&self, event: dynamodb::Event) -> DynamoDbEventResponse;
}

/// A function behind a schedule.
#[async_trait]
pub trait ScheduledFunction: Send + Sync {
    /// Does a round, and sums it up for the log.
    async fn handle(&self) -> Result<serde_json::Value, InboxError>;
}

/// Runs a function behind the HttpApi.
pub async fn http<F: HttpFunction>(new: impl FnOnce(&Environment) -> F) -> Result<(), lambda_runtime::Error> {
    let function = &build(new).await?;
    lambda_http::run(service_fn(async |request: Request| {
        let span = tracing::info_span!("request", gateway_request = gateway_request_id(&request));
        Ok::<_, Infallible>(function.call(request).instrument(span).await)
    }))
    .await
}

/// Runs a function behind the table's stream.
pub async fn stream<F: StreamFunction>(new: impl FnOnce(&Environment) -> F) -> Result<(), lambda_runtime::Error> {
    let function = &build(new).await?;
    let serve = async |event: LambdaEvent<dynamodb::Event>| Ok::<_, Infallible>(function.handle(event.payload).await);
    lambda_runtime::run(lambda_runtime::service_fn(serve)).await
}

/// Runs a function behind a schedule. What the event says does not matter.
pub async fn schedule<F: ScheduledFunction>(new: impl FnOnce(&Environment) -> F) -> Result<(), lambda_runtime::Error> {
    let function = &build(new).await?;
    let serve = async |_: LambdaEvent<serde_json::Value>| {
        let outcome = function.handle().await;
        match &outcome {
            Ok(summary) => tracing::info!(%summary, "round done"),
            Err(error) => telemetry::log_error("the round failed", error),
        }
        // The runtime reports the error's words alone; its causes are in the log by now.
        // With a name that alarms and filters can rely on, instead of a type of Rust's.
        outcome.map_err(|error| Diagnostic { error_type: "ScheduleFailed".to_owned(), error_message: error.to_string() })
    };
    lambda_runtime::run(lambda_runtime::service_fn(serve)).await
}

async fn build<F>(new: impl FnOnce(&Environment) -> F) -> Result<F, lambda_runtime::Error> {
    telemetry::init(LogSettings::from_env());
    let environment = Environment::from_process()?;
    if let Some(namespace) = environment.config.metrics_namespace.clone() {
        telemetry::metrics::write_to(namespace, environment.clock.clone(), |line| println!("{line}"));
    }
    let function = new(&environment);
    environment.warm_up().await;
    Ok(function)
}

fn gateway_request_id(request: &Request) -> Option<&str> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref(),
        _ => None,
    }
}
