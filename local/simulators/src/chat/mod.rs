//! A company's own chat, as somebody would write one against `docs/custom-provider.md`: it receives sends at its
//! `send_url`, checks them against that page, and posts its customers' messages and its statuses to the channel's webhook.
//! It shares no code with the bundle's side, so that a misreading shows.

mod api;
mod handset;
mod request;
mod signature;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    model::{status::Status, time::Timestamp},
};

use super::{
    locked,
    phones::{Behaviour, Line, LineFile, Phones},
    webhooks::{Post, Webhooks},
};

/// The secret that both sides sign with: `whsec_` and 32 bytes in base64.
pub const SIGNING_SECRET: &str = "whsec_TG9jYWwgY2hhdCdzIHNlY3JldCwgMzIgYnl0ZXMhISE=";

/// How long a file of the company may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// A message that the company sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The chat's id of it.
    pub id: String,
    /// Pigeonpost's id of it.
    pub message: String,
    /// Which customer it is for.
    pub to: String,
    /// What it says; empty if there is nothing but files.
    pub text: String,
    /// Its files, by which [`super::handset::Handset::file`] finds them once they are fetched.
    pub files: Vec<LineFile>,
    /// What it answers.
    pub reply_to: Option<String>,
    /// The id of the template that it is.
    pub template: Option<String>,
    /// When it came.
    pub at: Timestamp,
}

/// A text that the chat lets through after the reply window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Template {
    /// The chat's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// What it says, with gaps like `{{1}}`.
    pub content: String,
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
    http: reqwest::Client,
    state: Mutex<State>,
}

