//! A function's binary as a process, with nothing of this process's environment. It never outlives who started it, and nobody waits
//! for it without a limit.

use std::{
    fs::{self, File},
    io::{Read, Seek},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    process::{Child, Command},
    sync::oneshot,
    time::{sleep, timeout},
};

use super::runtime_api::{Heard, RuntimeApi};
use crate::error::BenchError;

/// How long anything may take that a function is waited for. Under valgrind all takes fifty times as long.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long it may take until none of its threads runs.
const REST: Duration = Duration::from_secs(5);
/// How much of what a function wrote is shown when it fails, in bytes.
const LAST_WORDS: usize = 2000;

/// Environment variables.
pub(crate) type Settings = Vec<(&'static str, String)>;

/// A process of a function.
pub(crate) struct Process {
    name: String,
    child: Child,
    pid: u32,
    started: Instant,
    api: RuntimeApi,
    /// The invocation that it asked for.
    asked: Option<oneshot::Sender<String>>,
    log: File,
}

impl Process {
    /// Starts `command`, which runs the function of that name, with Lambda's variables and `settings`.
    pub(crate) async fn start(name: &str, mut command: Command, settings: &Settings) -> Result<Self, BenchError> {
        let failed = || BenchError::failed(format!("start {name}"));
        let api = RuntimeApi::start().await?;
        let log = tempfile::tempfile().map_err(failed())?;
        command
            .env_clear()
            .envs(lambda(name))
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .envs(settings.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed())?)
            .stderr(log.try_clone().map_err(failed())?)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn().map_err(failed())?;
        let pid = child.id().ok_or_else(|| BenchError::unexpected(name, "it ended at once"))?;
        Ok(Self { name: name.to_owned(), child, pid, started, api, asked: None, log })
    }

    /// Waits until it asks for an invocation. How long after its start that was, if it is the first.
    pub(crate) async fn asks(&mut self) -> Result<Duration, BenchError> {
        match self.says().await? {
            Heard::Next(at, event) => {
                self.asked = Some(event);
                Ok(at.duration_since(self.started))
            }
            Heard::Answer(body) => Err(self.unexpected(&format!("it answered unasked: {}", String::from_utf8_lossy(&body)))),
            Heard::Failure(body) => Err(self.unexpected(&format!("it failed: {}", String::from_utf8_lossy(&body)))),
        }
    }

    /// Gives it an event, and waits until it asks for another. Its answer to this one.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<Value, BenchError> {
        let given = self.asked.take().is_some_and(|asked| asked.send(event.to_string()).is_ok());
        if !given {
            return Err(self.unexpected("it did not ask for an invocation"));
        }
        let answer = match self.says().await? {
            Heard::Answer(body) => serde_json::from_slice(&body).map_err(BenchError::failed("read its answer"))?,
            Heard::Failure(body) => return Err(self.unexpected(&format!("it failed: {}", String::from_utf8_lossy(&body)))),
            Heard::Next(..) => return Err(self.unexpected("it asked for another invocation before it answered")),
        };
        self.asks().await?;
        Ok(answer)
    }

    async fn says(&mut self) -> Result<Heard, BenchError> {
        let problem = tokio::select! {
            Some(heard) = self.api.hear() => return Ok(heard),
            _ = self.child.wait() => "it ended".to_owned(),
            () = sleep(PATIENCE) => format!("it said nothing for {} s", PATIENCE.as_secs()),
        };
        Err(self.unexpected(&problem))
    }

    /// The processor time that it has used, once it waits for something.
    pub(crate) async fn cpu(&self) -> Result<Duration, BenchError> {
        let deadline = Instant::now() + REST;
        loop {
            let threads = self.threads()?;
            // The kernel books a thread's time when the thread stops running.
            if threads.iter().all(|(stat, _)| sleeps(stat)) {
                let ran = threads.iter().map(|(_, schedstat)| ran(schedstat)).sum::<Option<u64>>();
                return ran.map(Duration::from_nanos).ok_or_else(|| self.unexpected("its schedstat has no time"));
            }
            if Instant::now() > deadline {
                return Err(self.unexpected("it does not come to rest"));
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Each thread's `stat` and `schedstat`.
    fn threads(&self) -> Result<Vec<(String, String)>, BenchError> {
        let failed = || BenchError::failed(format!("read the processor time of {}", self.name));
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).map_err(failed())?;
        threads
            .map(|thread| {
                let folder = thread.map_err(failed())?.path();
                let read = |file| fs::read_to_string(folder.join(file)).map_err(failed());
                Ok((read("stat")?, read("schedstat")?))
            })
            .collect()
    }

    /// The memory that it occupies, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, BenchError> {
        let failed = BenchError::failed(format!("read the memory of {}", self.name));
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).map_err(failed)?;
        resident(&status).ok_or_else(|| self.unexpected("its status has no VmRSS"))
    }

    /// Lets it end by itself: there is no other invocation to come.
    pub(crate) async fn ends(mut self) -> Result<(), BenchError> {
        self.asked = None;
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(ended) => ended.map(drop).map_err(BenchError::failed(format!("wait for the end of {}", self.name))),
            Err(_) => Err(self.unexpected(&format!("it did not end within {} s", PATIENCE.as_secs()))),
        }
    }

    /// Ends it, so that it is not in the way of what is measured next.
    pub(crate) async fn kill(mut self) -> Result<(), BenchError> {
        self.child.kill().await.map_err(BenchError::failed(format!("end {}", self.name)))
    }

    /// Something is wrong with it: with what it wrote last.
    pub(crate) fn unexpected(&self, problem: &str) -> BenchError {
        let mut words = Vec::new();
        // Without its words there is still the problem.
        let read = self.log.try_clone().and_then(|mut log| log.rewind().and_then(|()| log.read_to_end(&mut words)));
        let words = read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(last(&words)).into_owned());
        BenchError::unexpected(&self.name, format!("{problem}\n{words}").trim_end())
    }
}

