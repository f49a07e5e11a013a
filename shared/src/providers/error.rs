//! What can go wrong at a provider, as data: who is to blame, whether it may pass, and whether it is certain that
//! nothing was sent.

use std::time::Duration;

/// Why a provider will not do it, however often it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The content or a parameter is not acceptable.
    Invalid,
    /// The credentials are invalid, expired or lack a permission: the owner must reconnect.
    Unauthorized,
    /// The account is blocked, unpaid or restricted.
    Suspended,
    /// This recipient can't be written to (now): window closed, blocked, opted out.
    Forbidden,
    /// Recipient, message or object unknown.
    NotFound,
}

/// An error from a provider.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// It said no. Nothing was sent.
    #[error("refused ({code}): {message}")]
    Refused {
        /// Why, in our words.
        refusal: Refusal,
        /// The provider's own code, for logs and metrics.
        code: String,
        /// A sentence for the salesperson. Ours, never the provider's raw text.
        message: String,
    },
    /// It asked to wait. Nothing was sent.
    #[error("rate limited ({code})")]
    RateLimited {
        /// The provider's own code.
        code: String,
        /// How long.
        retry_after: Duration,
    },
    /// It failed in a way that may pass, and certainly sent nothing (it said so, or the request never left).
    #[error("failed ({code}), nothing was sent")]
    Transient {
        /// The provider's own code, `connect`, or `http_<status>`.
        code: String,
    },
    /// The request left, and what became of it is not known: a timeout, a broken connection, an unreadable answer.
    #[error("outcome unknown ({code})")]
    Uncertain {
        /// What happened, in a word.
        code: String,
    },
}

impl ProviderError {
    /// The same error of a call that sends nothing to a customer: there, an unknown outcome is one that may pass.
    #[must_use]
    pub fn nothing_at_stake(self) -> Self {
        match self {
            Self::Uncertain { code } => Self::Transient { code },
            other => other,
        }
    }

    /// A sentence for the salesperson.
    pub fn for_people(&self) -> String {
        match self {
            Self::Refused { message, .. } => message.clone(),
            Self::RateLimited { .. } => "The provider asks to send more slowly. Try again later.".to_owned(),
            Self::Transient { .. } => "The provider could not be reached. Nothing was sent.".to_owned(),
            Self::Uncertain { .. } => "The provider did not answer. The message may have arrived.".to_owned(),
        }
    }

    /// What sort of error it is, in one of a few words of ours: metrics are counted by it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Refused { refusal: Refusal::Invalid, .. } => "invalid",
            Self::Refused { refusal: Refusal::Unauthorized, .. } => "unauthorized",
            Self::Refused { refusal: Refusal::Suspended, .. } => "suspended",
            Self::Refused { refusal: Refusal::Forbidden, .. } => "forbidden",
            Self::Refused { refusal: Refusal::NotFound, .. } => "not_found",
            Self::RateLimited { .. } => "rate_limited",
            Self::Transient { .. } => "transient",
            Self::Uncertain { .. } => "uncertain",
        }
    }

    /// A stable word for logs.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } | Self::RateLimited { code, .. } | Self::Transient { code } | Self::Uncertain { code } => {
                code
            }
        }
    }
}
