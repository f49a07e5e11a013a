//! A company's own chat, as somebody would write one against `docs/custom-provider.md`: it receives sends at its
//! `send_url`, checks them against that page, and posts its customers' messages and its statuses to the channel's webhook.
//! It shares no code with the bundle's side, so that a misreading shows.

mod api;
mod signature;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    model::{status::Status, time::Timestamp},
};

use super::{
    locked,
    phones::{Behaviour, Line, Phones},
    webhooks::{Post, Webhooks},
};

/// The secret that both sides sign with: `whsec_` and 32 bytes in base64.
pub const SIGNING_SECRET: &str = "whsec_TG9jYWwgY2hhdCdzIHNlY3JldCwgMzIgYnl0ZXMhISE=";

/// A message that the company sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The chat's id of it.
    pub id: String,
    /// Pigeonpost's id of it.
    pub message: String,
    /// Which customer it is for.
    pub to: String,
    /// What it says.
    pub text: String,
    /// When it came.
    pub at: Timestamp,
}

/// What goes wrong with the next message that the company sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The chat answers with this status and takes nothing. A 429 asks for five seconds.
    Status(u16),
    /// The chat takes it, and the connection breaks before its answer is through.
    LostAnswer,
}

/// The simulator. Clones share everything.
#[derive(Clone)]
pub struct Chat(Arc<Inner>);

struct Inner {
    url: String,
    clock: Arc<dyn Clock>,
    webhooks: Webhooks,
    phones: Phones,
    state: Mutex<State>,
}

struct State {
    sent: Vec<Sent>,
    faults: VecDeque<Fault>,
    violations: Vec<String>,
    status_pause: Duration,
    made: u64,
}

impl Chat {
    /// A chat served at `url`, where [`Chat::router`] is mounted.
    pub fn new(url: &str, clock: Arc<dyn Clock>) -> Self {
        let signing_clock = clock.clone();
        let webhooks = Webhooks::new(Box::new(move |events| {
            let body = Bytes::from(json!({"version": 1, "events": events}).to_string());
            let id = format!("evt_{}", uuid::Uuid::new_v4().simple());
            Post { headers: signature::headers(SIGNING_SECRET, &id, signing_clock.now(), &body), body }
        }));
        let state = State {
            sent: Vec::new(),
            faults: VecDeque::new(),
            violations: Vec::new(),
            status_pause: Duration::from_millis(5),
            made: 0,
        };
        let inner = Inner { url: url.to_owned(), clock, webhooks, phones: Phones::default(), state: Mutex::new(state) };
        Self(Arc::new(inner))
    }

    /// What the company enters to connect it.
    pub fn credentials(&self) -> Value {
        json!({"send_url": format!("{}/send", self.0.url), "signing_secret": SIGNING_SECRET})
    }

    /// The chat's side of it.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    /// Says where to post messages and statuses: the `webhook_url` of the connected channel.
    pub fn set_webhook(&self, url: &str) {
        self.0.webhooks.send_to(url);
    }

    /// A customer writes. Answers the chat's id of the message.
    pub fn customer_writes(&self, customer: &str, name: &str, text: &str) -> String {
        self.receive(customer, name, text, self.0.clock.now())
    }

    /// A customer writes, or wrote at `at`. Answers the chat's id of the message.
    pub fn receive(&self, customer: &str, name: &str, text: &str, at: Timestamp) -> String {
        let id = self.new_id("msg");
        let line = Line { id: id.clone(), own: true, text: text.to_owned(), at, status: Status::Read, files: Vec::new() };
        self.0.phones.add(customer, name, line);
        self.0.webhooks.queue(json!({
            "type": "message", "id": id, "from": {"id": customer, "name": name}, "text": text, "sent_at": at.rfc3339(),
        }));
        id
    }

    /// What the company sent, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        locked(&self.0.state).sent.clone()
    }

    /// What of the company's requests was not as documented.
    pub fn violations(&self) -> Vec<String> {
        locked(&self.0.state).violations.clone()
    }

    /// Lets the next message that the company sends go wrong. Several wait in line.
    pub fn fail_next(&self, fault: Fault) {
        locked(&self.0.state).faults.push_back(fault);
    }

    /// What customers see.
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
        let Some(sent) = self.sent().into_iter().find(|sent| sent.id == id) else { return false };
        self.0.phones.tick(&sent.to, id, status);
        self.0.webhooks.queue(status_event(id, status));
        true
    }

    fn new_id(&self, kind: &str) -> String {
        let mut state = locked(&self.0.state);
        state.made += 1;
        // The random part makes ids of a restarted chat new.
        format!("{kind}-{}-{}", state.made, &uuid::Uuid::new_v4().simple().to_string()[..8])
    }

    /// Takes a message: it appears at the customer's, and statuses follow.
    fn accept(&self, message: &str, to: &str, text: &str) -> Sent {
        let (id, at) = (self.new_id("out"), self.0.clock.now());
        let sent = Sent { id, message: message.to_owned(), to: to.to_owned(), text: text.to_owned(), at };
        let line = Line { id: sent.id.clone(), own: false, text: text.to_owned(), at, status: Status::Sent, files: Vec::new() };
        self.0.phones.add(to, "", line);
        let pause = {
            let mut state = locked(&self.0.state);
            state.sent.push(sent.clone());
            state.status_pause
        };
        let steps: &[Status] = match self.0.phones.behaviour(to) {
            Behaviour::Reads => &[Status::Delivered, Status::Read],
            Behaviour::Receives => &[Status::Delivered],
            Behaviour::Off => &[],
            Behaviour::Fails => &[Status::Failed],
        };
        let (chat, message) = (self.clone(), sent.clone());
        self.0.webhooks.later(async move {
            for status in steps {
                tokio::time::sleep(pause).await;
                chat.0.phones.tick(&message.to, &message.id, *status);
                chat.0.webhooks.queue(status_event(&message.id, *status));
            }
        });
        sent
    }
}

fn status_event(id: &str, status: Status) -> Value {
    let mut event = json!({"type": "status", "id": id, "status": status.as_str()});
    if status == Status::Failed {
        event["reason"] = "The customer has left the chat.".into();
    }
    event
}
