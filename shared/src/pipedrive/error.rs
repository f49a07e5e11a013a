//! What can go wrong at Pipedrive, as data: what the caller may do about it.

use std::time::Duration;

use super::limits;

/// Longest time for which a burst can keep us out, with room for clocks and waits.
const LONGEST_BURST: Duration = Duration::from_secs(10);

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
    /// Too many requests at once.
    #[error("rate limited")]
    RateLimited {
        /// How long Pipedrive asks us to wait, if it says.
        retry_after: Option<Duration>,
    },
    /// The company's budget of the day is used up: every call is refused until it is filled again, at some midnight or
    /// because the company buys more.
    #[error("the company's daily budget is used up")]
    BudgetSpent {
        /// After how long it is worth a cheap try.
        probe_after: Duration,
    },
    /// A fault that may pass: server error, timeout, no connection, an unreadable answer.
    #[error("failed ({code})")]
    Transient {
        /// `http_<status>`, `timeout`, `connect` (the request never arrived), `answer` (none, or an unreadable one).
        code: String,
    },
}

impl PipedriveError {
    /// What sort of error it is, in one of a few words: metrics are counted by it.
    pub fn kind(&self) -> &str {
        match self.code() {
            code if code.starts_with("http_") => "http_error",
            code => code,
        }
    }

    /// A stable word for logs and reasons shown to people.
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
            Self::BudgetSpent { .. } => "budget_spent",
            Self::Transient { code } => code,
        }
    }

    /// Whether the company's plan has no room for one more of what was to be created (Pipedrive, Usage limits).
    pub fn is_capped(&self) -> bool {
        matches!(self, Self::Forbidden { code } | Self::Invalid { code, .. } if code.starts_with("feature_capping"))
    }

    /// The error, for somebody who has met it `times` in a row over `span`: bursts are over after two seconds, so a rate
    /// limit that is still there after three tries and ten seconds is an empty budget that Pipedrive did not tell as one.
    #[must_use]
    pub fn persisting(self, times: u32, span: Duration) -> Self {
        match self {
            Self::RateLimited { .. } if times >= 3 && span > LONGEST_BURST => limits::exhausted(),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_stays_is_an_empty_budget() {
        let limited = PipedriveError::RateLimited { retry_after: None };
        let (short, long) = (Duration::from_secs(10), Duration::from_secs(11));
        assert_eq!(limited.clone().persisting(3, long), PipedriveError::BudgetSpent { probe_after: Duration::from_mins(30) });
        assert_eq!(limited.clone().persisting(2, long), limited);
        assert_eq!(limited.clone().persisting(9, short), limited);
        assert_eq!(PipedriveError::NotFound.persisting(9, long), PipedriveError::NotFound);
    }

    #[test]
    fn full_plans_are_known_by_their_code() {
        let forbidden = |code: &str| PipedriveError::Forbidden { code: code.to_owned() };
        assert!(forbidden("feature_capping_deals_limit").is_capped() && !forbidden("").is_capped());
    }
}
