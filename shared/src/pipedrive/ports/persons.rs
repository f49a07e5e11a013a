//! Persons.

use async_trait::async_trait;

use super::{Access, Batch};
use crate::{
    model::{
        ids::{OrganizationId, PersonId, UserId},
        time::Timestamp,
    },
    pipedrive::error::PipedriveError,
};

/// An e-mail address or phone number of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// As somebody wrote it.
    pub value: String,
    /// Whether it is the one to use.
    pub primary: bool,
    /// `work`, `home` or any other word.
    pub label: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Pipedrive's.
    pub id: PersonId,
    /// What they are called.
    pub name: String,
    /// Their e-mail addresses.
    pub emails: Vec<Labelled>,
    /// Their phone numbers.
    pub phones: Vec<Labelled>,
    /// Whose they are.
    pub owner: Option<UserId>,
    /// When they were added.
    pub added_at: Option<Timestamp>,
    /// When they were last changed.
    pub updated_at: Option<Timestamp>,
}

impl Person {
    /// The primary one of their addresses, or the first.
    pub fn email(&self) -> Option<&str> {
        primary(&self.emails)
    }

    /// The primary one of their numbers, or the first.
    pub fn phone(&self) -> Option<&str> {
        primary(&self.phones)
    }
}

fn primary(values: &[Labelled]) -> Option<&str> {
    let given = || values.iter().filter(|value| !value.value.trim().is_empty());
    given().find(|value| value.primary).or_else(|| given().next()).map(|value| value.value.as_str())
}

/// What a search knows of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPerson {
    /// Pipedrive's.
    pub id: PersonId,
    /// What they are called.
    pub name: String,
    /// Whose they are.
    pub owner: Option<UserId>,
    /// Their e-mail addresses.
    pub emails: Vec<String>,
    /// Their phone numbers.
    pub phones: Vec<String>,
}

/// Where a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchField {
    /// E-mail addresses.
    Email,
    /// Phone numbers.
    Phone,
    /// Names.
    Name,
}

/// What is written of a person. What is none stays as it is, or empty with a new person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonFields {
    /// What they are called. A new person needs it.
    pub name: Option<String>,
    /// All their addresses: those before are replaced.
    pub emails: Option<Vec<Labelled>>,
    /// All their numbers: those before are replaced.
    pub phones: Option<Vec<Labelled>>,
    /// Whose they are. A new person is the calling user's unless it says otherwise.
    pub owner: Option<UserId>,
}

/// Persons.
#[async_trait]
pub trait PersonsApi: Send + Sync {
    /// `GET /persons/{id}`. A deleted one is [`PipedriveError::NotFound`].
    async fn person(&self, access: &Access, id: PersonId) -> Result<Person, PipedriveError>;
    /// `GET /persons` by id, at most [`MAX_BATCH`](crate::pipedrive::MAX_BATCH).
    async fn persons(&self, access: &Access, after: Option<&str>, limit: usize) -> Result<Batch<Person>, PipedriveError>;
    /// `GET /persons` by the time of their creation, newest first. Unlike a search, it knows a person at once.
    async fn newest_persons(&self, access: &Access, limit: usize) -> Result<Vec<Person>, PipedriveError>;
    /// `GET /persons` of an organization, at most [`MAX_BATCH`](crate::pipedrive::MAX_BATCH).
    async fn persons_of(
        &self,
        access: &Access,
        organization: OrganizationId,
        limit: usize,
    ) -> Result<Vec<Person>, PipedriveError>;
    /// `GET /persons/search`. New and changed persons are found after a delay only.
    async fn search_persons(
        &self,
        access: &Access,
        field: SearchField,
        term: &str,
        exact: bool,
    ) -> Result<Vec<FoundPerson>, PipedriveError>;
    /// `POST /persons`. Not to be repeated when the outcome is unknown.
    async fn create_person(&self, access: &Access, fields: &PersonFields) -> Result<Person, PipedriveError>;
    /// `PATCH /persons/{id}`.
    async fn update_person(&self, access: &Access, id: PersonId, fields: &PersonFields) -> Result<Person, PipedriveError>;
    /// Gives a person one more number, which does not become the primary one unless it is the only one. Pipedrive replaces
    /// all numbers at once: this reads them and writes them back with the new one, and is done already if they hold it.
    async fn add_phone(&self, access: &Access, id: PersonId, number: &str, label: &str) -> Result<Person, PipedriveError> {
        let person = self.person(access, id).await?;
        if person.phones.iter().any(|known| same_number(&known.value, number)) {
            return Ok(person);
        }
        let mut phones: Vec<Labelled> = person.phones.into_iter().filter(|known| !known.value.trim().is_empty()).collect();
        phones.push(Labelled { value: number.to_owned(), primary: phones.is_empty(), label: label.to_owned() });
        self.update_person(access, id, &PersonFields { phones: Some(phones), ..PersonFields::default() }).await
    }
}

/// Whether two spellings have the same digits, with whatever between them.
fn same_number(one: &str, other: &str) -> bool {
    let digits = |text: &str| text.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    digits(one) == digits(other)
}
