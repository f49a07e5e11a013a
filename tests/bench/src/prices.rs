//! What things cost, and what cannot be measured here: `prices.json`, with its day. Amazon's price lists of AWS Lambda, API Gateway
//! (HTTP APIs), DynamoDB (on demand, Standard), CloudWatch (logs) and X-Ray.

use std::ops::Add;

use serde::Deserialize;

use crate::error::BenchError;

/// A function with this much memory has one core to itself, in MB; with less it has that share of one (AWS Lambda Developer Guide,
/// "Configure Lambda function memory").
const ONE_CORE: f64 = 1769.0;

/// The file.
#[derive(Clone, Debug, Deserialize)]
pub struct Prices {
    /// When they were looked up.
    pub day: String,
    /// Where they hold.
    pub region: String,
    /// In US dollars.
    pub usd: Usd,
    /// What only a deployed bundle would tell.
    pub assumed: Assumed,
}

/// Prices of one each.
#[derive(Clone, Debug, Deserialize)]
pub struct Usd {
    /// A request to the HttpApi.
    pub http_api_request: f64,
    /// A call of a function.
    pub function_call: f64,
    /// A gigabyte of a function's memory for a second.
    pub gb_second: f64,
    /// A read unit of the table.
    pub read_unit: f64,
    /// A write unit.
    pub write_unit: f64,
    /// A byte of logs.
    pub log_byte: f64,
    /// A trace.
    pub trace: f64,
}

/// Assumptions.
#[derive(Clone, Debug, Deserialize)]
pub struct Assumed {
    /// How long a request to the table takes, in ms, each after the one before.
    pub table_ms: f64,
    /// How long Pipedrive or a provider takes to answer, in ms.
    pub outside_ms: f64,
    /// What a call of a function takes of a whole core, in ms: more than the table of the flow says of messages by channels.
    pub core_ms: f64,
    /// A line of the HttpApi's log.
    pub access_log_bytes: f64,
    /// Share of calls that are traced (X-Ray's default rule, without its one a second).
    pub share_traced: f64,
}

/// What one message, or one operation, needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Needs {
    /// Requests to the HttpApi.
    pub http: f64,
    /// Calls of the function.
    pub calls: f64,
    /// Requests to the table.
    pub table_requests: f64,
    /// Requests to Pipedrive and providers.
    pub outside_requests: f64,
    /// Read units.
    pub read: f64,
    /// Write units.
    pub written: f64,
    /// Bytes of the function's log.
    pub log_bytes: f64,
}

/// What it costs, in US dollars.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// The HttpApi.
    pub gateway: f64,
    /// Functions: calls and time.
    pub functions: f64,
    /// The table. Its stream costs nothing for functions that it starts.
    pub table: f64,
    /// Logs and traces.
    pub watching: f64,
}

impl Cost {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.gateway + self.functions + self.table + self.watching
    }
}

impl Add for Needs {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            http: self.http + other.http,
            calls: self.calls + other.calls,
            table_requests: self.table_requests + other.table_requests,
            outside_requests: self.outside_requests + other.outside_requests,
            read: self.read + other.read,
            written: self.written + other.written,
            log_bytes: self.log_bytes + other.log_bytes,
        }
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            gateway: self.gateway + other.gateway,
            functions: self.functions + other.functions,
            table: self.table + other.table,
            watching: self.watching + other.watching,
        }
    }
}

impl Prices {
    /// Those of this version.
    pub fn read() -> Result<Self, BenchError> {
        serde_json::from_str(include_str!("prices.json")).map_err(BenchError::failed("read prices.json"))
    }

    /// What needs cost, of a function with that many MB of memory.
    pub fn of(&self, needs: &Needs, memory: f64) -> Cost {
        let Self { usd, assumed, .. } = self;
        let waited = needs.table_requests * assumed.table_ms + needs.outside_requests * assumed.outside_ms;
        let worked = needs.calls * assumed.core_ms * ONE_CORE / memory.min(ONE_CORE);
        let gb_seconds = (waited + worked) / 1000.0 * memory / 1024.0;
        Cost {
            gateway: needs.http * usd.http_api_request,
            functions: needs.calls * usd.function_call + gb_seconds * usd.gb_second,
            table: needs.read * usd.read_unit + needs.written * usd.write_unit,
            watching: (needs.log_bytes + needs.http * assumed.access_log_bytes) * usd.log_byte
                + needs.calls * assumed.share_traced * usd.trace,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_needed_is_paid() {
        let mut prices = Prices::read().unwrap();
        prices.assumed = Assumed { table_ms: 10.0, outside_ms: 100.0, core_ms: 1.0, access_log_bytes: 500.0, share_traced: 0.1 };
        let needs = Needs {
            http: 1.0,
            calls: 2.0,
            table_requests: 3.0,
            outside_requests: 1.0,
            read: 4.0,
            written: 8.0,
            log_bytes: 1500.0,
        };
        let cost = prices.of(&needs, 1024.0);
        let seconds = 0.130 + 2.0 * 0.001 * 1769.0 / 1024.0;
        let expected = [1.0e-6, 0.4e-6 + seconds * 0.000_013_333_4, 5.5e-6, 2000.0 * 0.5e-9 + 1.0e-6];
        for (found, expected) in [cost.gateway, cost.functions, cost.table, cost.watching].into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!((cost.total() - expected.iter().sum::<f64>()).abs() < 1e-12);
    }
}
