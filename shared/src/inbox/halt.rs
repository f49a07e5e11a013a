//! Halts: what stops all deliveries of an installation, and how they begin again. Whoever hears from Pipedrive that the account
//! is closed, the day's budget is spent or the API is gone notes it on the installation; from then on its conversations are
//! held and burn no tries. From time to time the one that waits longest may ask. When it gets through, the halt ends, and the
//! others follow, the oldest first. One that fails for a reason of its own proves nothing, and waits behind the others.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    ports::{InstallationStore, StoreError},
    receive::STREAM_GRACE,
    retry,
};
use crate::{
    clock::Clock,
    model::{
        halt::{Halt, HaltReason},
        ids::{CompanyId, ConversationId, UserId},
        installation::{Installation, InstallationState},
        message::FailureReason,
        time::Timestamp,
    },
    pipedrive::error::PipedriveError,
};

/// How long to wait before asking again whether an account is open, an API is back, a token is accepted.
const LONG: Duration = Duration::from_hours(1);
/// How long to wait with a day's budget of which Pipedrive does not say when it is renewed: it may be topped up.
const BUDGET: Duration = Duration::from_mins(30);
/// Held conversations looked at for one that may ask.
const CANDIDATES: usize = 10;

/// Halts in the table.
#[async_trait]
pub trait HaltStore: Send + Sync {
    /// Notes a halt, and a chore to probe it if it holds. `seen` is the installation as it was when the error came: a halt that
    /// it does not know of stays. False then.
    async fn halt(&self, seen: &Installation, halt: &Halt) -> Result<bool, StoreError>;
    /// Ends the halt, if it is still that one, and has what is held released.
    async fn end_halt(&self, company: CompanyId, user: UserId, halt: &Halt, now: Timestamp) -> Result<(), StoreError>;
    /// Conversations that are held for the installation, first those that have been for longest. May lag by moments.
    async fn held(&self, company: CompanyId, user: UserId, limit: usize) -> Result<Vec<ConversationId>, StoreError>;
    /// Lets the probe that `halt` names go, in one transaction with noting it. False if it is not held any more, or the halt
    /// is another by now.
    async fn send_probe(&self, company: CompanyId, user: UserId, halt: &Halt, due_at: Timestamp) -> Result<bool, StoreError>;
    /// There is nothing to probe.
    async fn end_probes(&self, company: CompanyId, user: UserId) -> Result<(), StoreError>;
}

/// Why the installation delivers nothing at the moment, for people; none if it does.
pub fn reason(installation: &Installation) -> Option<FailureReason> {
    match installation.state {
        InstallationState::Connected => {
            installation.halt.as_ref().filter(|halt| halt.reason.holds()).map(|halt| halt.reason.reason())
        }
        InstallationState::NeedsReconnect => Some(not_connected()),
        // Its channels say so themselves.
        InstallationState::Uninstalled => None,
    }
}

/// Why conversations are held whose user's grant does not work.
pub fn not_connected() -> FailureReason {
    FailureReason {
        code: "not_connected".to_owned(),
        text: "The user who connected the channel has to authorize Pigeonpost in Pipedrive again.".to_owned(),
    }
}

/// The halt that follows from an error; none if it is about a message or passes by itself.
pub fn after(error: &PipedriveError, known: Option<&Halt>, clock: &dyn Clock) -> Option<Halt> {
    let now = clock.now();
    let again = known.filter(|halt| halt.reason == HaltReason::RateLimited);
    let error = match again {
        Some(halt) => error.clone().persisting(halt.strikes.saturating_add(1), now.since(halt.since)),
        None => error.clone(),
    };
    let (reason, asked) = match error {
        PipedriveError::RateLimited { retry_after } => (HaltReason::RateLimited, retry_after),
        PipedriveError::BudgetSpent { probe_after } => (HaltReason::BudgetSpent, Some(probe_after)),
        PipedriveError::AccountClosed => (HaltReason::AccountClosed, Some(LONG)),
        PipedriveError::Gone { .. } => (HaltReason::ApiGone, Some(LONG)),
        PipedriveError::Unauthorized => (HaltReason::TokenRefused, Some(LONG)),
        _ => return None,
    };
    let before = known.filter(|halt| halt.reason == reason);
    let (since, strikes) = before.map_or((now, 1), |halt| (halt.since, halt.strikes.saturating_add(1)));
    let until = retry::next_try(now, strikes.min(3), asked, clock.jitter());
    Some(Halt { reason, since, until, strikes, probe: None })
}

