//! What these use cases need of the table, one trait per need, so that a function holds only what it uses. `store`
//! implements them; Pipedrive's ports are in `pipedrive`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    inbox::ports::StoreError,
    model::{
        api_key::{ApiKey, RateLimit, SecretHash, Trouble},
        contact::{ContactRecord, Email, Origin, Phone, SegmentationList},
        conversation::Conversation,
        ids::{CompanyId, ConversationId, KeyId, ListId, PersonId, UserId},
        time::Timestamp,
    },
};

/// What became of a call that a key wanted to make.
#[derive(Debug, Clone)]
pub enum Spent {
    /// It is counted. The key, as it is now.
    Counted(ApiKey),
    /// It is not: the key as it is stored, if there is one. Its secret is another, or it has called too often.
    Refused(Option<ApiKey>),
}

/// API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// A key, as last written. 1 read.
    async fn key(&self, id: &KeyId) -> Result<Option<ApiKey>, StoreError>;
    /// All keys of a company. 1 query.
    async fn keys(&self, company: CompanyId) -> Result<Vec<ApiKey>, StoreError>;
    /// Stores a new key.
    async fn add_key(&self, key: &ApiKey) -> Result<(), StoreError>;
    /// Counts one call of a key with this secret, if what it called before is worked off by `latest` at most. Atomic, and
    /// one write: it also brings the key. A call after a pause (`latest` is `now`) starts the count anew.
    async fn spend(&self, id: &KeyId, hash: &SecretHash, now: Timestamp, latest: Timestamp) -> Result<Spent, StoreError>;
    /// Changes name and limit. False if there is no such key.
    async fn change_key(&self, id: &KeyId, name: &str, limit: RateLimit) -> Result<bool, StoreError>;
    /// Puts `hash` in the place of `before`, which goes on working until `until`. False if there is no such key, or it has
    /// another secret by now.
    async fn rotate_key(&self, id: &KeyId, before: &SecretHash, hash: &SecretHash, until: Timestamp) -> Result<bool, StoreError>;
    /// Deletes a key. False if there was none.
    async fn delete_key(&self, id: &KeyId) -> Result<bool, StoreError>;
    /// Notes what a key's calls run into, or that they run into nothing any more.
    async fn set_trouble(&self, id: &KeyId, trouble: Option<Trouble>) -> Result<(), StoreError>;
}

/// An answer that is given again to the same call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// The body, to the letter.
    pub body: String,
}

/// One try of a call that may be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Whose call.
    pub key: KeyId,
    /// A hash of what makes it the same call: method, path and the caller's own key for it.
    pub call: String,
    /// A hash of its body.
    pub body: String,
    /// Which try this is.
    pub owner: String,
}

/// What is known of a call when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: it is this try's turn.
    Here,
    /// It was answered.
    Answered(StoredAnswer),
    /// Another try is at it.
    Elsewhere,
    /// It was another call: its body differs.
    Different,
}

/// Calls and their answers.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// Takes the turn on a call until `until`, if nobody has answered it or is at it. 1 write.
    async fn begin(&self, attempt: &Attempt, now: Timestamp, until: Timestamp) -> Result<Begun, StoreError>;
    /// Keeps the answer until `until`, if it is still this try's turn. 1 write.
    async fn answer(&self, attempt: &Attempt, answer: &StoredAnswer, until: Timestamp) -> Result<(), StoreError>;
    /// Gives the turn back without an answer. 1 write.
    async fn forget(&self, attempt: &Attempt) -> Result<(), StoreError>;
}

