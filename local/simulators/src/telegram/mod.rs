//! Telegram's Bot API with one bot, as far as the bundle uses it, and the people who write to it. Requests are checked as
//! Telegram checks them, and refused in its words; updates carry the secret that was set with the webhook, one each.

mod api;
mod errors;
mod handset;
mod people;
mod request;
mod send;
mod updates;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use axum::Router;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use shared::{clock::Clock, model::time::Timestamp};

pub use self::errors::ApiError;
use super::{
    locked,
    phones::Phones,
    webhooks::{Post, Webhooks},
};

/// Kinds of updates that a bot is not sent unless it asks for them by name.
const ON_REQUEST: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// A bot, as its owner made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bot {
    /// `<its id>:<secret>`.
    pub token: String,
    /// What people see.
    pub name: String,
    /// Its user name.
    pub username: String,
}

impl Bot {
    fn id(&self) -> i64 {
        self.token.split(':').next().and_then(|id| id.parse().ok()).unwrap_or_default()
    }
}

/// The demo company's bot.
pub fn demo_bot() -> Bot {
    Bot {
        token: "700000001:AALocalTelegramToken-0123456789abcdef".to_owned(),
        name: "Demo Company".to_owned(),
        username: "demo_company_bot".to_owned(),
    }
}

/// A message that the company sent; of an album, one of each file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// `<chat>:<number>`.
    pub id: String,
    /// The chat's id.
    pub to: String,
    /// Which method it was sent by.
    pub method: String,
    /// What it says, or the text with its file.
    pub text: String,
    /// The number of the message that it answers.
    pub reply_to: Option<i64>,
    /// The business connection that it was sent through.
    pub business: Option<String>,
    /// The id of its file, see [`Telegram::stored`].
    pub file: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// A file at Telegram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name; empty for those that Telegram keeps none of.
    pub name: String,
    /// MIME type.
    pub mime: String,
    /// Its contents.
    pub bytes: Bytes,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Telegram refuses it, with number and description: `Fault::Refused(429, "Too Many Requests: retry after 14")`.
    Refused(u16, &'static str),
    /// The group has this id now.
    Upgraded(i64),
    /// Something in front of the API answers with this status and a page in HTML.
    Html(u16),
    /// Telegram does it, and the connection breaks before its answer is through.
    LostAnswer,
}

/// The simulator. Clones share everything.
#[derive(Clone)]
pub struct Telegram(Arc<Inner>);

struct Inner {
    bot: Bot,
    clock: Arc<dyn Clock>,
    webhooks: Webhooks,
    phones: Phones,
    state: Arc<Mutex<State>>,
}

/// Where updates go.
struct Hook {
    url: String,
    secret: Option<String>,
    /// Which kinds; all but [`ON_REQUEST`] if it is empty.
    kinds: BTreeSet<String>,
}

#[derive(Default)]
struct State {
    hook: Option<Hook>,
    people: BTreeMap<i64, Value>,
    blocked: BTreeSet<i64>,
    connections: BTreeSet<String>,
    pictures: BTreeMap<i64, String>,
    /// By chat and number; as JSON, the way they are quoted.
    messages: BTreeMap<(i64, i64), Value>,
    reactions: BTreeMap<(i64, i64), Vec<Value>>,
    files: BTreeMap<String, File>,
    /// By path, which file, until when.
    paths: BTreeMap<String, (String, Timestamp)>,
    buttons: BTreeSet<String>,
    sent: Vec<Sent>,
    faults: VecDeque<Fault>,
    fetch_faults: VecDeque<Fault>,
    violations: Vec<String>,
    made: i64,
}

impl State {
    /// A new number, for messages, updates and files.
    fn next(&mut self) -> i64 {
        self.made += 1;
        self.made
    }
}

impl Telegram {
    /// Telegram with that bot, to which nobody has written yet.
    pub fn new(bot: Bot, clock: Arc<dyn Clock>) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let webhooks = Webhooks::new(Box::new(move |events| {
            let secret = locked(&shared).hook.as_ref().and_then(|hook| hook.secret.clone());
            // Telegram sends one update a webhook, see `release`.
            updates::post(secret.as_deref(), events.first().unwrap_or(&Value::Null))
        }));
        Self(Arc::new(Inner { bot, clock, webhooks, phones: Phones::default(), state }))
    }

    /// What the company enters to connect the bot.
    pub fn credentials(&self) -> Value {
        json!({"bot_token": self.0.bot.token})
    }

    /// The API, to be mounted where `TELEGRAM_API_URL` leads.
    pub fn router(&self) -> Router {
        api::router(self.clone())
    }

    /// Lets the bot see and write the chats of a Telegram Business account.
    pub fn link_business(&self, connection: &str) {
        locked(&self.0.state).connections.insert(connection.to_owned());
    }

    /// Sends an update of that kind, if the bot's owner wants such. Its number; none if it was not sent.
    pub fn update(&self, kind: &str, content: &Value) -> Option<i64> {
        let mut state = locked(&self.0.state);
        let number = state.next();
        let hook = state.hook.as_ref()?;
        let wanted = if hook.kinds.is_empty() { !ON_REQUEST.contains(&kind) } else { hook.kinds.contains(kind) };
        drop(state);
        wanted.then(|| {
            self.0.webhooks.queue(json!({"update_id": number, kind: content}));
            number
        })
    }

    /// What the company sent, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        locked(&self.0.state).sent.clone()
    }

    /// A file that was sent or received.
    pub fn stored(&self, id: &str) -> Option<File> {
        locked(&self.0.state).files.get(id).cloned()
    }

    /// What of the company's requests Telegram takes without a word, but not as it was meant.
    pub fn violations(&self) -> Vec<String> {
        locked(&self.0.state).violations.clone()
    }

    /// Lets the next message that the company sends go wrong. Several wait in line.
    pub fn fail_next(&self, fault: Fault) {
        locked(&self.0.state).faults.push_back(fault);
    }

    /// Lets the next file that the company asks for go wrong. Several wait in line.
    pub fn fail_next_fetch(&self, fault: Fault) {
        locked(&self.0.state).fetch_faults.push_back(fault);
    }

    /// What people see on their phones.
    pub fn phones(&self) -> &Phones {
        &self.0.phones
    }

    /// How webhooks go out. What is held back is released by [`Telegram::release`].
    pub fn webhooks(&self) -> &Webhooks {
        &self.0.webhooks
    }

    /// Sends what was held back, in the order that `arrange` gives it, one update a webhook.
    pub fn release(&self, arrange: impl FnOnce(&mut Vec<Value>)) {
        let mut others = Vec::new();
        self.0.webhooks.release(|held| {
            arrange(held);
            others = held.split_off(held.len().min(1));
        });
        for update in others {
            self.0.webhooks.queue(update);
        }
    }

    /// Where the bot's updates go.
    pub fn webhook_url(&self) -> Option<String> {
        locked(&self.0.state).hook.as_ref().map(|hook| hook.url.clone())
    }

    /// The webhook that Telegram would send for an update.
    pub fn compose(&self, update: &Value) -> Post {
        self.0.webhooks.compose(std::slice::from_ref(update))
    }

    /// Sends any webhook, once. The answer's status.
    pub async fn send_webhook(&self, post: &Post) -> Option<StatusCode> {
        self.0.webhooks.send_now(post).await
    }
}

/// A customer's chat: its id is theirs.
fn chat_id(customer: &str) -> i64 {
    customer.parse().unwrap_or_default()
}
