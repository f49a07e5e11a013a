//! Meta's Graph API with the Messenger Platform, as far as the bundle uses it, and the customers behind it. Requests are
//! checked as Meta checks them; webhooks are signed and shaped as Meta's are.

mod api;
mod errors;
mod events;
mod handset;
mod messages;
mod objects;
mod send;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    model::{status::Status, time::Timestamp},
};

pub use self::errors::MessengerError;
use self::{
    events::{APP_ID, PAGE_INBOX},
    messages::{File, Message},
};
use super::{
    graph::App,
    locked, meta,
    phones::{Behaviour, Line, LineFile, Phones},
    webhooks::{Post, Webhooks},
};

/// Version of the API that is served; another one is refused as unknown.
pub const VERSION: &str = "v25.0";
/// How long links to files work.
const LINK_LIFE: Duration = Duration::from_hours(7 * 24);

/// A page of a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The page access token that may use it.
    pub token: String,
    /// Whether Meta granted it the Human Agent feature.
    pub human_agent: bool,
}

/// A message that the company sent by the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its `m_…`.
    pub id: String,
    /// The page that it was sent from.
    pub page: String,
    /// Who to: a page-scoped id.
    pub to: String,
    /// What it says; empty for a file.
    pub text: String,
    /// Its file's id, see [`super::handset::Handset::file`].
    pub file: Option<String>,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// What the company wants to hear back with the echo.
    pub metadata: Option<String>,
    /// Whether it was sent by the tag of a person.
    pub human_agent: bool,
    /// When.
    pub at: Timestamp,
}

/// What goes wrong with the next message that the company sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Meta refuses it.
    Refused(MessengerError),
    /// Something in front of the API answers with this status and a page in HTML.
    Html(u16),
    /// Meta takes it, and the connection breaks before its answer is through.
    LostAnswer,
}

/// The simulator. Clones share everything.
#[derive(Clone)]
pub struct Messenger(Arc<Inner>);

struct Inner {
    app: App,
    url: String,
    clock: Arc<dyn Clock>,
    webhooks: Webhooks,
    phones: Phones,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pages: BTreeMap<String, Page>,
    /// Fields by page.
    subscribed: BTreeMap<String, BTreeSet<String>>,
    /// Oldest first.
    messages: Vec<Message>,
    sent: Vec<Sent>,
    files: BTreeMap<String, File>,
    /// Links of another generation have expired.
    generation: u32,
    hidden: BTreeSet<String>,
    /// When a customer last did something other than writing.
    acted: BTreeMap<String, Timestamp>,
    faults: VecDeque<Fault>,
    status_pause: Duration,
    made: u64,
}

impl Messenger {
    /// A Meta app without pages, whose files are served at `url`, where [`Messenger::router`] is mounted.
    pub fn new(app: App, url: &str, clock: Arc<dyn Clock>) -> Self {
        let (secret, signing_clock) = (app.secret.clone(), clock.clone());
        let compose = move |events: &[Value]| meta::signed(&secret, events::envelope(events, signing_clock.now()));
        let webhooks = Webhooks::new(Box::new(compose));
        let state = State { status_pause: Duration::from_millis(5), ..State::default() };
        let (url, phones) = (url.to_owned(), Phones::default());
        Self(Arc::new(Inner { app, url, clock, webhooks, phones, state: Mutex::new(state) }))
    }

    /// The demo company's page.
    pub fn demo_page() -> Page {
        Page {
            id: "4000000001".to_owned(),
            name: "Demo Company".to_owned(),
            token: "EAALOCALPAGETOKEN0123456789".to_owned(),
            human_agent: false,
        }
    }

    /// What the demo company enters to connect its page.
    pub fn credentials() -> Value {
        let page = Self::demo_page();
        json!({"page_id": page.id, "page_access_token": page.token})
    }

    /// The API and the files. The API may be mounted where `GRAPH_API_URL` without its version leads; where it shares that
    /// with another one, see [`Messenger::in_front_of`].
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    /// `other` with this in front of it: what is about one of the pages, their customers or messages comes here.
    pub fn in_front_of(&self, other: Router) -> Router {
        api::in_front_of(self.clone(), other)
    }

