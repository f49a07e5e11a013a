//! What a use case of the contacts and deals API may answer instead of a result. `http::v2::error` alone turns it into a
//! response.

use std::time::Duration;

use crate::{
    inbox::{ports::StoreError, tokens::TokenError},
    model::{api_key::Trouble, ids::CompanyId},
    pipedrive::error::PipedriveError,
    seal::SealError,
    secrets::SecretsError,
};

/// How long to wait when Pipedrive asks to without saying how long: its burst limit counts two seconds
/// (Pipedrive, Rate limiting).
const PIPEDRIVE_WAIT: Duration = Duration::from_secs(2);

/// What a call did not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The deal to read or change.
    DealId,
    /// The contact to read or change.
    ContactEmail,
    /// The contact to put on a list or take off it.
    Email,
}

/// A use case's refusal or failure.
#[derive(Debug, thiserror::Error)]
pub enum CrmError {
    /// The body is needed and empty.
    #[error("the body is empty")]
    MissingBody,
    /// The key is missing, unknown or revoked.
    #[error("the key is not valid")]
    Forbidden,
    /// There is no such contact.
    #[error("no such contact")]
    ContactNotFound,
    /// There is no such segmentation list.
    #[error("no such segmentation list")]
    ListNotFound,
    /// There is no such deal.
    #[error("no such deal")]
    DealNotFound,
    /// There is no such pipeline.
    #[error("no such pipeline")]
    PipelineNotFound,
    /// There is no such stage, or not in that pipeline.
    #[error("no such stage")]
    StageNotFound,
    /// Another contact has the address or the number.
    #[error("the contact exists")]
    ContactExists,
    /// The contact has an open deal in that pipeline.
    #[error("the contact has a deal")]
    ContactHasDeal,
    /// The body or a parameter is not as it should be. The words are for the caller, and quote nothing of what they sent.
    #[error("{0}")]
    InvalidInput(String),
    /// The path does not say what the call is about.
    #[error("the call names nothing")]
    InvalidParams(Missing),
    /// The key, or the company at Pipedrive, makes too many calls; or another call holds what this one needs.
    #[error("too many requests")]
    TooManyRequests {
        /// When to try again.
        retry_after: Duration,
    },
    /// Nobody's consent works any more.
    #[error("no user of company {company} is connected to Pipedrive any more: somebody there has to authorize the app again")]
    NeedsReconnect {
        /// Whose.
        company: CompanyId,
    },
    /// Pipedrive serves the company no more until it has paid.
    #[error("the account of company {company} at Pipedrive is closed")]
    AccountClosed {
        /// Whose.
        company: CompanyId,
    },
    /// It failed when Pipedrive may have done what it was asked to, or has, and that is not written down here.
    #[error("what became of a write at Pipedrive is not known, or not written down")]
    Uncertain(#[source] Box<CrmError>),
    /// Pipedrive failed, or refused what it should not.
    #[error("Pipedrive failed")]
    Pipedrive(#[source] PipedriveError),
    /// The table failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The secret failed.
    #[error("the secret is not available")]
    Secrets(#[source] SecretsError),
    /// Something sealed does not open.
    #[error("sealed data is not readable")]
    Seal(#[source] SealError),
}

impl From<StoreError> for CrmError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl CrmError {
    /// `"field" problem`, as the schema words a fault in a body.
    pub fn invalid(field: &str, problem: &str) -> Self {
        Self::InvalidInput(format!("\"{field}\" {problem}"))
    }

    /// Pipedrive's error, as far as it means the same for every call.
    pub fn from_pipedrive(error: PipedriveError, company: CompanyId) -> Self {
        match error {
            PipedriveError::AccountClosed => Self::AccountClosed { company },
            PipedriveError::RateLimited { retry_after } => {
                Self::TooManyRequests { retry_after: retry_after.unwrap_or(PIPEDRIVE_WAIT) }
            }
            PipedriveError::BudgetSpent { probe_after } => Self::TooManyRequests { retry_after: probe_after },
            other => Self::Pipedrive(other),
        }
    }

    /// Why there is no access to Pipedrive.
    pub fn from_tokens(error: TokenError, company: CompanyId) -> Self {
        match error {
            TokenError::NotConnected => Self::NeedsReconnect { company },
            TokenError::Busy => Self::TooManyRequests { retry_after: PIPEDRIVE_WAIT },
            TokenError::Pipedrive(error) => Self::from_pipedrive(error, company),
            TokenError::Store(error) => Self::Store(error),
            TokenError::Secrets(error) => Self::Secrets(error),
            TokenError::Seal(error) => Self::Seal(error),
        }
    }

    /// `missing` if Pipedrive says that what was asked for is not there.
    #[must_use]
    pub fn or(self, missing: Self) -> Self {
        if matches!(self, Self::Pipedrive(PipedriveError::NotFound)) { missing } else { self }
    }

    /// What the failure of a write means: Pipedrive's validation is stricter than ours in places, and only a connection that
    /// did not come about leaves no doubt.
    #[must_use]
    pub fn of_write(self) -> Self {
        match self {
            Self::Pipedrive(PipedriveError::Invalid { status: 400 | 422, .. }) => {
                Self::InvalidInput("Pipedrive does not accept these values.".to_owned())
            }
            Self::Pipedrive(PipedriveError::Transient { ref code }) if code != "connect" => self.after_write(),
            other => other,
        }
    }

    /// The same failure, after Pipedrive has done something.
    #[must_use]
    pub fn after_write(self) -> Self {
        Self::Uncertain(Box::new(self))
    }

    /// What of it lasts until somebody does something about it.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::NeedsReconnect { .. } => Some(Trouble::NeedsReconnect),
            Self::AccountClosed { .. } => Some(Trouble::AccountClosed),
            _ => None,
        }
    }
}
