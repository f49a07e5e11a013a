//! How long Meta asks to wait, in the headers of an answer (Meta, Graph API, "Rate limits").

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use crate::providers::{lenient, transport};

/// Usage of the app, as one object.
const APP_USAGE: &str = "x-app-usage";
/// Usage by business and use case, as an object of arrays.
const BUSINESS_USAGE: &str = "x-business-use-case-usage";

/// The longest `estimated_time_to_regain_access` (minutes) of all usages, else `Retry-After`.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let usages = [APP_USAGE, BUSINESS_USAGE].into_iter().flat_map(|name| headers.get_all(name));
    let usages: Vec<Value> = usages.filter_map(|value| serde_json::from_slice(value.as_bytes()).ok()).collect();
    let minutes = usages.iter().flat_map(minutes).filter_map(|minutes| u64::try_from(minutes).ok());
    match minutes.filter(|minutes| *minutes > 0).max() {
        Some(minutes) => Some(transport::believable(Duration::from_secs(minutes.saturating_mul(60)))),
        None => transport::retry_after(headers),
    }
}

fn minutes(usage: &Value) -> Vec<i64> {
    let own = lenient::integer(usage, "/estimated_time_to_regain_access");
    let cases = usage.as_object().into_iter().flat_map(|cases| cases.values()).filter_map(Value::as_array).flatten();
    own.into_iter().chain(cases.filter_map(|case| lenient::integer(case, "/estimated_time_to_regain_access"))).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> Option<u64> {
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        wait(&headers.collect()).map(|wait| wait.as_secs())
    }

    #[test]
    fn the_longest_wait_of_all_counts() {
        let cases =
            r#"{"1":[{"type":"messenger","estimated_time_to_regain_access":0}],"2":[{"estimated_time_to_regain_access":"12"}]}"#;
        assert_eq!(of(&[(BUSINESS_USAGE, cases), ("retry-after", "5")]), Some(720));
        assert_eq!(of(&[(APP_USAGE, r#"{"call_count":100,"estimated_time_to_regain_access":3}"#)]), Some(180));
        assert_eq!(of(&[(APP_USAGE, r#"{"call_count":100}"#), ("retry-after", "5")]), Some(5));
        assert_eq!(of(&[(BUSINESS_USAGE, r#"{"1":[{"estimated_time_to_regain_access":999999}]}"#)]), Some(86_400));
        for broken in ["no json", "[]", "{}", r#"{"1":{}}"#, r#"{"1":[{"estimated_time_to_regain_access":-1}]}"#] {
            assert_eq!(of(&[(BUSINESS_USAGE, broken)]), None, "{broken}");
        }
    }
}
