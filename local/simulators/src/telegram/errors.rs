//! Refusals as the Bot API words them (Telegram Bot API, "Making requests").

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Value, json};

/// What the API answers instead of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    number: u16,
    description: String,
    parameters: Option<Value>,
}

impl ApiError {
    /// A refusal with its number, which is the answer's status too. `… retry after 14` also says so in its parameters.
    pub fn new(number: u16, description: impl Into<String>) -> Self {
        let description = description.into();
        let wait = description.rsplit_once("retry after ").and_then(|(_, seconds)| seconds.parse::<u32>().ok());
        Self { number, parameters: wait.map(|seconds| json!({"retry_after": seconds})), description }
    }

    /// A request that is not as it should be.
    pub(super) fn bad(reason: &str) -> Self {
        Self::new(400, format!("Bad Request: {reason}"))
    }

    /// A group that has another id now.
    pub(super) fn upgraded(chat: i64) -> Self {
        let parameters = Some(json!({"migrate_to_chat_id": chat}));
        Self { parameters, ..Self::bad("group chat was upgraded to a supergroup chat") }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({"ok": false, "error_code": self.number, "description": self.description});
        if let Some(parameters) = self.parameters {
            body["parameters"] = parameters;
        }
        let status = StatusCode::from_u16(self.number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}
