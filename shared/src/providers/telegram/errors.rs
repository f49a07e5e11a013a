//! What Telegram's refusals mean for us and what a salesperson is told. Telegram names the reason in a sentence
//! (Telegram Bot API, "Making requests"; the sentences are those of its open-source server), so its beginning decides,
//! then the number.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::providers::{
    error::{ProviderError, Refusal},
    lenient, transport,
};

/// How long to wait when Telegram says "too many" and not for how long.
const DEFAULT_WAIT: Duration = Duration::from_secs(5);

/// The code of a refusal because the message that is answered is not there any more.
pub(super) const REPLY_GONE: &str = "reply_gone";
/// The code of a refusal because a picture can't be shown as one; as a document it can be sent.
pub(super) const PHOTO_REFUSED: &str = "photo_refused";

/// A call that did not work.
#[derive(Debug)]
pub(super) struct Failure {
    /// What it means.
    pub(super) error: ProviderError,
    /// The id that the chat has now, if it has another one.
    pub(super) moved_to: Option<i64>,
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self { error, moved_to: None }
    }
}

impl From<Failure> for ProviderError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Refused(Refusal),
    Transient,
}

/// What one reason means: for us, as a stable word, as a sentence for the salesperson.
type Meaning = (Verdict, &'static str, &'static str);

/// Words that stand before the reason.
const CLASSES: [&str; 7] =
    ["bad request", "unauthorized", "forbidden", "not found", "conflict", "too many requests", "internal server error"];

/// By the reason's beginning, in lower case.
#[rustfmt::skip] // A table: one row, one line.
fn by_reason(reason: &str) -> Option<Meaning> {
    use Refusal::{Forbidden, Invalid, NotFound};
    use Verdict::{Refused, Transient};
    const ROWS: &[(&[&str], Meaning)] = &[
        (&["bot was blocked by the user", "user_is_blocked"], (Refused(Forbidden), "blocked", "The customer has blocked the bot.")),
        (&["user is deactivated"], (Refused(Forbidden), "deactivated", "The customer's Telegram account no longer exists.")),
        (&["bot can't initiate conversation"], (Refused(Forbidden), "not_started", "The customer has to write to the bot first.")),
        (&["bot was kicked", "bot is not a member"], (Refused(Forbidden), "not_a_member", "The bot is not in this chat any more.")),
        (&["bot can't send messages to bots"], (Refused(Forbidden), "recipient_is_a_bot", "Telegram does not let bots write to bots.")),
        (&["not enough rights", "have no rights", "chat_write_forbidden"], (Refused(Forbidden), "no_rights", "Telegram does not let the bot write in this chat.")),
        (&["voice_messages_forbidden"], (Refused(Forbidden), "voice_forbidden", "The customer does not accept voice messages.")),
        (&["business_connection", "business connection"], (Refused(Forbidden), "business_unlinked", "The Telegram Business account does not let the bot write any more.")),
        (&["business_peer"], (Refused(Forbidden), "business_window", "In a business chat the bot may only answer within 24 hours of the customer's last message.")),
        (&["chat not found", "user not found", "peer_id_invalid", "chat_id_invalid"], (Refused(NotFound), "chat_not_found", "Telegram does not know this customer, or they have not written to the bot.")),
        (&["message to be replied not found", "reply message not found", "replied message not found"], (Refused(Invalid), REPLY_GONE, "The message that this one answers is not there any more.")),
        (&["message text is empty", "text must be non-empty"], (Refused(Invalid), "empty", "Telegram takes no empty message.")),
        (&["message is too long", "message_too_long"], (Refused(Invalid), "too_long", "The message is too long for Telegram.")),
        (&["message caption is too long", "media_caption_too_long"], (Refused(Invalid), "caption_too_long", "The text with the file is too long for Telegram.")),
        (&["can't parse entities"], (Refused(Invalid), "unparsable", "Telegram could not read the message's formatting.")),
        (&["wrong file identifier", "failed to get http url content", "wrong type of the web page content"], (Refused(Invalid), "file_refused", "Telegram could not use the file.")),
        (&["file must be non-empty"], (Refused(Invalid), "file_empty", "The file is empty.")),
        (&["file is too big", "request entity too large"], (Refused(Invalid), "file_too_large", "The file is too large for Telegram: bots may fetch files of 20 MB and send files of 50 MB.")),
        (&["photo_invalid_dimensions", "image_process_failed", "photo_ext_invalid"], (Refused(Invalid), PHOTO_REFUSED, "Telegram can't show this picture. Send it as a document.")),
        (&["wrong file_id or the file is temporarily unavailable"], (Transient, "file_unavailable", "")),
        (&["wrong file_id", "invalid file_id", "file_reference"], (Refused(NotFound), "file_gone", "Telegram does not have the file any more.")),
        (&["bad webhook"], (Refused(Invalid), "bad_webhook", "credentials can't be connected: Telegram sends webhooks only to an https address on port 443, 80, 88 or 8443 that the internet reaches")),
    ];
    ROWS.iter().find(|(beginnings, _)| beginnings.iter().any(|beginning| reason.starts_with(beginning))).map(|(_, meaning)| *meaning)
}

