//! Steps. Before and after each call of a port, whoever calls it stops once: so others can come between, it can die there, and
//! the call can fail before or after it took effect.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use shared::inbox::ports::StoreError;

/// What goes wrong with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and nothing happened.
    Before,
    /// It took effect and fails.
    After,
}

/// How calls go. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stepping: bool,
    fault: Option<Fault>,
}

impl Pace {
    /// Stops before and after each call.
    pub fn stepping() -> Self {
        Self(Arc::new(Mutex::new(State { stepping: true, fault: None })))
    }

    /// Lets the next call fail; none lets it be.
    pub fn fail_next(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    /// A call that does `work`. What it comes to, or that it failed.
    pub async fn call<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Failed> {
        self.stop().await;
        // Taken at the moment of the call: it belongs to whoever steps next.
        let fault = self.state().fault.take();
        if fault == Some(Fault::Before) {
            return Err(Failed);
        }
        let done = work();
        self.stop().await;
        if fault == Some(Fault::After) { Err(Failed) } else { Ok(done) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stop(&self) {
        let stepping = self.state().stepping;
        if stepping {
            Stop { stopped: false }.await;
        }
    }
}

/// The call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as asked for")]
pub struct Failed;

impl From<Failed> for StoreError {
    fn from(failed: Failed) -> Self {
        Self::Unavailable { operation: "take a step", source: Box::new(failed) }
    }
}

/// Waits until it is polled again.
struct Stop {
    stopped: bool,
}

impl Future for Stop {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.stopped, true) {
            return Poll::Ready(());
        }
        // Whoever waits for several at once polls only those that say so.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
