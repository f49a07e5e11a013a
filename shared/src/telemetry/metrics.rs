//! Numbers for CloudWatch: lines in its embedded metric format on standard output, which Lambda turns into metrics without a call
//! (Amazon CloudWatch User Guide, "Specification: Embedded metric format"). A process that has no output for them counts nothing.
//!
//! A kind is one of a few words that this bundle chose: never an id, a provider's code or anything that somebody wrote.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use serde_json::{Map, Value, json};

use crate::clock::Clock;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Messages that providers reported and that are stored.
    MessagesReceived,
    /// Messages, new or changed, that Pipedrive was told of.
    MessagesDelivered,
    /// How long a customer's message took from here to Pipedrive.
    DeliveryLag,
    /// Rounds that ended with a pause: a try that failed, or a moment that has to pass.
    DeliveriesWaiting,
    /// Rounds that ended because the installation does not deliver.
    DeliveriesHeld,
    /// Messages that were given up. There is an alarm on it.
    MessagesDead,
    /// Records whose work failed so often that they are left alone for an hour. There is an alarm on it.
    SetAside,
    /// Messages that a provider took.
    MessagesSent,
    /// Messages that were not sent, or of which nobody knows, by what the provider said.
    ProviderErrors,
    /// Calls to Pipedrive that failed, by what it said.
    PipedriveErrors,
    /// Tokens of Pipedrive's that were renewed.
    TokenRefreshes,
    /// Tokens that were not, by what Pipedrive said.
    TokenRefreshErrors,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::MessagesReceived => "MessagesReceived",
            Self::MessagesDelivered => "MessagesDelivered",
            Self::DeliveryLag => "DeliveryLag",
            Self::DeliveriesWaiting => "DeliveriesWaiting",
            Self::DeliveriesHeld => "DeliveriesHeld",
            Self::MessagesDead => "MessagesDead",
            Self::SetAside => "SetAside",
            Self::MessagesSent => "MessagesSent",
            Self::ProviderErrors => "ProviderErrors",
            Self::PipedriveErrors => "PipedriveErrors",
            Self::TokenRefreshes => "TokenRefreshes",
            Self::TokenRefreshErrors => "TokenRefreshErrors",
        }
    }

    fn unit(self) -> &'static str {
        if self == Self::DeliveryLag { "Milliseconds" } else { "Count" }
    }
}

/// Most values of one metric on a line (the same page).
const MOST_VALUES: usize = 100;

struct Output {
    namespace: String,
    clock: Arc<dyn Clock>,
    write: Box<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

static OUTPUT: OnceLock<Output> = OnceLock::new();

/// From now on the process's metrics go to `write`, line by line. Only the first call counts.
pub fn write_to(namespace: String, clock: Arc<dyn Clock>, write: impl Fn(&str) + Send + Sync + 'static) {
    // A second output would be a second count of everything.
    let _ = OUTPUT.set(Output { namespace, clock, write: Box::new(write) });
}

/// Counts `value` more; nothing if it is 0.
pub fn count(metric: Metric, value: usize) {
    if value > 0 {
        emit(metric, json!(value), None);
    }
}

/// Counts one more of this kind, and of the metric as a whole.
pub fn count_kind(metric: Metric, kind: &str) {
    emit(metric, json!(1), Some(kind));
}

/// Notes how long things took.
pub fn took(metric: Metric, times: &[Duration]) {
    for times in times.chunks(MOST_VALUES) {
        let millis: Vec<u64> = times.iter().map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).collect();
        emit(metric, json!(millis), None);
    }
}

fn emit(metric: Metric, value: Value, kind: Option<&str>) {
    if let Some(output) = OUTPUT.get() {
        (output.write)(&line(&output.namespace, output.clock.now().millis(), metric, value, kind).to_string());
    }
}

fn line(namespace: &str, millis: i64, metric: Metric, value: Value, kind: Option<&str>) -> Value {
    // Without dimensions it is the sum, whatever the kind.
    let dimensions = if kind.is_some() { json!([[], ["kind"]]) } else { json!([[]]) };
    let mut line = Map::new();
    let directive = json!({
        "Namespace": namespace,
        "Dimensions": dimensions,
        "Metrics": [{"Name": metric.name(), "Unit": metric.unit()}],
    });
    line.insert("_aws".to_owned(), json!({"Timestamp": millis, "CloudWatchMetrics": [directive]}));
    line.insert(metric.name().to_owned(), value);
    if let Some(kind) = kind {
        line.insert("kind".to_owned(), kind.into());
    }
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_cloudwatch_specifies() {
        let said = line("Pigeonpost/test", 1_767_225_600_000, Metric::PipedriveErrors, json!(1), Some("timeout"));
        let expected = json!({
            "_aws": {
                "Timestamp": 1_767_225_600_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Pigeonpost/test",
                    "Dimensions": [[], ["kind"]],
                    "Metrics": [{"Name": "PipedriveErrors", "Unit": "Count"}],
                }],
            },
            "PipedriveErrors": 1,
            "kind": "timeout",
        });
        assert_eq!(said, expected);
        let lag = line("n", 0, Metric::DeliveryLag, json!([5, 7]), None);
        assert_eq!(lag.pointer("/_aws/CloudWatchMetrics/0/Metrics/0/Unit"), Some(&json!("Milliseconds")));
        assert_eq!((&lag["DeliveryLag"], lag.get("kind")), (&json!([5, 7]), None));
    }
}
