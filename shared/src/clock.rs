//! The one source of time, and of the chance by which things are spread over it. Everything else asks a [`Clock`], so that tests
//! can set both.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::time::Timestamp;

/// Tells what time it is.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// A random number in 0..=1, to spread what would otherwise come all at once.
    fn jitter(&self) -> f64 {
        f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock port")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_within_its_bounds_and_differs() {
        let drawn: Vec<f64> = (0..8).map(|_| SystemClock.jitter()).collect();
        assert!(drawn.iter().all(|number| (0.0..=1.0).contains(number)), "{drawn:?}");
        assert!(drawn.iter().any(|number| (number - drawn[0]).abs() > f64::EPSILON), "{drawn:?}");
    }
}