fn last(words: &[u8]) -> &[u8] {
    &words[words.len().saturating_sub(LAST_WORDS)..]
}

/// What Lambda sets for each function, as far as any of it matters, and what the template sets for all of them.
fn lambda(name: &str) -> Settings {
    let pairs = [
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
        ("AWS_REGION", "eu-central-1"),
        // The embedded bucket knows these.
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("TABLE_NAME", "pigeonpost"),
        ("SECRET_ID", "pigeonpost"),
        ("MEDIA_BUCKET", "pigeonpost"),
        ("DELIVERY", "auto"),
        ("METRICS_NAMESPACE", "Pigeonpost/bench"),
    ];
    pairs.map(|(name, value)| (name, value.to_owned())).into()
}

/// Whether a thread waits for something, by its `stat` (proc(5)): the state comes after its name, which may hold anything.
fn sleeps(stat: &str) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

/// How many nanoseconds a thread ran, by its `schedstat` (Linux, Documentation/scheduler/sched-stats.rst).
fn ran(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// The bytes of a process's `VmRSS`, by its `status` (proc(5)).
fn resident(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim();
    Some(value.strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_state_follows_its_name() {
        assert!(sleeps("4711 (floor) S 1 4711 4711 0 -1"));
        assert!(sleeps("4711 (a) R (b) S 1 4711"));
        assert!(!sleeps("4711 (floor) R 1 4711 4711 0 -1"));
        assert!(!sleeps("4711 (S) D 1"));
        assert!(!sleeps(""));
    }

    #[test]
    fn a_threads_time_is_the_first_number() {
        assert_eq!(ran("1967328 56437389 16\n"), Some(1_967_328));
        assert_eq!((ran(""), ran("x 1 2")), (None, None));
        assert_eq!(["1 0 0", "20 3 1"].into_iter().map(ran).sum::<Option<u64>>(), Some(21));
        assert_eq!(["1 0 0", ""].into_iter().map(ran).sum::<Option<u64>>(), None);
    }

    #[test]
    fn memory_is_in_units_of_1024_bytes() {
        assert_eq!(resident("Name:\tfloor\nVmHWM:\t    4000 kB\nVmRSS:\t    3712 kB\nRssAnon:\t 1 kB\n"), Some(3_801_088));
        assert_eq!((resident("Name:\tfloor\n"), resident("VmRSS:\tmuch\n")), (None, None));
    }
}
