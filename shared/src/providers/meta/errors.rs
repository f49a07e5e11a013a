//! How the Graph API says that a call failed (Meta, Graph API, "Handle Errors"). The envelope is the same for all products; what
//! a code in it means is each product's own.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::wait;
use crate::providers::{
    error::{ProviderError, Refusal},
    lenient,
};

/// How long to wait when Meta says "too many" without a code that we know.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

/// What a code means for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::providers) enum Verdict {
    Refused(Refusal),
    /// Seconds, when Meta does not say itself how long.
    Wait(u64),
    Transient,
}

/// What an answer other than 2xx means. `meaning` tells of a code and its subcode what they mean, and a sentence for the
/// salesperson. An error of the Graph API says that nothing was sent; a bare 5xx may come from something between us and it,
/// and says nothing.
pub(in crate::providers) fn of_answer(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    meaning: impl FnOnce(i64, Option<i64>) -> Option<(Verdict, &'static str)>,
) -> ProviderError {
    let body = lenient::body(body).unwrap_or(Value::Null);
    let limited = |code, otherwise| ProviderError::RateLimited { code, retry_after: wait(headers).unwrap_or(otherwise) };
    let Some(number) = lenient::integer(&body, "/error/code") else {
        let code = format!("http_{}", status.as_u16());
        return match status {
            StatusCode::TOO_MANY_REQUESTS => limited(code, DEFAULT_WAIT),
            status if status.is_server_error() => ProviderError::Uncertain { code },
            _ => ProviderError::Transient { code },
        };
    };
    let subcode = lenient::integer(&body, "/error/error_subcode").filter(|subcode| *subcode != 0);
    let code = match subcode {
        Some(subcode) => format!("{number}.{subcode}"),
        None => number.to_string(),
    };
    let passes = body.pointer("/error/is_transient") == Some(&Value::Bool(true));
    match meaning(number, subcode) {
        // The general codes for an input that is wrong are used for faults that pass, too.
        Some((Verdict::Refused(Refusal::Invalid), _)) if passes => ProviderError::Transient { code },
        Some((Verdict::Refused(refusal), sentence)) => ProviderError::Refused { refusal, code, message: sentence.to_owned() },
        Some((Verdict::Wait(seconds), _)) => limited(code, Duration::from_secs(seconds)),
        None if status == StatusCode::TOO_MANY_REQUESTS => limited(code, DEFAULT_WAIT),
        Some((Verdict::Transient, _)) | None => ProviderError::Transient { code },
    }
}

/// What an error says, for the tables of the products' tests.
#[cfg(test)]
pub(in crate::providers) fn verdict(error: &ProviderError) -> Verdict {
    match error {
        ProviderError::Refused { refusal, .. } => Verdict::Refused(*refusal),
        ProviderError::RateLimited { retry_after, .. } => Verdict::Wait(retry_after.as_secs()),
        ProviderError::Transient { .. } => Verdict::Transient,
        ProviderError::Uncertain { code } => panic!("uncertain: {code}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &Value) -> ProviderError {
        let headers = headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect();
        of_answer(StatusCode::from_u16(status).unwrap(), &headers, body.to_string().as_bytes(), |code, subcode| match code {
            1 => Some((Verdict::Refused(Refusal::Invalid), "Wrong.")),
            2 if subcode == Some(9) => Some((Verdict::Refused(Refusal::Forbidden), "Not now.")),
            3 => Some((Verdict::Wait(7), "Too much.")),
            _ => None,
        })
    }

    #[test]
    fn without_a_code_the_status_decides() {
        let cases = [
            (500, "outcome unknown (http_500)"),
            (502, "outcome unknown (http_502)"),
            (404, "failed (http_404), nothing was sent"),
            (302, "failed (http_302), nothing was sent"),
            (429, "rate limited (http_429)"),
        ];
        for (status, expected) in cases {
            assert_eq!(answer(status, &[], &json!("<html>")).to_string(), expected);
            assert_eq!(answer(status, &[], &json!({"error": "no object"})).to_string(), expected);
        }
    }

    #[test]
    fn the_envelope_is_read_leniently() {
        let error = answer(400, &[], &json!({"error": {"code": "2", "error_subcode": "9", "error_data": "a string"}}));
        assert_eq!((verdict(&error), error.code()), (Verdict::Refused(Refusal::Forbidden), "2.9"));
        let error = answer(400, &[], &json!({"error": {"code": 1, "error_subcode": 0}}));
        assert_eq!((verdict(&error), error.code()), (Verdict::Refused(Refusal::Invalid), "1"));
    }

    #[test]
    fn a_fault_that_passes_is_no_refusal() {
        let passing = |code: i64, subcode: i64| {
            verdict(&answer(400, &[], &json!({"error": {"code": code, "error_subcode": subcode, "is_transient": true}})))
        };
        assert_eq!((passing(1, 0), passing(777, 0)), (Verdict::Transient, Verdict::Transient));
        assert_eq!(passing(2, 9), Verdict::Refused(Refusal::Forbidden), "what is known better stays");
        assert_eq!(passing(3, 0), Verdict::Wait(7));
    }

    #[test]
    fn metas_own_wait_comes_first() {
        let limited = json!({"error": {"code": 3}});
        let usage = r#"{"estimated_time_to_regain_access":2}"#;
        assert_eq!(verdict(&answer(400, &[("x-app-usage", usage), ("retry-after", "5")], &limited)), Verdict::Wait(120));
        assert_eq!(verdict(&answer(400, &[("retry-after", "5")], &limited)), Verdict::Wait(5));
        assert_eq!(verdict(&answer(400, &[("x-app-usage", "no json")], &limited)), Verdict::Wait(7));
        assert_eq!(verdict(&answer(429, &[], &json!({"error": {"code": 777}}))), Verdict::Wait(60));
    }
}
