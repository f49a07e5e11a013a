//! Leads.

use async_trait::async_trait;

use super::{Access, Batch};
use crate::{
    model::{
        ids::{LeadId, PersonId, UserId},
        time::Timestamp,
    },
    pipedrive::error::PipedriveError,
};

/// A lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// Pipedrive's.
    pub id: LeadId,
    /// What it is called.
    pub title: String,
    /// Who may become a customer.
    pub person: Option<PersonId>,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// Whether somebody looked at it.
    pub seen: bool,
    /// Whether it was put away.
    pub archived: bool,
    /// What the program that made it calls it.
    pub origin: Option<String>,
    /// When it was added.
    pub added_at: Option<Timestamp>,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
}

/// What is written of a lead. What is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFields {
    /// What it is called. A new lead needs it.
    pub title: Option<String>,
    /// Who may become a customer. A new lead needs it.
    pub person: Option<PersonId>,
    /// Whose it is. A new lead is the calling user's unless it says otherwise.
    pub owner: Option<UserId>,
    /// Whether somebody looked at it: one that nobody did shows as unread.
    pub seen: Option<bool>,
    /// What we call it. Of new leads only; it cannot be changed.
    pub origin: Option<String>,
}

/// Leads.
#[async_trait]
pub trait LeadsApi: Send + Sync {
    /// `POST /leads`. Not to be repeated when the outcome is unknown.
    async fn create_lead(&self, access: &Access, fields: &LeadFields) -> Result<Lead, PipedriveError>;
    /// `PATCH /leads/{id}`, all but the origin.
    async fn update_lead(&self, access: &Access, id: &LeadId, fields: &LeadFields) -> Result<Lead, PipedriveError>;
    /// `GET /leads/{id}`. A deleted one, or one that became a deal, is [`PipedriveError::NotFound`].
    async fn lead(&self, access: &Access, id: &LeadId) -> Result<Lead, PipedriveError>;
    /// `GET /leads` of a person, oldest first, at most [`MAX_BATCH`](super::MAX_BATCH). It knows a lead at once, and holds
    /// no archived ones.
    async fn leads_of(
        &self,
        access: &Access,
        person: PersonId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Batch<Lead>, PipedriveError>;
}
