//! Pipedrive's webhooks, by which it tells of what people do there.

use async_trait::async_trait;
use secrecy::SecretString;

use super::Access;
use crate::{model::ids::WebhookId, pipedrive::error::PipedriveError};

/// What is told, and where.
#[derive(Debug, Clone)]
pub struct Subscription<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Where Pipedrive posts. It must be reachable from there.
    pub url: &'a str,
    /// `create`, `change`, `delete`, or `*` for each of them.
    pub action: &'a str,
    /// `person`, `deal`, `lead`, `note`, … or `*` for each of them.
    pub object: &'a str,
    /// The name that Pipedrive authenticates with.
    pub user: &'a str,
    /// The password that Pipedrive authenticates with.
    pub password: &'a SecretString,
}

/// A webhook as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Pipedrive's.
    pub id: WebhookId,
    /// What it is called.
    pub name: String,
    /// Where Pipedrive posts.
    pub url: String,
    /// Of which actions it tells.
    pub action: String,
    /// Of which things it tells.
    pub object: String,
    /// The version of what it tells.
    pub version: String,
    /// Whether it is in force. One that failed for three days is not.
    pub active: bool,
}

/// Webhooks.
#[async_trait]
pub trait WebhooksApi: Send + Sync {
    /// `POST /webhooks`, in version 2. Pipedrive takes each as a new one, even if there is the same already. Too many are
    /// [`PipedriveError::Invalid`] with 422, an unreachable URL with 400.
    async fn create_webhook(&self, access: &Access, webhook: &Subscription<'_>) -> Result<Webhook, PipedriveError>;
    /// `GET /webhooks`: the app's own ones.
    async fn webhooks(&self, access: &Access) -> Result<Vec<Webhook>, PipedriveError>;
    /// `DELETE /webhooks/{id}`. [`PipedriveError::NotFound`] means that it is done already.
    async fn delete_webhook(&self, access: &Access, id: WebhookId) -> Result<(), PipedriveError>;
}
