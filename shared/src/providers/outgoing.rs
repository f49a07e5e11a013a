//! What is sent, as the adapters take it. A message of ours may need several of a provider's: text and files rarely fit
//! into one. [`super::Provider::plan`] says which, [`super::Provider::send`] sends one of them.

use std::fmt;

use bytes::Bytes;

use super::error::{ProviderError, Refusal};
use crate::model::{
    content::FileKind,
    conversation::Customer,
    ids::{ContactKey, MessageId, ProviderMessageId},
    template::FilledTemplate,
    time::Timestamp,
};

/// A message of ours, or one of the provider's messages that it is sent as. Written `m_…` for the first, `m_….2` for the
/// third. Given to providers that hand it back with statuses, or use it to tell repetitions apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartId {
    /// The message.
    pub message: MessageId,
    /// Which part of it, from 0.
    pub part: usize,
}

impl PartId {
    /// Reads what [`fmt::Display`] wrote; none for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (message, part) = match text.split_once('.') {
            None => (text, 0),
            Some((message, part)) => (message, part.parse().ok().filter(|part| *part < 100)?),
        };
        Some(Self { message: MessageId::parse(message).ok()?, part })
    }
}

impl From<MessageId> for PartId {
    fn from(message: MessageId) -> Self {
        Self { message, part: 0 }
    }
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            0 => self.message.fmt(f),
            part => write!(f, "{}.{part}", self.message),
        }
    }
}

/// A file to send.
#[derive(Clone)]
pub struct OutgoingFile {
    /// Its name, never empty.
    pub name: String,
    /// MIME type, by what its bytes say.
    pub mime: String,
    /// What it is.
    pub kind: FileKind,
    /// Its contents.
    pub bytes: Bytes,
    /// Where it can be fetched for a while by who knows this address.
    pub link: String,
}

impl fmt::Debug for OutgoingFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The link lets everybody fetch the file.
        f.debug_struct("OutgoingFile").field("mime", &self.mime).field("size", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// A message before it is split.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'a> {
    /// What it says; may be empty if there are files.
    pub text: &'a str,
    /// Its files.
    pub files: &'a [OutgoingFile],
    /// The template that the text is, if it has to go out as one.
    pub template: Option<&'a FilledTemplate>,
}

/// One of the provider's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedPart {
    /// Text alone.
    Text(String),
    /// One file, or several that the provider shows as one.
    Files {
        /// Their positions in the draft. Not empty.
        files: Vec<usize>,
        /// Text with them.
        caption: Option<String>,
    },
    /// The draft's template.
    Template,
}

impl Draft<'_> {
    /// The plan of most providers: text first, as one message, then a message for each file.
    pub fn one_by_one(&self) -> Vec<PlannedPart> {
        if self.template.is_some() {
            return vec![PlannedPart::Template];
        }
        let text = (!self.text.trim().is_empty()).then(|| PlannedPart::Text(self.text.to_owned()));
        let files = (0..self.files.len()).map(|file| PlannedPart::Files { files: vec![file], caption: None });
        text.into_iter().chain(files).collect()
    }

    /// The same with the text as caption of the first file that may carry one, if it is at most `max_chars` long there.
    pub fn captioned(&self, max_chars: usize, may_carry: impl Fn(&OutgoingFile) -> bool) -> Vec<PlannedPart> {
        let mut parts = self.one_by_one();
        let carrier = self.files.iter().position(may_carry);
        if let (Some(PlannedPart::Text(text)), Some(carrier)) = (parts.first().cloned(), carrier)
            && text.chars().count() <= max_chars
        {
            parts.remove(0);
            if let Some(PlannedPart::Files { caption, .. }) = parts.get_mut(carrier) {
                *caption = Some(text);
            }
        }
        parts
    }
}

/// What one of the provider's messages holds.
#[derive(Debug, Clone)]
pub enum PartContent<'a> {
    /// Text alone. Not empty.
    Text(&'a str),
    /// Files, with text or without.
    Files {
        /// As planned.
        files: Vec<&'a OutgoingFile>,
        /// As planned.
        caption: Option<&'a str>,
    },
    /// A template.
    Template(&'a FilledTemplate),
}

/// One of the provider's messages, to send now.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    /// Our id of it.
    pub id: PartId,
    /// Under which name to send to the customer.
    pub to: &'a ContactKey,
    /// The customer's other names.
    pub customer: &'a Customer,
    /// What.
    pub content: PartContent<'a>,
    /// The provider's id of the message that it answers.
    pub reply_to: Option<&'a ProviderMessageId>,
    /// Until when the customer may be written to freely, where the provider sets such a limit; without
    /// [`super::Provider::reply_extension`].
    pub reply_by: Option<Timestamp>,
    /// Where the provider may report what becomes of it, for providers that are told with each message.
    pub webhook_url: &'a str,
    /// When it was written.
    pub sent_at: Timestamp,
}

/// What the provider answered to a message that it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its id of the message; several if it made one of each file. Not empty.
    pub provider_ids: Vec<ProviderMessageId>,
    /// The name to send to from now on, if the provider said that the customer has another.
    pub moved_to: Option<ContactKey>,
}

impl From<ProviderMessageId> for Accepted {
    fn from(id: ProviderMessageId) -> Self {
        Self { provider_ids: vec![id], moved_to: None }
    }
}

/// Why a draft can't be sent: the field at fault (`message` or `files`) and what is wrong with it.
pub fn unsendable(field: &'static str, problem: impl fmt::Display) -> ProviderError {
    ProviderError::Refused { refusal: Refusal::Invalid, code: "unsendable".to_owned(), message: format!("{field} {problem}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ids::{ConversationId, Place};

    fn file(kind: FileKind) -> OutgoingFile {
        OutgoingFile { name: "f".to_owned(), mime: "x/y".to_owned(), kind, bytes: Bytes::new(), link: String::new() }
    }

    fn files(file: usize, caption: Option<&str>) -> PlannedPart {
        PlannedPart::Files { files: vec![file], caption: caption.map(str::to_owned) }
    }

    #[test]
    fn part_ids_read_back() {
        let at = Timestamp::from_secs(1);
        let message = ConversationId::new().message(&Place::new(at, at, 0));
        for part in [0, 1, 12] {
            let id = PartId { message: message.clone(), part };
            assert_eq!(PartId::parse(&id.to_string()), Some(id));
        }
        assert_eq!(PartId::from(message.clone()).to_string(), message.to_string());
        for wrong in ["", "m_x", &format!("{message}."), &format!("{message}.x"), &format!("{message}.100")] {
            assert_eq!(PartId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn text_goes_first_or_with_the_first_file_that_may_carry_it() {
        let two = [file(FileKind::Audio), file(FileKind::Image)];
        let draft = Draft { text: "Hi", files: &two, template: None };
        assert_eq!(draft.one_by_one(), [PlannedPart::Text("Hi".to_owned()), files(0, None), files(1, None)]);
        let captioned = draft.captioned(2, |file| file.kind == FileKind::Image);
        assert_eq!(captioned, [files(0, None), files(1, Some("Hi"))]);
        assert_eq!(draft.captioned(1, |_| true), draft.one_by_one(), "too long");
        assert_eq!(draft.captioned(2, |_| false), draft.one_by_one(), "none carries it");
        let bare = Draft { text: " ", files: &two[..1], template: None };
        assert_eq!(bare.captioned(9, |_| true), [files(0, None)]);
    }
}
