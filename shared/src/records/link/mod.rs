//! What salespeople do with the link between a conversation and Pipedrive's records: link and unlink it, pin a deal, create
//! what is missing, and look at what was written there. Everybody who may see the conversation may; in Pipedrive they act as
//! themselves, so that they see and change there what they may see and change.

pub mod candidates;
pub mod change;
pub mod create;
pub mod look;
pub mod of;
pub mod relink;
pub mod settings;
pub mod told;

use self::relink::RelinkPorts;
use super::{
    ports::{AuditStore, IntentStore},
    watch::ports::KnownStore,
};
use crate::{
    clock::Clock,
    crm::ports::LockStore,
    inbox::{Caller, as_user::AsUser, error::InboxError, ports::InstallationStore, sight::Sight, tokens::Tokens},
    model::{
        conversation::Conversation,
        ids::ConversationId,
        installation::{Installation, InstallationState},
        known::Known,
        record::RecordRef,
        time::Timestamp,
    },
    pipedrive::{Deal, DealsApi, Lead, LeadsApi, Person, PersonsApi, spend::Spend},
    providers::Registry,
};

/// What all of it needs.
pub struct LinkPorts<'a> {
    /// What the caller may see.
    pub sight: &'a Sight<'a>,
    /// To change links.
    pub relink: RelinkPorts<'a>,
    /// What records look like.
    pub known: &'a dyn KnownStore,
    /// What was done for a conversation.
    pub audit: &'a dyn AuditStore,
    /// To create one thing at a time.
    pub locks: &'a dyn LockStore,
    /// What is about to be created.
    pub intents: &'a dyn IntentStore,
    /// The company's users.
    pub installations: &'a dyn InstallationStore,
    /// Access to Pipedrive.
    pub tokens: Tokens<'a>,
    /// Pipedrive's persons.
    pub persons: &'a dyn PersonsApi,
    /// Pipedrive's deals.
    pub deals: &'a dyn DealsApi,
    /// Pipedrive's leads.
    pub leads: &'a dyn LeadsApi,
    /// What to call what customers write by.
    pub providers: &'a Registry,
    /// What it costs.
    pub spend: Spend,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl LinkPorts<'_> {
    fn acting(&self, caller: &Caller) -> AsUser<'_> {
        AsUser::new(&self.tokens, caller.company, caller.user, self.spend.clone())
    }

    async fn learn(&self, caller: &Caller, record: &RecordRef, known: &Known) -> Result<(), InboxError> {
        self.known.learn(caller.company, record, known).await?;
        Ok(())
    }
}

/// The conversation, if the caller may see it.
async fn visible(ports: &LinkPorts<'_>, id: &ConversationId) -> Result<Conversation, InboxError> {
    ports.sight.conversation(ports.relink.links.conversation(id).await?).await
}

/// The caller's installation. A session outlives the app's removal by minutes; the right to change things does not.
async fn installed(ports: &LinkPorts<'_>, caller: &Caller) -> Result<Installation, InboxError> {
    let found = ports.installations.installation(caller.company, caller.user).await?;
    found
        .filter(|installation| installation.state != InstallationState::Uninstalled)
        .ok_or(InboxError::Unauthorized("the app is not installed for this user"))
}

/// A person as it is now.
pub fn known_person(person: &Person, now: Timestamp) -> Known {
    Known {
        name: person.name.clone(),
        owner: person.owner,
        open: true,
        updated_at: person.updated_at.unwrap_or(now),
        seen_at: now,
    }
}

/// A deal as it is now.
pub fn known_deal(deal: &Deal, now: Timestamp) -> Known {
    Known {
        name: deal.title.clone(),
        owner: deal.owner,
        open: deal.is_open(),
        updated_at: deal.updated_at.unwrap_or(now),
        seen_at: now,
    }
}

/// A lead as it is now.
pub fn known_lead(lead: &Lead, now: Timestamp) -> Known {
    Known {
        name: lead.title.clone(),
        owner: lead.owner,
        open: !lead.archived,
        updated_at: lead.updated_at.unwrap_or(now),
        seen_at: now,
    }
}
