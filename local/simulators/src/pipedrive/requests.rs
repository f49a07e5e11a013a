//! What the Channels API accepts: Pipedrive's reference, and its validator, whose text its answers quote.

use serde::{Deserialize, Deserializer};
use shared::{media::FileLink, model::status::Status};

use super::{
    contract::{Moment, WebUrl, present},
    world::Message,
};

/// What Pipedrive says to an unfit `POST /channels`.
pub(super) const CHANNEL_EXPECTED: &str =
    "Expected { name: string; avatar_url?: string; provider_channel_id: string; }, but was incompatible";
/// What Pipedrive says to an unfit `POST /channels/messages/receive`.
pub(super) const MESSAGE_EXPECTED: &str = "Expected { id: string; sender_id: string; conversation_id: string; \
    conversation_link?: string; channel_id: string; created_at: string; message: string; status: unknown; \
    attachments: { id: string; type: string; name: string | null; size: number | null; url: string; \
    preview_url: string | null; }[]; reply_by?: string | null; }, but was incompatible";

/// `POST /channels`.
#[derive(Deserialize)]
pub(super) struct NewChannel {
    pub(super) name: Word,
    pub(super) provider_channel_id: Word,
    #[serde(default, deserialize_with = "present")]
    pub(super) avatar_url: Option<WebUrl>,
    #[serde(default)]
    pub(super) template_support: bool,
    #[serde(default)]
    pub(super) provider_type: ProviderType,
}

/// Which icon a channel gets.
#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProviderType {
    Facebook,
    Whatsapp,
    #[default]
    Other,
}

impl ProviderType {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Facebook => "facebook",
            Self::Whatsapp => "whatsapp",
            Self::Other => "other",
        }
    }
}

/// `POST /channels/messages/receive`.
#[derive(Deserialize)]
pub(super) struct Receive {
    pub(super) id: Word,
    pub(super) channel_id: Word,
    pub(super) sender_id: Word,
    pub(super) conversation_id: Word,
    pub(super) message: String,
    status: Status,
    created_at: Moment,
    #[serde(default)]
    reply_by: Option<Moment>,
    #[serde(default, deserialize_with = "present")]
    pub(super) conversation_link: Option<WebUrl>,
    attachments: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    id: Word,
    r#type: Word,
    url: WebUrl,
    // Serde lets an `Option` be absent unless it is told how to read it.
    #[serde(deserialize_with = "Option::deserialize")]
    name: Option<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    size: Option<u64>,
    #[serde(deserialize_with = "Option::deserialize")]
    preview_url: Option<WebUrl>,
    #[serde(default)]
    link_expires: bool,
}

/// Text that is not empty.
pub(super) struct Word(pub(super) String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Err(serde::de::Error::custom("empty")) } else { Ok(Self(text)) }
    }
}

impl From<Receive> for Message {
    fn from(body: Receive) -> Self {
        Self {
            id: body.id.0,
            sender: body.sender_id.0,
            text: body.message,
            status: body.status,
            at: body.created_at.0,
            reply_by: body.reply_by.map(|at| at.0),
            attachments: body.attachments.into_iter().map(FileLink::from).collect(),
            pushes: 1,
        }
    }
}

impl From<File> for FileLink {
    fn from(file: File) -> Self {
        Self {
            id: file.id.0,
            mime: file.r#type.0,
            name: file.name,
            size: file.size,
            url: file.url.0,
            preview_url: file.preview_url.map(|url| url.0),
            link_expires: file.link_expires,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message(changes: &[(&str, Option<Value>)]) -> bool {
        let mut body = json!({
            "id": "m", "channel_id": "c", "sender_id": "s", "conversation_id": "v", "message": "", "status": "sent",
            "created_at": "2026-11-20 09:15", "reply_by": null,
            "attachments": [{"id": "a", "type": "image/png", "url": "https://x/1", "name": null, "size": null, "preview_url": null}],
        });
        for (pointer, value) in changes {
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            match value {
                Some(value) => parent.insert(field.to_owned(), value.clone()),
                None => parent.remove(field),
            };
        }
        serde_json::from_value::<Receive>(body).is_ok()
    }

    #[test]
    fn the_validator_is_stricter_than_the_reference() {
        assert!(message(&[]));
        assert!(message(&[("/reply_by", None), ("/attachments", Some(json!([])))]));
        assert!(message(&[("/created_at", Some(json!("2026-11-20T09:15:00.000Z"))), ("/attachments/0/size", Some(json!(7)))]));
        for (pointer, value) in [
            ("/attachments", None),
            ("/attachments", Some(json!(null))),
            ("/attachments/0/name", None),
            ("/attachments/0/size", None),
            ("/attachments/0/preview_url", None),
            ("/attachments/0/url", Some(json!("media/1"))),
            ("/conversation_link", Some(json!(""))),
            ("/conversation_link", Some(json!(null))),
            ("/created_at", Some(json!("2026-11-20"))),
            ("/created_at", Some(json!(1_795_166_163))),
            ("/reply_by", Some(json!(""))),
            ("/status", Some(json!("seen"))),
            ("/sender_id", Some(json!(""))),
            ("/message", Some(json!(null))),
            ("/id", None),
        ] {
            assert!(!message(&[(pointer, value.clone())]), "{pointer} {value:?}");
        }
    }
}
