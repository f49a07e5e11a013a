//! What a use case may answer instead of a result. `http::error` alone turns it into a response.

use std::time::Duration;

use super::{ports::StoreError, tokens::TokenError};
use crate::{
    media::bucket::BucketError, model::time::Timestamp, pipedrive::error::PipedriveError, providers::error::ProviderError,
    seal::SealError, secrets::SecretsError,
};

/// A use case's refusal or failure.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// A field of the body is missing, malformed or over a limit.
    #[error("{field}: {problem}")]
    InvalidBody {
        /// The field at fault.
        field: String,
        /// What is wrong with it, in words for the caller.
        problem: String,
    },
    /// A query parameter is malformed.
    #[error("{parameter}: {problem}")]
    BadRequest {
        /// The parameter at fault.
        parameter: &'static str,
        /// What is wrong with it, in words for the caller.
        problem: String,
    },
    /// The caller has not shown who they are, or the user behind the resource has withdrawn their consent.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The user's account at the provider is suspended.
    #[error("{0}")]
    AccountSuspended(String),
    /// Known, but not allowed.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, for this caller.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// It was there and is not any more; in words for people.
    #[error("{0}")]
    Gone(String),
    /// The provider asks to wait.
    #[error("rate limit exceeded")]
    RateLimited {
        /// When to try again.
        retry_at: Timestamp,
    },
    /// The provider failed in a way that may pass, or said something unknown.
    #[error("the provider failed")]
    Provider(#[source] ProviderError),
    /// Pipedrive failed or refused.
    #[error("Pipedrive failed")]
    Pipedrive(#[source] PipedriveError),
    /// The table failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The bucket failed.
    #[error("the bucket failed")]
    Bucket(#[source] BucketError),
    /// The secret failed.
    #[error("the secret is not available")]
    Secrets(#[source] SecretsError),
    /// Something sealed does not open.
    #[error("sealed data is not readable")]
    Seal(#[source] SealError),
}

impl From<StoreError> for InboxError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<BucketError> for InboxError {
    fn from(error: BucketError) -> Self {
        Self::Bucket(error)
    }
}

impl From<SecretsError> for InboxError {
    fn from(error: SecretsError) -> Self {
        Self::Secrets(error)
    }
}

impl From<SealError> for InboxError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

impl From<TokenError> for InboxError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::NotConnected => Self::Unauthorized("the app has to be authorized in Pipedrive again"),
            TokenError::Busy => Self::Pipedrive(PipedriveError::Transient { code: "refresh_busy".to_owned() }),
            TokenError::Pipedrive(error) => Self::Pipedrive(error),
            TokenError::Store(error) => Self::Store(error),
            TokenError::Secrets(error) => Self::Secrets(error),
            TokenError::Seal(error) => Self::Seal(error),
        }
    }
}

impl InboxError {
    /// A fault in the body's `field`.
    pub fn invalid_body(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::InvalidBody { field: field.into(), problem: problem.into() }
    }

    /// What the caller hears of a provider's refusal.
    pub fn from_provider(error: ProviderError, now: Timestamp) -> Self {
        use crate::providers::error::Refusal;
        match error {
            ProviderError::Refused { refusal: Refusal::Invalid, message, .. } => match message.split_once(' ') {
                // As `providers::outgoing::unsendable` writes it.
                Some((field @ ("message" | "files"), problem)) => Self::invalid_body(field, problem),
                _ => Self::invalid_body("message", message),
            },
            ProviderError::Refused { refusal: Refusal::Unauthorized, .. } => {
                Self::Unauthorized("the provider no longer accepts the channel's credentials; reconnect the channel")
            }
            ProviderError::Refused { refusal: Refusal::Suspended, message, .. } => Self::AccountSuspended(message),
            ProviderError::Refused { refusal: Refusal::Forbidden, message, .. } => Self::Forbidden(message),
            ProviderError::Refused { refusal: Refusal::NotFound, .. } => Self::NotFound("recipient at the provider"),
            ProviderError::RateLimited { retry_after, .. } => {
                // Rounded up to a whole second, and never at once, so that a caller who obeys is not early.
                let at = now.plus(retry_after.max(Duration::from_secs(1))).millis();
                Self::RateLimited { retry_at: Timestamp::from_millis((at + 999) / 1000 * 1000) }
            }
            other => Self::Provider(other),
        }
    }
}
