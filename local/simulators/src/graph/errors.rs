//! Errors in the Graph API's envelope, by code (Meta, WhatsApp Cloud API, "Error codes").

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

/// What the API answers instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphError {
    code: u32,
    subcode: Option<u32>,
    message: String,
    details: Option<String>,
}

impl GraphError {
    /// An error of the list, with the list's message.
    pub fn code(code: u32) -> Self {
        let message = title(code);
        Self { code, subcode: None, message: format!("(#{code}) {message}"), details: None }
    }
    /// A parameter at fault.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self { message: format!("(#100) {}", message.into()), ..Self::code(100) }
    }

    /// No such object, or not for this token.
    pub(super) fn unknown_object(id: &str) -> Self {
        let message = format!(
            "Unsupported request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
             or does not support this operation"
        );
        Self { code: 100, subcode: Some(33), message, details: None }
    }

    /// With what Meta puts under `error_data.details`.
    pub(super) fn because(self, details: impl Into<String>) -> Self {
        Self { details: Some(details.into()), ..self }
    }

    fn status(&self) -> StatusCode {
        match self.code {
            190 => StatusCode::UNAUTHORIZED,
            10 | 200..=299 | 131_005 | 131_031 => StatusCode::FORBIDDEN,
            4 | 80_007 | 130_429 | 131_056 => StatusCode::TOO_MANY_REQUESTS,
            1 | 2 | 131_000 | 131_016 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn body(&self) -> Value {
        let mut error = json!({"message": self.message, "type": "OAuthException", "code": self.code, "fbtrace_id": "Alocal"});
        if let Some(subcode) = self.subcode {
            error["error_subcode"] = subcode.into();
        }
        if let Some(details) = &self.details {
            error["error_data"] = json!({"messaging_product": "whatsapp", "details": details});
        }
        json!({ "error": error })
    }
}

/// What the list calls a code, in answers and in failed statuses.
pub(super) fn title(code: u32) -> &'static str {
    match code {
        4 => "Application request limit reached",
        190 => "Error validating access token: the session has been invalidated",
        80_007 => "There have been too many calls to this WhatsApp Business account",
        130_429 => "Rate limit hit",
        131_008 => "Required parameter is missing",
        131_009 => "Parameter value is not valid",
        131_026 => "Message undeliverable",
        131_031 => "Business account is locked",
        131_042 => "Business eligibility payment issue",
        131_047 => "Re-engagement message",
        131_051 => "Unsupported message type",
        131_053 => "Media upload error",
        131_056 => "(Business account, consumer account) pair rate limit hit",
        132_000 => "Number of parameters does not match the expected number of params",
        132_001 => "Template name does not exist in the translation",
        132_012 => "Parameter format does not match format in the created template",
        132_018 => "There was an issue with the template parameters",
        _ => "Something went wrong",
    }
}

impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        (self.status(), [(header::CONTENT_TYPE, "application/json; charset=UTF-8")], self.body().to_string()).into_response()
    }
}
