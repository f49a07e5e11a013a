//! Pipedrive, simulated: its OAuth server, its Channels API, the calls that it makes to an app's manifest, a Messaging
//! inbox that people and tests can look at, and the records of each company's account.
//!
//! It is strict: it refuses what Pipedrive would refuse, with the documented bodies, and it writes down every answer of
//! the app that breaks the contract ([`PipedriveSim::violations`]). Everything lives in memory.

mod acts;
mod api;
mod app;
mod contract;
mod faults;
mod frame;
mod inbox;
mod oauth;
mod page;
mod records;
mod requests;
mod storm;
#[cfg(test)]
mod tests;
mod world;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::Router;
use shared::{
    clock::{Clock, SystemClock},
    model::{
        ids::{CompanyId, UserId},
        time::Timestamp,
    },
};
use tokio::{net::TcpListener, sync::watch};

use self::{app::Manifest, world::World};
pub use self::{
    faults::{Call, Fault, Gone},
    inbox::{InboxError, InboxFile},
    records::{
        Action, Deal, DealStatus, Entry, File, Kind, Lead, Limits, Note, Person, PhoneSearch, Pipeline, Stage, Telling, Told,
        Webhook,
    },
    storm::Storm,
    world::{Channel, Company, Conversation, Message, Participant, Pushed, Template, User},
};

/// The company that is there from the start, and its admin.
pub const DEMO_COMPANY: CompanyId = CompanyId(1001);
/// See [`DEMO_COMPANY`].
pub const DEMO_USER: UserId = UserId(11);

/// How long Pipedrive waits for an app's answer. Its own limit isn't documented; apps are asked to be faster.
const APP_TIMEOUT: Duration = Duration::from_secs(10);

/// Most bytes of a file, until a test says otherwise.
const LARGEST_FILE: usize = 25 * 1024 * 1024;

/// What happens to a refresh token that is used. Pipedrive's pages describe both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// The same one comes back.
    #[default]
    Fixed,
    /// Another one comes back; the used one is dead.
    Rotating,
}

/// How `postMessage` spells its recipients. Which one Pipedrive uses is not settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recipients {
    /// A field `recipientIds[]` for each.
    #[default]
    Brackets,
    /// Fields `recipientIds[0]`, `recipientIds[1]`, …
    Indexed,
    /// A field `recipientIds` for each.
    Repeated,
    /// One field `recipientIds` with commas.
    Commas,
    /// One field `recipientIds` with a JSON array.
    Json,
    /// No such field.
    Absent,
}

/// How the simulated Pipedrive behaves. What tests change on the way is in [`PipedriveSim::change`].
#[derive(Clone)]
pub struct PipedriveOptions {
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: String,
    /// Where the app is served; no slash at the end. May be set later, see [`PipedriveSim::set_app_url`].
    pub app_url: Option<String>,
    /// The port to serve on, on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The time. [`PipedriveSim::advance`] goes ahead of it.
    pub clock: Arc<dyn Clock>,
    /// What can be changed on the way.
    pub settings: Settings,
}

/// Knobs for what Pipedrive's documentation leaves open.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What happens to used refresh tokens.
    pub rotation: Rotation,
    /// Consent without a page: the browser is sent on at once.
    pub auto_consent: bool,
    /// How recipients are spelt.
    pub recipients: Recipients,
    /// Whether the uninstall notice has its ids as strings.
    pub ids_as_strings: bool,
    /// Whether, and how, the Channels API is gone.
    pub gone: Option<Gone>,
    /// What companies may ask of the API.
    pub limits: Limits,
    /// For how many further requests a changed person is not found as it is now. `usize::MAX` stops the search index.
    pub search_lag: usize,
    /// How searches compare phone numbers.
    pub phone_search: PhoneSearch,
    /// When webhooks are told what happened.
    pub telling: Telling,
    /// Most bytes of a file. Pipedrive's own limit isn't documented.
    pub largest_file: usize,
    /// Where users say that they live.
    pub time_zone: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rotation: Rotation::default(),
            auto_consent: false,
            recipients: Recipients::default(),
            ids_as_strings: false,
            gone: None,
            limits: Limits::default(),
            search_lag: 0,
            phone_search: PhoneSearch::default(),
            telling: Telling::default(),
            largest_file: LARGEST_FILE,
            time_zone: "Europe/Berlin",
        }
    }
}

impl PipedriveOptions {
    /// An app with these credentials; everything else as Pipedrive most likely does it.
    pub fn new(client_id: impl Into<String>, client_secret: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            app_url: None,
            port: 0,
            clock: Arc::new(SystemClock),
            settings: Settings::default(),
        }
    }
}

/// The simulated Pipedrive. Clones are the same one.
#[derive(Clone)]
pub struct PipedriveSim {
    inner: Arc<Inner>,
}

struct Inner {
    client_id: String,
    client_secret: String,
    clock: Arc<dyn Clock>,
    http: reqwest::Client,
    world: Mutex<World>,
    // Held by whoever tells webhooks, so that these hear things in their order.
    telling: tokio::sync::Mutex<()>,
    // Work that goes on after an answer was given.
    jobs: watch::Sender<usize>,
}

