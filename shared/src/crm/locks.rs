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
    take_in_steps(store, clock, company, names, WAIT_STEP).await
}

async fn take_in_steps<'a>(
    store: &'a dyn LockStore,
    clock: &dyn Clock,
    company: CompanyId,
    names: Vec<String>,
    step: Duration,
) -> Result<Held<'a>, CrmError> {
    let owner = uuid::Uuid::new_v4().to_string();
    for _ in 0..WAIT_STEPS {
        let now = clock.now();
        if names.is_empty() || store.lock(company, &names, &owner, now, now.plus(LEASE)).await? {
            return Ok(Held { store, company, names, owner });
        }
        tokio::time::sleep(step).await;
    }
    Err(CrmError::TooManyRequests { retry_after: COME_BACK })
}

impl Held<'_> {
    /// Ends it after `outcome`, and gives the names back unless it is uncertain: then Pipedrive may have done it, and whoever
    /// comes next should not look before its search knows.
    pub async fn end<T>(self, outcome: Result<T, CrmError>) -> Result<T, CrmError> {
        if !matches!(outcome, Err(CrmError::Uncertain(_))) {
            self.give_back().await;
        }
        outcome
    }

    /// Gives the names back. Whoever only drops this leaves them to end by themselves.
    pub async fn give_back(self) {
        if !self.names.is_empty()
            && let Err(error) = self.store.unlock(self.company, &self.names, &self.owner).await
        {
            crate::telemetry::log_error("a lock is left to end by itself", &error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::{clock::SystemClock, inbox::ports::StoreError, model::time::Timestamp};

    /// Held by others until so many tries are made.
    #[derive(Default)]
    struct Names {
        free_after: usize,
        tries: Mutex<usize>,
        given_back: Mutex<usize>,
    }

    #[async_trait]
    impl LockStore for Names {
        async fn lock(&self, _: CompanyId, _: &[String], _: &str, _: Timestamp, _: Timestamp) -> Result<bool, StoreError> {
            *self.tries.lock().unwrap() += 1;
            Ok(*self.tries.lock().unwrap() > self.free_after)
        }

        async fn unlock(&self, _: CompanyId, _: &[String], _: &str) -> Result<(), StoreError> {
            *self.given_back.lock().unwrap() += 1;
            Ok(())
        }
    }

    async fn held(names: &Names) -> Result<Held<'_>, CrmError> {
        take_in_steps(names, &SystemClock, CompanyId(7), vec!["email#a@b.co".to_owned()], Duration::ZERO).await
    }

    #[tokio::test]
    async fn a_name_is_waited_for_but_not_for_ever() {
        let names = Names { free_after: 49, ..Names::default() };
        assert!(held(&names).await.is_ok());
        let names = Names { free_after: usize::MAX, ..Names::default() };
        let outcome = held(&names).await.err();
        assert!(matches!(outcome, Some(CrmError::TooManyRequests { retry_after }) if retry_after == COME_BACK));
        assert_eq!(*names.tries.lock().unwrap(), 50);
    }

    #[tokio::test]
    async fn a_name_is_given_back_unless_the_outcome_is_uncertain() {
        let names = Names::default();
        assert!(held(&names).await.unwrap().end(Ok(())).await.is_ok());
        assert!(held(&names).await.unwrap().end::<()>(Err(CrmError::ContactExists)).await.is_err());
        assert_eq!(*names.given_back.lock().unwrap(), 2);
        let uncertain = CrmError::ContactExists.after_write();
        assert!(held(&names).await.unwrap().end::<()>(Err(uncertain)).await.is_err());
        assert_eq!(*names.given_back.lock().unwrap(), 2);
    }

    #[test]
    fn what_may_be_the_same_has_the_same_name() {
        let email_of = |text| email(&Email::parse(text).unwrap());
        let phone_of = |text| phone(&Phone::parse(text).unwrap());
        assert_eq!(email_of("Ada@Example.com"), email_of("ada@example.com"));
        assert_eq!(phone_of("+5511999990001"), phone_of("(11) 99999-0001"));
        assert_ne!(phone_of("+5511999990001"), phone_of("+5511999990002"));
    }
}
