//! What customers do on their phones, and what the company does on its own (Meta, WhatsApp Cloud API, Webhooks).

use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::{channel::ProviderKind, status::Status, time::Timestamp};

use super::{
    Graph, Incoming, Number, events,
    media::{RECEIVED_LIFE, described, fits},
};
use crate::{
    handset::{Deed, GivenFile, Handset, Unsupported},
    locked,
    phones::{Line, LineFile, Phones},
};

impl Graph {
    /// A customer writes to the first phone number. Answers the message's id.
    pub fn customer_writes(&self, from: &str, name: &str, text: &str) -> String {
        let number = self.first_number();
        self.receive(&Incoming { number: &number, from, name, text, at: self.0.clock.now() })
    }

    /// A customer writes. Answers the message's id. Nothing is sent for a number whose account has no subscribed app.
    pub fn receive(&self, message: &Incoming<'_>) -> String {
        self.receive_content(message, &events::text(message.text))
    }

    /// The same with a message of any type: `type`, the member that it names, and `context`. The phone shows its text.
    pub fn receive_content(&self, message: &Incoming<'_>, content: &Value) -> String {
        self.arrive(message, content, Vec::new())
    }

    /// A customer sends a file to the first phone number.
    pub fn customer_sends(&self, from: &str, name: &str, file: &GivenFile) -> String {
        let number = self.first_number();
        let mime = file.mime.split(';').next().unwrap_or_default().trim();
        let kind = ["image", "video", "audio", "sticker"].into_iter().find(|kind| fits(kind, mime)).unwrap_or("document");
        let id = self.keep(&number, &file.mime, file.bytes.clone(), RECEIVED_LIFE);
        let mut object = described(&id, &file.mime, &file.bytes);
        match kind {
            "audio" => object["voice"] = file.voice.into(),
            "sticker" => object["animated"] = false.into(),
            _ if !file.caption.is_empty() => object["caption"] = file.caption.clone().into(),
            _ => {}
        }
        if kind == "document" {
            object["filename"] = file.name.clone().into();
        }
        let files = vec![LineFile { name: file.name.clone(), mime: file.mime.clone(), id }];
        let incoming = Incoming { number: &number, from, name, text: &file.caption, at: self.0.clock.now() };
        self.arrive(&incoming, &json!({"type": kind, kind: object}), files)
    }

    fn arrive(&self, message: &Incoming<'_>, content: &Value, files: Vec<LineFile>) -> String {
        let id = self.new_message_id(message.from);
        self.0.phones.add(message.from, message.name, line(&id, true, message.text, message.at, files));
        self.report_on(message.number, |number| events::message(number, message, &id, content));
        id
    }

    /// Tells the app something of a number, if the number's account is subscribed.
    pub(super) fn report_on(&self, number: &str, event: impl FnOnce(&Number) -> Value) {
        let state = locked(&self.0.state);
        if let Some(number) = state.numbers.get(number).filter(|number| state.subscribed.contains(&number.waba_id)) {
            self.0.webhooks.queue(event(number));
        }
    }

    /// The company writes to a customer on its own phone, where the number is used too. Answers the message's id.
    pub fn company_writes(&self, to: &str, text: &str) -> String {
        let (id, at) = (self.new_message_id(to), self.0.clock.now());
        self.0.phones.add(to, "", line(&id, false, text, at, Vec::new()));
        self.report_on(&self.first_number(), |number| events::echo(number, to, at, &id, &events::text(text)));
        id
    }

    /// A customer has another phone number from now on.
    pub fn changes_number(&self, from: &str, to: &str) {
        let (id, at) = (self.new_message_id(from), self.0.clock.now());
        self.report_on(&self.first_number(), |number| events::changed_number(number, from, to, at, &id));
    }

    /// News of a whole WhatsApp Business Account, e.g. `account_update`.
    pub fn tell_account(&self, waba: &str, field: &str, value: &Value) {
        if locked(&self.0.state).subscribed.contains(waba) {
            self.0.webhooks.queue(json!({"waba": waba, "field": field, "value": value}));
        }
    }

    fn first_number(&self) -> String {
        locked(&self.0.state).numbers.keys().next().cloned().unwrap_or_default()
    }

    fn last_line(&self, customer: &str, own: bool) -> Option<Line> {
        // A reaction is a line here, but no message that could be answered or changed.
        let is_message = |line: &&Line| line.own == own && !locked(&self.0.state).reactions.contains(&line.id);
        self.0.phones.chat(customer)?.lines.iter().rev().find(is_message).cloned()
    }

