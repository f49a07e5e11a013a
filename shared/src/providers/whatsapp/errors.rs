//! Meta's error codes, what each means for us and what a salesperson is told (Meta, WhatsApp Cloud API, "Error codes").
//! The same codes come in answers to our calls and, later, in failed statuses.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::{
    model::message::FailureReason,
    providers::{
        error::{ProviderError, Refusal},
        lenient,
        meta::errors::{self, Verdict},
    },
};

/// What one code means: for us, as a stable word, as a sentence for the salesperson.
type Meaning = (Verdict, &'static str, &'static str);

#[rustfmt::skip] // A table: one row, one line.
fn meaning(code: i64, subcode: Option<i64>) -> Option<Meaning> {
    use Refusal::{Forbidden, Invalid, NotFound, Suspended, Unauthorized};
    use Verdict::{Refused, Transient, Wait};
    const HOUR: u64 = 3600;
    Some(match code {
        190 | 102 | 0 => (Refused(Unauthorized), "token_invalid", "WhatsApp no longer accepts the channel's access token. Reconnect the channel."),
        3 | 10 | 200..=299 | 131_005 => (Refused(Unauthorized), "permission_missing", "The channel's access token lacks a permission at WhatsApp. Reconnect the channel."),
        131_045 | 133_010 => (Refused(Unauthorized), "number_not_registered", "The channel's phone number is not registered with WhatsApp. Register it and reconnect the channel."),
        368 | 131_031 => (Refused(Suspended), "account_locked", "WhatsApp has locked the business account."),
        131_042 | 131_044 => (Refused(Suspended), "payment_problem", "WhatsApp reports a payment problem of the business account."),
        33 => (Refused(NotFound), "number_gone", "The channel's phone number no longer exists at WhatsApp."),
        100 if subcode == Some(33) => (Refused(NotFound), "object_unknown", "WhatsApp does not know this object, or the access token may not see it."),
        132_001 => (Refused(NotFound), "template_unknown", "WhatsApp has no such template in this language."),
        131_047 => (Refused(Forbidden), "window_closed", "The customer's last message is more than 24 hours old. Only a template can be sent."),
        131_026 => (Refused(Forbidden), "undeliverable", "WhatsApp can't deliver to this customer."),
        131_049 | 131_050 | 130_472 => (Refused(Forbidden), "marketing_withheld", "WhatsApp withheld this marketing message from the customer."),
        130_403 | 139_100..=139_103 => (Refused(Forbidden), "customer_blocked", "The business has blocked this customer at WhatsApp."),
        131_021 | 131_030 | 130_497 | 137_000 => (Refused(Forbidden), "recipient_not_allowed", "WhatsApp does not allow messages to this customer."),
        131_062 | 131_063 => (Refused(Forbidden), "template_not_allowed", "WhatsApp does not allow this template for this customer."),
        132_015 | 132_016 => (Refused(Forbidden), "template_paused", "WhatsApp has paused or disabled this template."),
        100 | 131_008 | 131_009 | 131_051 => (Refused(Invalid), "invalid_message", "WhatsApp does not accept this message."),
        131_052 | 131_053 => (Refused(Invalid), "media_failed", "WhatsApp could not process the file."),
        132_000 | 132_005 | 132_007 | 132_012 | 132_018 | 132_068 | 132_069 => (Refused(Invalid), "template_invalid", "The template and its parameters do not fit."),
        130_429 => (Wait(5), "throughput", "The phone number sends too many messages at once."),
        131_056 => (Wait(6), "pair_rate", "Too many messages to this customer in a short time."),
        131_048 => (Wait(HOUR), "spam_limit", "WhatsApp limits this phone number because of its quality rating."),
        4 | 80_007 => (Wait(HOUR), "call_quota", "The business account has made too many calls to WhatsApp."),
        131_064 | 133_016 => (Wait(HOUR), "throttled", "WhatsApp asks the business account to wait."),
        1 | 2 | 131_000 | 131_016 | 131_057 | 135_000 => (Transient, "whatsapp_unavailable", "WhatsApp had a temporary fault."),
        _ => return None,
    })
}

