//! The governor: how much of a company's daily budget this bundle takes. Pipedrive gives a company a budget of tokens a day,
//! shared by its seats and all its integrations (Pipedrive, Rate limiting); a part of it is left to the others, and what a
//! conversation may cost a day follows from the whole.

use std::time::Duration;

use super::ports::BudgetStore;
use crate::{
    inbox::ports::StoreError,
    model::{
        day::Day,
        ids::CompanyId,
        record::{Allowance, BudgetDay, SpentOn},
        time::Timestamp,
    },
    pipedrive::spend::Tally,
};

/// The part of the budget that is left to others: one in so many tokens.
const RESERVE: u64 = 5;
/// Tokens that a conversation may cost on a day, with a budget of three seats of the smallest plan.
const RATION: u64 = 30;
/// Larger budgets give each conversation one in so many of their tokens.
const RATION_OF: u64 = 3_000;
/// What a note costs to write.
pub const WRITE: u64 = 10;
/// Shortest and longest time between two writes of a note, with a ration for many.
const SHORTEST: Duration = Duration::from_mins(3);
const LONGEST: Duration = Duration::from_hours(1);
/// The shortest with a ration for few.
const SPARING: Duration = Duration::from_mins(15);
/// Writes for which a ration counts as one for many.
const MANY: u64 = 5;
/// What Pipedrive said longer ago is asked for again before a company is parked for it.
const STALE: Duration = Duration::from_mins(25);
const DAY: Duration = Duration::from_hours(24);

/// Decides with what is known of the day.
#[derive(Debug, Clone, Copy)]
pub struct Governor {
    allowance: Option<Allowance>,
    now: Timestamp,
}

impl Governor {
    /// With what Pipedrive last said today, if it said anything.
    pub fn new(day: &BudgetDay, now: Timestamp) -> Self {
        Self { allowance: day.allowance, now }
    }

    /// What one conversation may cost on a day. The first day with a customer, on which they are looked for and created, may
    /// cost twice as much.
    pub fn ration(&self, first_day: bool) -> u64 {
        let ration = self.allowance.map_or(RATION, |known| (known.limit / RATION_OF).max(RATION));
        if first_day { ration * 2 } else { ration }
    }

    /// How long to wait between two writes of a note with `left` tokens of its ration: the less of the budget is left for the
    /// rest of the day, the longer.
    pub fn interval(&self, left: u64) -> Duration {
        let shortest = if left >= MANY * WRITE { SHORTEST } else { SPARING };
        let Some(known) = self.allowance else { return shortest };
        let reserve = known.limit / RESERVE;
        let share = ratio(known.remaining.saturating_sub(reserve), known.limit.saturating_sub(reserve));
        let today = self.now.millis().rem_euclid(24 * 3_600_000);
        let rest_of_day = 1.0 - Duration::from_millis(today.unsigned_abs()).as_secs_f64() / DAY.as_secs_f64();
        let pace = (share / rest_of_day.max(0.01)).clamp(0.05, 1.0);
        shortest.mul_f64(1.0 / (pace * pace)).min(LONGEST)
    }

    /// Whether what is left is the others'.
    pub fn is_at_reserve(&self) -> bool {
        self.allowance.is_some_and(|known| known.remaining <= known.limit / RESERVE)
    }

    /// Whether Pipedrive has to be asked before a company is parked.
    pub fn is_stale(&self) -> bool {
        self.allowance.is_some_and(|known| self.now.since(known.seen_at) > STALE)
    }

    /// Whether there is more than enough: then files are copied too.
    pub fn is_rich(&self) -> bool {
        self.allowance.is_none_or(|known| known.remaining > known.limit / 2)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rough share")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Writes down what a round cost and what Pipedrive said meanwhile.
pub async fn note(
    store: &dyn BudgetStore,
    company: CompanyId,
    tally: &Tally,
    known: Option<Allowance>,
    now: Timestamp,
) -> Result<Option<BudgetDay>, StoreError> {
    let allowance = tally.daily.and_then(|said| {
        let limit = said.limit.or(known.map(|known| known.limit))?;
        Some(Allowance { limit, remaining: said.remaining, seen_at: now })
    });
    if tally.spent.is_empty() {
        return Ok(None);
    }
    let spent: Vec<(SpentOn, u64)> = tally.spent.iter().map(|(on, tokens)| (*on, *tokens)).collect();
    store.spend(company, &Day::utc(now), &spent, allowance.as_ref(), now).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MORNING: Timestamp = Timestamp::EPOCH;

    fn governor(limit: u64, remaining: u64, now: Timestamp) -> Governor {
        let allowance = Some(Allowance { limit, remaining, seen_at: now });
        Governor::new(&BudgetDay { allowance, ..BudgetDay::default() }, now)
    }

    #[test]
    fn the_ration_follows_the_budget_and_is_never_less_than_the_smallest() {
        for (limit, ration) in [(30_000, 30), (90_000, 30), (300_000, 100)] {
            let governor = governor(limit, limit, MORNING);
            assert_eq!((governor.ration(false), governor.ration(true)), (ration, ration * 2), "{limit}");
        }
        assert_eq!(Governor::new(&BudgetDay::default(), MORNING).ration(false), 30);
    }

    #[test]
    fn the_less_is_left_of_the_day_the_longer_it_takes() {
        let evening = MORNING.plus(Duration::from_hours(18));
        let noon = MORNING.plus(Duration::from_hours(12));
        assert_eq!(governor(90_000, 90_000, MORNING).interval(50), SHORTEST);
        assert_eq!(governor(90_000, 90_000, MORNING).interval(20), SPARING);
        assert_eq!(governor(90_000, 60_000, noon).interval(50), SHORTEST, "as much as there should be left by now");
        assert!(governor(90_000, 60_000, MORNING).interval(50) > SHORTEST);
        assert!(governor(90_000, 30_000, noon).interval(50) > governor(90_000, 30_000, evening).interval(50));
        assert_eq!(governor(90_000, 0, noon).interval(50), LONGEST);
    }

    #[test]
    fn a_fifth_is_left_to_the_others() {
        assert!(!governor(90_000, 18_001, MORNING).is_at_reserve());
        assert!(governor(90_000, 18_000, MORNING).is_at_reserve());
        assert!(!Governor::new(&BudgetDay::default(), MORNING).is_at_reserve());
        let old = Governor { now: MORNING.plus(Duration::from_hours(1)), ..governor(90_000, 18_000, MORNING) };
        assert!(old.is_stale() && !governor(90_000, 0, MORNING).is_stale());
    }
}