    /// Changes or takes back the customer's last message: `edit` or `revoke`.
    fn changes(&self, customer: &str, name: &str, content: impl FnOnce(&str) -> Value, shown: &str) -> Option<String> {
        let target = self.last_line(customer, true)?;
        let (number, id, at) = (self.first_number(), self.new_message_id(customer), self.0.clock.now());
        self.0.phones.edit(customer, &target.id, shown);
        let incoming = Incoming { number: &number, from: customer, name, text: "", at };
        let content = content(&target.id);
        self.report_on(&number, |number| events::message(number, &incoming, &id, &content));
        Some(id)
    }

    fn reacts(&self, customer: &str, name: &str, emoji: &str) -> Option<String> {
        let target = self.last_line(customer, false)?;
        let mut reaction = json!({"message_id": target.id});
        if !emoji.is_empty() {
            reaction["emoji"] = emoji.into();
        }
        let number = self.first_number();
        let text = if emoji.is_empty() { "–" } else { emoji };
        let incoming = Incoming { number: &number, from: customer, name, text, at: self.0.clock.now() };
        let id = self.receive_content(&incoming, &json!({"type": "reaction", "reaction": reaction}));
        locked(&self.0.state).reactions.insert(id.clone());
        Some(id)
    }

    fn replies(&self, customer: &str, name: &str, text: &str) -> Option<String> {
        let target = self.last_line(customer, false)?;
        let number = self.first_number();
        let incoming = Incoming { number: &number, from: customer, name, text, at: self.0.clock.now() };
        let mut content = events::text(text);
        content["context"] = json!({"from": self.digits_of(&number), "id": target.id});
        Some(self.receive_content(&incoming, &content))
    }

    fn digits_of(&self, number: &str) -> String {
        locked(&self.0.state).numbers.get(number).map(events::digits).unwrap_or_default()
    }
}

pub(super) fn line(id: &str, own: bool, text: &str, at: Timestamp, files: Vec<LineFile>) -> Line {
    let status = if own { Status::Read } else { Status::Sent };
    Line { id: id.to_owned(), own, text: text.to_owned(), at, status, files }
}

impl Handset for Graph {
    fn provider(&self) -> ProviderKind {
        ProviderKind::Whatsapp
    }

    fn name(&self) -> &'static str {
        "WhatsApp"
    }

    fn customer(&self, typed: &str) -> Option<String> {
        let typed = typed.trim();
        let is_user_id = typed.split_once('.').is_some_and(|(country, id)| {
            country.len() == 2
                && !id.is_empty()
                && typed.len() <= 64
                && typed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
        });
        let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
        let is_number = (5..=15).contains(&digits.len()) && typed.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
        if is_user_id { Some(typed.to_owned()) } else { is_number.then_some(digits) }
    }

    fn does(&self, customer: &str, name: &str, deed: &Deed) -> Result<String, Unsupported> {
        match deed {
            Deed::Text(text) => Ok(self.customer_writes(customer, name, text)),
            Deed::File(file) => Ok(self.customer_sends(customer, name, file)),
            Deed::Location { latitude, longitude, name: place } => {
                let number = self.first_number();
                let shown = format!("📍 {place}");
                let incoming = Incoming { number: &number, from: customer, name, text: shown.trim(), at: self.0.clock.now() };
                let mut location = json!({"latitude": latitude, "longitude": longitude});
                if !place.is_empty() {
                    location["name"] = place.clone().into();
                }
                Ok(self.receive_content(&incoming, &json!({"type": "location", "location": location})))
            }
            Deed::Reaction(emoji) => self.reacts(customer, name, emoji).ok_or(Unsupported),
            Deed::Reply(text) => self.replies(customer, name, text).ok_or(Unsupported),
            Deed::Edit(text) => {
                let edit = |target: &str| json!({"type": "edit", "edit": {"original_message_id": target, "message": events::text(text)}});
                self.changes(customer, name, edit, text).ok_or(Unsupported)
            }
            Deed::Delete => {
                let revoke = |target: &str| json!({"type": "revoke", "revoke": {"original_message_id": target}});
                self.changes(customer, name, revoke, "🚫").ok_or(Unsupported)
            }
        }
    }

    fn phones(&self) -> &Phones {
        &self.0.phones
    }

    fn file(&self, id: &str) -> Option<(String, Bytes)> {
        self.medium(id).map(|medium| (medium.mime, medium.bytes))
    }
}
