//! Pipedrive, as far as the bundle needs it: a typed client behind ports.

pub mod channels;
pub mod client;
pub mod deals;
pub mod error;
pub mod oauth;
pub mod persons;
pub mod pipelines;
mod records;
#[cfg(test)]
mod testing;
pub mod users;

use async_trait::async_trait;
use secrecy::SecretString;

use self::error::PipedriveError;
use crate::{
    media::FileLink,
    model::ids::{ChannelId, CompanyId, ConversationId, DealId, MessageId, ParticipantId, PersonId, PipelineId, StageId, UserId},
    model::{status::Status, time::Timestamp},
    secrets::Secrets,
};

/// What it takes to call the API for an installation.
#[derive(Clone)]
pub struct Access {
    /// Base URL of the company's API.
    pub api_domain: String,
    /// The access token.
    pub token: SecretString,
    /// The version of the tokens that it belongs to.
    pub version: u64,
}

/// What the token endpoint answers.
pub struct Grant {
    /// Lives about an hour.
    pub access_token: SecretString,
    /// Lives 60 days from its last use.
    pub refresh_token: SecretString,
    /// Seconds until the access token stops working.
    pub expires_in: u64,
    /// Base URL of the company's API, without a slash at the end. None if the answer held none that may be called.
    pub api_domain: Option<String>,
}

/// Who a grant is for.
#[derive(Debug, Clone)]
pub struct Me {
    /// The tenant.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
    /// What the company is called.
    pub company_name: String,
    /// What the user is called.
    pub user_name: String,
}

/// Pipedrive's OAuth server.
#[async_trait]
pub trait OAuth: Send + Sync {
    /// Where the browser goes to ask for consent.
    fn authorize_url(&self, secrets: &Secrets, redirect_uri: &str, state: &str) -> String;
    /// Exchanges an authorization code. Each works once.
    async fn exchange(&self, secrets: &Secrets, code: &str, redirect_uri: &str) -> Result<Grant, PipedriveError>;
    /// Exchanges a refresh token. The one that comes back replaces it, even if it is the same.
    async fn refresh(&self, secrets: &Secrets, refresh_token: &SecretString) -> Result<Grant, PipedriveError>;
}

/// Who is calling.
#[async_trait]
pub trait Users: Send + Sync {
    /// `GET /api/v1/users/me`.
    async fn me(&self, access: &Access) -> Result<Me, PipedriveError>;
}

/// A channel as it is registered.
#[derive(Debug, Clone)]
pub struct Registration<'a> {
    /// Ours.
    pub id: &'a ChannelId,
    /// What the owner called it.
    pub name: &'a str,
    /// A 48×48 picture.
    pub avatar_url: &'a str,
    /// `whatsapp`, `facebook` or `other`.
    pub provider_type: &'a str,
    /// Whether `getTemplates` is worth calling.
    pub template_support: bool,
}

/// A message as it is pushed: new ones and changed ones alike.
#[derive(Debug, Clone)]
pub struct Receipt<'a> {
    /// Ours; one that Pipedrive has is updated.
    pub id: &'a MessageId,
    /// Where.
    pub channel: &'a ChannelId,
    /// Where.
    pub conversation: &'a ConversationId,
    /// Who wrote it.
    pub sender: &'a ParticipantId,
    /// What.
    pub text: &'a str,
    /// How far it got.
    pub status: Status,
    /// When.
    pub created_at: Timestamp,
    /// Until when it may be answered.
    pub reply_by: Option<Timestamp>,
    /// A link to the chat at the provider, or empty.
    pub link: &'a str,
    /// Its files.
    pub attachments: &'a [FileLink],
}

/// The Channels API.
#[async_trait]
pub trait ChannelsApi: Send + Sync {
    /// `POST /channels`. [`PipedriveError::ChannelExists`] means that it is done already.
    async fn register(&self, access: &Access, channel: &Registration<'_>) -> Result<(), PipedriveError>;
    /// `POST /channels/messages/receive`. Safe to repeat: the id decides.
    async fn receive(&self, access: &Access, message: &Receipt<'_>) -> Result<(), PipedriveError>;
    /// `DELETE /channels/{id}`.
    async fn delete_channel(&self, access: &Access, channel: &ChannelId) -> Result<(), PipedriveError>;
    /// `DELETE /channels/{id}/conversations/{id}`.
    async fn delete_conversation(
        &self,
        access: &Access,
        channel: &ChannelId,
        conversation: &ConversationId,
    ) -> Result<(), PipedriveError>;
}

/// A part of a list, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next part starts; none at the end.
    pub next: Option<String>,
}

/// Most entries of a list in one answer (Pipedrive's API reference, v2, pagination).
pub const MAX_BATCH: usize = 500;

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
    /// When they were added.
    pub added_at: Option<Timestamp>,
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
}

