//! Logs: structured lines in the format that the function's logging configuration asks for, and errors with all their
//! causes on one line.

pub mod metrics;

use std::{error::Error, fmt::Write};

/// Starts logging, as Lambda's advanced logging controls say (`AWS_LAMBDA_LOG_FORMAT`, `AWS_LAMBDA_LOG_LEVEL`).
/// Once a process.
pub fn init() {
    lambda_runtime::tracing::init_default_subscriber();
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
