//! The one place where a use case's error becomes a response: `{"success":false,"data":{"message","code"[,"retry_by"]}}`
//! (Pipedrive, "Channels API - Required endpoints in the vendor's integration", responses). What broke inside is logged
//! here, once, with all its causes; the caller learns nothing of it.

use http::StatusCode;
use serde::Serialize;

use super::{Response, page, response};
use crate::{
    inbox::error::InboxError,
    telemetry::{
        self,
        metrics::{self, Metric},
    },
};

#[derive(Serialize)]
struct Failure<'a> {
    success: bool,
    data: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    message: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_by: Option<String>,
}

/// What the caller hears of a fault of ours.
const BROKEN: &str = "The request could not be completed. Try again later.";

/// The response for an error.
#[expect(clippy::needless_pass_by_value, reason = "an error ends here, and stands after unwrap_or_else")]
pub fn respond(error: InboxError) -> Response {
    let (status, code) = status_and_code(&error);
    log(&error, status, code);
    let retry_by = match &error {
        InboxError::RateLimited { retry_at } => Some(retry_at.rfc3339()),
        _ => None,
    };
    failure(status, code, &said(&error, status), retry_by)
}

/// The page for an error that a person runs into where no script could show it.
#[expect(clippy::needless_pass_by_value, reason = "an error ends here, and stands after unwrap_or_else")]
pub fn respond_as_page(error: InboxError) -> Response {
    let (status, code) = status_and_code(&error);
    log(&error, status, code);
    page::message(status, "That did not work", &said(&error, status), None)
}

/// 413: the body is larger than anything that its sender is known to send.
pub fn too_large() -> Response {
    failure(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "the body is too large", None)
}

fn log(error: &InboxError, status: StatusCode, code: &str) {
    if let InboxError::Pipedrive(error) = error {
        metrics::count_kind(Metric::PipedriveErrors, error.kind());
    }
    if status.is_server_error() {
        telemetry::log_error("the request failed", error);
    } else {
        // Without its words: they may quote what the caller sent.
        tracing::info!(status = status.as_u16(), code, "the request was refused");
    }
}

fn said(error: &InboxError, status: StatusCode) -> String {
    if status.is_server_error() { BROKEN.to_owned() } else { error.to_string() }
}

fn status_and_code(error: &InboxError) -> (StatusCode, &'static str) {
    match error {
        InboxError::InvalidBody { .. } => (StatusCode::BAD_REQUEST, "INVALID_BODY"),
        InboxError::BadRequest { .. } => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        InboxError::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
        InboxError::AccountSuspended(_) => (StatusCode::UNAUTHORIZED, "ACCOUNT_SUSPENDED"),
        InboxError::Forbidden(_) => (StatusCode::FORBIDDEN, "FORBIDDEN"),
        InboxError::NotFound(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        InboxError::Gone(_) => (StatusCode::GONE, "GONE"),
        InboxError::RateLimited { .. } => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED"),
        InboxError::Provider(_)
        | InboxError::Pipedrive(_)
        | InboxError::Store(_)
        | InboxError::Bucket(_)
        | InboxError::Secrets(_)
        | InboxError::Seal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    }
}

fn failure(status: StatusCode, code: &str, message: &str, retry_by: Option<String>) -> Response {
    response::json(status, &Failure { success: false, data: Detail { message, code, retry_by } })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{inbox::ports::StoreError, model::time::Timestamp, seal::SealError};

    #[test]
    fn each_error_has_its_status_code_and_message() {
        let expected = [
            (InboxError::invalid_body("message", "is too long"), 400, "INVALID_BODY", "message: is too long"),
            (
                InboxError::BadRequest { parameter: "after", problem: "not a cursor".to_owned() },
                400,
                "BAD_REQUEST",
                "after: not a cursor",
            ),
            (InboxError::Unauthorized("who are you"), 401, "UNAUTHORIZED", "who are you"),
            (InboxError::AccountSuspended("suspended".to_owned()), 401, "ACCOUNT_SUSPENDED", "suspended"),
            (InboxError::Forbidden("no".to_owned()), 403, "FORBIDDEN", "no"),
            (InboxError::NotFound("channel"), 404, "NOT_FOUND", "no such channel"),
            (InboxError::Gone("the address has expired".to_owned()), 410, "GONE", "the address has expired"),
        ];
        for (error, status, code, message) in expected {
            let response = respond(error);
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(response.status().as_u16(), status, "{code}");
            assert_eq!(body, json!({ "success": false, "data": { "message": message, "code": code } }));
            assert_eq!(response.headers()["content-type"], "application/json");
        }
    }

    #[test]
    fn a_rate_limit_says_until_when() {
        let response = respond(InboxError::RateLimited { retry_at: Timestamp::from_secs(1_767_225_600) });
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((response.status().as_u16(), &body["data"]["code"]), (429, &json!("RATE_LIMIT_EXCEEDED")));
        assert_eq!(body["data"]["retry_by"], "2026-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_broke_inside_stays_inside() {
        let store = StoreError::Unavailable { operation: "read a channel", source: "table pigeonpost-prod".into() };
        for error in [InboxError::Store(store), InboxError::Seal(SealError::UnknownKey(7))] {
            let response = respond(error);
            let body = String::from_utf8(response.body().to_vec()).unwrap();
            assert_eq!(response.status().as_u16(), 500);
            assert!(body.contains("INTERNAL_ERROR") && !body.contains("pigeonpost-prod") && !body.contains('7'), "{body}");
        }
    }
}
