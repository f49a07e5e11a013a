//! A gate between a function and its table that closes when something happens outside, so that a test can be sure of what
//! comes between two steps.

use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeTransmitInterceptorContextRef},
    error::BoxError,
};
use shared::environment::Environment;
use tokio::task::JoinHandle;

use crate::table;

/// How long a closed gate holds at most. A test that forgets to open it fails then.
const PATIENCE: Duration = Duration::from_secs(20);

struct Inner {
    closes: Box<dyn Fn() -> bool + Send + Sync>,
    open: Mutex<bool>,
    opened: Condvar,
}

/// The gate. It opens at the latest when it is dropped, so that a test that fails ends at once.
pub struct Gate(Arc<Inner>);

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

/// What stands at the gate for a client.
struct Guard(Arc<Inner>);

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Gate {
    /// One that holds every request that leaves while `closes` says so.
    pub fn new(closes: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { closes: Box::new(closes), open: Mutex::new(false), opened: Condvar::new() }))
    }

    /// `environment` with its table behind this gate. It blocks the thread that runs into it: use it within [`apart`].
    pub fn environment(&self, environment: &Environment) -> Environment {
        table::behind(environment, Guard(self.0.clone()))
    }

    /// Opens it for good.
    pub fn open(&self) {
        *self.0.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.opened.notify_all();
    }
}

/// Runs something on a thread and a runtime of its own, where it may block without holding up anything else.
///
/// # Panics
/// If there is no such runtime.
#[expect(clippy::expect_used, reason = "tests")]
pub fn apart<T: Send + 'static, F: Future<Output = T>>(work: impl FnOnce() -> F + Send + 'static) -> JoinHandle<T> {
    tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(work())
    })
}

impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "Guard"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if !(self.0.closes)() {
            return Ok(());
        }
        let open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.opened.wait_timeout_while(open, PATIENCE, |open| !*open).unwrap_or_else(PoisonError::into_inner);
        if waited.1.timed_out() { Err("nobody opened the gate".into()) } else { Ok(()) }
    }
}
