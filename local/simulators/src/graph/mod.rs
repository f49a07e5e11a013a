//! Meta's Graph API with the WhatsApp Business Cloud API, as far as the bundle uses it, and the customers behind it.
//! Requests are checked as Meta checks them; webhooks are signed and shaped as Meta's are.

mod api;
mod customers;
mod errors;
mod events;
mod media;
mod message;
mod templates;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    model::{status::Status, time::Timestamp},
};

pub use self::{errors::GraphError, templates::demo_templates};
use self::{
    media::{Medium, UPLOADED_LIFE, fits},
    message::{File, Source},
};
use super::{
    locked, meta,
    phones::{Behaviour, LineFile, Phones},
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

impl Number {
    /// What the company enters to connect it.
    pub fn credentials(&self) -> Value {
        json!({"phone_number_id": self.id, "waba_id": self.waba_id, "access_token": self.token})
    }
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
    /// What it says: its text, its caption, or its template filled in.
    pub text: String,
    /// Its file.
    pub file: Option<SentFile>,
    /// The message that it answers.
    pub answers: Option<String>,
    /// The template that it fills in, as it was given.
    pub template: Option<Value>,
    /// What the company wants to hear back with its statuses (`biz_opaque_callback_data`).
    pub callback_data: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A file that the company sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentFile {
    /// `image`, `video`, `audio`, `document` or `sticker`.
    pub kind: String,
    /// Its name; empty for all but documents.
    pub name: String,
    /// What [`super::handset::Handset::file`] finds it by.
    pub id: String,
    /// The address that Meta fetched it from, if it was not uploaded.
    pub link: Option<String>,
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
    /// Meta takes it, and reports later that it failed with this code, e.g. 131049.
    Later(u32),
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
    url: Option<String>,
    media: BTreeMap<String, Medium>,
    // How many addresses of files will be dead.
    dead_addresses: usize,
    // By WhatsApp Business Account.
    templates: BTreeMap<String, Vec<Value>>,
    // Ids of the lines on phones that are reactions.
    reactions: BTreeSet<String>,
}

/// A message that passed every check.
#[derive(Debug, Default)]
struct Taken {
    text: String,
    file: Option<File>,
    template: Option<Value>,
    answers: Option<String>,
    callback_data: Option<String>,
    /// The code that it fails with later, if it does.
    later: Option<u32>,
}

/// Why a message fails that can't be delivered.
const UNDELIVERABLE: u32 = 131_026;
/// Why one fails whose file is not there or of no use.
const MEDIA_ERROR: u32 = 131_053;

impl Graph {
    /// A Meta app without phone numbers.
    pub fn new(app: App, clock: Arc<dyn Clock>) -> Self {
        let secret = app.secret.clone();
        let webhooks = Webhooks::new(Box::new(move |values| meta::signed(&secret, events::envelope(values))));
        let state = State { status_pause: Duration::from_millis(5), ..State::default() };
        Self(Arc::new(Inner { app, clock, webhooks, phones: Phones::default(), state: Mutex::new(state) }))
    }

    /// The API, to be mounted where `GRAPH_API_URL` without its version leads.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    /// The same at one address with Meta's other products: `others` answers what is not WhatsApp's.
    pub fn router_beside(&self, others: Router) -> Router {
        api::router_beside(self.clone(), others)
    }

    /// Adds a phone number to the business.
    pub fn add_number(&self, number: Number) {
        locked(&self.0.state).numbers.insert(number.id.clone(), number);
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

    /// Says where [`Graph::router`] is mounted, for the addresses of files.
    pub fn set_url(&self, url: &str) {
        locked(&self.0.state).url = Some(url.to_owned());
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
        self.0.webhooks.queue(events::status(number, sent, status, UNDELIVERABLE, self.0.clock.now()));
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

    /// The webhook's body for changes as [`Graph::message_change`] makes them.
    pub fn envelope(changes: &[Value]) -> Bytes {
        events::envelope(changes)
    }

    /// A customer's message as an entry of a webhook, without sending it.
    pub fn message_change(&self, message: &Incoming<'_>, id: &str) -> Option<Value> {
        locked(&self.0.state)
            .numbers
            .get(message.number)
            .map(|number| events::message(number, message, id, &events::text(message.text)))
    }

    /// A new `wamid.…`. Real ones have the phone number inside too, and characters that need encoding in a URL.
    fn new_message_id(&self, customer: &str) -> String {
        let mut state = locked(&self.0.state);
        state.events += 1;
        format!("wamid.{}", STANDARD.encode(format!("{customer}/{:08}/{}", state.events, uuid::Uuid::new_v4().simple())))
    }

    /// Takes a message: it appears on the phone, and statuses follow.
    fn accept(&self, number: &Number, to: &str, taken: Taken) -> Sent {
        let (id, at) = (self.new_message_id(to), self.0.clock.now());
        let file = taken.file.as_ref().map(|file| self.sent_file(number, file));
        let sent = Sent {
            id,
            number: number.id.clone(),
            to: to.to_owned(),
            text: taken.text,
            file,
            answers: taken.answers,
            template: taken.template,
            callback_data: taken.callback_data,
            at,
        };
        let pause = {
            let mut state = locked(&self.0.state);
            state.sent.push(sent.clone());
            state.status_pause
        };
        let (graph, number, message) = (self.clone(), number.clone(), sent.clone());
        let is_linked = sent.file.as_ref().is_some_and(|file| file.link.is_some());
        if !is_linked {
            self.show(&sent);
        }
        self.0.webhooks.later(async move {
            let failure = if graph.unfit(&message).await { Some(MEDIA_ERROR) } else { taken.later };
            if is_linked {
                graph.show(&message);
            }
            let steps: &[Status] = match graph.0.phones.behaviour(&message.to) {
                _ if failure.is_some() => &[Status::Failed],
                Behaviour::Reads => &[Status::Sent, Status::Delivered, Status::Read],
                Behaviour::Receives => &[Status::Sent, Status::Delivered],
                Behaviour::Off => &[Status::Sent],
                Behaviour::Fails => &[Status::Failed],
            };
            for status in steps {
                tokio::time::sleep(pause).await;
                graph.0.phones.tick(&message.to, &message.id, *status);
                let code = failure.unwrap_or(UNDELIVERABLE);
                graph.0.webhooks.queue(events::status(&number, &message, *status, code, graph.0.clock.now()));
            }
        });
        sent
    }

    /// Puts a message of the company's on the customer's phone, with what it answers.
    fn show(&self, sent: &Sent) {
        let quoted = sent.answers.as_ref().and_then(|id| {
            let lines = self.0.phones.chat(&sent.to)?.lines;
            lines.into_iter().find(|line| line.id == *id).map(|line| format!("> {}\n", line.text))
        });
        let text = quoted.unwrap_or_default() + &sent.text;
        let files = sent.file.iter().map(|file| LineFile {
            name: file.name.clone(),
            mime: self.medium(&file.id).map(|medium| medium.mime).unwrap_or_default(),
            id: file.id.clone(),
        });
        self.0.phones.add(&sent.to, "", customers::line(&sent.id, false, &text, sent.at, files.collect()));
    }

    /// A file as it is kept: one that Meta has to fetch gets its place, and is empty until then.
    fn sent_file(&self, number: &Number, file: &File) -> SentFile {
        let (id, link) = match &file.source {
            Source::Id(id) => (id.clone(), None),
            Source::Link(link) => (self.keep(&number.id, "", Bytes::new(), UPLOADED_LIFE), Some(link.clone())),
        };
        SentFile { kind: file.kind.clone(), name: file.name.clone(), id, link }
    }

    /// Whether a message's file is not there or not of its kind. Meta finds that out after it took the message.
    async fn unfit(&self, sent: &Sent) -> bool {
        let Some(file) = &sent.file else { return false };
        if let Some(link) = &file.link {
            let Some((mime, bytes)) = self.get_linked(link).await else { return true };
            if let Some(medium) = locked(&self.0.state).media.get_mut(&file.id) {
                (medium.mime, medium.bytes) = (mime, bytes);
            }
        }
        self.medium(&file.id).is_none_or(|medium| medium.bytes.is_empty() || !fits(&file.kind, &medium.mime))
    }
}
