//! Meta's Graph API with the WhatsApp Business Cloud API, as far as the bundle uses it, and the customers behind it.
//! Requests are checked as Meta checks them; webhooks are signed and shaped as Meta's are.

mod api;
mod errors;
mod events;
mod message;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use shared::{
    clock::Clock,
    model::{status::Status, time::Timestamp},
};

pub use self::errors::GraphError;
use super::{
    locked,
    phones::{Behaviour, Line, Phones},
    webhooks::{Post, Webhooks},
};

/// Version of the API that is served; another one is refused as unknown.
pub const VERSION: &str = "v25.0";

/// A Meta app, as its owner sets it up.
#[derive(Debug, Clone)]
pub struct App {
    /// Signs the webhooks.
    pub secret: String,
    /// Presented in the handshake.
    pub verify_token: String,
}

/// A business phone number in a WhatsApp Business Account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// Its id.
    pub id: String,
    /// The account that it belongs to.
    pub waba_id: String,
    /// What customers see, e.g. `+1 555-010-0000`.
    pub display: String,
    /// The business's name.
    pub verified_name: String,
    /// The access token that may use it.
    pub token: String,
}

/// A message that the company sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The `wamid.…` that Meta gave it.
    pub id: String,
    /// The phone number id that it was sent from.
    pub number: String,
    /// Who to: a phone number without `+`, or a business-scoped user id.
    pub to: String,
    /// What it says.
    pub text: String,
    /// What the company wants to hear back with its statuses (`biz_opaque_callback_data`).
    pub callback_data: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What a customer writes.
#[derive(Debug, Clone)]
pub struct Incoming<'a> {
    /// The phone number id that they write to.
    pub number: &'a str,
    /// Who: a phone number without `+`; or a business-scoped user id (`US.…`) of somebody who hides their number.
    pub from: &'a str,
    /// What they call themselves.
    pub name: &'a str,
    /// What.
    pub text: &'a str,
    /// When.
    pub at: Timestamp,
}

/// What goes wrong with the next message that the company sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Meta refuses it with an error code of the Cloud API's list, e.g. 131047, 131056, 130429, 190.
    Code(u32),
    /// Something in front of the API answers with this status and a page in HTML.
    Html(u16),
    /// Meta takes it, and the connection breaks before its answer is through.
    LostAnswer,
}

/// The simulator. Clones share everything.
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

struct Inner {
    app: App,
    clock: Arc<dyn Clock>,
    webhooks: Webhooks,
    phones: Phones,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    numbers: BTreeMap<String, Number>,
    subscribed: BTreeSet<String>,
    sent: Vec<Sent>,
    faults: VecDeque<Fault>,
    status_pause: Duration,
    events: u64,
}

impl Graph {
    /// A Meta app without phone numbers.
    pub fn new(app: App, clock: Arc<dyn Clock>) -> Self {
        let secret = app.secret.clone();
        let webhooks = Webhooks::new(Box::new(move |values| events::signed(&secret, events::envelope(values))));
        let state = State { status_pause: Duration::from_millis(5), ..State::default() };
        Self(Arc::new(Inner { app, clock, webhooks, phones: Phones::default(), state: Mutex::new(state) }))
    }

    /// The API, to be mounted where `GRAPH_API_URL` without its version leads.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    /// Adds a phone number to the business.
    pub fn add_number(&self, number: Number) {
        locked(&self.0.state).numbers.insert(number.id.clone(), number);
    }

    /// Sets the app's webhook, as its owner does in the app dashboard: Meta asks the address for the handshake first.
    /// False if it did not answer as it should.
    pub async fn set_callback(&self, url: &str) -> bool {
        let shaken = events::handshake(url, &self.0.app.verify_token).await;
        if shaken {
            self.0.webhooks.send_to(url);
        }
        shaken
    }

    /// A customer writes to the first phone number. Answers the message's id.
    pub fn customer_writes(&self, from: &str, name: &str, text: &str) -> String {
        let number = locked(&self.0.state).numbers.keys().next().cloned().unwrap_or_default();
        self.receive(&Incoming { number: &number, from, name, text, at: self.0.clock.now() })
    }