/// By the number alone.
#[rustfmt::skip] // A table: one row, one line.
fn by_number(number: i64) -> Meaning {
    use Refusal::{Forbidden, Invalid, Suspended, Unauthorized};
    use Verdict::{Refused, Transient};
    match number {
        400 => (Refused(Invalid), "400", "Telegram does not accept this message."),
        401 => (Refused(Unauthorized), "401", "Telegram does not accept the bot's token any more. Reconnect the channel."),
        403 => (Refused(Forbidden), "403", "Telegram does not let the bot write to this customer."),
        404 => (Refused(Unauthorized), "404", "Telegram does not know the bot's token. Reconnect the channel."),
        406 => (Refused(Suspended), "frozen", "Telegram has frozen the bot's account."),
        409 => (Refused(Invalid), "409", "Another program uses this bot in a way that excludes us. Stop it there and reconnect the channel."),
        413 => (Refused(Invalid), "file_too_large", "The file is too large for Telegram: bots may send files of 50 MB."),
        _ => (Transient, "", ""),
    }
}

/// What an answer means that is not a success. Telegram has been seen to answer 5xx to messages that it sent nevertheless,
/// so those say nothing about the outcome.
pub(super) fn of_answer(status: StatusCode, headers: &HeaderMap, body: &Value) -> Failure {
    let number = lenient::integer(body, "/error_code");
    let code = number.map_or_else(|| format!("http_{}", status.as_u16()), |number| number.to_string());
    let enveloped = number.is_some();
    let number = number.unwrap_or_else(|| i64::from(status.as_u16()));
    let reason = reason(lenient::text(body, "/description").unwrap_or_default());
    let moved_to = lenient::integer(body, "/parameters/migrate_to_chat_id");
    let wait = lenient::integer(body, "/parameters/retry_after").and_then(|seconds| u64::try_from(seconds).ok());

    let meaning = if reason.contains("frozen") {
        by_number(406)
    } else if wait.is_some() || matches!(number, 420 | 429) {
        let wait = wait.map(|seconds| transport::believable(Duration::from_secs(seconds)));
        let retry_after = wait.or_else(|| transport::retry_after(headers)).unwrap_or(DEFAULT_WAIT);
        return ProviderError::RateLimited { code, retry_after }.into();
    } else if number >= 500 {
        return ProviderError::Uncertain { code }.into();
    } else if matches!(number, 401 | 404 | 413) {
        by_number(number)
    } else if !enveloped {
        // Something between us and Telegram.
        (Verdict::Transient, "", "")
    } else if moved_to.is_some() {
        (Verdict::Refused(Refusal::NotFound), "chat_moved", "This chat has another id at Telegram now.")
    } else {
        by_reason(&reason).unwrap_or_else(|| by_number(number))
    };
    let error = match meaning {
        (Verdict::Refused(refusal), word, sentence) => {
            ProviderError::Refused { refusal, code: word.to_owned(), message: sentence.to_owned() }
        }
        (Verdict::Transient, "", _) => ProviderError::Transient { code },
        (Verdict::Transient, word, _) => ProviderError::Transient { code: word.to_owned() },
    };
    Failure { error, moved_to }
}

