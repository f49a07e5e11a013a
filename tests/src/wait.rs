//! Waiting for something that another task does.

use std::time::Duration;

use tokio::time::Instant;

/// Longest wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits until `reached` says so; `what` tells what was waited for.
///
/// # Panics
/// If it does not within ten seconds.
pub async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
