//! Errors in the Graph API's envelope, by code and subcode (Meta, Messenger Platform, "Error Codes").

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

/// What the API answers instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessengerError {
    code: u32,
    subcode: Option<u32>,
    message: String,
    /// Minutes, in the usage header.
    wait: Option<u32>,
}

impl MessengerError {
    /// An error of the list.
    pub fn code(code: u32, subcode: Option<u32>) -> Self {
        let message = match (code, subcode) {
            (190, _) => "Error validating access token: the session has been invalidated",
            (10, Some(2_018_278)) => "This message is sent outside of allowed window",
            (551, _) => "This person isn't available right now",
            (100, Some(2_018_001)) => "No matching user found",
            (100, Some(2_018_034)) => "Message cannot be empty",
            (100, Some(2_018_109)) => "Attachment size exceeds allowable limit",
            (100, Some(2_018_218)) => "No profile available for this user",
            (613, _) => "Calls to this API have exceeded the rate limit",
            (1200, _) => "Temporary send message failure. Please try again later",
            _ => "Something went wrong",
        };
        Self { code, subcode, message: format!("(#{code}) {message}"), wait: None }
    }

    /// A parameter at fault.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self { message: format!("(#100) {}", message.into()), ..Self::code(100, None) }
    }

    /// No such object, or not for this token.
    pub(super) fn unknown_object(id: &str) -> Self {
        let message = format!(
            "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
             or does not support this operation"
        );
        Self { message, ..Self::code(100, Some(33)) }
    }

    /// With the minutes after which calls are taken again.
    #[must_use]
    pub fn wait(self, minutes: u32) -> Self {
        Self { wait: Some(minutes), ..self }
    }

    fn status(&self) -> StatusCode {
        match self.code {
            190 => StatusCode::UNAUTHORIZED,
            10 | 200..=299 => StatusCode::FORBIDDEN,
            1 | 2 | 1200 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for MessengerError {
    fn into_response(self) -> Response {
        let transient = matches!(self.code, 1 | 2 | 1200);
        let mut error = json!({
            "message": self.message, "type": "OAuthException", "code": self.code, "is_transient": transient, "fbtrace_id": "Alocal",
        });
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        let kind = [(header::CONTENT_TYPE, "application/json; charset=UTF-8")];
        let mut answer = (self.status(), kind, json!({ "error": error }).to_string()).into_response();
        if let Some(minutes) = self.wait {
            let usage = json!({"1": [{"type": "messenger", "call_count": 100, "estimated_time_to_regain_access": minutes}]});
            if let Ok(usage) = usage.to_string().parse() {
                answer.headers_mut().insert("x-business-use-case-usage", usage);
            }
        }
        answer
    }
}
