//! How much functions log, by function: lines as Lambda would have them, metrics among them. They are counted and dropped.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use local::iam;
use shared::telemetry::metrics;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Bytes by function. Clones are the same count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logs(Arc<Mutex<BTreeMap<&'static str, usize>>>);

impl Logs {
    /// Counts all that this process logs from here on, in the format and at the level of template.yaml. Once a process: whoever
    /// listens already goes on alone.
    pub(crate) fn listen() -> Self {
        let logs = Self::default();
        let lines = tracing_subscriber::fmt().json().with_max_level(LevelFilter::INFO).with_target(false).without_time();
        // A second listener would count for nothing, which the figures show.
        drop(lines.with_writer(logs.clone()).try_init());
        let of_metrics = logs.clone();
        metrics::write_to("Pigeonpost/bench".to_owned(), Arc::new(shared::clock::SystemClock), move |line| {
            // With the end of the line.
            of_metrics.count(line.len() + 1);
        });
        logs
    }

    /// What was logged since the last call of this.
    pub(crate) fn take(&self) -> BTreeMap<&'static str, usize> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, bytes: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(iam::caller().unwrap_or_default()).or_default() += bytes;
    }
}

impl Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.count(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Logs {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