/// The reason in a description, in lower case, without what stands before it: `Bad Request: chat not found`, or, of one of
/// an album's files, `Bad Request: failed to send message #1 with the error message "PHOTO_INVALID_DIMENSIONS"`.
fn reason(description: &str) -> String {
    let description = description.trim().to_lowercase();
    let mut rest = description.as_str();
    while let Some(after) = CLASSES.iter().find_map(|class| rest.strip_prefix(class)?.strip_prefix(": ")) {
        rest = after;
    }
    if rest.starts_with("failed to send message #")
        && let Some((_, quoted)) = rest.split_once("error message \"")
    {
        rest = quoted.trim_end_matches('"');
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::stub::assert_heard;

    fn answer(status: u16, body: &Value) -> Failure {
        of_answer(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body)
    }

    fn refused(number: u16, description: &str) -> Failure {
        answer(number, &json!({"ok": false, "error_code": number, "description": description}))
    }

    #[test]
    fn every_reason_has_its_meaning() {
        use Refusal::{Forbidden, Invalid, NotFound, Suspended, Unauthorized};
        let rows = [
            (401, "Unauthorized", Unauthorized, "401"),
            (401, "Unauthorized: invalid token specified", Unauthorized, "401"),
            (401, "Unauthorized: user is deactivated", Unauthorized, "401"),
            (404, "Not Found", Unauthorized, "404"),
            (404, "Not Found: method not found", Unauthorized, "404"),
            (403, "Forbidden: bot was blocked by the user", Forbidden, "blocked"),
            (403, "Forbidden: user is deactivated", Forbidden, "deactivated"),
            (403, "Forbidden: bot can't initiate conversation with a user", Forbidden, "not_started"),
            (403, "Forbidden: bot was kicked from the supergroup chat", Forbidden, "not_a_member"),
            (403, "Forbidden: bot is not a member of the channel chat", Forbidden, "not_a_member"),
            (403, "Forbidden: bot can't send messages to bots", Forbidden, "recipient_is_a_bot"),
            (403, "Forbidden: something new", Forbidden, "403"),
            (400, "Bad Request: chat not found", NotFound, "chat_not_found"),
            (400, "bad request: CHAT NOT FOUND", NotFound, "chat_not_found"),
            (400, "Bad Request: user not found", NotFound, "chat_not_found"),
            (400, "Bad Request: PEER_ID_INVALID", NotFound, "chat_not_found"),
            (400, "Bad Request: message to be replied not found", Invalid, REPLY_GONE),
            (400, "Bad Request: reply message not found", Invalid, REPLY_GONE),
            (400, "Bad Request: message text is empty", Invalid, "empty"),
            (400, "Bad Request: message is too long", Invalid, "too_long"),
            (400, "Bad Request: message caption is too long", Invalid, "caption_too_long"),
            (400, "Bad Request: can't parse entities: Can't find end of the entity", Invalid, "unparsable"),
            (400, "Bad Request: wrong file identifier/HTTP URL specified", Invalid, "file_refused"),
            (400, "Bad Request: failed to get HTTP URL content", Invalid, "file_refused"),
            (400, "Bad Request: wrong type of the web page content", Invalid, "file_refused"),
            (400, "Bad Request: file is too big", Invalid, "file_too_large"),
            (400, "Bad Request: PHOTO_INVALID_DIMENSIONS", Invalid, PHOTO_REFUSED),
            (
                400,
                "Bad Request: failed to send message #2 with the error message \"PHOTO_INVALID_DIMENSIONS\"",
                Invalid,
                PHOTO_REFUSED,
            ),
            (400, "Bad Request: not enough rights to send text messages to the chat", Forbidden, "no_rights"),
            (400, "Bad Request: VOICE_MESSAGES_FORBIDDEN", Forbidden, "voice_forbidden"),
            (400, "Bad Request: BUSINESS_CONNECTION_INVALID", Forbidden, "business_unlinked"),
            (400, "Bad Request: BUSINESS_PEER_USAGE_MISSING", Forbidden, "business_window"),
            (400, "Bad Request: invalid file_id", NotFound, "file_gone"),
            (400, "Bad Request: bad webhook: HTTPS URL must be provided for webhook", Invalid, "bad_webhook"),
            (400, "Bad Request: something new", Invalid, "400"),
            (413, "Request Entity Too Large", Invalid, "file_too_large"),
            (406, "FROZEN_METHOD_INVALID", Suspended, "frozen"),
            (420, "FROZEN_METHOD_INVALID", Suspended, "frozen"),
            (403, "Forbidden: account is frozen", Suspended, "frozen"),
            (409, "Conflict: can't use getUpdates method while webhook is active", Invalid, "409"),
        ];
        for (number, description, expected, code) in rows {
            let ProviderError::Refused { refusal, code: got, message } = refused(number, description).error else {
                panic!("{description} is no refusal");
            };
            assert_eq!((refusal, got.as_str()), (expected, code), "{description}");
            assert!(message.len() > 10 && !message.contains("Bad Request"), "a sentence of ours: {message}");
            assert_heard(refused(number, description).error);
        }
    }

    #[test]
    fn waits_are_told_in_the_parameters() {
        let wait = |failure: Failure| {
            let ProviderError::RateLimited { retry_after, .. } = &failure.error else { panic!("{}", failure.error) };
            let seconds = retry_after.as_secs();
            assert_heard(failure.error);
            seconds
        };
        let limited = |number: u16, parameters: Value| {
            answer(number, &json!({"ok": false, "error_code": number, "description": "x", "parameters": parameters}))
        };
        assert_eq!(wait(limited(429, json!({"retry_after": 14}))), 14);
        assert_eq!(wait(limited(429, json!({"retry_after": "14"}))), 14);
        assert_eq!(wait(limited(420, json!({"retry_after": 3}))), 3);
        assert_eq!(wait(limited(400, json!({"retry_after": 8}))), 8, "seen with another number too");
        assert_eq!(wait(limited(429, json!({"retry_after": 0}))), 1);
        assert_eq!(wait(limited(429, json!({"retry_after": -1}))), 5);
        assert_eq!(wait(refused(429, "Too Many Requests: retry later")), 5);
        assert_eq!(wait(answer(429, &Value::Null)), 5);
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, "9".parse().unwrap())]);
        assert_eq!(wait(of_answer(StatusCode::TOO_MANY_REQUESTS, &headers, &Value::Null)), 9);
    }

    #[test]
    fn a_server_error_leaves_the_outcome_open() {
        let text = |failure: Failure| failure.error.to_string();
        assert_eq!(text(refused(500, "Internal Server Error: restart")), "outcome unknown (500)");
        assert_eq!(text(refused(502, "Bad Gateway")), "outcome unknown (502)");
        assert_eq!(text(answer(504, &Value::Null)), "outcome unknown (http_504)");
        assert_eq!(text(answer(403, &Value::Null)), "failed (http_403), nothing was sent", "not Telegram's own words");
        assert_eq!(text(answer(302, &Value::Null)), "failed (http_302), nothing was sent");
        assert_eq!(text(answer(200, &json!({"ok": false}))), "failed (http_200), nothing was sent");
        let unavailable = refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable");
        assert_eq!(text(unavailable), "failed (file_unavailable), nothing was sent");
    }

    #[test]
    fn a_group_that_was_upgraded_tells_its_new_id() {
        let failure = answer(
            400,
            &json!({"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
                "parameters": {"migrate_to_chat_id": -1_001_234_567_890_i64}}),
        );
        assert_eq!((failure.moved_to, failure.error.code()), (Some(-1_001_234_567_890), "chat_moved"));
    }
}
