//! All that the process logs, for tests of what must not be in it.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use tracing_subscriber::{Layer, filter::Targets, fmt::MakeWriter, layer::SubscriberExt};

/// Takes all that is logged.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Listens as a deployed function does, to our own code more closely. For tests that are alone in their process.
    ///
    /// # Panics
    /// If somebody listens already.
    #[expect(clippy::expect_used, reason = "tests")]
    pub fn listen() -> Self {
        use tracing::level_filters::LevelFilter;
        let log = Self::default();
        let ours = ["pigeonpost", "shared", "local"].into_iter().chain(local::host::NAMES.iter().copied());
        let ours = ours.map(|name| (name.replace('-', "_"), LevelFilter::TRACE));
        let filter = Targets::new().with_default(LevelFilter::INFO).with_targets(ours);
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log.clone()).with_filter(filter);
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).expect("one listener a process");
        log
    }

    /// All of it so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