/// What an answer other than 2xx means.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    errors::of_answer(status, headers, body, |code, subcode| {
        meaning(code, subcode).map(|(verdict, _, sentence)| (verdict, sentence))
    })
}

/// The reason in a failed status (`statuses[].errors[]`, of which the first counts).
pub(super) fn of_status(status: &Value) -> FailureReason {
    let (_, word, sentence) = lenient::integer(status, "/errors/0/code")
        .and_then(|code| meaning(code, lenient::integer(status, "/errors/0/error_subcode")))
        .unwrap_or((Verdict::Transient, "not_delivered", "WhatsApp could not deliver the message."));
    FailureReason { code: word.to_owned(), text: sentence.to_owned() }
}

/// Why the account can't be used, if that is what an error in a webhook says that belongs to no message.
pub(super) fn suspension(error: &Value) -> Option<&'static str> {
    let code = lenient::integer(error, "/code")?;
    match meaning(code, lenient::integer(error, "/error_subcode"))? {
        (Verdict::Refused(Refusal::Suspended), _, sentence) => Some(sentence),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::{meta::errors::verdict, stub::assert_heard};

    fn answer(status: u16, body: &Value) -> ProviderError {
        of_answer(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.to_string().as_bytes())
    }

    #[test]
    fn every_code_has_its_meaning() {
        use Refusal::{Forbidden, Invalid, NotFound, Suspended, Unauthorized};
        use Verdict::{Refused, Transient, Wait};
        let rows: [(&[i64], Verdict); 13] = [
            (&[190, 102, 0], Refused(Unauthorized)),
            (&[3, 10, 200, 250, 299, 131_005], Refused(Unauthorized)),
            (&[131_045, 133_010], Refused(Unauthorized)),
            (&[368, 131_031, 131_042, 131_044], Refused(Suspended)),
            (&[33, 132_001], Refused(NotFound)),
            (&[131_047, 131_026, 131_049, 131_050, 130_472, 130_403, 139_100, 139_103], Refused(Forbidden)),
            (&[131_021, 131_030, 130_497, 137_000, 131_062, 131_063, 132_015, 132_016], Refused(Forbidden)),
            (&[100, 131_008, 131_009, 131_051, 131_052, 131_053], Refused(Invalid)),
            (&[132_000, 132_005, 132_007, 132_012, 132_018, 132_068, 132_069], Refused(Invalid)),
            (&[130_429], Wait(5)),
            (&[131_056], Wait(6)),
            (&[131_048, 4, 80_007, 131_064, 133_016], Wait(3600)),
            (&[1, 2, 131_000, 131_016, 131_057, 135_000, 999_999, 199, 300], Transient),
        ];
        for (codes, expected) in rows {
            for code in codes {
                for status in [400, 500] {
                    let error = answer(status, &json!({"error": {"message": "secret words", "code": code}}));
                    assert_eq!(verdict(&error), expected, "{code}");
                    assert_eq!(error.code(), code.to_string());
                    assert!(!error.to_string().contains("secret words"));
                    assert_heard(error);
                }
            }
        }
    }

    #[test]
    fn the_envelope_is_read_leniently() {
        let error = answer(400, &json!({"error": {"code": 100, "error_subcode": 33, "error_data": "a string"}}));
        assert_eq!((verdict(&error), error.code()), (Verdict::Refused(Refusal::NotFound), "100.33"));
        let error = answer(400, &json!({"error": {"code": "131047", "error_data": {"details": "an object"}}}));
        assert_eq!(verdict(&error), Verdict::Refused(Refusal::Forbidden));
    }

    #[test]
    fn failed_statuses_get_our_own_words() {
        let reason = |status: Value| of_status(&status).code;
        assert_eq!(reason(json!({"errors": [{"code": 131_047, "title": "Re-engagement message"}]})), "window_closed");
        assert_eq!(reason(json!({"errors": [{"code": "131026"}]})), "undeliverable");
        for status in [json!({}), json!({"errors": []}), json!({"errors": [{"code": 7}]}), json!({"errors": "no"})] {
            assert_eq!(reason(status), "not_delivered");
        }
    }
}
