//! Twilio's messaging API, as far as the bundle uses it, and the customers behind it, by text message or on WhatsApp. It
//! shares no code with the bundle's side, so that a misreading shows.

mod api;
mod customers;
mod errors;
mod events;
mod records;
mod send;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    model::{status::Status, time::Timestamp},
};

pub use self::{customers::Incoming, errors::TwilioError};
use super::{locked, phones::Phones, webhooks::Webhooks};

/// The demo company's account.
pub const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
/// Its auth token at first.
pub const AUTH_TOKEN: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
/// Its number.
pub const NUMBER: &str = "+15005550001";
/// Its messaging service, which sends from that number.
pub const SERVICE_SID: &str = "MG00000000000000000000000000000001";

/// A number of the account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Number {
    /// Its SID.
    pub sid: String,
    /// It, in E.164.
    pub number: String,
    /// Where its messages are sent; empty: nowhere.
    pub sms_url: String,
    /// How: `GET` or `POST`.
    pub sms_method: String,
    /// An application that is asked instead.
    pub sms_application_sid: String,
}

/// A message that Twilio keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its SID.
    pub sid: String,
    /// Whether a customer wrote it.
    pub inbound: bool,
    /// Who from.
    pub from: String,
    /// Who to.
    pub to: String,
    /// What it says.
    pub body: String,
    /// The SIDs of its files.
    pub media: Vec<String>,
    /// How far it got, in Twilio's words.
    pub status: String,
    /// Why it failed.
    pub error: Option<u32>,
    /// The messaging service that it was sent by.
    pub service: Option<String>,
    /// Where its statuses are sent.
    pub callback: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A file that Twilio keeps.
#[derive(Debug, Clone)]
struct Media {
    message: String,
    mime: String,
    name: String,
    bytes: Bytes,
}

/// What goes wrong with the next message that the company sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Twilio refuses it with an error code of its dictionary, e.g. 21610, 20429, 20003.
    Code(u32),
    /// Something in front of the API answers with this status and a page in HTML.
    Html(u16),
    /// Twilio takes it, and the connection breaks before its answer is through.
    LostAnswer,
    /// Twilio takes it, and reports later that it failed with this code.
    Later(u32),
}

/// The simulator. Clones share everything.
#[derive(Clone)]
pub struct Twilio(Arc<Inner>);

struct Inner {
    url: String,
    clock: Arc<dyn Clock>,
    webhooks: Webhooks,
    phones: Phones,
    http: reqwest::Client,
    state: Arc<Mutex<State>>,
}

struct State {
    auth_token: String,
    account_status: String,
    numbers: Vec<Number>,
    messages: Vec<Kept>,
    media: BTreeMap<String, Media>,
    // Signed addresses of files: which, and until when.
    links: BTreeMap<String, (String, Timestamp)>,
    opted_out: BTreeSet<String>,
    faults: VecDeque<Fault>,
    status_pause: Duration,
}

impl Twilio {
    /// The account with its number, served at `url`, where [`Twilio::router`] is mounted.
    pub fn new(url: &str, clock: Arc<dyn Clock>) -> Self {
        let number = Number {
            sid: "PN00000000000000000000000000000001".to_owned(),
            number: NUMBER.to_owned(),
            sms_url: String::new(),
            sms_method: "POST".to_owned(),
            sms_application_sid: String::new(),
        };
        let state = Arc::new(Mutex::new(State {
            auth_token: AUTH_TOKEN.to_owned(),
            account_status: "active".to_owned(),
            numbers: vec![number],
            messages: Vec::new(),
            media: BTreeMap::new(),
            links: BTreeMap::new(),
            opted_out: BTreeSet::new(),
            faults: VecDeque::new(),
            status_pause: Duration::from_millis(5),
        }));
        let signer = state.clone();
        let webhooks = Webhooks::addressed(Box::new(move |events| {
            let auth_token = locked(&signer).auth_token.clone();
            events::signed(&auth_token, events.first().unwrap_or(&Value::Null))
        }));
        let http = reqwest::Client::builder().timeout(Duration::from_secs(15)).build().unwrap_or_default();
        Self(Arc::new(Inner { url: url.to_owned(), clock, webhooks, phones: Phones::default(), http, state }))
    }

