//! Messages of many customers of many companies, through the bundle's real router, table and stream, while providers repeat
//! and reorder, Pipedrive fails, the table fails, and functions die. At the end everything is counted.
//!
//! Time is compressed: customers write by the minute, and a minute is over when all that can be done in it is done. What
//! waits (retries, leases, tokens) waits by that clock.

mod companies;
pub mod flaw;
mod ledger;
mod life;
pub mod options;
pub mod traffic;
mod verdict;
mod weather;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use local::{
    bundle::{Bundle, BundleOptions, StartError},
    clock::AdjustableClock,
    host::{Hosted, Interference},
    owner::OwnerError,
    simulators::pipedrive::{Fault, PipedriveSim, Storm},
};
use shared::{
    clock::Clock,
    environment::Environment,
    inbox::{
        halt::HaltStore,
        ports::{OutboxStore, StoreError},
    },
};

pub use self::verdict::Verdict;
use self::{
    companies::Home,
    flaw::Flaw,
    ledger::Ledger,
    options::Options,
    traffic::{Customer, Posts, Refused, Way},
    verdict::Shown,
    weather::Weather,
};

/// Functions that may die. The others answer Pipedrive or people, who would only ask again.
const MORTAL: [&str; 4] = ["provider-webhook", "deliver", "fetch-media", "redeliver"];
/// Faults of Pipedrive, with how many of ten thousand requests each hits: 30 of 100 in all.
const STORM: [(u32, Fault); 7] = [
    // Each stops all of a company for a moment: more of them would be another company's day.
    (100, Fault::RateLimited(3)),
    (1_100, Fault::Answer(500)),
    (700, Fault::Answer(503)),
    (490, Fault::Drop),
    (500, Fault::DropAfter),
    (100, Fault::Answer(403)),
    (10, Fault::Hang),
];
/// How long Pipedrive has to answer. Real functions wait for seconds; here a request that hangs would hold up the count.
const PATIENCE: Duration = Duration::from_millis(600);
/// A turn of the compressed clock.
const MINUTE: Duration = Duration::from_mins(1);
/// Minutes after the last message in which all must have arrived. Delivery goes on for three days.
const LAST_MINUTES: u32 = 3 * 24 * 60;
/// Further than anything waits.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);
/// Customers who write at the same time.
const PARALLEL: usize = 24;
/// How often the bundle may need the time that it usually comes to rest in.
const PATIENT: usize = 20;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    /// The numbers make no sense.
    #[error("there are no companies, fewer conversations than companies, or fewer messages than conversations")]
    TooFew,
    /// The bundle does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A company can't be set up.
    #[error(transparent)]
    Owner(#[from] OwnerError),
    /// A webhook is never taken.
    #[error(transparent)]
    Webhook(#[from] Refused),
    /// The bundle never comes to rest.
    #[error("the bundle does not come to rest")]
    Restless,
    /// The table does not answer in fair weather.
    #[error(transparent)]
    Table(#[from] StoreError),
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Messages that customers wrote so far.
    pub written: usize,
    /// Messages that were pushed to Pipedrive.
    pub pushed: usize,
    /// Minutes of the compressed clock.
    pub minutes: u32,
}

/// What happened on the way.
#[derive(Clone, Debug)]
pub struct Report {
    /// The count.
    pub verdict: Verdict,
    /// Webhooks.
    pub posts: Posts,
    /// Requests to the table, and how many of them met which fault.
    pub table: (usize, Vec<(&'static str, usize)>),
    /// Calls of functions that died.
    pub deaths: usize,
    /// Requests to Pipedrive, and how many of them met a fault.
    pub pipedrive: (usize, usize),
    /// How long it took.
    pub took: Duration,
    /// How far it came.
    pub progress: Progress,
}

struct Chaos {
    weather: Weather,
    deaths: Arc<AtomicUsize>,
    flaw: Option<Flaw>,
}

impl Interference for Chaos {
    fn environment(&self, environment: Environment) -> Environment {
        self.weather.environment(environment).with_patience(PATIENCE)
    }

    fn function(&self, name: &str, hosted: Hosted) -> Hosted {
        let hosted = flaw::planted(self.flaw, name, hosted);
        if MORTAL.contains(&name) { life::mortal(hosted, &self.deaths) } else { hosted }
    }
}

/// Runs it all. Tells how far it is after each minute.
pub async fn run(options: &Options, mut tell: impl FnMut(Progress)) -> Result<Report, ChaosError> {
    if !options.make_sense() {
        return Err(ChaosError::TooFew);
    }
    let started = Instant::now();
    let clock = Arc::new(AdjustableClock::default());
    let weather = Weather::new(options.seed, options.flaw);
    let chaos = Arc::new(Chaos { weather, deaths: Arc::default(), flaw: options.flaw });
    let between: Arc<dyn Interference> = chaos.clone();
    let bundle = Bundle::start(BundleOptions { clock: clock.clone(), between, ..BundleOptions::default() }).await?;
    let homes = companies::found(&bundle, options.companies).await?;
    rest(&bundle).await?;
    bundle.pipedrive().set_storm(Some(Storm::new(options.seed, STORM.to_vec())));

    let ledger = Ledger::new(options.conversations);
    let http = reqwest::Client::builder().no_proxy().build().unwrap_or_default();
    let way = Way { bundle: &bundle, clock: &*clock, ledger: &ledger, http: &http };
    let home = |conversation: usize| &homes[conversation % homes.len()];
    let mut customers: Vec<Customer> = (0..options.conversations)
        .map(|n| {
            let messages = options.messages / options.conversations + usize::from(n < options.messages % options.conversations);
            Customer::new(n, home(n).number.clone(), messages, options.seed)
        })
        .collect();
    let mut progress = Progress::default();
    while customers.iter().any(|customer| !customer.is_done()) {
        let minutes = customers.iter_mut().map(|customer| customer.minute(&way));
        let written: Vec<Result<usize, Refused>> = stream::iter(minutes).buffer_unordered(PARALLEL).collect().await;
        for count in written {
            progress.written += count?;
        }
        rest(&bundle).await?;
        pass(&bundle, &clock, 1, &mut progress).await;
        tell(progress);
    }
    let end = progress.minutes + LAST_MINUTES;
    while progress.minutes < end && is_owing(&bundle, &*clock, &homes).await? {
        rest(&bundle).await?;
        let minutes = idle(&bundle, &*clock).await?;
        pass(&bundle, &clock, minutes, &mut progress).await;
        tell(progress);
    }
    let pipedrive = bundle.pipedrive();
    let companies: Vec<_> = (0..options.conversations).map(|n| home(n).company).collect();
    let mut verdict = Verdict::new(&ledger.entries(), &companies, &pipedrive.pushed(), &shown(pipedrive));
    verdict.violations.extend(pipedrive.violations());
    let report = Report {
        verdict,
        posts: customers.iter().map(Customer::posts).sum(),
        table: chaos.weather.count(),
        deaths: chaos.deaths.load(Ordering::Relaxed),
        pipedrive: pipedrive.storm_hits(),
        took: started.elapsed(),
        progress,
    };
    bundle.stop().await;
    Ok(report)
}

/// Minutes are over. The last one wakes what is due then.
async fn pass(bundle: &Bundle, clock: &AdjustableClock, minutes: u32, progress: &mut Progress) {
    clock.advance(MINUTE * minutes);
    // It may fail or die; the next minute comes.
    bundle.run_schedule("redeliver").await;
    progress.minutes += minutes;
    progress.pushed = bundle.pipedrive().pushed_count();
}

/// Minutes that may pass at once, because nothing is due before they are over.
async fn idle(bundle: &Bundle, clock: &dyn Clock) -> Result<u32, ChaosError> {
    let mut idle = 1;
    for minutes in [2, 5, 10, 30, 60] {
        if !bundle.environment().table().due(clock.now().plus(MINUTE * minutes), 1).await?.is_empty() {
            break;
        }
        idle = minutes;
    }
    Ok(idle)
}

/// Waits until all is done that can be done at this time.
async fn rest(bundle: &Bundle) -> Result<(), ChaosError> {
    for _ in 0..PATIENT {
        if bundle.settle().await.is_ok() {
            return Ok(());
        }
    }
    Err(ChaosError::Restless)
}

/// Whether anything is left that may still get to Pipedrive, whenever that may be.
async fn is_owing(bundle: &Bundle, clock: &dyn Clock, homes: &[Home]) -> Result<bool, ChaosError> {
    let table = bundle.environment().table();
    if !table.due(clock.now().plus(FOR_EVER), 1).await?.is_empty() {
        return Ok(true);
    }
    for home in homes {
        if !table.held(home.company, home.owner, 1).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// All messages in all inboxes.
fn shown(pipedrive: &PipedriveSim) -> Vec<Shown> {
    let mut shown = Vec::new();
    for channel in pipedrive.channels() {
        for (conversation, content) in channel.conversations {
            shown.extend(content.messages.into_iter().map(|message| Shown {
                company: channel.company,
                conversation: conversation.clone(),
                id: message.id,
                text: message.text,
            }));
        }
    }
    shown
}
