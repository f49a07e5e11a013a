//! What the chat's customers do: the events of `docs/custom-provider.md`.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::channel::ProviderKind;

use super::{Chat, shown};
use crate::{
    handset::{Deed, GivenFile, Handset, Unsupported},
    locked,
    phones::{Line, LineFile, Phones},
};

/// Longest name of a customer that the page takes.
const MAX_CUSTOMER: usize = 64;

impl Chat {
    /// A customer's own last message; reactions are none.
    fn last_own(&self, customer: &str) -> Result<Line, Unsupported> {
        self.last_line(customer, |line| line.own && line.id.starts_with("msg-"))
    }

    /// The last message from the company.
    fn last_from_company(&self, customer: &str) -> Result<Line, Unsupported> {
        self.last_line(customer, |line| !line.own)
    }

    fn last_line(&self, customer: &str, which: impl Fn(&Line) -> bool) -> Result<Line, Unsupported> {
        let chat = self.0.phones.chat(customer).ok_or(Unsupported)?;
        chat.lines.into_iter().rev().find(which).ok_or(Unsupported)
    }

    /// A customer sends `what` of a message event now.
    fn sends(&self, customer: &str, name: &str, what: Value, line: &str, files: Vec<LineFile>) -> String {
        self.written(customer, name, self.0.clock.now(), what, line, files)
    }

    fn sends_file(&self, customer: &str, name: &str, file: &GivenFile) -> String {
        let id = self.new_id("file");
        locked(&self.0.state).files.insert(id.clone(), (file.mime.clone(), file.bytes.clone()));
        let mut described = json!({"url": format!("{}/files/{id}", self.0.url), "type": file.mime, "size": file.bytes.len()});
        if !file.name.is_empty() {
            described["name"] = file.name.as_str().into();
        }
        if file.voice {
            described["kind"] = "voice".into();
        }
        let line = LineFile { name: file.name.clone(), mime: file.mime.clone(), id };
        self.sends(customer, name, json!({"text": file.caption, "files": [described]}), &file.caption, vec![line])
    }

    /// Queues an event about a message other than a new one.
    fn tells(&self, customer: &str, name: &str, mut event: Value) {
        event["from"] = json!({"id": customer, "name": name});
        event["sent_at"] = self.0.clock.now().rfc3339().into();
        self.0.webhooks.queue(event);
    }
}

impl Handset for Chat {
    fn provider(&self) -> ProviderKind {
        ProviderKind::Custom
    }

    fn name(&self) -> &'static str {
        "Website chat"
    }

    fn customer(&self, typed: &str) -> Option<String> {
        let typed = typed.trim();
        let valid = (1..=MAX_CUSTOMER).contains(&typed.len()) && typed.bytes().all(|b| b.is_ascii_graphic());
        valid.then(|| typed.to_owned())
    }

    fn does(&self, customer: &str, name: &str, deed: &Deed) -> Result<String, Unsupported> {
        Ok(match deed {
            Deed::Text(text) => self.customer_writes(customer, name, text),
            Deed::File(file) => self.sends_file(customer, name, file),
            Deed::Location { latitude, longitude, name: place } => {
                let location = json!({"latitude": latitude, "longitude": longitude, "name": place});
                self.sends(customer, name, json!({ "location": location }), &format!("📍 {place}"), Vec::new())
            }
            Deed::Reply(text) => {
                let answered = self.last_from_company(customer)?.id;
                self.sends(customer, name, json!({"text": text, "reply_to": answered}), text, Vec::new())
            }
            Deed::Reaction(emoji) => {
                let target = self.last_from_company(customer)?.id;
                let id = self.new_id("rea");
                self.0.phones.add(customer, name, shown(&id, true, emoji, self.0.clock.now(), Vec::new()));
                self.tells(customer, name, json!({"type": "reaction", "id": id, "reply_to": target, "emoji": emoji}));
                id
            }
            Deed::Edit(text) => {
                let id = self.last_own(customer)?.id;
                self.0.phones.edit(customer, &id, text);
                self.tells(customer, name, json!({"type": "edit", "id": id, "text": text}));
                id
            }
            Deed::Delete => {
                let id = self.last_own(customer)?.id;
                self.0.phones.remove(customer, &id);
                self.tells(customer, name, json!({"type": "delete", "id": id}));
                id
            }
        })
    }

    fn phones(&self) -> &Phones {
        &self.0.phones
    }

    fn file(&self, id: &str) -> Option<(String, Bytes)> {
        locked(&self.0.state).files.get(id).cloned()
    }
}
