//! Changes a conversation's link, together with whose it is and what is told of it.

use crate::{
    inbox::ports::{InstallationStore, StoreError},
    model::{
        conversation::Conversation,
        ids::{CompanyId, ConversationId, UserId},
        installation::InstallationState,
        record::{AuditEntry, Link, RecordRef, Records},
        time::Timestamp,
    },
    records::{ports::LinkStore, watch::ports::KnownStore},
};

/// How often a change is tried against others of the same link.
const TRIES: usize = 8;

/// What changing a link needs.
#[derive(Clone, Copy)]
pub struct RelinkPorts<'a> {
    /// The links.
    pub links: &'a dyn LinkStore,
    /// Whose records are.
    pub known: &'a dyn KnownStore,
    /// Who uses the app.
    pub users: &'a dyn InstallationStore,
}

/// Gives the conversation the link that `change` makes of what is stored, and tells of it if that is another one. The
/// conversation as it is then; none if it is not the company's, or nothing is to change.
pub async fn relink(
    ports: &RelinkPorts<'_>,
    company: CompanyId,
    id: &ConversationId,
    entries: &[AuditEntry],
    change: impl Fn(&Conversation) -> Option<Link> + Send + Sync,
) -> Result<Option<Conversation>, StoreError> {
    for _ in 0..TRIES {
        let Some(seen) = ports.links.conversation(id).await?.filter(|found| found.company == company) else { return Ok(None) };
        let Some(mut link) = change(&seen) else { return Ok(None) };
        if link.records != seen.record.records {
            link.owner = owner_of(ports, company, &link.records).await?;
        }
        if link == seen.record {
            return Ok(None);
        }
        if ports.links.relink_and_tell(&seen, &link, entries).await? {
            return ports.links.conversation(id).await;
        }
    }
    Err(StoreError::Contended { operation: "change a link" })
}

/// Has the conversation be its records' owner's, as they are known `now`.
pub async fn route(ports: &RelinkPorts<'_>, company: CompanyId, id: &ConversationId, now: Timestamp) -> Result<(), StoreError> {
    for _ in 0..TRIES {
        let Some(seen) = ports.links.conversation(id).await?.filter(|found| found.company == company) else { return Ok(()) };
        let owner = owner_of(ports, company, &seen.record.records).await?;
        if owner == seen.record.owner || ports.links.relink(&seen, &Link { owner, ..seen.record.clone() }, now).await? {
            return Ok(());
        }
    }
    Err(StoreError::Contended { operation: "route a conversation" })
}

/// Whose the records are: the deal's owner before the person's, and theirs before the lead's. None if nobody knows, or they do
/// not use the app and would never see the conversation.
async fn owner_of(ports: &RelinkPorts<'_>, company: CompanyId, records: &Records) -> Result<Option<UserId>, StoreError> {
    let deal = records.deal.map(RecordRef::Deal);
    let (person, lead) = (records.person.map(RecordRef::Person), records.lead.clone().map(RecordRef::Lead));
    let records: Vec<RecordRef> = deal.into_iter().chain(person).chain(lead).collect();
    if records.is_empty() {
        return Ok(None);
    }
    let known = ports.known.known(company, &records).await?;
    for owner in known.into_iter().flatten().filter_map(|known| known.owner) {
        let user = ports.users.installation(company, owner).await?;
        if user.is_some_and(|installation| installation.state != InstallationState::Uninstalled) {
            return Ok(Some(owner));
        }
    }
    Ok(None)
}
