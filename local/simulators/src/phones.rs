//! What customers see on their phones: each chat with its lines and, beside the company's, how far they got.

use std::{collections::BTreeMap, sync::Mutex};

use serde::{Deserialize, Serialize};
use shared::model::{status::Status, time::Timestamp};

use super::locked;

/// A customer's chat with the company.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Chat {
    /// Under which name the provider knows the customer.
    pub customer: String,
    /// What they call themselves.
    pub name: String,
    /// Oldest first.
    pub lines: Vec<Line>,
    /// What this phone does with messages.
    pub behaviour: Behaviour,
}

/// One message in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The provider's id.
    pub id: String,
    /// Whether the customer wrote it.
    pub own: bool,
    /// What it says.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// How far the company's message got.
    pub status: Status,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<LineFile>,
}

/// A file in a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineFile {
    /// Its name; empty if the provider keeps none.
    pub name: String,
    /// MIME type.
    pub mime: String,
    /// What the simulator finds it by, see [`super::handset::Handset::file`].
    pub id: String,
}

/// What a phone does with the company's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Behaviour {
    /// Receives and reads them.
    #[default]
    Reads,
    /// Receives them; its owner does not tell whether they are read.
    Receives,
    /// Is switched off.
    Off,
    /// The provider takes them and finds out later that they can't be delivered.
    Fails,
}

/// All phones.
#[derive(Debug, Default)]
pub struct Phones(Mutex<BTreeMap<String, Chat>>);

impl Phones {
    /// Every chat.
    pub fn chats(&self) -> Vec<Chat> {
        locked(&self.0).values().cloned().collect()
    }

    /// A customer's chat.
    pub fn chat(&self, customer: &str) -> Option<Chat> {
        locked(&self.0).get(customer).cloned()
    }

    /// Adds a line to a customer's chat. An empty name changes nothing.
    pub fn add(&self, customer: &str, name: &str, line: Line) {
        self.change(customer, |chat| {
            if !name.is_empty() {
                name.clone_into(&mut chat.name);
            }
            chat.lines.push(line);
        });
    }

    /// Changes what a line says.
    pub fn edit(&self, customer: &str, id: &str, text: &str) {
        self.change(customer, |chat| {
            if let Some(line) = chat.lines.iter_mut().find(|line| line.id == id) {
                text.clone_into(&mut line.text);
            }
        });
    }

    /// Sets what a phone does.
    pub fn set_behaviour(&self, customer: &str, behaviour: Behaviour) {
        self.change(customer, |chat| chat.behaviour = behaviour);
    }

    /// What a phone does.
    pub fn behaviour(&self, customer: &str) -> Behaviour {
        self.chat(customer).map(|chat| chat.behaviour).unwrap_or_default()
    }

    /// Notes how far a message got.
    pub fn tick(&self, customer: &str, id: &str, status: Status) {
        self.change(customer, |chat| {
            if let Some(line) = chat.lines.iter_mut().find(|line| line.id == id)
                && line.status.may_become(status)
            {
                line.status = status;
            }
        });
    }

    /// When the customer last wrote.
    pub fn last_written(&self, customer: &str) -> Option<Timestamp> {
        self.chat(customer)?.lines.iter().filter(|line| line.own).map(|line| line.at).max()
    }

    /// Takes a line away.
    pub fn remove(&self, customer: &str, id: &str) {
        self.change(customer, |chat| chat.lines.retain(|line| line.id != id));
    }

    fn change(&self, customer: &str, change: impl FnOnce(&mut Chat)) {
        let mut chats = locked(&self.0);
        let new = || Chat { customer: customer.to_owned(), name: customer.to_owned(), ..Chat::default() };
        change(chats.entry(customer.to_owned()).or_insert_with(new));
    }
}
