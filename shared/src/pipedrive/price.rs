//! What each call costs of the company's daily budget (`x-token-cost` in Pipedrive's API reference, v1 and v2). The price
//! is the same whatever comes back.

use crate::model::record::SpentOn;

/// A call that the client makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `GET /v1/users/me`.
    Me,
    /// `POST /v1/channels`.
    RegisterChannel,
    /// `POST /v1/channels/messages/receive`.
    ReceiveMessage,
    /// `DELETE /v1/channels/{id}`.
    DeleteChannel,
    /// `DELETE /v1/channels/{id}/conversations/{id}`.
    DeleteConversation,
    /// `GET /v2/persons/{id}`.
    Person,
    /// `GET /v2/persons`.
    Persons,
    /// `GET /v2/persons/search`.
    SearchPersons,
    /// `POST /v2/persons`.
    CreatePerson,
    /// `PATCH /v2/persons/{id}`.
    UpdatePerson,
    /// `GET /v2/deals/{id}`.
    Deal,
    /// `GET /v2/deals`.
    Deals,
    /// `POST /v2/deals`.
    CreateDeal,
    /// `PATCH /v2/deals/{id}`.
    UpdateDeal,
    /// `GET /v2/pipelines`.
    Pipelines,
    /// `GET /v2/pipelines/{id}`.
    Pipeline,
    /// `GET /v2/stages`.
    Stages,
    /// `GET /v2/stages/{id}`.
    Stage,
    /// `POST /v1/leads`.
    CreateLead,
    /// `PATCH /v1/leads/{id}`.
    UpdateLead,
    /// `GET /v1/leads/{id}`.
    Lead,
    /// `GET /v1/leads`.
    Leads,
    /// `POST /v1/notes`.
    CreateNote,
    /// `PUT /v1/notes/{id}`.
    ReplaceNote,
    /// `GET /v1/notes/{id}`.
    Note,
    /// `GET /v1/notes`.
    Notes,
    /// `POST /v1/files`.
    UploadFile,
    /// `POST /v1/webhooks`.
    CreateWebhook,
    /// `GET /v1/webhooks`.
    Webhooks,
    /// `DELETE /v1/webhooks/{id}`.
    DeleteWebhook,
}

impl Call {
    /// Its price in tokens.
    pub fn tokens(self) -> u32 {
        match self {
            Self::Person | Self::Deal | Self::Pipeline | Self::Stage => 1,
            Self::Me | Self::Lead | Self::Note => 2,
            Self::CreatePerson | Self::UpdatePerson | Self::CreateDeal | Self::UpdateDeal | Self::Pipelines | Self::Stages => 5,
            Self::DeleteChannel | Self::DeleteConversation | Self::DeleteWebhook => 6,
            Self::RegisterChannel
            | Self::ReceiveMessage
            | Self::Persons
            | Self::Deals
            | Self::CreateLead
            | Self::UpdateLead
            | Self::CreateNote
            | Self::ReplaceNote
            | Self::UploadFile
            | Self::CreateWebhook
            | Self::Webhooks => 10,
            Self::SearchPersons | Self::Leads | Self::Notes => 20,
        }
    }

    /// What it is for.
    pub fn purpose(self) -> SpentOn {
        match self {
            Self::SearchPersons => SpentOn::Search,
            Self::Person | Self::Persons | Self::CreatePerson | Self::UpdatePerson => SpentOn::Persons,
            Self::Deal
            | Self::Deals
            | Self::CreateDeal
            | Self::UpdateDeal
            | Self::Pipelines
            | Self::Pipeline
            | Self::Stages
            | Self::Stage => SpentOn::Deals,
            Self::CreateLead | Self::UpdateLead | Self::Lead | Self::Leads => SpentOn::Leads,
            Self::CreateNote | Self::ReplaceNote | Self::Note | Self::Notes => SpentOn::Notes,
            Self::UploadFile => SpentOn::Files,
            Self::Me
            | Self::RegisterChannel
            | Self::ReceiveMessage
            | Self::DeleteChannel
            | Self::DeleteConversation
            | Self::CreateWebhook
            | Self::Webhooks
            | Self::DeleteWebhook => SpentOn::Other,
        }
    }
}
