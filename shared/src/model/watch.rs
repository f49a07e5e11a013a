//! How a company's changes in Pipedrive are heard of: webhooks that one of its users' installations holds there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    ids::{CompanyId, UserId, WebhookId},
    time::Timestamp,
};
use crate::seal::Sealed;

/// The webhooks of a company.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The tenant.
    pub company: CompanyId,
    /// With what Pipedrive proves itself at each of them, sealed. None before they are made for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Sealed>,
    /// The user whose installation holds them; none before they are made for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Pipedrive's ids of them. Any other was made with a password that nobody knows any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub webhooks: BTreeSet<WebhookId>,
    /// When they were last found to be as they should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<Timestamp>,
}

impl Watch {
    /// One that nobody has made anything of yet.
    pub fn new(company: CompanyId) -> Self {
        Self { company, password: None, user: None, webhooks: BTreeSet::new(), checked_at: None }
    }

    /// What the password is sealed for.
    pub fn seal_context(company: CompanyId) -> String {
        format!("watch:{company}")
    }
}
