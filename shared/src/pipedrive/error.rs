//! What can go wrong at Pipedrive, as data: what the caller may do about it.

use std::time::Duration;

/// An error from Pipedrive's API or OAuth server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PipedriveError {
    /// Only a company's admin may register channels.
    #[error("only admins can register channels")]
    AdminOnly,
    /// Pipedrive does not accept what we sent. Repeating it is useless.
    #[error("request refused ({status} {code})")]
    Invalid {
        /// HTTP status.
        status: u16,
        /// `additional_data.code`, or empty.
        code: String,
    },
    /// The channel is registered already.
    #[error("the channel exists already")]
    ChannelExists,
    /// Allowed to somebody else (the app's owner), or not within the app's scopes.
    #[error("forbidden ({code})")]
    Forbidden {
        /// `additional_data.code`, or empty.
        code: String,
    },
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// This API is not (any more) offered to the company.
    #[error("the API is not available ({status})")]
    Gone {
        /// HTTP status.
        status: u16,
    },
    /// The access token is not accepted.
    #[error("the access token is not accepted")]
    Unauthorized,
    /// The grant is revoked, expired or was exchanged already.
    #[error("the grant is not valid any more")]
    InvalidGrant,
    /// The company's account is not open (unpaid, trial over).
    #[error("the company's account is closed")]
    AccountClosed,
    /// Too many requests.
    #[error("rate limited")]
    RateLimited {
        /// How long Pipedrive asks us to wait, if it says.
        retry_after: Option<Duration>,
    },
    /// A fault that may pass: server error, timeout, no connection, an unreadable answer.
    #[error("failed ({code})")]
    Transient {
        /// `http_<status>`, `timeout`, `connect` (the request never arrived), `answer` (none, or an unreadable one).
        code: String,
    },
}

impl PipedriveError {
    /// A stable word for logs, metrics and reasons shown to people.
    pub fn code(&self) -> &str {
        match self {
            Self::AdminOnly => "admin_only",
            Self::Invalid { .. } => "invalid",
            Self::ChannelExists => "channel_exists",
            Self::Forbidden { .. } => "forbidden",
            Self::NotFound => "not_found",
            Self::Gone { .. } => "gone",
            Self::Unauthorized => "unauthorized",
            Self::InvalidGrant => "invalid_grant",
            Self::AccountClosed => "account_closed",
            Self::RateLimited { .. } => "rate_limited",
            Self::Transient { code } => code,
        }
    }
}
