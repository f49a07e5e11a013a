//! What an answer's headers say of Pipedrive's limits (Pipedrive, Rate limiting): those of a burst, those of the day, and
//! how long to wait. Which of the headers come is not documented for every answer, so each may be missing.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::{
    error::PipedriveError,
    spend::{Burst, Daily},
};

/// Longest wait that a rate limit may ask of us. A daily budget can be away for longer, but may be topped up meanwhile.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);
/// How long to wait when the company's daily budget is used up.
const DAILY_BUDGET_WAIT: Duration = Duration::from_mins(30);
/// Whether `x-ratelimit-reset` is a duration or a point in time is not documented; a duration is never this long.
const SMALLEST_EPOCH: i64 = 1_000_000;

/// The company's daily budget.
pub(super) fn daily(headers: &HeaderMap) -> Option<Daily> {
    let count = |name| number(headers, name).map(|count| u64::try_from(count).unwrap_or(0));
    let remaining = count("x-daily-ratelimit-token-remaining")?;
    Some(Daily { limit: count("x-daily-ratelimit-token-limit"), remaining })
}

/// The user's current window.
pub(super) fn burst(headers: &HeaderMap) -> Option<Burst> {
    let remaining = u64::try_from(number(headers, "x-ratelimit-remaining")?).unwrap_or(0);
    Some(Burst { remaining, reset: reset(headers).map(duration) })
}

/// What a 429 means. Pipedrive documents no way to tell an empty budget from a burst: it is empty when it says that nothing
/// is left of it, or when the window has room and the request was refused nonetheless.
pub(super) fn refusal(headers: &HeaderMap) -> PipedriveError {
    let empty = daily(headers).is_some_and(|daily| daily.remaining == 0);
    let room = burst(headers).is_some_and(|burst| burst.remaining > 0);
    let asked = retry_after(headers);
    if empty || room {
        let probe_after = asked.unwrap_or_default().clamp(DAILY_BUDGET_WAIT, MAX_RETRY_AFTER);
        PipedriveError::BudgetSpent { probe_after }
    } else {
        PipedriveError::RateLimited { retry_after: asked }
    }
}

/// The same for one that has been coming for so long that it is no burst.
pub(super) fn exhausted() -> PipedriveError {
    PipedriveError::BudgetSpent { probe_after: DAILY_BUDGET_WAIT }
}

/// How long the rate limit lasts: `Retry-After` in seconds or as a date, else `x-ratelimit-reset`.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = text(headers, RETRY_AFTER.as_str())
        .and_then(|text| text.trim().parse().ok().or_else(|| Some(http_date(text)? - sent_at(headers)?)))
        .or_else(|| reset(headers));
    asked.map(|seconds| duration(seconds).min(MAX_RETRY_AFTER))
}

fn reset(headers: &HeaderMap) -> Option<i64> {
    match number(headers, "x-ratelimit-reset")? {
        epoch if epoch > SMALLEST_EPOCH => Some(epoch - sent_at(headers)?),
        seconds => Some(seconds),
    }
}

fn duration(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    text(headers, name)?.trim().parse().ok()
}

/// When the server says that it answered, in seconds. Its dates are compared with its own clock, not with ours.
fn sent_at(headers: &HeaderMap) -> Option<i64> {
    http_date(text(headers, DATE.as_str())?)
}

/// Seconds since the epoch of a date as HTTP headers write it.
fn http_date(text: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|date| date.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn limited(seconds: u64) -> PipedriveError {
        PipedriveError::RateLimited { retry_after: Some(Duration::from_secs(seconds)) }
    }

    fn spent(seconds: u64) -> PipedriveError {
        PipedriveError::BudgetSpent { probe_after: Duration::from_secs(seconds) }
    }

    #[test]
    fn refusals_say_which_limit_and_how_long() {
        let date = ("date", "Fri, 20 Nov 2026 10:00:00 GMT");
        let (empty, left) = (("x-daily-ratelimit-token-remaining", "0"), ("x-daily-ratelimit-token-remaining", "8000"));
        for (pairs, expected) in [
            (vec![], PipedriveError::RateLimited { retry_after: None }),
            (vec![("retry-after", "7")], limited(7)),
            (vec![("retry-after", "86400")], limited(3600)),
            (vec![("retry-after", "-3")], limited(0)),
            (vec![("retry-after", "Fri, 20 Nov 2026 10:01:30 GMT"), date], limited(90)),
            (vec![("retry-after", "Fri, 20 Nov 2026 09:00:00 GMT"), date], limited(0)),
            (vec![("retry-after", "soon")], PipedriveError::RateLimited { retry_after: None }),
            (vec![("x-ratelimit-reset", "2")], limited(2)),
            (vec![("x-ratelimit-reset", "1795168860"), date], limited(60)),
            (vec![("retry-after", "7"), ("x-ratelimit-reset", "2")], limited(7)),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2"), left], limited(2)),
            (vec![("x-ratelimit-remaining", "0"), ("retry-after", "7"), empty], spent(1800)),
            (vec![("x-ratelimit-remaining", "79"), ("x-ratelimit-reset", "2")], spent(1800)),
            (vec![("retry-after", "2700"), empty], spent(2700)),
            (vec![("retry-after", "86400"), empty], spent(3600)),
        ] {
            assert_eq!(refusal(&headers(&pairs)), expected, "{pairs:?}");
        }
    }

    #[test]
    fn limits_are_read_as_far_as_they_are_said() {
        let all = headers(&[
            ("x-ratelimit-limit", "80"),
            ("x-ratelimit-remaining", "79"),
            ("x-ratelimit-reset", "2"),
            ("x-daily-ratelimit-token-limit", "90000"),
            ("x-daily-ratelimit-token-remaining", "89995"),
        ]);
        assert_eq!(burst(&all), Some(Burst { remaining: 79, reset: Some(Duration::from_secs(2)) }));
        assert_eq!(daily(&all), Some(Daily { limit: Some(90_000), remaining: 89_995 }));
        let some = headers(&[("x-daily-ratelimit-token-remaining", "-5"), ("x-ratelimit-remaining", "many")]);
        assert_eq!((burst(&some), daily(&some)), (None, Some(Daily { limit: None, remaining: 0 })));
        assert_eq!((burst(&HeaderMap::new()), daily(&HeaderMap::new())), (None, None));
    }
}
