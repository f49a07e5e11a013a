//! When a delivery that failed is tried again: 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, then hourly, for three days, each
//! ±20 %, and never sooner than the other side asks.

use std::time::Duration;

use crate::model::time::Timestamp;

const STEPS: [u64; 7] = [5, 30, 120, 600, 1_800, 7_200, 3_600];

/// How long a delivery is tried.
const GIVE_UP_AFTER: Duration = Duration::from_hours(72);

/// Longest wait that the other side can impose on us: what it asks beyond it is tried earlier.
const LONGEST_ASKED: Duration = Duration::from_hours(24);

/// When to try again after `attempts` failures (1 after the first). `asked` is the wait that the other side asked for,
/// `jitter` a random number in 0..=1.
pub fn next_try(now: Timestamp, attempts: u32, asked: Option<Duration>, jitter: f64) -> Timestamp {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX).min(STEPS.len() - 1);
    let step = Duration::from_secs(STEPS[index]).mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0));
    now.plus(step.max(asked.unwrap_or_default().min(LONGEST_ASKED)))
}

/// Whether a message of `sent_at` is not tried again, when tries have failed since `failing_since`: both three days ago,
/// so that a message that comes late in a long outage is not given up with the first.
pub fn exhausted(now: Timestamp, failing_since: Timestamp, sent_at: Timestamp) -> bool {
    now.since(failing_since.max(sent_at)) >= GIVE_UP_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn wait(attempts: u32, asked: Option<u64>) -> u64 {
        next_try(NOW, attempts, asked.map(Duration::from_secs), 0.5).since(NOW).as_secs()
    }

    #[test]
    fn follows_the_schedule_and_the_other_side() {
        let waits: Vec<u64> = (1..=9).map(|attempts| wait(attempts, None)).collect();
        assert_eq!(waits, [5, 30, 120, 600, 1_800, 7_200, 3_600, 3_600, 3_600]);
        assert_eq!(wait(1, Some(60)), 60, "Retry-After is obeyed");
        assert_eq!(wait(7, Some(60)), 3_600, "but does not hurry us");
        assert_eq!(wait(1, Some(10_000_000)), 24 * 3600, "nor stop us");
    }

    #[test]
    fn spreads_by_a_fifth() {
        let at = |jitter| next_try(NOW, 2, None, jitter).since(NOW).as_secs();
        assert_eq!((at(0.0), at(1.0)), (24, 36));
    }

    #[test]
    fn gives_up_after_three_days_of_failure_but_not_on_a_fresh_message() {
        let later = NOW.plus(GIVE_UP_AFTER);
        assert!(exhausted(later, NOW, NOW));
        assert!(!exhausted(later, NOW, later));
        assert!(!exhausted(later, NOW.plus(Duration::from_secs(1)), NOW));
    }
}