/// Persons.
#[async_trait]
pub trait PersonsApi: Send + Sync {
    /// `GET /persons/{id}`. A deleted one is [`PipedriveError::NotFound`].
    async fn person(&self, access: &Access, id: PersonId) -> Result<Person, PipedriveError>;
    /// `GET /persons` by id, at most [`MAX_BATCH`].
    async fn persons(&self, access: &Access, after: Option<&str>, limit: usize) -> Result<Batch<Person>, PipedriveError>;
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
}

/// A deal.
#[derive(Debug, Clone, PartialEq)]
pub struct Deal {
    /// Pipedrive's.
    pub id: DealId,
    /// What it is called.
    pub title: String,
    /// What it is worth.
    pub value: Option<serde_json::Number>,
    /// In which currency.
    pub currency: Option<String>,
    /// With whom.
    pub person: Option<PersonId>,
    /// Where it is.
    pub pipeline: PipelineId,
    /// How far it is.
    pub stage: StageId,
    /// `open`, `won`, `lost`, or what Pipedrive may add.
    pub status: String,
    /// When it is expected to close, as a date.
    pub expected_close_date: Option<String>,
    /// When it was added.
    pub added_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

impl Deal {
    /// Whether it is neither won nor lost.
    pub fn is_open(&self) -> bool {
        self.status == "open"
    }
}

/// What is written of a deal. What is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DealFields {
    /// What it is called. A new deal needs it.
    pub title: Option<String>,
    /// What it is worth.
    pub value: Option<serde_json::Number>,
    /// With whom.
    pub person: Option<PersonId>,
    /// Where it goes.
    pub pipeline: Option<PipelineId>,
    /// How far it is.
    pub stage: Option<StageId>,
    /// When it is expected to close, as a date.
    pub expected_close_date: Option<String>,
}

/// Which deals are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DealFilter {
    /// Of this person alone.
    pub person: Option<PersonId>,
    /// Of this pipeline alone.
    pub pipeline: Option<PipelineId>,
    /// Of this stage alone.
    pub stage: Option<StageId>,
    /// `open`, `won` or `lost` ones alone.
    pub status: Option<&'static str>,
}

/// Deals.
#[async_trait]
pub trait DealsApi: Send + Sync {
    /// `GET /deals/{id}`. A deleted one is [`PipedriveError::NotFound`].
    async fn deal(&self, access: &Access, id: DealId) -> Result<Deal, PipedriveError>;
    /// `GET /deals` by id, at most [`MAX_BATCH`].
    async fn deals(
        &self,
        access: &Access,
        filter: &DealFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Batch<Deal>, PipedriveError>;
    /// `POST /deals`. Not to be repeated when the outcome is unknown.
    async fn create_deal(&self, access: &Access, fields: &DealFields) -> Result<Deal, PipedriveError>;
    /// `PATCH /deals/{id}`.
    async fn update_deal(&self, access: &Access, id: DealId, fields: &DealFields) -> Result<Deal, PipedriveError>;
}

/// A pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Pipedrive's.
    pub id: PipelineId,
    /// What it is called.
    pub name: String,
    /// Its place among the pipelines.
    pub order: u64,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Pipedrive's.
    pub id: StageId,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub pipeline: PipelineId,
    /// Its place in the pipeline.
    pub order: u64,
}

/// Pipelines and their stages. Deleted ones are left out, and [`PipedriveError::NotFound`].
#[async_trait]
pub trait PipelinesApi: Send + Sync {
    /// `GET /pipelines`, at most [`MAX_BATCH`].
    async fn pipelines(&self, access: &Access) -> Result<Vec<Pipeline>, PipedriveError>;
    /// `GET /pipelines/{id}`.
    async fn pipeline(&self, access: &Access, id: PipelineId) -> Result<Pipeline, PipedriveError>;
    /// `GET /stages` of a pipeline, at most [`MAX_BATCH`].
    async fn stages(&self, access: &Access, pipeline: PipelineId) -> Result<Vec<Stage>, PipedriveError>;
    /// `GET /stages/{id}`.
    async fn stage(&self, access: &Access, id: StageId) -> Result<Stage, PipedriveError>;
}
