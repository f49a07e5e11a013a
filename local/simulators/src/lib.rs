//! The outside world, simulated: strict where the real one is, and with faults on request. Each simulator is a handle with
//! an API for tests, and a router for what the bundle calls.

pub mod chat;
pub mod clock;
pub mod graph;
pub mod handset;
pub mod messenger;
mod meta;
pub mod phones;
pub mod pipedrive;
pub mod telegram;
pub mod twilio;
pub mod webhooks;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use axum::Router;
use serde_json::{Value, json};
use shared::{clock::Clock, model::channel::ProviderKind};

use self::{
    chat::Chat,
    graph::{App, Graph, Number},
    handset::Handset,
    messenger::Messenger,
    pipedrive::{PipedriveOptions, PipedriveSim},
    telegram::Telegram,
    twilio::Twilio,
    webhooks::Webhooks,
};

/// The app's client id at the simulated Pipedrive.
pub const CLIENT_ID: &str = "local-client-id";
/// Its client secret.
pub const CLIENT_SECRET: &str = "local-client-secret-0123456789abcdef";
/// The Meta app's secret at the simulated Graph API.
pub const META_APP_SECRET: &str = "local-meta-app-secret";
/// What is said in its webhook handshake.
pub const META_VERIFY_TOKEN: &str = "local-verify-token";

/// Everything outside of the bundle.
pub struct Simulators {
    /// Pipedrive.
    pub pipedrive: PipedriveSim,
    /// Meta's Graph API, with one WhatsApp number: [`whatsapp_number`].
    pub graph: Graph,
    /// Facebook Messenger, with one page. Its API is part of the Graph API.
    pub messenger: Messenger,
    /// Telegram, with one bot.
    pub telegram: Telegram,
    /// Twilio, with one number.
    pub twilio: Twilio,
    /// A company's own chat.
    pub chat: Chat,
    /// The demo company's API key, once it has one.
    pub api_key: Arc<OnceLock<String>>,
    bundle_url: String,
}

impl Simulators {
    /// The outside world of a bundle that will be served at `bundle_url`.
    pub async fn start(bundle_url: &str, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let mut options = PipedriveOptions::new(CLIENT_ID, CLIENT_SECRET);
        options.app_url = Some(bundle_url.to_owned());
        options.clock = clock.clone();
        options.settings.auto_consent = true;
        let pipedrive = pipedrive::start(options).await?;
        let app = App { secret: META_APP_SECRET.to_owned(), verify_token: META_VERIFY_TOKEN.to_owned() };
        let graph = Graph::new(app, clock.clone());
        graph.add_number(whatsapp_number());
        graph.set_url(&format!("{bundle_url}/sim/graph"));
        let app = App { secret: META_APP_SECRET.to_owned(), verify_token: META_VERIFY_TOKEN.to_owned() };
        let messenger = Messenger::new(app, &format!("{bundle_url}/sim/messenger"), clock.clone());
        messenger.add_page(Messenger::demo_page());
        let telegram = Telegram::new(telegram::demo_bot(), clock.clone());
        let twilio = Twilio::new(&format!("{bundle_url}/sim/twilio"), clock.clone());
        let chat = Chat::new(&format!("{bundle_url}/sim/chat"), clock);
        Ok(Self {
            pipedrive,
            graph,
            messenger,
            telegram,
            twilio,
            chat,
            api_key: Arc::default(),
            bundle_url: bundle_url.to_owned(),
        })
    }

    /// The base URLs that lead functions here, as (variable, value).
    pub fn base_urls(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PIPEDRIVE_OAUTH_URL", self.pipedrive.url()),
            ("PIPEDRIVE_API_URL", self.pipedrive.url()),
            ("GRAPH_API_URL", format!("{}/sim/graph/{}", self.bundle_url, graph::VERSION)),
            ("TELEGRAM_API_URL", format!("{}/sim/telegram", self.bundle_url)),
            ("TWILIO_API_URL", format!("{}/sim/twilio", self.bundle_url)),
        ]
    }

    /// Every provider from its customers' side.
    pub fn handsets(&self) -> Vec<Box<dyn Handset>> {
        vec![
            Box::new(self.graph.clone()),
            Box::new(self.messenger.clone()),
            Box::new(self.telegram.clone()),
            Box::new(self.twilio.clone()),
            Box::new(self.chat.clone()),
        ]
    }

    /// Every provider's demo account: what to call its channel, and what it is connected with.
    pub fn accounts(&self) -> Vec<(ProviderKind, &'static str, Value)> {
        vec![
            (ProviderKind::Whatsapp, "WhatsApp", whatsapp_number().credentials()),
            (ProviderKind::Messenger, "Messenger", Messenger::credentials()),
            (ProviderKind::Telegram, "Telegram", self.telegram.credentials()),
            (ProviderKind::Twilio, "SMS", self.twilio.credentials()),
            (ProviderKind::Custom, "Website chat", self.chat.credentials()),
        ]
    }

    /// Whether none of them has anything under way. Waits for what Pipedrive does after its answers.
    pub async fn idle(&self) -> bool {
        self.pipedrive.idle().await;
        let senders = [
            self.graph.webhooks(),
            self.messenger.webhooks(),
            self.telegram.webhooks(),
            self.twilio.webhooks(),
            self.chat.webhooks(),
        ];
        senders.into_iter().all(Webhooks::idle)
    }
}

/// The simulators' routes, as they are mounted beside the bundle.
pub fn router(simulators: &Simulators) -> Router {
    Router::new()
        .nest_service("/sim/pipedrive", pipedrive::router(&simulators.pipedrive))
        .nest_service("/sim/graph", simulators.messenger.in_front_of(simulators.graph.router()))
        .nest_service("/sim/messenger", simulators.messenger.router())
        .nest_service("/sim/telegram", simulators.telegram.router())
        .nest_service("/sim/twilio", simulators.twilio.router())
        .nest_service("/sim/chat", simulators.chat.router())
}

/// The secret's fields that fit the simulators.
pub fn credentials() -> Value {
    json!({
        "pipedrive_client_id": CLIENT_ID, "pipedrive_client_secret": CLIENT_SECRET,
        "meta_app_secret": META_APP_SECRET, "meta_verify_token": META_VERIFY_TOKEN,
    })
}

/// The company's WhatsApp number at the simulated Graph API.
pub fn whatsapp_number() -> Number {
    Number {
        id: "3000000001".to_owned(),
        waba_id: "2000000001".to_owned(),
        display: "+1 555-010-0000".to_owned(),
        verified_name: "Demo Company".to_owned(),
        token: "EAALOCALTOKEN0123456789".to_owned(),
    }
}

/// A lock that outlives a panic of whoever held it: a failed assertion in a test must not hide behind a second one.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
