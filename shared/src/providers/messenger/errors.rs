//! Meta's error codes, what each means for us and what a salesperson is told (Meta, Messenger Platform, "Error Codes"). The
//! code alone says little: the subcode decides.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::providers::{
    error::{ProviderError, Refusal},
    lenient, meta,
};

/// How long to wait when Meta says "too many" without a code that we know.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Refused(Refusal),
    /// Seconds.
    Wait(u64),
    Transient,
}

/// What one code means: for us, and as a sentence for the salesperson.
type Meaning = (Verdict, &'static str);

const TRANSIENT: Meaning = (Verdict::Transient, "Messenger had a temporary fault.");

#[rustfmt::skip] // A table: one row, one line.
fn meaning(code: i64, subcode: Option<i64>) -> Option<Meaning> {
    use Refusal::{Forbidden, Invalid, NotFound, Suspended, Unauthorized};
    use Verdict::{Refused, Wait};
    const HOUR: u64 = 3600;
    Some(match (code, subcode.unwrap_or_default()) {
        (10, 2_018_278 | 2_018_065 | 2_534_022) => (Refused(Forbidden), "The time to answer the customer's last message on Messenger is over. They have to write again first."),
        (10, 2_018_300) => (Refused(Forbidden), "Another app is in charge of this chat on Messenger. It has to hand the chat over first."),
        (551, _) | (200, 1_545_041) => (Refused(Forbidden), "The customer can't be reached on Messenger. They may have blocked the page or left Facebook."),
        (200, 2_018_108) => (Refused(Forbidden), "The customer does not receive messages from this page."),
        (100, 2_018_001) => (Refused(NotFound), "Messenger does not know this customer. They may have deleted their account."),
        (100, 33) => (Refused(NotFound), "Messenger does not know this object, or the page's access token may not see it."),
        (100, 2_018_218) => (Refused(NotFound), "Messenger tells nothing about this customer."),
        (100, 2_018_109) => (Refused(Invalid), "The file is too large for Messenger. The limit is 25 MB."),
        (100, 2_018_034) => (Refused(Invalid), "Messenger does not send empty messages."),
        (100, 2_018_047 | 2_018_008) => (Refused(Invalid), "Messenger could not take the file. Try another format."),
        (100, _) => (Refused(Invalid), "Messenger does not accept this message."),
        (190 | 102, _) => (Refused(Unauthorized), "Facebook no longer accepts the page's access token. Reconnect the channel."),
        (3 | 10 | 200..=299, _) => (Refused(Unauthorized), "The page's access token lacks a permission at Facebook. Reconnect the channel."),
        (368, _) => (Refused(Suspended), "Facebook has blocked the page or the app because of its policies."),
        (613, _) => (Wait(60), "The page sends too much at once."),
        (4 | 17 | 32 | 80_001..=80_006, _) => (Wait(HOUR), "The page or the app has made too many calls to Facebook."),
        (1 | 2 | 1200, _) => TRANSIENT,
        _ => return None,
    })
}

/// What an answer other than 2xx means. An error of the Graph API says that nothing was sent; a bare 5xx may come from
/// something between us and it, and says nothing.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    let body = lenient::body(body).unwrap_or(Value::Null);
    let Some(number) = lenient::integer(&body, "/error/code") else {
        return without_code(status, headers);
    };
    let subcode = lenient::integer(&body, "/error/error_subcode").filter(|subcode| *subcode != 0);
    let code = match subcode {
        Some(subcode) => format!("{number}.{subcode}"),
        None => number.to_string(),
    };
    let mut meaning = meaning(number, subcode);
    let passes = body.pointer("/error/is_transient") == Some(&Value::Bool(true));
    if passes && matches!(meaning, Some((Verdict::Refused(Refusal::Invalid), _))) {
        meaning = Some(TRANSIENT);
    }
    match meaning {
        Some((Verdict::Refused(refusal), sentence)) => ProviderError::Refused { refusal, code, message: sentence.to_owned() },
        Some((Verdict::Wait(seconds), _)) => {
            ProviderError::RateLimited { code, retry_after: meta::wait(headers).unwrap_or(Duration::from_secs(seconds)) }
        }
        None if status == StatusCode::TOO_MANY_REQUESTS => limited(code, headers),
        Some((Verdict::Transient, _)) | None => ProviderError::Transient { code },
    }
}

fn without_code(status: StatusCode, headers: &HeaderMap) -> ProviderError {
    let code = format!("http_{}", status.as_u16());
    if status == StatusCode::TOO_MANY_REQUESTS {
        limited(code, headers)
    } else if status.is_server_error() {
        ProviderError::Uncertain { code }
    } else {
        ProviderError::Transient { code }
    }
}