    /// A customer writes. Answers the message's id. Nothing is sent for a number whose account has no subscribed app.
    pub fn receive(&self, message: &Incoming<'_>) -> String {
        let id = self.new_message_id(message.from);
        let line = Line {
            id: id.clone(),
            own: true,
            text: message.text.to_owned(),
            at: message.at,
            status: Status::Read,
            files: Vec::new(),
        };
        self.0.phones.add(message.from, message.name, line);
        let state = locked(&self.0.state);
        if let Some(number) = state.numbers.get(message.number).filter(|number| state.subscribed.contains(&number.waba_id)) {
            self.0.webhooks.queue(events::message(number, message, &id));
        }
        id
    }

    /// What the company sent, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        locked(&self.0.state).sent.clone()
    }

    /// Lets the next message that the company sends go wrong. Several wait in line.
    pub fn fail_next(&self, fault: Fault) {
        locked(&self.0.state).faults.push_back(fault);
    }

    /// What customers see on their phones.
    pub fn phones(&self) -> &Phones {
        &self.0.phones
    }

    /// How webhooks go out: hold them back, send them twice, send them all in one.
    pub fn webhooks(&self) -> &Webhooks {
        &self.0.webhooks
    }

    /// How long after one status the next one follows. 5 ms unless told otherwise.
    pub fn set_status_pause(&self, pause: Duration) {
        locked(&self.0.state).status_pause = pause;
    }

    /// Reports a status of a message that the company sent, whatever was reported before. False if there is no such one.
    pub fn report(&self, id: &str, status: Status) -> bool {
        let state = locked(&self.0.state);
        let Some(sent) = state.sent.iter().find(|sent| sent.id == id) else { return false };
        let Some(number) = state.numbers.get(&sent.number) else { return false };
        self.0.phones.tick(&sent.to, id, status);
        self.0.webhooks.queue(events::status(number, sent, status, self.0.clock.now()));
        true
    }

    /// Sends any body as Meta would, signed with the app's secret, once. The answer's status.
    pub async fn send_webhook(&self, body: impl Into<Bytes>) -> Option<StatusCode> {
        self.0.webhooks.send_now(&events::signed(&self.0.app.secret, body.into())).await
    }

    /// Sends any body with any headers to the app's webhook, once. The answer's status.
    pub async fn send_unsigned(&self, post: &Post) -> Option<StatusCode> {
        self.0.webhooks.send_now(post).await
    }

    /// The webhook's body for changes as [`Graph::message_change`] makes them.
    pub fn envelope(changes: &[Value]) -> Bytes {
        events::envelope(changes)
    }

    /// A customer's message as an entry of a webhook, without sending it.
    pub fn message_change(&self, message: &Incoming<'_>, id: &str) -> Option<Value> {
        locked(&self.0.state).numbers.get(message.number).map(|number| events::message(number, message, id))
    }

    /// A new `wamid.…`. Real ones have the phone number inside too, and characters that need encoding in a URL.
    fn new_message_id(&self, customer: &str) -> String {
        let mut state = locked(&self.0.state);
        state.events += 1;
        format!("wamid.{}", STANDARD.encode(format!("{customer}/{:08}/{}", state.events, uuid::Uuid::new_v4().simple())))
    }

    /// Takes a message that passed every check: it appears on the phone, and statuses follow.
    fn accept(&self, number: &Number, to: &str, text: &str, callback_data: Option<String>) -> Sent {
        let at = self.0.clock.now();
        let id = self.new_message_id(to);
        let sent = Sent { id, number: number.id.clone(), to: to.to_owned(), text: text.to_owned(), callback_data, at };
        let line = Line { id: sent.id.clone(), own: false, text: text.to_owned(), at, status: Status::Sent, files: Vec::new() };
        self.0.phones.add(to, "", line);
        let pause = {
            let mut state = locked(&self.0.state);
            state.sent.push(sent.clone());
            state.status_pause
        };
        let steps: &[Status] = match self.0.phones.behaviour(to) {
            Behaviour::Reads => &[Status::Sent, Status::Delivered, Status::Read],
            Behaviour::Receives => &[Status::Sent, Status::Delivered],
            Behaviour::Off => &[Status::Sent],
            Behaviour::Fails => &[Status::Failed],
        };
        let (graph, number, message) = (self.clone(), number.clone(), sent.clone());
        self.0.webhooks.later(async move {
            for status in steps {
                tokio::time::sleep(pause).await;
                graph.0.phones.tick(&message.to, &message.id, *status);
                graph.0.webhooks.queue(events::status(&number, &message, *status, graph.0.clock.now()));
            }
        });
        sent
    }
}
