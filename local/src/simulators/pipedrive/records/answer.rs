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
}

impl Refusal {
    /// A body or a query that does not fit, and where.
    pub(super) fn invalid(place: &str, problem: &str) -> Self {
        let place = if place.is_empty() || place == "." { "body" } else { place };
        let error = format!("Validation failed: {place}: {problem}");
        Self { status: StatusCode::BAD_REQUEST, error, code: "ERR_SCHEMA_VALIDATION_FAILED" }
    }

    /// There is no such record, or not in this company.
    pub(super) fn not_found(error: &str) -> Self {
        Self { status: StatusCode::NOT_FOUND, error: error.to_owned(), code: "ERR_NOT_FOUND" }
    }

    /// The company or the user may not do this.
    pub(super) fn forbidden(error: &str) -> Self {
        Self { status: StatusCode::FORBIDDEN, error: error.to_owned(), code: "ERR_FORBIDDEN" }
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
        api::json(self.status, &body)
    }
}

/// The answer with one record, or with what else there is to say.
pub(super) fn one(data: impl Serialize) -> Value {
    json!({"success": true, "data": data})
}
