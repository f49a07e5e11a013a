//! Twilio's error codes, what each means for us and what a salesperson is told (Twilio, "Error and Warning Dictionary").
//! The same codes come in answers to our calls and, later, as `ErrorCode` of a message that failed.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::{
    model::{message::FailureReason, time::Timestamp},
    providers::{
        error::{ProviderError, Refusal},
        lenient, transport,
    },
};

/// How long to wait when Twilio says "too many" without a code that we know.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);
const DAY_SECS: i64 = 24 * 60 * 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Refused(Refusal),
    /// A moment, each caller another, so that they do not all come back together.
    Moment,
    /// Seconds.
    Wait(u64),
    /// Until the day is over.
    Tomorrow,
    /// The request may have been carried out.
    Unknown,
}

/// What one code means: for us, as a stable word, as a sentence for the salesperson.
type Meaning = (Verdict, &'static str, &'static str);

#[rustfmt::skip] // A table: one row, one line.
fn meaning(code: i64) -> Option<Meaning> {
    use Refusal::{Forbidden, Invalid, NotFound, Suspended, Unauthorized};
    use Verdict::{Moment, Refused, Tomorrow, Unknown, Wait};
    Some(match code {
        20_003 | 20_006 | 20_403 => (Refused(Unauthorized), "token_invalid", "Twilio no longer accepts the channel's account SID and auth token. Reconnect the channel."),
        63_001 | 63_020 => (Refused(Unauthorized), "sender_not_authorized", "WhatsApp no longer accepts the sender of the Twilio account. Check it in Twilio and reconnect the channel."),
        20_005 | 30_002 => (Refused(Suspended), "account_suspended", "Twilio has suspended the account, or it is not active."),
        20_404 => (Refused(NotFound), "unknown_object", "Twilio does not know this account or message."),
        63_003 | 63_024 => (Refused(NotFound), "recipient_unknown", "The customer can't be found under this address."),
        21_211 | 21_214 | 21_604 | 21_614 | 21_635 => (Refused(Invalid), "number_invalid", "The customer's number is not one that can get text messages."),
        21_612 => (Refused(Invalid), "unreachable_route", "Twilio can't send this from the channel's number to the customer's. Files reach only few countries."),
        21_602 => (Refused(Invalid), "empty_message", "The message has neither text nor files."),
        21_603 | 21_606 | 21_659 | 21_660 | 21_661 | 21_705 => (Refused(Invalid), "sender_invalid", "Twilio can't send from the channel's number or messaging service. Check it in Twilio and reconnect the channel."),
        21_617 => (Refused(Invalid), "text_too_long", "The text is longer than 1600 characters."),
        11_200 | 12_300 | 21_620 | 21_623 | 30_019 | 63_019 => (Refused(Invalid), "media_failed", "Twilio could not take a file of the message, or it is too large."),
        21_619 | 21_653 | 21_655 | 21_656 | 63_005 | 63_021 => (Refused(Invalid), "content_invalid", "Twilio does not accept what the message holds."),
        21_610 => (Refused(Forbidden), "opted_out", "The customer has opted out by writing STOP. Only when they write START can they be written to."),
        21_408 => (Refused(Forbidden), "region_disabled", "The Twilio account may not send to the customer's country. Enable it in Twilio."),
        21_608 => (Refused(Forbidden), "trial_account", "The Twilio account is a trial and may write only to numbers that are verified in Twilio."),
        30_004 | 63_014 | 63_032 | 63_033 => (Refused(Forbidden), "blocked", "The customer or their network does not let this message through."),
        63_013 => (Refused(Forbidden), "policy_violation", "The message is against the channel's rules."),
        63_016 => (Refused(Forbidden), "window_closed", "The customer's last message on WhatsApp is more than 24 hours old."),
        63_015 => (Refused(Forbidden), "sandbox_not_joined", "The customer has not joined the sandbox of the Twilio account."),
        63_007 => (Refused(Forbidden), "sender_unknown", "The channel's number is not one that Twilio can send from on WhatsApp."),
        30_032 | 30_034 => (Refused(Forbidden), "sender_unregistered", "The channel's number is not registered for sending to this country. Register it in Twilio."),
        30_003 => (Refused(Forbidden), "unreachable", "The customer's phone is off or out of reach."),
        30_005 => (Refused(Forbidden), "number_unknown", "The customer's number is not in use."),
        30_006 => (Refused(Forbidden), "landline", "The customer's number is a landline, or its network takes no text messages."),
        30_007 => (Refused(Forbidden), "filtered", "A network filtered the message out as unwanted."),
        30_008 => (Refused(Forbidden), "not_delivered", "The customer's network did not deliver the message and did not say why."),
        20_429 => (Moment, "too_many_requests", "The Twilio account is in use by too many at once. Try again."),
        21_611 | 30_001 => (Wait(60), "queue_full", "Too many messages of the channel's number are waiting to be sent. Try again later."),
        14_107 | 30_022 | 63_017 | 63_018 => (Wait(60), "rate_limit", "The channel's number sends too many messages at once. Try again later."),
        30_023 | 63_038 => (Tomorrow, "daily_limit", "The channel has sent as many messages as it may in a day. Try again tomorrow."),
        20_500 | 20_503 => (Unknown, "twilio_unavailable", "Twilio had a temporary fault."),
        _ => return None,
    })
}

