//! What a record in Pipedrive looked like when it was last seen: enough to show it beside a chat without asking again.

use serde::{Deserialize, Serialize};

use super::{ids::UserId, time::Timestamp};

/// A person, deal or lead as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// A person's name, or a title.
    pub name: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<UserId>,
    /// Whether it is still worked at: a deal that is neither won nor lost, a lead that is not archived. A person always is.
    pub open: bool,
    /// When it was last changed there. What tells of an earlier change is out of date.
    pub updated_at: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
}