/// Starts a simulated Pipedrive on 127.0.0.1. It serves until the process ends.
pub async fn start(options: PipedriveOptions) -> std::io::Result<PipedriveSim> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    let sim = PipedriveSim::new(options);
    sim.world().url = format!("http://{}", listener.local_addr()?);
    let router = router(&sim);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(sim)
}

/// Everything that the simulated Pipedrive serves. All its links are relative: under a prefix it wants
/// `nest_service("/prefix", …)` and to be opened as `/prefix/`.
pub fn router(sim: &PipedriveSim) -> Router {
    Router::new().merge(oauth::router()).merge(api::router(sim)).merge(page::router()).with_state(sim.clone())
}

impl PipedriveSim {
    /// A simulated Pipedrive that nobody serves yet.
    ///
    /// # Panics
    /// When the TLS stack does not start.
    #[expect(clippy::expect_used, reason = "start-up: without TLS there is nothing to run")]
    pub fn new(options: PipedriveOptions) -> Self {
        let http = reqwest::Client::builder()
            .timeout(APP_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("the TLS stack starts");
        let world = World::new(options.app_url, options.settings);
        Self {
            inner: Arc::new(Inner {
                client_id: options.client_id,
                client_secret: options.client_secret,
                clock: options.clock,
                http,
                world: Mutex::new(world),
                telling: tokio::sync::Mutex::new(()),
                jobs: watch::Sender::new(0),
            }),
        }
    }

    /// Where it is served: OAuth server and API alike. Empty if [`start`] did not start it.
    pub fn url(&self) -> String {
        self.world().url.clone()
    }

    /// Says where the app is served. Its callback is `<url>/oauth/callback`.
    pub fn set_app_url(&self, url: &str) {
        let mut world = self.world();
        world.app_url = Some(url.trim_end_matches('/').to_owned());
        world.manifest = None;
    }

    /// Changes settings.
    pub fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.world().settings);
        self.tell_what_waits();
    }

    /// Lets time pass: tokens and codes run out, and webhooks are told again what they did not take.
    pub fn advance(&self, by: Duration) {
        self.world().ahead += by;
        self.tell_what_waits();
    }

    fn tell_what_waits(&self) {
        if self.untold() > 0 {
            self.tell_later();
        }
    }

    /// The next `times` requests of this kind meet the fault.
    pub fn inject(&self, call: Call, fault: Fault, times: usize) {
        self.world().faults.extend(std::iter::repeat_n((call, fault), times));
    }

    /// How many requests of this kind arrived, whatever became of them.
    pub fn count(&self, call: Call) -> usize {
        self.world().arrived.get(&call).copied().unwrap_or(0)
    }

    /// Adds a company, or replaces it.
    pub fn add_company(&self, company: Company) {
        self.world().companies.insert(company.id, company);
    }

    /// Opens or closes a company's account. A closed one gets 402 for every call.
    pub fn set_suspended(&self, company: CompanyId, suspended: bool) {
        if let Some(company) = self.world().companies.get_mut(&company) {
            company.suspended = suspended;
        }
    }

    /// Who sits in front of the browser that comes to the consent page.
    pub fn sign_in(&self, company: CompanyId, user: UserId) {
        self.world().browser = (company, user);
    }

    /// The first push of each message, in the order in which they came: the inbox itself is sorted by what messages say.
    pub fn pushed(&self) -> Vec<Pushed> {
        self.world().pushed.clone()
    }

    /// How many those are.
    pub fn pushed_count(&self) -> usize {
        self.world().pushed.len()
    }

    /// What the app did that the contract doesn't allow, oldest first.
    pub fn violations(&self) -> Vec<String> {
        self.world().violations.clone()
    }

    /// Waits until Pipedrive has finished what it does after an answer: reading conversations of a new channel, and of a
    /// message in an unknown conversation.
    pub async fn idle(&self) {
        // The sender lives in `self`, so the wait ends only when the count does.
        let _ = self.inner.jobs.subscribe().wait_for(|jobs| *jobs == 0).await;
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        let ahead = self.world().ahead;
        self.inner.clock.now().plus(ahead)
    }

    fn violation(&self, what: impl Into<String>) {
        self.world().violations.push(what.into());
    }

    /// Works on after the answer, as Pipedrive does.
    fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        let job = self.begin();
        tokio::spawn(async move {
            work.await;
            drop(job);
        });
    }

    /// Something that is worked on until it is dropped.
    fn begin(&self) -> Job {
        self.inner.jobs.send_modify(|jobs| *jobs += 1);
        Job(self.clone())
    }

    fn manifest(&self) -> Option<Manifest> {
        self.world().manifest.clone()
    }
}

/// Keeps the simulator from being idle.
struct Job(PipedriveSim);

impl Drop for Job {
    fn drop(&mut self) {
        self.0.inner.jobs.send_modify(|jobs| *jobs -= 1);
    }
}
