//! The weather between the functions and their table. A request may be throttled, refused because of another one, lost
//! before or after the table did it, done in part, or be the last of its function. What the embedded table never does by
//! itself is answered here in DynamoDB's own words (Amazon DynamoDB, "Error handling").

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use aws_smithy_types::body::SdkBody;
use http::header::CONTENT_LENGTH;
use serde_json::{Value, json};
use shared::{environment::Environment, store::Table};

use crate::{
    flaw::{Flaw, unclaimed},
    life::Life,
};

/// What may happen to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Too many requests for the table.
    Throttled,
    /// Others write the same items at this moment.
    Conflict,
    /// A batch is not done, or only in part.
    Unprocessed,
    /// The table fails before it has done anything.
    Failed,
    /// The table did it and the answer says that it failed.
    FailedAfter,
    /// The connection breaks before the request is through.
    Reset,
    /// The connection breaks before the answer is through.
    ResetAfter,
    /// The function dies before the request has left.
    Death,
    /// The function dies when the table has done it.
    DeathAfter,
}

/// Each fault with how many of ten thousand requests that it can happen to it hits, and what to call it.
const FAULTS: [(u32, Fault, &str); 9] = [
    (200, Fault::Throttled, "throttled"),
    (200, Fault::Conflict, "conflicts"),
    (200, Fault::Unprocessed, "not done whole"),
    (50, Fault::Failed, "failed"),
    (50, Fault::FailedAfter, "done and failed"),
    (40, Fault::Reset, "reset"),
    (40, Fault::ResetAfter, "done and reset"),
    (15, Fault::Death, "function dead"),
    (15, Fault::DeathAfter, "done, function dead"),
];

/// The weather. Clones are the same.
#[derive(Clone)]
pub(crate) struct Weather(Arc<Inner>);

struct Inner {
    sky: Mutex<Sky>,
    http: reqwest::Client,
    forgets: bool,
}

struct Sky {
    rng: fastrand::Rng,
    requests: usize,
    hits: [usize; FAULTS.len()],
}

impl fmt::Debug for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Weather")
    }
}

impl Weather {
    /// Which requests it hits follows from the seed and from the order in which they come.
    pub(crate) fn new(seed: u64, flaw: Option<Flaw>) -> Self {
        let sky = Sky { rng: fastrand::Rng::with_seed(seed), requests: 0, hits: [0; FAULTS.len()] };
        Self(Arc::new(Inner {
            sky: Mutex::new(sky),
            http: reqwest::Client::builder().no_proxy().build().unwrap_or_default(),
            forgets: flaw == Some(Flaw::Doubles),
        }))
    }

    /// How many requests mortal functions made, and how often each kind of fault hit one.
    pub(crate) fn count(&self) -> (usize, Vec<(&'static str, usize)>) {
        let sky = self.sky();
        (sky.requests, FAULTS.iter().zip(sky.hits).map(|((_, _, name), hits)| (*name, hits)).collect())
    }

    /// `environment` with its table behind this weather; with the SDK's own retries, but with pauses as short as the way to
    /// a table on the same machine.
    pub(crate) fn environment(&self, environment: Environment) -> Environment {
        let config = environment.config.clone();
        let mut client = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .credentials_provider(Credentials::new("local", "local", None, None, "chaos"))
            .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(10)).build())
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
            .http_client(self.clone());
        if let Some(endpoint) = &config.dynamodb_endpoint {
            client = client.endpoint_url(endpoint);
        }
        environment.with_table(Table::new(aws_sdk_dynamodb::Client::from_conf(client.build()), config.table.clone()))
    }

    fn sky(&self) -> MutexGuard<'_, Sky> {
        self.0.sky.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the next request meets.
    fn draw(&self, operation: &str) -> Option<Fault> {
        let mut sky = self.sky();
        sky.requests += 1;
        let mut drawn = sky.rng.u32(0..10_000);
        let at = FAULTS.iter().position(|(of_ten_thousand, ..)| {
            let hit = drawn < *of_ten_thousand;
            drawn = drawn.saturating_sub(*of_ten_thousand);
            hit
        })?;
        let fault = FAULTS[at].1;
        let can_happen = match fault {
            Fault::Conflict => operation == "TransactWriteItems",
            Fault::Unprocessed => operation == "BatchGetItem",
            _ => true,
        };
        sky.hits[at] += usize::from(can_happen);
        can_happen.then_some(fault)
    }

    async fn carried(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        // What the others do for Pipedrive and for people in between is answered: those would only ask again.
        let Some(life) = Life::of_this_call() else { return self.send(request).await };
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let Some(fault) = self.draw(operation) else { return self.send(request).await };
        match fault {
            Fault::Throttled => Ok(said(400, "ProvisionedThroughputExceededException", json!({}))),
            Fault::Conflict => {
                let count = asked(&request)["TransactItems"].as_array().map_or(0, Vec::len);
                let code = |n| if n == 0 { "TransactionConflict" } else { "None" };
                let reasons: Vec<Value> = (0..count).map(|n| json!({"Code": code(n)})).collect();
                Ok(said(400, "TransactionCanceledException", json!({"CancellationReasons": reasons})))
            }
            Fault::Unprocessed => {
                let answer = json!({"Responses": {}, "UnprocessedKeys": asked(&request)["RequestItems"]});
                Ok(answered(200, answer.to_string()))
            }
            Fault::Failed => Ok(said(500, "InternalServerError", json!({}))),
            Fault::FailedAfter => {
                self.send(request).await?;
                Ok(said(500, "InternalServerError", json!({})))
            }
            Fault::Reset => Err(ConnectorError::io("the connection is lost".into())),
            Fault::ResetAfter => {
                self.send(request).await?;
                Err(ConnectorError::io("the connection is lost".into()))
            }
            Fault::Death => life.end().await,
            Fault::DeathAfter => {
                self.send(request).await?;
                life.end().await
            }
        }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let failed = |error: reqwest::Error| ConnectorError::io(error.into());
        let forgetful = self.0.forgets.then(|| unclaimed(asked(&request)).to_string().into_bytes());
        let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
        let (mut parts, body) = request.into_parts();
        parts.headers.remove(CONTENT_LENGTH);
        let body = forgetful.or_else(|| body.bytes().map(<[u8]>::to_vec)).unwrap_or_default();
        let sent = self.0.http.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
        let answer = sent.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        Ok(answered(status, answer.bytes().await.map_err(failed)?.to_vec()))
    }
}

/// A request's body.
fn asked(request: &HttpRequest) -> Value {
    request.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default()
}

fn answered(status: u16, body: impl Into<Vec<u8>>) -> HttpResponse {
    let status = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::new(status.into(), SdkBody::from(body.into()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn said(status: u16, kind: &str, mut more: Value) -> HttpResponse {
    more["__type"] = format!("com.amazonaws.dynamodb.v20120810#{kind}").into();
    more["message"] = "bad weather".into();
    answered(status, more.to_string())
}

impl HttpConnector for Weather {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().carried(request))
    }
}

impl HttpClient for Weather {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
