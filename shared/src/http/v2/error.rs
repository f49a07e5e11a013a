//! The one place where an error of the contacts and deals API becomes a response: status, `errorCode`, message and suggested
//! action of its schema, and a request id that leads to the log. What broke inside is logged here, once, with all its causes.

use std::time::Duration;

use http::{StatusCode, header::RETRY_AFTER};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    crm::error::{CrmError, Missing},
    http::{Response, response},
    telemetry,
};

/// A row of the error schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// HTTP status.
    pub status: u16,
    /// What a program tells it by.
    pub code: ErrorCode,
    /// What a person reads, where nothing more telling is known.
    pub message: &'static str,
    /// What to do about it.
    pub action: &'static str,
}

/// What a program tells an error by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schemars(inline)]
#[expect(missing_docs, reason = "the words are the schema's own")]
pub enum ErrorCode {
    MissingBody,
    Forbidden,
    ContactNotFound,
    SegmentationListNotFound,
    DealNotFound,
    PipelineNotFound,
    StageNotFound,
    ContactAlreadyExists,
    ContactAssociatedWithADeal,
    InvalidInput,
    InvalidParams,
    TooManyRequests,
    InternalServerError,
}

/// The body of every error.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Error")]
pub struct ErrorBody {
    /// What went wrong, for people.
    pub error: String,
    /// What went wrong, for programs.
    pub error_code: ErrorCode,
    /// What to do about it.
    pub suggested_action: &'static str,
    /// Names this call in the log.
    #[schemars(extend("format" = "uuid"))]
    pub request_id: String,
}

const fn row(status: u16, code: ErrorCode, message: &'static str, action: &'static str) -> Row {
    Row { status, code, message, action }
}

const NECESSARY: &str = "Ensure that the deal id, contact email or email is present in the request.";

/// The row of an error.
pub fn row_of(error: &CrmError) -> Row {
    use ErrorCode as Code;
    match error {
        CrmError::MissingBody => row(400, Code::MissingBody, "Body is necessary.", "Ensure that the request body is not empty."),
        CrmError::Forbidden => row(
            403,
            Code::Forbidden,
            "User is not authorized to access this resource with an explicit deny in an identity-based policy.",
            "Make sure the API key is correct or generate an API key.",
        ),
        CrmError::ContactNotFound => {
            row(404, Code::ContactNotFound, "Contact not found.", "Check if the contact exists before using it.")
        }
        CrmError::ListNotFound => row(
            404,
            Code::SegmentationListNotFound,
            "Segmentation list not found.",
            "Check if the segmentation list exists before using it.",
        ),
        CrmError::DealNotFound => row(404, Code::DealNotFound, "Deal not found.", "Check if the deal exists before using it."),
        CrmError::PipelineNotFound => {
            row(404, Code::PipelineNotFound, "Pipeline not found.", "Check if the pipeline exists before using it.")
        }
        CrmError::StageNotFound => {
            row(404, Code::StageNotFound, "Stage not found.", "Check if the stage exists before using it.")
        }
        CrmError::ContactExists => row(
            409,
            Code::ContactAlreadyExists,
            "Contact already exists.",
            "Check if the contact already exists before creating a new one.",
        ),
        CrmError::ContactHasDeal => row(
            409,
            Code::ContactAssociatedWithADeal,
            "Contact already associated with a deal.",
            "Check if the contact is already associated with a deal before creating or updating one.",
        ),
        CrmError::InvalidInput(_) => row(
            422,
            Code::InvalidInput,
            "Invalid JSON body.",
            "Ensure that the request body is valid, and all required fields are present.",
        ),
        CrmError::InvalidParams(Missing::DealId) => row(422, Code::InvalidParams, "DEAL_ID_IS_NECESSARY", NECESSARY),
        CrmError::InvalidParams(Missing::ContactEmail) => row(422, Code::InvalidParams, "CONTACT_EMAIL_IS_NECESSARY", NECESSARY),
        CrmError::InvalidParams(Missing::Email) => row(422, Code::InvalidParams, "EMAIL_IS_NECESSARY", NECESSARY),
        CrmError::TooManyRequests { .. } => row(
            429,
            Code::TooManyRequests,
            "Too many requests.",
            "Reduce the request rate: queue the calls or lower the number of concurrent requests.",
        ),
        CrmError::NeedsReconnect { .. }
        | CrmError::AccountClosed { .. }
        | CrmError::Uncertain(_)
        | CrmError::Pipedrive(_)
        | CrmError::Store(_)
        | CrmError::Secrets(_)
        | CrmError::Seal(_) => row(
            500,
            Code::InternalServerError,
            "An unexpected error occurred.",
            "Try the request again later. If the error does not resolve, contact support.",
        ),
    }
}

