//! Why there are no figures.

use std::error::Error;

/// See the variants.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Something that a measurement needs was not done.
    #[error("could not {what}")]
    Failed {
        /// What, to be read after "could not".
        what: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// What was measured is not what should have been: its figures would be of something else.
    #[error("{what}: {problem}")]
    Unexpected {
        /// What was measured.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl BenchError {
    /// For `map_err`: what could not be done.
    pub fn failed<E: Into<Box<dyn Error + Send + Sync>>>(what: impl Into<String>) -> impl FnOnce(E) -> Self {
        let what = what.into();
        move |source| Self::Failed { what, source: source.into() }
    }

    /// See [`BenchError::Unexpected`].
    pub fn unexpected(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Unexpected { what: what.into(), problem: problem.into() }
    }
}
