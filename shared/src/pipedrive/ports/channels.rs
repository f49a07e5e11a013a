//! The Channels API.

use async_trait::async_trait;

use super::Access;
use crate::{
    media::FileLink,
    model::{
        ids::{ChannelId, ConversationId, MessageId, ParticipantId},
        status::Status,
        time::Timestamp,
    },
    pipedrive::error::PipedriveError,
};

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
