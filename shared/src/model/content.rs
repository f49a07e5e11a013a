//! What a message holds besides its text: files, places, people, reactions. The text says all of it readably; this is the
//! same in a form that a page can show well.

use serde::{Deserialize, Serialize};

use super::{ids::MessageId, message::FailureReason};

/// What a file is, as far as it matters for showing and sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A still picture.
    Image,
    /// A film, with or without sound.
    Video,
    /// Sound.
    Audio,
    /// Sound that was spoken into the phone.
    Voice,
    /// A picture or short animation from a set, sent in place of words.
    Sticker,
    /// Anything else.
    Document,
}

impl FileKind {
    /// What a MIME type says. Never `Voice` or `Sticker`, which only a provider can tell.
    pub fn of_mime(mime: &str) -> Self {
        match mime.split('/').next() {
            Some("image") => Self::Image,
            Some("video") => Self::Video,
            Some("audio") => Self::Audio,
            _ => Self::Document,
        }
    }

    /// What to call it in a sentence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Voice => "voice message",
            Self::Sticker => "sticker",
            Self::Document => "document",
        }
    }
}

/// What an adapter needs to fetch a file from its provider: an id or an address. Never holds a credential.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileSource(pub String);

/// The name of an object in the bundle's bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectKey(pub String);

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum FileState {
    /// At the provider. It is copied to the bucket, because the provider's links die.
    Awaited {
        /// What to fetch it with.
        source: FileSource,
        /// How often that failed.
        #[serde(default)]
        attempts: u32,
    },
    /// In the bucket.
    Stored {
        /// The file.
        key: ObjectKey,
        /// A small picture of it, where one could be made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<ObjectKey>,
    },
    /// Nowhere that we could reach.
    Lost {
        /// Why.
        reason: FailureReason,
    },
}

/// A file that belongs to a message. Its position among the message's files is its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// What it is.
    pub kind: FileKind,
    /// MIME type: what its bytes say once they are in the bucket, until then what the provider says.
    pub mime: String,
    /// File name, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Size in bytes, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Where it is.
    pub file: FileState,
}

impl Attachment {
    /// Whether it is still to be fetched from the provider.
    pub fn is_awaited(&self) -> bool {
        matches!(self.file, FileState::Awaited { .. })
    }

    /// It in words, for where it can't be shown: `[document offer.pdf]`.
    pub fn placeholder(&self) -> String {
        match &self.name {
            Some(name) => format!("[{} {name}]", self.kind.word()),
            None => format!("[{}]", self.kind.word()),
        }
    }
}

/// Somebody whose address card was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Their name; empty if the card has none.
    pub name: String,
    /// Phone numbers, as written on the card.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phones: Vec<String>,
    /// E-mail addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub emails: Vec<String>,
}

/// What a message is, where it is more than text and files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A place.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// What it is called.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// Its address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    },
    /// Address cards.
    Contacts {
        /// Whose.
        people: Vec<Person>,
    },
    /// A reaction to the message in `reply_to`.
    Reaction {
        /// With what; none when it was taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        emoji: Option<String>,
    },
    /// An approved template that the company sent.
    Template {
        /// Its name.
        name: String,
        /// Its language.
        language: String,
    },
    /// Something about the chat itself, e.g. that the customer blocked the company.
    Notice {
        /// A stable word for it.
        what: String,
    },
    /// Something that can't be shown.
    Unsupported {
        /// The provider's word for it.
        what: String,
    },
}

/// What a message answers or reacts to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyTo {
    /// The message, if it is known here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageId>,
    /// The beginning of what it said; empty if that is not known.
    #[serde(default)]
    pub quote: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_a_kind_and_a_word() {
        for (mime, kind) in [
            ("image/jpeg", FileKind::Image),
            ("video/mp4", FileKind::Video),
            ("audio/ogg; codecs=opus", FileKind::Audio),
            ("application/pdf", FileKind::Document),
            ("", FileKind::Document),
        ] {
            assert_eq!(FileKind::of_mime(mime), kind, "{mime}");
        }
        let source = FileSource("1".to_owned());
        let mut file = Attachment {
            kind: FileKind::Document,
            mime: "application/pdf".to_owned(),
            name: Some("offer.pdf".to_owned()),
            size: None,
            file: FileState::Awaited { source, attempts: 0 },
        };
        assert_eq!(file.placeholder(), "[document offer.pdf]");
        file.name = None;
        file.kind = FileKind::Voice;
        assert_eq!(file.placeholder(), "[voice message]");
    }
}
