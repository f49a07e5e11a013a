//! Names that one call at a time may hold, across all instances: two creates of the same contact are one after the other,
//! and the second finds what the first made. A lock that nobody gives back ends by itself.

use std::time::Duration;

use super::{error::CrmError, ports::LockStore};
use crate::{
    clock::Clock,
    model::{
        contact::{Email, Phone},
        ids::{CompanyId, PersonId, PipelineId},
    },
};

/// How long a lock is held at most: longer than a function runs. Who dies in between leaves it for this long, in which
/// Pipedrive's search comes to know what was created.
const LEASE: Duration = Duration::from_secs(30);
/// How long and how often to wait for another's.
const WAIT_STEP: Duration = Duration::from_millis(100);
const WAIT_STEPS: usize = 50;
/// When to come back if it lasts longer than that.
const COME_BACK: Duration = Duration::from_secs(5);

/// The name of an address.
pub fn email(email: &Email) -> String {
    format!("email#{}", email.key())
}

/// The name of a number. Numbers that end alike may be the same one.
pub fn phone(phone: &Phone) -> String {
    format!("phone#{}", phone.ending())
}

/// The name of a person's record.
pub fn person(id: PersonId) -> String {
    format!("person#{id}")
}

/// The name of a person's deals in a pipeline.
pub fn deals_of(person: PersonId, pipeline: PipelineId) -> String {
    format!("deals#{person}#{pipeline}")
}

/// Names that are held.
pub struct Held<'a> {
    store: &'a dyn LockStore,
    company: CompanyId,
    names: Vec<String>,
    owner: String,
}

/// Takes all of `names`, after whoever holds one of them now.
pub async fn take<'a>(
    store: &'a dyn LockStore,
    clock: &dyn Clock,
    company: CompanyId,
    names: Vec<String>,
) -> Result<Held<'a>, CrmError> {
    let owner = uuid::Uuid::new_v4().to_string();
    for _ in 0..WAIT_STEPS {
        let now = clock.now();
        if names.is_empty() || store.lock(company, &names, &owner, now, now.plus(LEASE)).await? {
            return Ok(Held { store, company, names, owner });
        }
        tokio::time::sleep(WAIT_STEP).await;
    }
    Err(CrmError::TooManyRequests { retry_after: COME_BACK })
}

impl Held<'_> {
    /// Ends it after `outcome`, and gives the names back unless it is uncertain: then Pipedrive may have done it, and whoever
    /// comes next should not look before its search knows.
    pub async fn end<T>(self, outcome: Result<T, CrmError>) -> Result<T, CrmError> {
        let uncertain = matches!(outcome, Err(CrmError::Uncertain(_)));
        if !uncertain
            && !self.names.is_empty()
            && let Err(error) = self.store.unlock(self.company, &self.names, &self.owner).await
        {
            crate::telemetry::log_error("a lock is left to end by itself", &error);
        }
        outcome
    }
}
