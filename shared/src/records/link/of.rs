//! The conversations of a record in Pipedrive: what its panel shows.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::LinkPorts;
use crate::{
    inbox::{Caller, error::InboxError},
    model::{
        conversation::Conversation,
        ids::{ConversationId, DealId, OrganizationId, PersonId},
        record::RecordRef,
    },
};

/// Most conversations that are shown.
const MAX: usize = 100;
/// Persons of an organization that are looked at.
const MAX_PERSONS: usize = 100;
/// Questions to the table side by side.
const PARALLEL: usize = 10;

/// Where a panel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// Beside a person.
    Person(PersonId),
    /// Beside a deal.
    Deal(DealId),
    /// Beside an organization: the conversations with its persons.
    Organization(OrganizationId),
}

/// The conversations of the record, the one with the newest message first.
pub async fn conversations_of(ports: &LinkPorts<'_>, caller: &Caller, panel: Panel) -> Result<Vec<Conversation>, InboxError> {
    let records = match panel {
        Panel::Person(id) => vec![RecordRef::Person(id)],
        Panel::Deal(id) => vec![RecordRef::Deal(id)],
        Panel::Organization(id) => {
            let api = ports.persons;
            let as_user = ports.acting(caller);
            let persons = as_user.call(|access| async move { api.persons_of(&access, id, MAX_PERSONS).await }).await?;
            persons.into_iter().map(|person| RecordRef::Person(person.id)).collect()
        }
    };
    let links = ports.relink.links;
    let ids: Vec<Vec<ConversationId>> = stream::iter(records)
        .map(|record| async move { links.linked_to(caller.company, &record).await })
        .buffered(PARALLEL)
        .try_collect()
        .await?;
    let mut ids: Vec<ConversationId> = ids.into_iter().flatten().collect();
    ids.sort();
    ids.dedup();
    let found: Vec<Option<Conversation>> =
        stream::iter(ids).map(|id| async move { links.conversation(&id).await }).buffered(PARALLEL).try_collect().await?;
    let mut conversations: Vec<Conversation> =
        found.into_iter().flatten().filter(|conversation| conversation.company == caller.company).collect();
    conversations.sort_by(|a, b| (b.last_at, &b.id).cmp(&(a.last_at, &a.id)));
    conversations.truncate(MAX);
    Ok(conversations)
}
