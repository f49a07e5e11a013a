//! Why an installation delivers nothing for now, whatever the conversation. It is about one user's grant at one company;
//! no other company notices.

use serde::{Deserialize, Serialize};

use super::{ids::ConversationId, message::FailureReason, time::Timestamp};

/// What Pipedrive said of the company or the user, and not of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HaltReason {
    /// Too many requests within a moment. Passes in seconds, so nothing is held: conversations wait for its end.
    RateLimited,
    /// The company's budget of requests for the day is used up.
    BudgetSpent,
    /// The company's account is closed.
    AccountClosed,
    /// The API is not offered to the company any more.
    ApiGone,
    /// An access token is refused that was renewed a moment ago.
    TokenRefused,
}

impl HaltReason {
    /// Whether conversations are held until a probe gets through, rather than wait for a moment.
    pub fn holds(self) -> bool {
        self != Self::RateLimited
    }

    /// For people.
    pub fn reason(self) -> FailureReason {
        let (code, text) = match self {
            Self::RateLimited => ("rate_limited", "Pipedrive asked to wait for a moment."),
            Self::BudgetSpent => (
                "budget_spent",
                "The company's daily budget of requests to Pipedrive is used up. Messages are delivered when it is renewed.",
            ),
            Self::AccountClosed => {
                ("account_closed", "The company's Pipedrive account is closed. Messages are kept until it is open again.")
            }
            Self::ApiGone => ("gone", "Pipedrive does not offer its Messaging inbox to this company. Messages are kept."),
            Self::TokenRefused => (
                "unauthorized",
                "Pipedrive refuses to let Pigeonpost act for the user who connected the channel. Messages are kept.",
            ),
        };
        FailureReason { code: code.to_owned(), text: text.to_owned() }
    }
}

/// A halt of an installation's deliveries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Why.
    pub reason: HaltReason,
    /// Since when.
    pub since: Timestamp,
    /// When Pipedrive is asked again.
    pub until: Timestamp,
    /// How often in a row Pipedrive said so.
    pub strikes: u32,
    /// The conversation that may ask; the others are held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<ConversationId>,
}