/// Every row of the schema. For those without a situation of their own words, one stands for all.
pub fn rows() -> Vec<Row> {
    let company = crate::model::ids::CompanyId(0);
    [
        CrmError::MissingBody,
        CrmError::Forbidden,
        CrmError::ContactNotFound,
        CrmError::ListNotFound,
        CrmError::DealNotFound,
        CrmError::PipelineNotFound,
        CrmError::StageNotFound,
        CrmError::ContactExists,
        CrmError::ContactHasDeal,
        CrmError::InvalidInput(String::new()),
        CrmError::InvalidParams(Missing::DealId),
        CrmError::InvalidParams(Missing::ContactEmail),
        CrmError::InvalidParams(Missing::Email),
        CrmError::TooManyRequests { retry_after: Duration::ZERO },
        CrmError::NeedsReconnect { company },
    ]
    .iter()
    .map(row_of)
    .collect()
}

/// The response for an error of the call `request_id`.
pub fn respond(error: &CrmError, request_id: &str) -> Response {
    let row = row_of(error);
    let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        telemetry::log_error("the call failed", error);
    } else {
        // Without its words: they may name what the caller sent.
        tracing::info!(status = row.status, code = ?row.code, "the call was refused");
    }
    let message = match error {
        CrmError::InvalidInput(said) => said.clone(),
        _ => row.message.to_owned(),
    };
    let body =
        ErrorBody { error: message, error_code: row.code, suggested_action: row.action, request_id: request_id.to_owned() };
    let mut response = response::json(status, &body);
    if let CrmError::TooManyRequests { retry_after } = error {
        response::set(&mut response, RETRY_AFTER, &whole_seconds(*retry_after).to_string());
    }
    response
}

/// Rounded up, and never none, so that a caller who obeys is not early.
fn whole_seconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{inbox::ports::StoreError, model::ids::CompanyId, pipedrive::error::PipedriveError};

    #[test]
    fn the_body_has_four_members() {
        let response = respond(&CrmError::DealNotFound, "3f0c");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(response.status().as_u16(), 404);
        assert_eq!(
            body,
            json!({
                "error": "Deal not found.", "errorCode": "DEAL_NOT_FOUND", "requestId": "3f0c",
                "suggestedAction": "Check if the deal exists before using it.",
            })
        );
    }

    #[test]
    fn a_limit_says_when_to_come_back() {
        for (wait, said) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (30_000, "30")] {
            let error = CrmError::TooManyRequests { retry_after: Duration::from_millis(wait) };
            assert_eq!(respond(&error, "x").headers()[RETRY_AFTER], said);
        }
    }

    #[test]
    fn what_broke_inside_stays_inside() {
        let store = StoreError::Unavailable { operation: "read a key", source: "table pigeonpost-prod".into() };
        let pipedrive = PipedriveError::Forbidden { code: "feature_capping_deals_limit".to_owned() };
        let company = CompanyId(4711);
        for error in [
            CrmError::Store(store),
            CrmError::Pipedrive(pipedrive),
            CrmError::NeedsReconnect { company },
            CrmError::AccountClosed { company },
        ] {
            let response = respond(&error, "x");
            let body = String::from_utf8(response.body().to_vec()).unwrap();
            assert_eq!(response.status().as_u16(), 500);
            assert!(body.contains("INTERNAL_SERVER_ERROR") && body.contains("An unexpected error occurred."), "{body}");
            assert!(!body.contains("4711") && !body.contains("capping") && !body.contains("prod"), "{body}");
        }
    }
}