    /// Adds a page.
    pub fn add_page(&self, page: Page) {
        locked(&self.0.state).pages.insert(page.id.clone(), page);
    }

    /// Sets the app's webhook, as its owner does in the app dashboard: Meta asks the address for the handshake first.
    /// False if it did not answer as it should.
    pub async fn set_callback(&self, url: &str) -> bool {
        let shaken = meta::handshake(url, &self.0.app.verify_token).await;
        if shaken {
            self.0.webhooks.send_to(url);
        }
        shaken
    }

    /// A customer writes to the first page. Answers the message's id.
    pub fn customer_writes(&self, psid: &str, name: &str, text: &str) -> String {
        self.receive(psid, name, text, self.0.clock.now())
    }

    /// A customer writes to the first page, or wrote at `at`. Answers the message's id.
    pub fn receive(&self, psid: &str, name: &str, text: &str, at: Timestamp) -> String {
        self.incoming(psid, name, Message { text: text.to_owned(), ..Message::new(at) })
    }

    /// A customer presses a button of the page's; Meta gives that no id.
    pub fn customer_presses(&self, psid: &str, name: &str, title: &str) {
        let at = self.0.clock.now();
        let id = self.new_id("postback");
        self.0.phones.add(psid, name, line(&id, true, title, at, Vec::new()));
        let page = self.first_page();
        self.queue(&page, &events::from_customer(&page, psid, at, "postback", &json!({"title": title, "payload": "PRESSED"})));
    }

    /// Somebody of the company answers in the page's inbox at Facebook. Answers the message's id.
    pub fn page_writes(&self, psid: &str, text: &str) -> String {
        let message = Message::new(self.0.clock.now());
        self.add(psid, "", Message { from_page: true, app_id: PAGE_INBOX, text: text.to_owned(), ..message })
    }

    /// Meta blocks, unblocks or warns a page.
    pub fn enforce(&self, page: &str, action: &str) {
        let at = self.0.clock.now().millis();
        let policy = json!({"action": action, "reason": "The page does not follow the policies."});
        self.queue(page, &json!({"recipient": {"id": page}, "timestamp": at, "policy-enforcement": policy}));
    }

