//! Telegram from its customers' side. Nobody tells a bot that a message to it was deleted.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::channel::ProviderKind;

use super::{Telegram, chat_id, updates};
use crate::{
    handset::{Deed, Handset, Unsupported},
    locked,
    phones::{Line, Phones},
};

/// Digits in the largest id that Telegram promises to give: 52 bits.
const MAX_DIGITS: usize = 16;

impl Handset for Telegram {
    fn provider(&self) -> ProviderKind {
        ProviderKind::Telegram
    }

    fn name(&self) -> &'static str {
        "Telegram"
    }

    fn customer(&self, typed: &str) -> Option<String> {
        let typed = typed.trim();
        let valid = (1..=MAX_DIGITS).contains(&typed.len()) && typed.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| typed.trim_start_matches('0').to_owned()).filter(|id| !id.is_empty())
    }

    fn does(&self, customer: &str, name: &str, deed: &Deed) -> Result<String, Unsupported> {
        match deed {
            Deed::Text(text) => Ok(self.customer_writes(customer, name, text)),
            Deed::File(file) => Ok(self.customer_sends(customer, name, file)),
            Deed::Location { latitude, longitude, name: place } => Ok(self.places(customer, name, *latitude, *longitude, place)),
            Deed::Reaction(emoji) => self.reacts(customer, name, emoji).ok_or(Unsupported),
            Deed::Reply(text) => self.replies(customer, name, text).ok_or(Unsupported),
            Deed::Edit(text) => self.edits(customer, text).ok_or(Unsupported),
            Deed::Delete => Err(Unsupported),
        }
    }

    fn phones(&self) -> &Phones {
        &self.0.phones
    }

    fn file(&self, id: &str) -> Option<(String, Bytes)> {
        self.stored(id).map(|file| (file.mime, file.bytes))
    }
}

impl Telegram {
    fn last_line(&self, customer: &str, own: bool) -> Option<Line> {
        // What somebody did to a message is a line too, but no message.
        let is_message = |line: &&Line| line.own == own && self.message(&line.id).is_some();
        self.0.phones.chat(customer)?.lines.iter().rev().find(is_message).cloned()
    }

    fn places(&self, customer: &str, name: &str, latitude: f64, longitude: f64, place: &str) -> String {
        let shown = format!("📍 {place}");
        self.incoming(customer, name, self.0.clock.now(), shown.trim(), None, |message| {
            let location = json!({"latitude": latitude, "longitude": longitude});
            if !place.is_empty() {
                message["venue"] = json!({"location": location, "title": place, "address": ""});
            }
            message["location"] = location;
        })
    }

    /// A reaction replaces the one before it; an empty one takes it back.
    fn reacts(&self, customer: &str, name: &str, emoji: &str) -> Option<String> {
        let target = self.last_line(customer, false)?;
        let user = self.person(customer, name);
        let number: i64 = target.id.split_once(':')?.1.parse().ok()?;
        let new: Vec<Value> = if emoji.is_empty() { Vec::new() } else { vec![json!({"type": "emoji", "emoji": emoji})] };
        let (old, at) = {
            let mut state = locked(&self.0.state);
            (state.reactions.insert((chat_id(customer), number), new.clone()).unwrap_or_default(), self.0.clock.now())
        };
        let reaction = json!({"chat": updates::chat(&user), "message_id": number, "user": user, "date": at.secs(),
            "old_reaction": old, "new_reaction": new});
        self.update("message_reaction", &reaction);
        let id = format!("{}/reaction/{}", target.id, at.millis());
        let text = if emoji.is_empty() { "–" } else { emoji };
        let line = Line { id: id.clone(), own: true, text: text.to_owned(), at, status: target.status, files: Vec::new() };
        self.0.phones.add(customer, name, line);
        Some(id)
    }

    fn replies(&self, customer: &str, name: &str, text: &str) -> Option<String> {
        let target = self.message(&self.last_line(customer, false)?.id)?;
        Some(self.incoming(customer, name, self.0.clock.now(), text, None, |message| {
            message["text"] = text.into();
            message["reply_to_message"] = target;
        }))
    }

    /// Changes a message's text, or the text with its file.
    fn edits(&self, customer: &str, text: &str) -> Option<String> {
        let line = self.last_line(customer, true)?;
        let mut message = self.message(&line.id)?;
        let member = if message.get("text").is_some() { "text" } else { "caption" };
        message[member] = text.into();
        self.keep(&message, message["message_id"].as_i64()?, customer);
        message["edit_date"] = self.0.clock.now().secs().into();
        self.0.phones.edit(customer, &line.id, text);
        self.update("edited_message", &message);
        Some(line.id)
    }
}