/// Names that only one call at a time may hold.
#[async_trait]
pub trait LockStore: Send + Sync {
    /// Takes all `names` of the company until `until`, or none of them. 1 transaction.
    async fn lock(
        &self,
        company: CompanyId,
        names: &[String],
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Gives back what `owner` holds of them. 1 transaction.
    async fn unlock(&self, company: CompanyId, names: &[String], owner: &str) -> Result<(), StoreError>;
}

/// What is stored with a new or changed contact, all at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactChange {
    /// Led to the person from now on.
    pub email: Option<Email>,
    /// Led to the person from now on.
    pub phone: Option<Phone>,
    /// How it came to us, if this call created it.
    pub created: Option<(Origin, Timestamp)>,
    /// Linked to the person, from whomever they were linked to before.
    pub conversations: Vec<Conversation>,
    /// When they were, for open pages to hear of it.
    pub linked_at: Option<Timestamp>,
}

/// What the bundle knows of contacts.
#[async_trait]
pub trait ContactStore: Send + Sync {
    /// The persons to whom our own map leads from an address and a number. 1 batch read.
    async fn persons_of(
        &self,
        company: CompanyId,
        email: Option<&Email>,
        phone: Option<&Phone>,
    ) -> Result<Vec<PersonId>, StoreError>;
    /// What is stored of these persons (at most 100), in their order. 1 batch read.
    async fn contact_records(&self, company: CompanyId, persons: &[PersonId]) -> Result<Vec<ContactRecord>, StoreError>;
    /// Stores a change of a contact. 1 transaction.
    async fn save_contact(&self, company: CompanyId, person: PersonId, change: &ContactChange) -> Result<(), StoreError>;
    /// A conversation, as last written.
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;
    /// Conversations of the company with a customer of this number, at most `limit`: those whose provider names customers
    /// by their number, and those among the company's newest.
    async fn conversations_with(&self, company: CompanyId, phone: &Phone, limit: usize) -> Result<Vec<Conversation>, StoreError>;
}

/// What became of putting a contact on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// It is on it now.
    Added,
    /// It was on it already.
    Already,
    /// There is no such list.
    NoList,
}

/// Segmentation lists.
#[async_trait]
pub trait ListStore: Send + Sync {
    /// All of a company's lists, those being deleted included. 1 query.
    async fn lists(&self, company: CompanyId) -> Result<Vec<SegmentationList>, StoreError>;
    /// A list, as last written.
    async fn list(&self, company: CompanyId, id: &ListId) -> Result<Option<SegmentationList>, StoreError>;
    /// Stores a new list.
    async fn add_list(&self, company: CompanyId, list: &SegmentationList) -> Result<(), StoreError>;
    /// Puts a contact on a list and counts it. 1 transaction.
    async fn add_to_list(&self, company: CompanyId, list: &ListId, person: PersonId) -> Result<Listed, StoreError>;
    /// Takes a contact off a list and counts it. False if it was not on it. 1 transaction.
    async fn take_off_list(&self, company: CompanyId, list: &ListId, person: PersonId) -> Result<bool, StoreError>;
    /// Deletes a list: it is gone at once, its entries after it. May be repeated until it returns. False if there is none.
    async fn delete_list(&self, company: CompanyId, id: &ListId) -> Result<bool, StoreError>;
}

/// Where the parts of a list of Pipedrive's begin, so that a page can be asked for by its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    /// Where each part after the first begins.
    pub marks: Vec<String>,
    /// How many entries there are, as far as it went.
    pub total: u64,
    /// Whether it went to the end.
    pub complete: bool,
    /// When it was begun.
    pub taken_at: Timestamp,
}

impl Walk {
    /// One that has not got anywhere yet.
    pub fn begin(now: Timestamp) -> Self {
        Self { marks: Vec::new(), total: 0, complete: false, taken_at: now }
    }
}

/// Walks that were taken.
#[async_trait]
pub trait WalkStore: Send + Sync {
    /// The last walk of the list of that name, as the user sees it. 1 read.
    async fn walk(&self, company: CompanyId, user: UserId, name: &str) -> Result<Option<Walk>, StoreError>;
    /// Keeps one until `until`. 1 write.
    async fn save_walk(
        &self,
        company: CompanyId,
        user: UserId,
        name: &str,
        walk: &Walk,
        until: Timestamp,
    ) -> Result<(), StoreError>;
}
