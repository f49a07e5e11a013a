//! A key of the contacts and deals API: whose it is, how fast it may call, and what it last ran into. Only a hash of its
//! secret is kept.

use serde::{Deserialize, Serialize};

use super::{
    ids::{CompanyId, KeyId, UserId},
    time::Timestamp,
};

/// How often a key may call: `per_second` in the long run, `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Calls a second.
    pub per_second: u32,
    /// Calls at once, after a pause.
    pub burst: u32,
}

impl RateLimit {
    /// The most that a key may be given. The gateway lets no more through for all callers together.
    pub const MOST: Self = Self { per_second: 100, burst: 200 };
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 5, burst: 2 }
    }
}

/// What a key's calls run into until somebody does something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// No user of the company is connected to Pipedrive any more.
    NeedsReconnect,
    /// The company's account at Pipedrive is closed.
    AccountClosed,
}

/// SHA-256 of a secret, in hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretHash(pub String);

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

/// The secret before the last rotation, while it still works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Its hash.
    pub hash: SecretHash,
    /// When it stops working.
    pub until: Timestamp,
}

/// A stored key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its open part.
    pub id: KeyId,
    /// The only company that it opens.
    pub company: CompanyId,
    /// The user who made it, and for whom it calls Pipedrive.
    pub owner: UserId,
    /// What its users call it.
    pub name: String,
    /// The hash of its secret.
    pub hash: SecretHash,
    /// The secret before, if that still works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outgoing: Option<Outgoing>,
    /// How often it may call.
    pub limit: RateLimit,
    /// When the calls made so far will have been worked off at the limit's pace (the theoretical arrival time of the
    /// generic cell rate algorithm). This is all that there is to count.
    pub busy_until: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Timestamp>,
    /// What its calls run into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}
