//! Errors in the REST API's envelope, by code (Twilio, "Error and Warning Dictionary").

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::json;

/// What the API answers instead of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TwilioError {
    code: u32,
}

impl TwilioError {
    /// An error of the dictionary.
    pub fn code(code: u32) -> Self {
        Self { code }
    }

    fn status(self) -> StatusCode {
        match self.code {
            20_003 => StatusCode::UNAUTHORIZED,
            20_005 | 20_403 => StatusCode::FORBIDDEN,
            20_404 => StatusCode::NOT_FOUND,
            20_429 => StatusCode::TOO_MANY_REQUESTS,
            20_500 => StatusCode::INTERNAL_SERVER_ERROR,
            20_503 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn message(self) -> &'static str {
        match self.code {
            20_001 => "Unknown parameters",
            20_003 => "Authenticate",
            20_005 => "Account is not active",
            20_404 => "The requested resource was not found",
            20_429 => "Too many requests",
            21_211 => "Invalid 'To' Phone Number",
            21_502 => "Sms URL is not valid",
            21_602 => "Message body is required",
            21_603 => "A 'From' phone number is required",
            21_604 => "A 'To' phone number is required",
            21_606 => "The 'From' phone number provided is not a valid message-capable Twilio phone number for this account",
            21_609 => "The 'StatusCallback' URL is not a valid URL",
            21_610 => "Attempt to send to unsubscribed recipient",
            21_617 => "The concatenated message body exceeds the 1600 character limit",
            21_620 => "Invalid media URL(s)",
            21_623 => "Number of media files exceeds allowed limit",
            21_705 => "The Messaging Service Sid is invalid",
            21_910 => "Invalid From and To pair. From and To should be of the same channel",
            _ => "Something went wrong",
        }
    }
}

impl IntoResponse for TwilioError {
    fn into_response(self) -> Response {
        let body = json!({
            "code": self.code, "message": self.message(), "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status().as_u16(),
        });
        (self.status(), [(header::CONTENT_TYPE, "application/json;charset=utf-8")], body.to_string()).into_response()
    }
}
