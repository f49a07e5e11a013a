//! A clock that can be put forward, for tests and for looking at what happens later.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use shared::{
    clock::{Clock, SystemClock},
    model::time::Timestamp,
};

/// The machine's time, put forward by what was asked for so far.
#[derive(Debug, Default)]
pub struct AdjustableClock {
    ahead_ms: AtomicU64,
}

impl AdjustableClock {
    /// Puts it forward.
    pub fn advance(&self, by: Duration) {
        self.ahead_ms.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for AdjustableClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_millis(self.ahead_ms.load(Ordering::SeqCst)))
    }
}
