//! What customers can do in Messenger's app.

use bytes::Bytes;
use serde_json::json;
use shared::model::channel::ProviderKind;

use super::{
    Messenger, events,
    messages::{File, Message, attachment_type},
};
use crate::{
    handset::{Deed, GivenFile, Handset, Unsupported},
    locked,
    phones::{Line, Phones},
};

impl Handset for Messenger {
    fn provider(&self) -> ProviderKind {
        ProviderKind::Messenger
    }

    fn name(&self) -> &'static str {
        "Messenger"
    }

    fn customer(&self, typed: &str) -> Option<String> {
        let psid = typed.trim();
        let is_id = (3..=20).contains(&psid.len()) && psid.bytes().all(|b| b.is_ascii_digit()) && !psid.starts_with('0');
        is_id.then(|| psid.to_owned())
    }

    fn does(&self, customer: &str, name: &str, deed: &Deed) -> Result<String, Unsupported> {
        let message = Message::new(self.0.clock.now());
        match deed {
            Deed::Text(text) => Ok(self.customer_writes(customer, name, text)),
            Deed::File(file) => {
                let (kind, kept) = self.given(file);
                let files = vec![(kind, kept)];
                Ok(self.incoming(customer, name, Message { text: file.caption.clone(), files, ..message }))
            }
            Deed::Location { latitude, longitude, name: place } => {
                let place = Some(events::place(*latitude, *longitude, place));
                Ok(self.incoming(customer, name, Message { place, ..message }))
            }
            Deed::Reply(text) => {
                let reply_to = self.last(customer, false).map(|line| line.id);
                Ok(self.incoming(customer, name, Message { text: text.clone(), reply_to, ..message }))
            }
            Deed::Reaction(emoji) => {
                let target = self.last(customer, false).ok_or(Unsupported)?.id;
                let reaction = if emoji.is_empty() {
                    json!({"mid": target, "action": "unreact"})
                } else {
                    json!({"mid": target, "action": "react", "emoji": emoji, "reaction": "other"})
                };
                self.acts(customer);
                self.tell(customer, "reaction", &reaction);
                Ok(target)
            }
            Deed::Edit(text) => {
                let target = self.last(customer, true).ok_or(Unsupported)?.id;
                self.change(customer, &target, text);
                self.tell(customer, "message_edit", &json!({"mid": target, "text": text, "num_edit": 1}));
                Ok(target)
            }
            Deed::Delete => {
                let target = self.last(customer, true).ok_or(Unsupported)?.id;
                self.change(customer, &target, "");
                self.tell(customer, "message", &json!({"mid": target, "is_deleted": true}));
                Ok(target)
            }
        }
    }

    fn phones(&self) -> &Phones {
        &self.0.phones
    }

    fn file(&self, id: &str) -> Option<(String, Bytes)> {
        locked(&self.0.state).files.get(id).map(|file| (file.mime.clone(), file.bytes.clone()))
    }
}

impl Messenger {
    /// Keeps a file under the name that Messenger gives it.
    fn given(&self, file: &GivenFile) -> (&'static str, String) {
        let kind = if file.voice { "audio" } else { attachment_type(&file.mime) };
        let name = if file.voice { format!("audioclip-{}-3000.mp4", self.0.clock.now().millis()) } else { file.name.clone() };
        (kind, self.keep(File { name, mime: file.mime.clone(), bytes: file.bytes.clone() }))
    }

    /// The last message in a chat, of the customer or of the company.
    fn last(&self, customer: &str, own: bool) -> Option<Line> {
        let is_message = |line: &Line| line.own == own && line.id.starts_with("m_");
        self.0.phones.chat(customer)?.lines.into_iter().rev().find(is_message)
    }

    fn tell(&self, customer: &str, member: &str, value: &serde_json::Value) {
        let page = self.first_page();
        self.queue(&page, &events::from_customer(&page, customer, self.0.clock.now(), member, value));
    }

    fn change(&self, customer: &str, mid: &str, text: &str) {
        self.0.phones.edit(customer, mid, if text.is_empty() { "(deleted)" } else { text });
        let mut state = locked(&self.0.state);
        match state.messages.iter().position(|message| message.mid == mid) {
            Some(place) if text.is_empty() => drop(state.messages.remove(place)),
            Some(place) => text.clone_into(&mut state.messages[place].text),
            None => {}
        }
    }
}
