//! Meta's error codes, what each means for us and what a salesperson is told (Meta, Messenger Platform, "Error Codes"). The
//! code alone says little: the subcode decides.

use http::{HeaderMap, StatusCode};

use crate::providers::{
    error::{ProviderError, Refusal},
    meta::errors::{self, Verdict},
};

/// What one code means: for us, and as a sentence for the salesperson.
type Meaning = (Verdict, &'static str);

#[rustfmt::skip] // A table: one row, one line.
fn meaning(code: i64, subcode: Option<i64>) -> Option<Meaning> {
    use Refusal::{Forbidden, Invalid, NotFound, Suspended, Unauthorized};
    use Verdict::{Refused, Transient, Wait};
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
        (1 | 2 | 1200, _) => (Transient, "Messenger had a temporary fault."),
        _ => return None,
    })
}

/// What an answer other than 2xx means.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ProviderError {
    errors::of_answer(status, headers, body, meaning)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::providers::{meta::errors::verdict, stub::assert_heard};

    fn answer(status: u16, body: &Value) -> ProviderError {
        of_answer(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.to_string().as_bytes())
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
                    let error = answer(status, &body);
                    assert_eq!(verdict(&error), expected, "{code} {subcode}");
                    let name = if *subcode == BARE { code.to_string() } else { format!("{code}.{subcode}") };
                    assert_eq!(error.code(), name);
                    assert!(!error.to_string().contains("secret words"));
                    assert_heard(error);
                }
            }
        }
    }
}
