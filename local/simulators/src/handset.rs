//! A simulated provider from its customers' side: what the page of `local` and tests play with, the same for every provider.

use bytes::Bytes;
use shared::model::channel::ProviderKind;

use super::phones::Phones;

/// What a customer does.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Writes.
    Text(String),
    /// Sends a file.
    File(GivenFile),
    /// Sends a place.
    Location {
        /// Degrees north.
        latitude: f64,
        /// Degrees east.
        longitude: f64,
        /// What it is called.
        name: String,
    },
    /// Reacts to the last message from the company.
    Reaction(String),
    /// Answers the last message from the company, quoting it.
    Reply(String),
    /// Changes their own last message.
    Edit(String),
    /// Takes back their own last message.
    Delete,
}

/// A file that a customer sends.
#[derive(Debug, Clone)]
pub struct GivenFile {
    /// Its name.
    pub name: String,
    /// MIME type.
    pub mime: String,
    /// Whether it was spoken into the phone.
    pub voice: bool,
    /// Its contents.
    pub bytes: Bytes,
    /// Text with it; may be empty.
    pub caption: String,
}

/// A provider's customers cannot do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this provider has no such thing")]
pub struct Unsupported;

/// A provider from its customers' side.
pub trait Handset: Send + Sync {
    /// Whose.
    fn provider(&self) -> ProviderKind;

    /// What the page calls it.
    fn name(&self) -> &'static str;

    /// The name under which the provider knows a customer, as somebody may type it; none if it can't be one.
    fn customer(&self, typed: &str) -> Option<String>;

    /// A customer called `name` does something. The provider's id of it.
    fn does(&self, customer: &str, name: &str, deed: &Deed) -> Result<String, Unsupported>;

    /// All customers' phones.
    fn phones(&self) -> &Phones;

    /// A file in a chat: MIME type and contents.
    fn file(&self, id: &str) -> Option<(String, Bytes)>;
}
