//! What people do with the bot: it stands on their phones, and the bot's owner is told.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::{status::Status, time::Timestamp};

use super::{File, Telegram, chat_id, updates};
use crate::{
    handset::GivenFile,
    locked,
    phones::{Behaviour, Line, LineFile},
};

impl Telegram {
    /// Somebody writes. Answers the message's id, `<chat>:<number>`.
    pub fn customer_writes(&self, customer: &str, name: &str, text: &str) -> String {
        self.receive(customer, name, text, self.0.clock.now())
    }

    /// Somebody writes, or wrote at `at`. Answers the message's id.
    pub fn receive(&self, customer: &str, name: &str, text: &str, at: Timestamp) -> String {
        self.incoming(customer, name, at, text, None, |message| message["text"] = text.into())
    }

    /// Somebody sends a file. Answers the message's id.
    pub fn customer_sends(&self, customer: &str, name: &str, given: &GivenFile) -> String {
        let member = updates::member(given);
        // Telegram keeps no names of pictures and voice messages.
        let file_name = if matches!(member, "photo" | "voice") { "" } else { &given.name };
        let file = File { name: file_name.to_owned(), mime: given.mime.clone(), bytes: given.bytes.clone() };
        let (id, small) = (self.store(file.clone()), self.store(file.clone()));
        let line = LineFile { name: file.name.clone(), mime: file.mime.clone(), id: id.clone() };
        self.incoming(customer, name, self.0.clock.now(), &given.caption, Some(line), |message| {
            updates::put_file(message, member, &id, &small, &file);
            if !given.caption.is_empty() {
                message["caption"] = given.caption.clone().into();
            }
        })
    }

    /// Somebody presses a button that sends `data`, under a message of the company's. The press's id.
    pub fn press(&self, customer: &str, name: &str, message: &str, data: &str) -> String {
        let user = self.person(customer, name);
        let id = {
            let mut state = locked(&self.0.state);
            let id = format!("{}{}", self.0.bot.id(), state.next());
            state.buttons.insert(id.clone());
            id
        };
        let pressed = self.message(message).unwrap_or(Value::Null);
        let query = json!({"id": id, "from": user, "message": pressed, "chat_instance": "-1", "data": data});
        self.update("callback_query", &query);
        id
    }

    /// Somebody blocks the bot; what is sent to them is refused from then on.
    pub fn block(&self, customer: &str) {
        self.set_blocked(customer, true);
    }

    /// Somebody starts the bot anew.
    pub fn unblock(&self, customer: &str) {
        self.set_blocked(customer, false);
    }

    fn set_blocked(&self, customer: &str, blocked: bool) {
        let user = self.person(customer, "");
        let (chat, at) = (chat_id(customer), self.0.clock.now());
        let changed = {
            let mut state = locked(&self.0.state);
            if blocked { state.blocked.insert(chat) } else { state.blocked.remove(&chat) }
        };
        if changed {
            let (old, new) = if blocked { ("member", "kicked") } else { ("kicked", "member") };
            self.update("my_chat_member", &updates::membership(&self.0.bot, &user, at, old, new));
        }
    }

    /// Gives somebody a picture.
    pub fn set_picture(&self, customer: &str, mime: &str, bytes: impl Into<Bytes>) {
        let id = self.store(File { name: String::new(), mime: mime.to_owned(), bytes: bytes.into() });
        locked(&self.0.state).pictures.insert(chat_id(customer), id);
    }

    /// A message as it is quoted, by its id.
    pub(super) fn message(&self, id: &str) -> Option<Value> {
        let (chat, number) = id.split_once(':')?;
        locked(&self.0.state).messages.get(&(chat.parse().ok()?, number.parse().ok()?)).cloned()
    }

    /// Somebody as Telegram describes them; from now on under that name, unless it is empty.
    pub(super) fn person(&self, customer: &str, name: &str) -> Value {
        let id = chat_id(customer);
        let mut state = locked(&self.0.state);
        let known = state.people.get(&id).filter(|_| name.is_empty()).cloned();
        let user = known.unwrap_or_else(|| updates::user(id, if name.is_empty() { customer } else { name }));
        state.people.insert(id, user.clone());
        user
    }

    pub(super) fn store(&self, file: File) -> String {
        let mut state = locked(&self.0.state);
        let id = format!("AgAC{:06}-{}", state.next(), uuid::Uuid::new_v4().simple());
        state.files.insert(id.clone(), file);
        id
    }

    /// A message of somebody's: it stands on their phone, and the bot's owner is told. Its id.
    pub(super) fn incoming(
        &self,
        customer: &str,
        name: &str,
        at: Timestamp,
        shown: &str,
        file: Option<LineFile>,
        put_in: impl FnOnce(&mut Value),
    ) -> String {
        let user = self.person(customer, name);
        // Who blocked a bot has to start it anew before they can write.
        self.unblock(customer);
        let number = locked(&self.0.state).next();
        let mut message = updates::message(number, &user, &updates::chat(&user), at);
        put_in(&mut message);
        self.keep(&message, number, customer);
        let id = format!("{customer}:{number}");
        let files = file.into_iter().collect();
        let line = Line { id: id.clone(), own: true, text: shown.to_owned(), at, status: Status::Read, files };
        self.0.phones.add(customer, name, line);
        self.update("message", &message);
        id
    }

    /// Keeps a message for when it is answered. A quoted one quotes no other.
    pub(super) fn keep(&self, message: &Value, number: i64, customer: &str) {
        let mut message = message.clone();
        if let Some(members) = message.as_object_mut() {
            members.remove("reply_to_message");
        }
        locked(&self.0.state).messages.insert((chat_id(customer), number), message);
    }

    /// Whether nothing can be sent to them.
    pub(super) fn is_blocked(&self, chat: i64) -> bool {
        let fails = self.0.phones.behaviour(&chat.to_string()) == Behaviour::Fails;
        fails || locked(&self.0.state).blocked.contains(&chat)
    }
}