    /// What the company enters to connect its number.
    pub fn credentials(&self) -> Value {
        json!({"account_sid": ACCOUNT_SID, "auth_token": locked(&self.0.state).auth_token, "from": NUMBER})
    }

    /// The API, to be mounted where `TWILIO_API_URL` leads.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    /// The account's numbers.
    pub fn numbers(&self) -> Vec<Number> {
        locked(&self.0.state).numbers.clone()
    }

    /// Sets where a number's messages are sent, as its owner does in the console.
    pub fn set_sms_url(&self, url: &str) {
        if let Some(number) = locked(&self.0.state).numbers.first_mut() {
            url.clone_into(&mut number.sms_url);
        }
    }

    /// `active`, `suspended` or `closed`.
    pub fn set_account_status(&self, status: &str) {
        status.clone_into(&mut locked(&self.0.state).account_status);
    }

    /// The owner makes a new auth token. Webhooks are signed with it from now on, and calls need it.
    pub fn set_auth_token(&self, auth_token: &str) {
        auth_token.clone_into(&mut locked(&self.0.state).auth_token);
    }

    /// What the company sent, oldest first.
    pub fn sent(&self) -> Vec<Kept> {
        locked(&self.0.state).messages.iter().filter(|message| !message.inbound).cloned().collect()
    }

    /// A message, either way.
    pub fn message(&self, sid: &str) -> Option<Kept> {
        locked(&self.0.state).messages.iter().find(|message| message.sid == sid).cloned()
    }

    /// Lets the next message that the company sends go wrong. Several wait in line.
    pub fn fail_next(&self, fault: Fault) {
        locked(&self.0.state).faults.push_back(fault);
    }

    /// How webhooks go out: hold them back, send them twice.
    pub fn webhooks(&self) -> &Webhooks {
        &self.0.webhooks
    }

    /// How long after one status the next one follows. 5 ms unless told otherwise.
    pub fn set_status_pause(&self, pause: Duration) {
        locked(&self.0.state).status_pause = pause;
    }

    /// Reports a status of a message that the company sent, in Twilio's words, whatever was reported before. False if there
    /// is no such message, or nobody wants to hear of it.
    pub fn report(&self, sid: &str, status: &str, error: Option<u32>) -> bool {
        let message = {
            let mut state = locked(&self.0.state);
            let Some(message) = state.messages.iter_mut().find(|message| message.sid == sid) else { return false };
            status.clone_into(&mut message.status);
            message.error = error;
            message.clone()
        };
        let ticked = match status {
            "delivered" => Some(Status::Delivered),
            "read" => Some(Status::Read),
            "failed" | "undelivered" => Some(Status::Failed),
            _ => None,
        };
        if let Some(ticked) = ticked {
            self.0.phones.tick(&message.to, sid, ticked);
        }
        let Some(url) = &message.callback else { return false };
        self.0.webhooks.queue(events::status(url, ACCOUNT_SID, &message));
        true
    }

    /// Sends any fields to an address as Twilio would, signed, once. The answer's status.
    pub async fn send_webhook(&self, url: &str, fields: &Value) -> Option<StatusCode> {
        let post = self.0.webhooks.compose(&[json!({"url": url, "fields": fields})]);
        self.0.webhooks.send_now_to(url, &post).await
    }

    /// Keeps a file. Its SID.
    fn keep(&self, file: Media) -> String {
        let sid = new_sid("ME");
        locked(&self.0.state).media.insert(sid.clone(), file);
        sid
    }
}

/// A new SID.
fn new_sid(kind: &str) -> String {
    format!("{kind}{}", uuid::Uuid::new_v4().simple())
}