    /// What the company sent, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        locked(&self.0.state).sent.clone()
    }

    /// Lets the next message that the company sends go wrong. Several wait in line.
    pub fn fail_next(&self, fault: Fault) {
        locked(&self.0.state).faults.push_back(fault);
    }

    /// Lets all links to files expire that were given so far.
    pub fn expire_links(&self) {
        locked(&self.0.state).generation += 1;
    }

    /// Lets a customer's name and picture not be told.
    pub fn hide_profile(&self, psid: &str) {
        locked(&self.0.state).hidden.insert(psid.to_owned());
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

    /// Reports how far a message got that the company sent, whatever was reported before: delivered or read. False if
    /// there is no such message, or nothing to report.
    pub fn report(&self, id: &str, status: Status) -> bool {
        let Some(sent) = self.sent().into_iter().find(|sent| sent.id == id) else { return false };
        let at = self.0.clock.now();
        let item = match status {
            Status::Delivered => json!({"delivery": {"mids": [sent.id], "watermark": sent.at.millis()}}),
            Status::Read => json!({"read": {"watermark": sent.at.millis()}}),
            Status::Sent | Status::Failed => return false,
        };
        self.0.phones.tick(&sent.to, id, status);
        for (member, value) in item.as_object().into_iter().flatten() {
            self.queue(&sent.page, &events::from_customer(&sent.page, &sent.to, at, member, value));
        }
        true
    }

    /// Sends any body as Meta would, signed with the app's secret, once. The answer's status.
    pub async fn send_webhook(&self, body: impl Into<Bytes>) -> Option<StatusCode> {
        self.0.webhooks.send_now(&meta::signed(&self.0.app.secret, body.into())).await
    }

    /// Sends any body with any headers to the app's webhook, once. The answer's status.
    pub async fn send_unsigned(&self, post: &Post) -> Option<StatusCode> {
        self.0.webhooks.send_now(post).await
    }

    /// Notes that a customer did something other than writing, which lets them be written to as well.
    fn acts(&self, psid: &str) {
        locked(&self.0.state).acted.insert(psid.to_owned(), self.0.clock.now());
    }

    fn first_page(&self) -> String {
        locked(&self.0.state).pages.keys().next().cloned().unwrap_or_default()
    }

    /// Queues an item, if the page's events of its kind are subscribed to.
    fn queue(&self, page: &str, item: &Value) {
        let field = events::field_of(item);
        let wanted = locked(&self.0.state).subscribed.get(page).is_some_and(|fields| fields.contains(field));
        if wanted {
            self.0.webhooks.queue(json!({"page": page, "item": item}));
        }
    }

    /// A new `m_…`, or another such id.
    fn new_id(&self, kind: &str) -> String {
        let mut state = locked(&self.0.state);
        state.made += 1;
        let random = URL_SAFE_NO_PAD.encode(uuid::Uuid::new_v4().as_bytes());
        format!("{kind}_{:04}{random}", state.made)
    }

    fn incoming(&self, psid: &str, name: &str, message: Message) -> String {
        self.add(psid, name, Message { from_page: false, ..message })
    }

    /// Adds a message to the chat with a customer of the first page, unless it names another, and reports it.
    fn add(&self, psid: &str, name: &str, message: Message) -> String {
        let page = if message.page.is_empty() { self.first_page() } else { message.page.clone() };
        let message = Message { mid: self.new_id("m"), page, psid: psid.to_owned(), ..message };
        let files = message.files.iter().filter_map(|(_, id)| {
            let file = locked(&self.0.state).files.get(id).cloned()?;
            Some(LineFile { name: file.name, mime: file.mime, id: id.clone() })
        });
        let seen = message.text.clone() + if message.place.is_some() { "📍" } else { "" };
        let line = line(&message.mid, !message.from_page, &seen, message.at, files.collect());
        self.0.phones.add(psid, name, line);
        locked(&self.0.state).messages.push(message.clone());
        let item = events::message(&message, |file| self.link(file));
        self.queue(&message.page, &item);
        message.mid
    }

    fn keep(&self, file: File) -> String {
        let id = self.new_id("f");
        locked(&self.0.state).files.insert(id.clone(), file);
        id
    }

    /// Where a file lies for a while.
    fn link(&self, id: &str) -> String {
        let state = locked(&self.0.state);
        let name = state.files.get(id).map_or("", |file| file.name.as_str());
        let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
        let expires = self.0.clock.now().plus(LINK_LIFE).secs();
        format!("{}/cdn/{}/{id}/{name}?oe={expires:X}", self.0.url, state.generation)
    }

    /// Takes a message that passed every check: it appears on the phone, its echo and receipts follow.
    fn accept(&self, message: Message, human_agent: bool) -> Sent {
        let (page, to) = (message.page.clone(), message.psid.clone());
        let sent = Sent {
            id: String::new(),
            page: page.clone(),
            to: to.clone(),
            text: message.text.clone(),
            file: message.files.first().map(|(_, id)| id.clone()),
            reply_to: message.reply_to.clone(),
            metadata: message.metadata.clone(),
            human_agent,
            at: message.at,
        };
        let sent = Sent { id: self.add(&to, "", Message { from_page: true, app_id: APP_ID, ..message }), ..sent };
        let pause = {
            let mut state = locked(&self.0.state);
            state.sent.push(sent.clone());
            state.status_pause
        };
        let steps: &[Status] = match self.0.phones.behaviour(&to) {
            Behaviour::Reads => &[Status::Delivered, Status::Read],
            Behaviour::Receives => &[Status::Delivered],
            Behaviour::Off | Behaviour::Fails => &[],
        };
        let (messenger, id) = (self.clone(), sent.id.clone());
        self.0.webhooks.later(async move {
            for status in steps {
                tokio::time::sleep(pause).await;
                messenger.report(&id, *status);
            }
        });
        sent
    }
}

fn line(id: &str, own: bool, text: &str, at: Timestamp, files: Vec<LineFile>) -> Line {
    let status = if own { Status::Read } else { Status::Sent };
    Line { id: id.to_owned(), own, text: text.to_owned(), at, status, files }
}