/// What an answer other than 2xx means. Twilio may have carried out a request that it answers with 5xx; a read or a change
/// that may be repeated calls [`ProviderError::nothing_at_stake`] on it.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> ProviderError {
    let number = lenient::body(body).and_then(|body| lenient::integer(&body, "/code"));
    let code = number.map_or_else(|| format!("http_{}", status.as_u16()), |number| number.to_string());
    let refused = |refusal, message: &str| ProviderError::Refused { refusal, code: code.clone(), message: message.to_owned() };
    let limited = |default| {
        let retry_after = transport::retry_after(headers).unwrap_or(default);
        ProviderError::RateLimited { code: code.clone(), retry_after }
    };
    match number.and_then(meaning) {
        Some((Verdict::Refused(refusal), _, sentence)) => return refused(refusal, sentence),
        Some((Verdict::Moment, ..)) => return limited(Duration::from_secs(1 + now.millis().unsigned_abs() % 5)),
        Some((Verdict::Wait(seconds), ..)) => return limited(Duration::from_secs(seconds)),
        Some((Verdict::Tomorrow, ..)) => return limited(until_tomorrow(now)),
        Some((Verdict::Unknown, ..)) => return ProviderError::Uncertain { code },
        None => {}
    }
    match status.as_u16() {
        401 | 403 => refused(
            Refusal::Unauthorized,
            "Twilio does not accept the channel's account SID and auth token. Reconnect the channel.",
        ),
        404 => refused(Refusal::NotFound, "Twilio does not know this account or message."),
        429 => limited(DEFAULT_WAIT),
        400..=499 if number.is_some() => refused(Refusal::Invalid, &with_code("Twilio did not accept this", number)),
        500.. => ProviderError::Uncertain { code },
        // From something between us and Twilio, which did not let the request through.
        _ => ProviderError::Transient { code },
    }
}

/// The time to midnight, UTC.
fn until_tomorrow(now: Timestamp) -> Duration {
    let next = Timestamp::from_secs((now.secs() / DAY_SECS + 1) * DAY_SECS);
    transport::believable(next.since(now))
}

/// The reason of a message that failed, by its `ErrorCode`.
pub(super) fn of_status(code: Option<i64>) -> FailureReason {
    match code.and_then(meaning) {
        Some((_, word, sentence)) => FailureReason { code: word.to_owned(), text: sentence.to_owned() },
        None => FailureReason {
            code: "not_delivered".to_owned(),
            text: with_code("Twilio could not deliver the message", code.filter(|code| *code > 0)),
        },
    }
}

