//! A thread with a runtime of its own: what runs here shares its thread with nothing else, so that the thread's time on the
//! processor is its own.

use std::{
    future::Future,
    pin::Pin,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime,
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{error::BenchError, series::Series};

/// How long the thread may need for what it is asked at once.
const LIMIT: Duration = Duration::from_mins(10);
/// The thread's nanoseconds on the processor come first (Linux, "Scheduler statistics").
const CPU: &str = "/proc/thread-self/schedstat";

type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// The thread. It ends when this is dropped and its work is done.
pub(crate) struct Apart(mpsc::UnboundedSender<Job>);

impl Apart {
    /// Starts one.
    pub(crate) fn start(name: &str) -> Result<Self, BenchError> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(BenchError::failed("make a runtime"))?;
        let (sender, mut jobs) = mpsc::unbounded_channel::<Job>();
        let work = move || {
            runtime.block_on(async {
                while let Some(job) = jobs.recv().await {
                    job().await;
                }
            });
        };
        thread::Builder::new().name(name.to_owned()).spawn(work).map_err(BenchError::failed("start a thread"))?;
        Ok(Self(sender))
    }

    /// Has something done there.
    pub(crate) async fn run<T, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> Result<T, BenchError>
    where
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let (sender, done) = oneshot::channel();
        let job = || -> Pin<Box<dyn Future<Output = ()>>> {
            Box::pin(async move {
                // Nobody waits any more for what took too long.
                drop(sender.send(work().await));
            })
        };
        let gone = || BenchError::unexpected("a thread", "it is gone");
        self.0.send(Box::new(job)).map_err(|_| gone())?;
        let late = |_| BenchError::unexpected("a thread", format!("it needs more than {} s", LIMIT.as_secs()));
        timeout(LIMIT, done).await.map_err(late)?.map_err(|_| gone())
    }

    /// Does the same with each input, one after the other: what came out, and how long it took.
    pub(crate) async fn each<I, T, F>(
        &self,
        inputs: Vec<I>,
        work: impl Fn(I) -> F + Send + 'static,
    ) -> Result<(Vec<T>, Series), BenchError>
    where
        I: Send + 'static,
        T: Send + 'static,
        F: Future<Output = T> + 'static,
    {
        let before = self.cpu().await?;
        let all = || async move {
            let mut done = Vec::with_capacity(inputs.len());
            for input in inputs {
                let begun = Instant::now();
                let output = work(input).await;
                done.push((output, begun.elapsed()));
            }
            done
        };
        let (outputs, walls) = self.run(all).await?.into_iter().unzip();
        Ok((outputs, Series { walls, cpu: self.cpu().await?.saturating_sub(before) }))
    }

    /// The thread's time on the processor. The kernel counts when a thread pauses, as this one has when this is asked.
    async fn cpu(&self) -> Result<Duration, BenchError> {
        let text = self.run(|| async { std::fs::read_to_string(CPU) }).await?;
        let text = text.map_err(BenchError::failed(format!("read {CPU}")))?;
        let nanos = text.split_whitespace().next().and_then(|word| word.parse().ok());
        nanos.map(Duration::from_nanos).ok_or_else(|| BenchError::unexpected(CPU, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_works_takes_time_and_what_waits_does_not() {
        let apart = Apart::start("test").unwrap();
        let spin = |millis| async move {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(millis) {}
            millis
        };
        let (outputs, worked) = apart.each(vec![30, 30], spin).await.unwrap();
        assert_eq!((outputs, worked.walls.len()), (vec![30, 30], 2));
        let sleep = |millis| tokio::time::sleep(Duration::from_millis(millis));
        let (_, waited) = apart.each(vec![30, 30], sleep).await.unwrap();
        // On a busy machine the thread may not have had the processor all the time.
        assert!(worked.cpu > waited.cpu * 2, "{worked:?} {waited:?}");
        assert!(waited.walls.iter().all(|wall| *wall >= Duration::from_millis(30)), "{waited:?}");
    }
}
