//! Answers around records: Pipedrive's envelope, and its refusals (Pipedrive, "HTTP status codes").

use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::super::api;

const UNKNOWN: &str = "Object was not found.";
const INFO: &str = "Please check developers.pipedrive.com for more information about Pipedrive API.";

/// A version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Version {
    V1,
    V2,
}

/// Why a request has no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub(super) struct Refusal {
    status: StatusCode,
    error: String,
    /// Version 2 tells it, version 1 does not.
    code: &'static str,
    /// What is wrong, by member, as webhooks have it.
    errors: Option<Value>,
}

impl Refusal {
    /// A body or a query that does not fit, and where.
    pub(super) fn invalid(place: &str, problem: &str) -> Self {
        let place = if place.is_empty() || place == "." { "body" } else { place };
        let error = format!("Validation failed: {place}: {problem}");
        Self { status: StatusCode::BAD_REQUEST, error, code: "ERR_SCHEMA_VALIDATION_FAILED", errors: None }
    }

    /// There is no such record, or not in this company.
    pub(super) fn not_found(error: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, error: error.to_owned(), code: "ERR_NOT_FOUND", errors: None }
    }

    /// The company or the user may not do this.
    pub(super) fn forbidden(error: &str) -> Self {
        Self { status: StatusCode::FORBIDDEN, error: error.to_owned(), code: "ERR_FORBIDDEN", errors: None }
    }

    /// What is wrong with a webhook's registration.
    pub(super) fn webhook(member: &str, problem: &str) -> Self {
        let status = if problem == "not found" { StatusCode::NOT_FOUND } else { StatusCode::BAD_REQUEST };
        Self { status, error: problem.to_owned(), code: "", errors: Some(json!({member: [problem]})) }
    }

    /// The user has as many webhooks of the app as there may be.
    pub(super) fn too_many_webhooks() -> Self {
        let error = "Webhooks limit reached".to_owned();
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, error, code: "", errors: None }
    }

    /// A file is larger than Pipedrive takes it. How it says so is not documented.
    pub(super) fn too_large() -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, error: "File is too large".to_owned(), code: "", errors: None }
    }

    /// The answer.
    pub(super) fn response(&self, version: Version) -> Response {
        let is_unknown = version == Version::V1 && self.status == StatusCode::NOT_FOUND;
        let info = if is_unknown { UNKNOWN } else { INFO };
        let mut body = json!({
            "success": false, "error": self.error, "error_info": info, "data": null, "additional_data": null,
        });
        if version == Version::V2 {
            body["code"] = self.code.into();
        }
        if let Some(errors) = &self.errors {
            body = json!({"status": "error", "success": false, "errors": errors});
        }
        api::json(self.status, &body)
    }
}

/// The answer with one record, or with what else there is to say.
pub(super) fn one(data: impl Serialize) -> Value {
    json!({"success": true, "data": data})
}
