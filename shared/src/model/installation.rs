//! A Pipedrive user's grant to this app: tokens, and whether they still work.

use serde::{Deserialize, Serialize};

use super::{
    channel::Delivery,
    halt::Halt,
    ids::{CompanyId, UserId},
    time::Timestamp,
};
use crate::seal::Sealed;

/// Whether Pipedrive lets us act for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstallationState {
    /// It does.
    Connected,
    /// The grant was revoked or has expired; the user must authorize again.
    NeedsReconnect,
    /// The user removed the app; the tokens are gone.
    Uninstalled,
}

/// A stored installation, unique by company and user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// The tenant.
    pub company: CompanyId,
    /// The user who authorized.
    pub user: UserId,
    /// What the company is called.
    #[serde(default)]
    pub company_name: String,
    /// What the user is called.
    #[serde(default)]
    pub user_name: String,
    /// The user's time zone by its IANA name when they authorized first, in which days begin and end. Empty if Pipedrive did not tell.
    #[serde(default)]
    pub timezone: String,
    /// Base URL of the company's API, without a slash at the end. Renewed by every token answer.
    pub api_domain: String,
    /// Where Pipedrive reaches this bundle; for work that no request starts.
    pub public_url: String,
    /// Whether the tokens work.
    pub state: InstallationState,
    /// Both tokens, sealed together; none when uninstalled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Sealed>,
    /// When the access token stops working.
    pub access_until: Timestamp,
    /// When the tokens were last renewed.
    pub refreshed_at: Timestamp,
    /// Grows with each new pair of tokens.
    pub version: u64,
    /// Where messages end, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// When it was last looked whether what Pipedrive told of the user and the company is still so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<Timestamp>,
    /// Why nothing is delivered for now, if so. A new grant ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halt: Option<Halt>,
}

/// What Pipedrive tells of who authorized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What the company is called.
    pub company_name: String,
    /// What the user is called.
    pub user_name: String,
}
