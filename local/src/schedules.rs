//! Runs the scheduled functions, one run of each at a time.

use std::{sync::Arc, time::Duration};

use shared::{start::ScheduledFunction, telemetry};
use tokio::{sync::Mutex, time::MissedTickBehavior};

/// When schedules run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedules {
    /// As the template says, and once at the start.
    AsDeployed,
    /// All of them, this often, and once at the start.
    Every(Duration),
    /// Only when asked to.
    OnDemand,
}

/// A scheduled function.
pub struct Scheduled {
    name: String,
    function: Arc<dyn ScheduledFunction>,
    running: Mutex<()>,
}

impl Scheduled {
    /// The function of that name.
    pub fn new(name: String, function: Arc<dyn ScheduledFunction>) -> Self {
        Self { name, function, running: Mutex::new(()) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs it once. Whether that went well.
    pub async fn run_once(&self) -> bool {
        let _one_at_a_time = self.running.lock().await;
        let function = self.function.clone();
        // On a task of its own, a panic ends this run alone.
        match tokio::spawn(async move { function.handle().await }).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => {
                telemetry::log_error("the round failed", &error);
                false
            }
            Err(_) => false,
        }
    }

    /// Runs it again and again.
    pub async fn run(&self, every: Duration) {
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.run_once().await;
        }
    }
}