fn limited(code: String, headers: &HeaderMap) -> ProviderError {
    ProviderError::RateLimited { code, retry_after: meta::wait(headers).unwrap_or(DEFAULT_WAIT) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::stub::assert_heard;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &Value) -> ProviderError {
        let headers = headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect();
        of_answer(StatusCode::from_u16(status).unwrap(), &headers, body.to_string().as_bytes())
    }

    fn verdict(error: &ProviderError) -> Verdict {
        match error {
            ProviderError::Refused { refusal, .. } => Verdict::Refused(*refusal),
            ProviderError::RateLimited { retry_after, .. } => Verdict::Wait(retry_after.as_secs()),
            ProviderError::Transient { .. } => Verdict::Transient,
            ProviderError::Uncertain { code } => panic!("uncertain: {code}"),
        }
    }

    #[test]
    fn every_code_has_its_meaning() {
        use Refusal::{Forbidden, Invalid, NotFound, Suspended, Unauthorized};
        use Verdict::{Refused, Transient, Wait};
        const BARE: i64 = 0;
        let rows: [(&[(i64, i64)], Verdict); 10] = [
            (&[(10, 2_018_278), (10, 2_018_065), (10, 2_534_022), (10, 2_018_300)], Refused(Forbidden)),
            (&[(551, 1_545_041), (551, BARE), (200, 1_545_041), (200, 2_018_108)], Refused(Forbidden)),
            (&[(100, 2_018_001), (100, 33), (100, 2_018_218)], Refused(NotFound)),
            (&[(100, 2_018_109), (100, 2_018_034), (100, 2_018_047), (100, 2_018_008), (100, BARE), (100, 7)], Refused(Invalid)),
            (&[(190, 460), (190, 463), (190, 467), (190, BARE), (102, BARE)], Refused(Unauthorized)),
            (
                &[(10, BARE), (10, 7), (200, 2_018_027), (200, 2_018_028), (200, BARE), (299, BARE), (3, BARE)],
                Refused(Unauthorized),
            ),
            (&[(368, BARE), (368, 7)], Refused(Suspended)),
            (&[(613, BARE)], Wait(60)),
            (&[(4, 2_018_022), (4, BARE), (32, BARE), (17, BARE), (80_001, BARE), (80_006, BARE)], Wait(3600)),
            (&[(1200, 2_018_024), (1, BARE), (2, BARE), (-1, BARE), (80_007, BARE), (300, BARE)], Transient),
        ];
        for (codes, expected) in rows {
            for (code, subcode) in codes {
                for status in [400, 403, 500] {
                    let body = json!({"error": {"message": "secret words", "code": code, "error_subcode": subcode}});
                    let error = answer(status, &[], &body);
                    assert_eq!(verdict(&error), expected, "{code} {subcode}");
                    let name = if *subcode == BARE { code.to_string() } else { format!("{code}.{subcode}") };
                    assert_eq!(error.code(), name);
                    assert!(!error.to_string().contains("secret words"));
                    assert_heard(error);
                }
            }
        }
    }

    #[test]
    fn the_envelope_is_read_leniently() {
        let error = answer(400, &[], &json!({"error": {"code": "10", "error_subcode": "2018278"}}));
        assert_eq!((verdict(&error), error.code()), (Verdict::Refused(Refusal::Forbidden), "10.2018278"));
        let passing = |code: i64| verdict(&answer(400, &[], &json!({"error": {"code": code, "is_transient": true}})));
        assert_eq!((passing(100), passing(777)), (Verdict::Transient, Verdict::Transient));
        assert_eq!(passing(368), Verdict::Refused(Refusal::Suspended), "what is known better stays");
        assert_eq!(passing(613), Verdict::Wait(60));
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
    fn the_providers_own_wait_comes_first() {
        let busy = json!({"error": {"code": 613}});
        let usage = r#"{"400":[{"type":"messenger","estimated_time_to_regain_access":12}]}"#;
        assert_eq!(
            verdict(&answer(400, &[("x-business-use-case-usage", usage), ("retry-after", "5")], &busy)),
            Verdict::Wait(720)
        );
        let usage = r#"{"call_count":100,"estimated_time_to_regain_access":2}"#;
        assert_eq!(verdict(&answer(400, &[("x-app-usage", usage)], &busy)), Verdict::Wait(120));
        assert_eq!(verdict(&answer(400, &[("retry-after", "5")], &busy)), Verdict::Wait(5));
        assert_eq!(verdict(&answer(429, &[], &json!({"error": {"code": 5}}))), Verdict::Wait(60));
    }
}
