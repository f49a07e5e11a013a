//! The conversations of a record in Pipedrive, which its panel shows, and whom one could be begun with.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::LinkPorts;
use crate::{
    inbox::{Caller, error::InboxError},
    model::{
        conversation::Conversation,
        ids::{ConversationId, DealId, OrganizationId, PersonId},
        record::RecordRef,
    },
    pipedrive::Person,
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

/// Somebody of a record whom the company could write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reachable {
    /// Pipedrive's.
    pub id: PersonId,
    /// What they are called.
    pub name: String,
    /// Their numbers, as they are written in Pipedrive.
    pub phones: Vec<String>,
}

/// The persons of the record: the person, the deal's, or the organization's.
pub async fn people_of(ports: &LinkPorts<'_>, caller: &Caller, panel: Panel) -> Result<Vec<Reachable>, InboxError> {
    let (persons, deals) = (ports.persons, ports.deals);
    let as_user = ports.acting(caller);
    let person = match panel {
        Panel::Organization(id) => {
            let found = as_user.call(|access| async move { persons.persons_of(&access, id, MAX_PERSONS).await }).await?;
            return Ok(found.into_iter().map(Reachable::from).collect());
        }
        Panel::Person(id) => Some(id),
        Panel::Deal(id) => as_user.call(|access| async move { deals.deal(&access, id).await }).await?.person,
    };
    let Some(id) = person else { return Ok(Vec::new()) };
    let found = as_user.call(|access| async move { persons.person(&access, id).await }).await?;
    Ok(vec![Reachable::from(found)])
}

impl From<Person> for Reachable {
    fn from(person: Person) -> Self {
        let phones = person.phones.into_iter().map(|phone| phone.value).filter(|phone| !phone.is_empty()).collect();
        Self { id: person.id, name: person.name, phones }
    }
}

/// What a panel shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfRecord {
    /// The conversations of the record, the one with the newest message first.
    pub conversations: Vec<Conversation>,
    /// The persons of an organization, with or without a conversation.
    pub persons: Vec<PersonId>,
}

/// The conversations of the record.
pub async fn conversations_of(ports: &LinkPorts<'_>, caller: &Caller, panel: Panel) -> Result<OfRecord, InboxError> {
    let mut persons = Vec::new();
    let records = match panel {
        Panel::Person(id) => vec![RecordRef::Person(id)],
        Panel::Deal(id) => vec![RecordRef::Deal(id)],
        Panel::Organization(id) => {
            let api = ports.persons;
            let as_user = ports.acting(caller);
            let found = as_user.call(|access| async move { api.persons_of(&access, id, MAX_PERSONS).await }).await?;
            persons = found.into_iter().map(|person| person.id).collect();
            persons.iter().copied().map(RecordRef::Person).collect()
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
    let mut conversations = ports.sight.seen(found.into_iter().flatten().collect()).await?;
    conversations.sort_by(|a, b| (b.last_at, &b.id).cmp(&(a.last_at, &a.id)));
    conversations.truncate(MAX);
    Ok(OfRecord { conversations, persons })
}