struct State {
    sent: Vec<Sent>,
    // By their ids: MIME type and contents.
    files: BTreeMap<String, (String, Bytes)>,
    templates: Vec<Template>,
    window: Option<Duration>,
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
            files: BTreeMap::new(),
            templates: Vec::new(),
            window: None,
            faults: VecDeque::new(),
            violations: Vec::new(),
            status_pause: Duration::from_millis(5),
            made: 0,
        };
        Self(Arc::new(Inner {
            url: url.to_owned(),
            clock,
            webhooks,
            phones: Phones::default(),
            http: reqwest::Client::builder().timeout(FETCH_TIMEOUT).build().unwrap_or_default(),
            state: Mutex::new(state),
        }))
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
        self.written(customer, name, at, json!({ "text": text }), text, Vec::new())
    }

    /// A customer sends something at `at`: `what` of a message event, shown on the phone as `line` and `files`.
    fn written(&self, customer: &str, name: &str, at: Timestamp, what: Value, line: &str, files: Vec<LineFile>) -> String {
        let id = self.new_id("msg");
        self.0.phones.add(customer, name, shown(&id, true, line, at, files));
        let mut event = json!({"type": "message", "id": id, "from": {"id": customer, "name": name}, "sent_at": at.rfc3339()});
        if let Some(window) = locked(&self.0.state).window {
            event["reply_by"] = at.plus(window).rfc3339().into();
        }
        if let (Some(event), Value::Object(what)) = (event.as_object_mut(), what) {
            event.extend(what);
        }
        self.0.webhooks.queue(event);
        id
    }

    /// Somebody of the company answers in the chat's own console, past Pigeonpost. Answers the chat's id of the message.
    pub fn console_writes(&self, customer: &str, text: &str) -> String {
        let (id, at) = (self.new_id("msg"), self.0.clock.now());
        self.0.phones.add(customer, "", shown(&id, false, text, at, Vec::new()));
        self.0.webhooks.queue(json!({
            "type": "message", "id": id, "direction": "out", "to": {"id": customer}, "text": text, "sent_at": at.rfc3339(),
        }));
        id
    }

    /// Reports that a customer has read everything that was sent until now.
    pub fn read_all(&self, customer: &str) {
        let now = self.0.clock.now();
        for sent in self.sent().iter().filter(|sent| sent.to == customer) {
            self.0.phones.tick(customer, &sent.id, Status::Read);
        }
        self.0.webhooks.queue(json!({
            "type": "receipt", "from": {"id": customer}, "status": "read", "up_to": now.rfc3339(),
        }));
    }

    /// What the company may send after the reply window.
    pub fn set_templates(&self, templates: Vec<Template>) {
        locked(&self.0.state).templates = templates;
    }

    /// For how long a customer may be answered freely; without end unless told otherwise.
    pub fn set_window(&self, window: Option<Duration>) {
        locked(&self.0.state).window = window;
    }

    fn is_window_closed(&self, customer: &str) -> bool {
        let window = locked(&self.0.state).window;
        let last = self.0.phones.last_written(customer);
        window.is_some_and(|window| last.is_none_or(|last| last.plus(window) <= self.0.clock.now()))
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

    /// Takes a message: it appears at the customer's, its files are fetched, and statuses follow.
    fn accept(&self, message: &request::Message<'_>) -> Sent {
        let (id, at) = (self.new_id("out"), self.0.clock.now());
        let files: Vec<LineFile> = message.files.iter().map(|file| self.announced(file)).collect();
        let sent = Sent {
            id: id.clone(),
            message: message.id.to_owned(),
            to: message.to.to_owned(),
            text: message.text.to_owned(),
            files: files.clone(),
            reply_to: message.reply_to.map(str::to_owned),
            template: message.template.map(str::to_owned),
            at,
        };
        self.0.phones.add(message.to, "", shown(&id, false, message.text, at, files.clone()));
        let pause = {
            let mut state = locked(&self.0.state);
            state.sent.push(sent.clone());
            state.status_pause
        };
        let steps: &[Status] = match self.0.phones.behaviour(message.to) {
            Behaviour::Reads => &[Status::Delivered, Status::Read],
            Behaviour::Receives => &[Status::Delivered],
            Behaviour::Off => &[],
            Behaviour::Fails => &[Status::Failed],
        };
        let sources: Vec<(String, u64)> = message.files.iter().map(|file| (file.url.to_owned(), file.size)).collect();
        let (chat, to) = (self.clone(), sent.to.clone());
        self.0.webhooks.later(async move {
            for (file, (url, size)) in files.iter().zip(sources) {
                chat.fetch(file, &url, size).await;
            }
            for status in steps {
                tokio::time::sleep(pause).await;
                chat.0.phones.tick(&to, &id, *status);
                chat.0.webhooks.queue(status_event(&id, *status));
            }
        });
        sent
    }

    fn announced(&self, file: &request::File<'_>) -> LineFile {
        LineFile { name: file.name.to_owned(), mime: file.mime.to_owned(), id: self.new_id("file") }
    }

    /// Copies a file of the company, as the documentation asks.
    async fn fetch(&self, file: &LineFile, url: &str, size: u64) {
        let fetched = async { self.0.http.get(url).send().await?.error_for_status()?.bytes().await };
        let problem = match fetched.await {
            Ok(bytes) if bytes.len() as u64 == size => {
                locked(&self.0.state).files.insert(file.id.clone(), (file.mime.clone(), bytes));
                return;
            }
            Ok(_) => "a file is not as large as it was said to be".to_owned(),
            Err(error) => format!("a file could not be fetched: {}", error.without_url()),
        };
        locked(&self.0.state).violations.push(problem);
    }
}

fn shown(id: &str, own: bool, text: &str, at: Timestamp, files: Vec<LineFile>) -> Line {
    let status = if own { Status::Read } else { Status::Sent };
    Line { id: id.to_owned(), own, text: text.to_owned(), at, status, files }
}

fn status_event(id: &str, status: Status) -> Value {
    let mut event = json!({"type": "status", "id": id, "status": status.as_str()});
    if status == Status::Failed {
        event["reason"] = "The customer has left the chat.".into();
    }
    event
}
