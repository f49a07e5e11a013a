//! Telegram's numbers as our names. A chat's id is a number that the bot's own chats and those of each Telegram Business
//! account count for themselves, and a message's number counts within its chat; so a name holds all that it is unique by.
//!
//! | what | name |
//! |---|---|
//! | a customer | `chat:<chat>`, or `business:<connection>:<chat>` |
//! | a message | `<chat>:<message>`, or `<connection>:<chat>:<message>` |
//! | what happened to a message | the message's, `#` and what |

use std::fmt::Display;

use serde_json::Value;

use crate::{
    model::ids::{ContactKey, ProviderMessageId},
    providers::lenient,
};

/// A private chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Its id: the customer's.
    pub(super) chat: i64,
    /// The business connection through which the bot sees it; none for the bot's own chat.
    pub(super) business: Option<String>,
}

impl Address {
    /// The chat of a message, or why it is not shown. Groups and channels are, at Telegram, chats with many people.
    pub(super) fn of(message: &Value) -> Result<Self, &'static str> {
        let chat = lenient::integer(message, "/chat/id").ok_or("unreadable_chat")?;
        match lenient::text(message, "/chat/type") {
            Some("private") => {}
            // Only those of groups and channels are negative.
            None if chat > 0 => {}
            _ => return Err("group_message"),
        }
        Ok(Self { chat, business: lenient::text(message, "/business_connection_id").map(str::to_owned) })
    }

    /// Reads [`Address::key`].
    pub(super) fn parse(key: &ContactKey) -> Option<Self> {
        let (kind, rest) = key.as_str().split_once(':')?;
        let (business, chat) = match kind {
            "chat" => (None, rest),
            "business" => rest.rsplit_once(':').map(|(connection, chat)| (Some(connection.to_owned()), chat))?,
            _ => return None,
        };
        Some(Self { chat: chat.parse().ok()?, business })
    }

    /// The customer's name.
    pub(super) fn key(&self) -> Option<ContactKey> {
        let key = match &self.business {
            None => format!("chat:{}", self.chat),
            Some(connection) => format!("business:{connection}:{}", self.chat),
        };
        ContactKey::parse(&key).ok()
    }

    /// The name of a message in it.
    pub(super) fn message(&self, number: i64) -> Option<ProviderMessageId> {
        ProviderMessageId::parse(&self.written(number)).ok()
    }

    /// The name of something that happened to a message in it.
    pub(super) fn event(&self, number: i64, what: impl Display) -> Option<ProviderMessageId> {
        ProviderMessageId::parse(&format!("{}#{what}", self.written(number))).ok()
    }

    fn written(&self, number: i64) -> String {
        match &self.business {
            None => format!("{}:{number}", self.chat),
            Some(connection) => format!("{connection}:{}:{number}", self.chat),
        }
    }
}

/// The number, within its chat, of the message that a name belongs to.
pub(super) fn message_number(id: &ProviderMessageId) -> Option<i64> {
    let message = id.as_str().split('#').next()?;
    message.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_lead_back_to_chats_and_messages() {
        for (business, key, message) in [(None, "chat:5001", "5001:12"), (Some("c_1-x"), "business:c_1-x:5001", "c_1-x:5001:12")]
        {
            let address = Address { chat: 5001, business: business.map(str::to_owned) };
            assert_eq!(address.key().unwrap().as_str(), key);
            assert_eq!(Address::parse(&address.key().unwrap()), Some(address.clone()));
            assert_eq!(address.message(12).unwrap().as_str(), message);
            assert_eq!(message_number(&address.message(12).unwrap()), Some(12));
            let edit = address.event(12, "edit.7").unwrap();
            assert_eq!((edit.as_str(), message_number(&edit)), (format!("{message}#edit.7").as_str(), Some(12)));
        }
        for foreign in ["phone:1", "chat:", "chat:x", "business:5001", "5001"] {
            assert_eq!(Address::parse(&ContactKey::parse(foreign).unwrap()), None, "{foreign}");
        }
        assert_eq!(message_number(&ProviderMessageId::parse("callback#77").unwrap()), None);
    }

    #[test]
    fn only_private_chats_have_one() {
        let of = |chat: Value| Address::of(&json!({ "chat": chat })).map(|address| address.chat);
        assert_eq!(of(json!({"id": 5001, "type": "private"})), Ok(5001));
        assert_eq!(of(json!({"id": "4503599627370495"})), Ok(4_503_599_627_370_495));
        for kind in ["group", "supergroup", "channel", "hologram"] {
            assert_eq!(of(json!({"id": 5001, "type": kind})), Err("group_message"), "{kind}");
        }
        assert_eq!(of(json!({"id": -100_123})), Err("group_message"));
        for broken in [json!({"type": "private"}), json!(null), json!({"id": [1]}), json!({"id": "@name"}), json!("x")] {
            assert_eq!(of(broken.clone()), Err("unreadable_chat"), "{broken}");
        }
    }
}