/// A sentence that names the code, to be looked up in Twilio's dictionary.
fn with_code(sentence: &str, code: Option<i64>) -> String {
    code.map_or_else(|| format!("{sentence}."), |code| format!("{sentence} (error {code})."))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::providers::stub::assert_heard;

    /// 2026-01-01 18:00:00.003 UTC.
    const NOW: i64 = 1_767_290_400_003;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &Value) -> ProviderError {
        let headers = headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect();
        let status = StatusCode::from_u16(status).unwrap();
        of_answer(status, &headers, body.to_string().as_bytes(), Timestamp::from_millis(NOW))
    }

    fn word(error: &ProviderError) -> String {
        match error {
            ProviderError::Refused { refusal, .. } => format!("{refusal:?}"),
            ProviderError::RateLimited { retry_after, .. } => format!("wait {}", retry_after.as_secs()),
            ProviderError::Transient { .. } => "transient".to_owned(),
            ProviderError::Uncertain { .. } => "uncertain".to_owned(),
        }
    }

    #[test]
    fn every_code_has_its_meaning_now_and_later() {
        let rows: [(&[i64], &str); 12] = [
            (&[20_003, 20_006, 20_403, 63_001, 63_020], "Unauthorized"),
            (&[20_005, 30_002], "Suspended"),
            (&[20_404, 63_003, 63_024], "NotFound"),
            (&[21_211, 21_214, 21_614, 21_604, 21_612, 21_635], "Invalid"),
            (&[21_602, 21_603, 21_606, 21_617, 21_619, 21_620, 21_623, 21_653, 21_655, 21_656], "Invalid"),
            (&[11_200, 12_300, 63_005, 63_019, 63_021, 30_019, 21_659, 21_660, 21_661, 21_705, 29_999], "Invalid"),
            (&[21_610, 21_408, 21_608, 30_004, 63_014, 63_032, 63_033, 63_013, 63_016], "Forbidden"),
            (&[63_015, 63_007, 30_034, 30_032, 30_003, 30_005, 30_006, 30_007, 30_008], "Forbidden"),
            (&[20_429], "wait 4"),
            (&[21_611, 30_001, 14_107, 63_017, 63_018, 30_022], "wait 60"),
            (&[30_023, 63_038], "wait 21599"),
            (&[20_500, 20_503], "uncertain"),
        ];
        for (codes, expected) in rows {
            for number in codes {
                let error = answer(400, &[], &json!({"code": number, "message": "secret words", "status": 400}));
                assert_eq!(word(&error), expected, "{number}");
                assert_eq!(error.code(), number.to_string());
                assert!(!format!("{error} {}", error.for_people()).contains("secret"), "{number}");
                assert_heard(error);
                let later = of_status(Some(*number));
                assert!(later.text.ends_with('.') && !later.code.is_empty());
                assert_eq!(later.code == "not_delivered", [29_999, 30_008].contains(number), "{number}");
            }
        }
        assert_eq!(of_status(Some(21_610)).code, "opted_out");
    }

    #[test]
    fn twilios_own_wait_comes_first() {
        for number in [20_429, 21_611, 30_023] {
            assert_eq!(word(&answer(429, &[("retry-after", "7")], &json!({"code": number}))), "wait 7");
        }
        let body = json!({"code": "20429"}).to_string();
        let at = |ms| of_answer(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), body.as_bytes(), Timestamp::from_millis(ms));
        let waits: Vec<String> = (0..6).map(|ms| word(&at(ms))).collect();
        assert_eq!(waits, ["wait 1", "wait 2", "wait 3", "wait 4", "wait 5", "wait 1"]);
        assert_eq!(until_tomorrow(Timestamp::from_secs(86_400)), Duration::from_hours(24));
        assert_eq!(until_tomorrow(Timestamp::from_millis(86_399_999)), Duration::from_secs(1), "never at once");
    }

    #[test]
    fn without_a_code_the_status_decides() {
        for (status, expected) in [
            (401, "Unauthorized"),
            (403, "Unauthorized"),
            (404, "NotFound"),
            (429, "wait 60"),
            (400, "transient"),
            (302, "transient"),
            (500, "uncertain"),
            (502, "uncertain"),
            (503, "uncertain"),
        ] {
            for body in [json!("<html>"), json!({"code": null}), json!({"code": {}}), json!([])] {
                let error = answer(status, &[], &body);
                assert_eq!((word(&error).as_str(), error.code()), (expected, format!("http_{status}").as_str()));
            }
        }
        assert_eq!(word(&answer(503, &[], &json!({"code": 99_999}))), "uncertain");
        assert_eq!(word(&answer(401, &[], &json!({"code": 99_999}))), "Unauthorized");
        assert_eq!(word(&answer(500, &[], &json!({"code": 21_610}))), "Forbidden", "the code says more than the status");
    }

    #[test]
    fn failures_without_a_known_code_name_it() {
        assert_eq!(of_status(None).text, "Twilio could not deliver the message.");
        assert_eq!(of_status(Some(0)).text, "Twilio could not deliver the message.");
        assert_eq!(of_status(Some(30_999)).text, "Twilio could not deliver the message (error 30999).");
    }
}
