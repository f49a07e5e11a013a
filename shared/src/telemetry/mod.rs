//! Logs: structured lines in the format that the function's logging configuration asks for, and errors with all their
//! causes on one line.

pub mod metrics;

use std::{error::Error, fmt::Write};

use crate::config::LogSettings;

/// Starts logging, to standard output. Once a process. The runtime's own way to start it brings regular expressions along, for
/// filters that nobody here writes.
pub fn init(settings: LogSettings) {
    let lines = tracing_subscriber::fmt().with_max_level(settings.level).with_target(false).without_time();
    if settings.json { lines.json().init() } else { lines.init() }
}

/// Logs an error that ends here, with its causes. `what` says what did not happen.
pub fn log_error(what: &str, error: &dyn Error) {
    tracing::error!(error = chain(error), "{what}");
}

/// An error and its causes, outermost first.
pub fn chain(error: &dyn Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String does not fail.
        let _ = write!(out, ": {error}");
        cause = error.source();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::{error::InboxError, ports::StoreError};

    #[test]
    fn names_every_cause() {
        let store = StoreError::Unavailable { operation: "read a channel", source: "throttled".into() };
        assert_eq!(chain(&InboxError::Store(store)), "the store failed: the table failed to read a channel: throttled");
    }
}
