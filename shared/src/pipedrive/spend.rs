//! What calls cost, and what Pipedrive said of the limits meanwhile: a tally that belongs to an [`Access`](super::Access).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::price::Call;
use crate::model::record::SpentOn;

/// The company's daily budget, shared by all its integrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Daily {
    /// Tokens a day, if Pipedrive said.
    pub limit: Option<u64>,
    /// Tokens that are left.
    pub remaining: u64,
}

/// The limit on requests in the user's current window of two seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// Requests that are left.
    pub remaining: u64,
    /// How long the window lasts yet, if Pipedrive said.
    pub reset: Option<Duration>,
}

/// What was spent, and what Pipedrive last said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tokens, by what for.
    pub spent: BTreeMap<SpentOn, u64>,
    /// Requests that were charged.
    pub calls: u64,
    /// The daily budget; none if Pipedrive has not said.
    pub daily: Option<Daily>,
    /// The burst limit; none if Pipedrive has not said.
    pub burst: Option<Burst>,
}

impl Tally {
    /// All tokens that were spent.
    pub fn tokens(&self) -> u64 {
        self.spent.values().sum()
    }
}

/// A shared tally. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Spend(Arc<Mutex<Tally>>);

impl Spend {
    /// The tally as it is.
    pub fn tally(&self) -> Tally {
        self.with(|tally| tally.clone())
    }

    /// The tally so far; what was spent counts from nothing again, what Pipedrive said stays.
    pub fn take(&self) -> Tally {
        self.with(|tally| {
            let so_far = tally.clone();
            *tally = Tally { daily: so_far.daily, burst: so_far.burst, ..Tally::default() };
            so_far
        })
    }

    /// Charges a call.
    pub fn charge(&self, call: Call) {
        self.with(|tally| {
            *tally.spent.entry(call.purpose()).or_default() += u64::from(call.tokens());
            tally.calls += 1;
        });
    }

    /// Keeps what an answer says of the limits; what it doesn't say stays as it was said before.
    pub fn note(&self, daily: Option<Daily>, burst: Option<Burst>) {
        self.with(|tally| {
            tally.daily = daily.or(tally.daily);
            tally.burst = burst.or(tally.burst);
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Tally) -> T) -> T {
        // A tally is whole after each change: one that somebody left in a panic is as good as any.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together_and_what_was_taken_counts_no_more() {
        let spend = Spend::default();
        let clone = spend.clone();
        spend.charge(Call::SearchPersons);
        clone.charge(Call::CreateNote);
        clone.charge(Call::ReplaceNote);
        let daily = Daily { limit: Some(90_000), remaining: 7 };
        clone.note(Some(daily), None);

        let taken = spend.take();
        assert_eq!((taken.tokens(), taken.calls, taken.daily), (40, 3, Some(daily)));
        assert_eq!(taken.spent, BTreeMap::from([(SpentOn::Search, 20), (SpentOn::Notes, 20)]));
        let left = clone.tally();
        assert_eq!((left.tokens(), left.calls, left.daily), (0, 0, Some(daily)));
    }

    #[test]
    fn silence_changes_no_limit() {
        let spend = Spend::default();
        let burst = Burst { remaining: 79, reset: Some(Duration::from_secs(2)) };
        spend.note(None, Some(burst));
        spend.note(Some(Daily { limit: None, remaining: 1 }), None);
        let tally = spend.tally();
        assert_eq!((tally.burst, tally.daily.map(|daily| daily.remaining)), (Some(burst), Some(1)));
    }
}
