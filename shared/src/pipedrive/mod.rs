//! Pipedrive, as far as the bundle needs it: a typed client behind ports.

pub mod channels;
pub mod client;
pub mod error;
pub mod oauth;
#[cfg(test)]
mod testing;
pub mod users;

use async_trait::async_trait;
use secrecy::SecretString;

use self::error::PipedriveError;
use crate::{
    media::FileLink,
    model::ids::{ChannelId, CompanyId, ConversationId, MessageId, ParticipantId, UserId},
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