/// Lets one held conversation of a halted installation ask whether Pipedrive delivers again. Whether one was found.
pub async fn probe(
    halts: &dyn HaltStore,
    installations: &dyn InstallationStore,
    company: CompanyId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let installation = installations.installation(company, user).await?;
    let connected = installation.filter(|found| found.state == InstallationState::Connected);
    let Some(halt) = connected.and_then(|found| found.halt).filter(|halt| halt.reason.holds()) else {
        halts.end_probes(company, user).await?;
        return Ok(false);
    };
    if halt.until > now {
        // Prolonged since: the chore is due again when that is over.
        return Ok(false);
    }
    let held = halts.held(company, user, CANDIDATES).await?;
    for candidate in &held {
        let probing = Halt { probe: Some(candidate.clone()), until: now.plus(interval(halt.reason)), ..halt.clone() };
        if halts.send_probe(company, user, &probing, now.plus(STREAM_GRACE)).await? {
            return Ok(true);
        }
    }
    if held.is_empty() {
        // The next message finds out by itself.
        halts.end_halt(company, user, &halt, now).await?;
    }
    Ok(false)
}

fn interval(reason: HaltReason) -> Duration {
    match reason {
        HaltReason::BudgetSpent | HaltReason::RateLimited => BUDGET,
        HaltReason::AccountClosed | HaltReason::ApiGone | HaltReason::TokenRefused => LONG,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    struct Stopped(Timestamp);

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    fn after(error: &PipedriveError, known: Option<&Halt>, now: Timestamp) -> Option<Halt> {
        super::after(error, known, &Stopped(now))
    }

    fn limited(seconds: Option<u64>) -> PipedriveError {
        PipedriveError::RateLimited { retry_after: seconds.map(Duration::from_secs) }
    }

    #[test]
    fn only_what_is_said_of_the_company_halts() {
        for (error, reason) in [
            (limited(None), HaltReason::RateLimited),
            (PipedriveError::BudgetSpent { probe_after: BUDGET }, HaltReason::BudgetSpent),
            (PipedriveError::AccountClosed, HaltReason::AccountClosed),
            (PipedriveError::Gone { status: 410 }, HaltReason::ApiGone),
            (PipedriveError::Unauthorized, HaltReason::TokenRefused),
        ] {
            assert_eq!(after(&error, None, NOW).map(|halt| halt.reason), Some(reason), "{error:?}");
        }
        for error in [
            PipedriveError::NotFound,
            PipedriveError::Forbidden { code: String::new() },
            PipedriveError::Invalid { status: 400, code: String::new() },
            PipedriveError::Transient { code: "http_500".to_owned() },
        ] {
            assert_eq!(after(&error, None, NOW), None, "{error:?}");
        }
    }

    #[test]
    fn a_long_burst_is_a_day_that_is_spent() {
        let first = after(&limited(Some(2)), None, NOW).unwrap();
        let soon = NOW.plus(Duration::from_secs(3));
        let second = after(&limited(Some(2)), Some(&first), soon).unwrap();
        assert_eq!((second.reason, second.strikes, second.since), (HaltReason::RateLimited, 2, NOW));
        assert_eq!(after(&limited(Some(2)), Some(&second), soon).unwrap().reason, HaltReason::RateLimited, "within a moment");
        let late = NOW.plus(Duration::from_secs(40));
        let spent = after(&limited(Some(2)), Some(&second), late).unwrap();
        assert_eq!((spent.reason, spent.until.since(late)), (HaltReason::BudgetSpent, BUDGET));
    }

    #[test]
    fn a_halt_never_ends_sooner_than_pipedrive_asks() {
        let halt = after(&limited(Some(100)), None, NOW).unwrap();
        assert_eq!(halt.until.since(NOW), Duration::from_secs(100));
        assert!(after(&PipedriveError::AccountClosed, None, NOW).unwrap().until.since(NOW) >= LONG);
    }
}
