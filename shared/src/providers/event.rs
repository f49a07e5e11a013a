//! What providers report, in neutral form. An adapter's parser makes these; `inbox::receive` stores them.

use crate::model::{
    content::{Content, FileKind, FileSource},
    conversation::Customer,
    ids::{AccountId, ContactKey, ProviderMessageId},
    message::{Direction, FailureReason},
    status::Status,
    time::Timestamp,
};

use super::outgoing::PartId;

/// Something that a provider reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The connected account that it is about. None: the channel in the webhook's path.
    pub account: Option<AccountId>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// Somebody wrote.
    Message(InboundMessage),
    /// A message of ours got somewhere.
    Status(StatusUpdate),
    /// All messages to a customer got somewhere, up to a moment.
    Receipt(Receipt),
    /// A message was changed by its writer.
    Edit(Edit),
    /// A message was taken back by its writer.
    Deletion(Deletion),
    /// A customer is known under another name from now on.
    Rename(Rename),
    /// Something about the account as a whole.
    Account(AccountNews),
    /// Nothing that is shown: a group chat, a read receipt of our own, an unknown kind. Counted, never an error.
    Ignored {
        /// A word for logs and metrics.
        what: &'static str,
    },
}

/// A message in neutral form: a customer's, or one that the company wrote past us, on its phone or in the provider's own inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct InboundMessage {
    /// The provider's id of it. For events without one, a name made of what tells them apart.
    pub provider_id: ProviderMessageId,
    /// `In` for the customer's own, `Out` for the company's.
    pub direction: Direction,
    /// Whether it was written before the channel was connected, and is told of now.
    pub past: bool,
    /// The customer in the chat, whoever wrote. `keys` is not empty.
    pub customer: Customer,
    /// Whether `customer.name` is really what the provider calls them, not a stand-in.
    pub name_known: bool,
    /// When, by the provider's clock; none where the provider does not say.
    pub sent_at: Option<Timestamp>,
    /// What it says, readable without `content`. Empty if there is nothing but `files`; a readable placeholder in brackets
    /// for what can't be shown.
    pub text: String,
    /// The same in structured form, where it is more than text and files.
    pub content: Option<Content>,
    /// Its files.
    pub files: Vec<InboundFile>,
    /// What it answers or reacts to.
    pub reply_to: Option<ProviderReply>,
    /// Until when it may be answered freely.
    pub reply_by: Option<Timestamp>,
    /// A link to the chat at the provider; empty where there is none.
    pub link: String,
}

impl InboundMessage {
    /// A customer's message with nothing to it but this.
    pub fn new(provider_id: ProviderMessageId, customer: Customer, text: String) -> Self {
        Self {
            provider_id,
            direction: Direction::In,
            past: false,
            customer,
            name_known: true,
            sent_at: None,
            text,
            content: None,
            files: Vec::new(),
            reply_to: None,
            reply_by: None,
            link: String::new(),
        }
    }
}

/// A file that came with a message, still at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundFile {
    /// What [`super::Provider::fetch`] needs to get it.
    pub source: FileSource,
    /// What it is.
    pub kind: FileKind,
    /// MIME type, if the provider tells it.
    pub mime: Option<String>,
    /// File name, if it has one.
    pub name: Option<String>,
    /// Bytes, if the provider tells that.
    pub size: Option<u64>,
}

/// What a message answers or reacts to, as the provider names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderReply {
    /// The provider's id of it.
    pub id: ProviderMessageId,
    /// What it says, where the provider repeats that.
    pub quote: Option<String>,
}

/// News of a message that we sent.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusUpdate {
    /// The provider's id of the message.
    pub provider_id: ProviderMessageId,
    /// Our id of it, where the provider hands back what we gave it with the message.
    pub message: Option<PartId>,
    /// How far it got.
    pub status: Status,
    /// Why it failed, if it did.
    pub failure: Option<FailureReason>,
}

/// News of all messages to one customer, for providers that tell only how far the customer has read.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The customer.
    pub customer: ContactKey,
    /// How far the messages got.
    pub status: Status,
    /// Those sent until then.
    pub up_to: Timestamp,
}

/// A change of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// The provider's id of the message that was changed.
    pub target: ProviderMessageId,
    /// What it is now: text, content, and when (`sent_at`). Under its own id and marked as edited, this is stored if the
    /// target is not known.
    pub message: InboundMessage,
}

/// A message that was taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Deletion {
    /// The provider's id of it.
    pub target: ProviderMessageId,
    /// When, where the provider tells.
    pub at: Option<Timestamp>,
}

/// A customer's new names.
#[derive(Debug, Clone, PartialEq)]
pub struct Rename {
    /// Names that they have had.
    pub known: Vec<ContactKey>,
    /// Names that they have now; the first is the one to send to.
    pub keys: Vec<ContactKey>,
    /// Their phone number in E.164, if it changed.
    pub phone: Option<String>,
}

/// News of a whole account.
#[derive(Debug, Clone, PartialEq)]
pub enum AccountNews {
    /// The provider blocked or restricted it.
    Suspended {
        /// Why, in a sentence for people.
        reason: String,
    },
    /// It works again.
    Restored,
    /// Its approved templates changed.
    TemplatesChanged,
}
