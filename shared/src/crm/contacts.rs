//! Contacts: persons in Pipedrive, found by id, by e-mail address or by phone number.
//!
//! Pipedrive's search knows a new person only after a while, so what this API created or found out is looked up in a map of
//! our own first; the map is a hint, and the person itself decides. A create holds the address and the number while it looks
//! and writes, so that of two equal creates the second finds what the first made.

use std::collections::BTreeSet;

use futures_util::future::try_join;

use super::{
    acting::Acting,
    error::CrmError,
    locks,
    pages::{self, PagePorts},
    ports::{ContactChange, ContactStore, ListStore, LockStore, WalkStore},
    shapes::{ContactCreate, ContactUpdate, ContactView, Name, Page, SavedContact},
};
use crate::{
    clock::Clock,
    model::{
        contact::{ContactRecord, ContactRef, Email, Origin, Phone},
        conversation::Conversation,
        ids::{CompanyId, ConversationId, ListId, PersonId},
    },
    pipedrive::{FoundPerson, Labelled, Person, PersonFields, PersonsApi, SearchField},
};

/// Most conversations that one contact's number links.
const MAX_CONVERSATIONS: usize = 20;

/// What contacts need.
pub struct ContactPorts<'a> {
    /// What we know of them.
    pub contacts: &'a dyn ContactStore,
    /// The lists that they are on.
    pub lists: &'a dyn ListStore,
    /// To create one at a time.
    pub locks: &'a dyn LockStore,
    /// To number pages.
    pub walks: &'a dyn WalkStore,
    /// Pipedrive's persons.
    pub api: &'a dyn PersonsApi,
    /// Who acts there.
    pub acting: &'a Acting<'a>,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl ContactPorts<'_> {
    fn company(&self) -> CompanyId {
        self.acting.company()
    }
}

/// Creates a contact and links the conversations with it.
pub async fn create(ports: &ContactPorts<'_>, new: ContactCreate) -> Result<SavedContact, CrmError> {
    let named = named_conversation(ports, new.conversation_id.as_ref()).await?;
    let phone = new.attributes.phone.clone();
    let mut wanted = vec![locks::email(&new.email)];
    wanted.extend(phone.as_ref().map(locks::phone));
    let held = locks::take(ports.locks, ports.clock, ports.company(), wanted).await?;
    held.end(create_alone(ports, new, phone, named).await).await
}

async fn create_alone(
    ports: &ContactPorts<'_>,
    new: ContactCreate,
    phone: Option<Phone>,
    named: Option<Conversation>,
) -> Result<SavedContact, CrmError> {
    if any_other(ports, Some(&new.email), phone.as_ref(), None).await? {
        return Err(CrmError::ContactExists);
    }
    let name = new.attributes.name.and_then(Name::given).unwrap_or_else(|| new.email.as_str().to_owned());
    let fields = PersonFields {
        name: Some(name),
        emails: Some(vec![work(new.email.as_str())]),
        phones: phone.as_ref().map(|phone| vec![work(phone.as_str())]),
        ..PersonFields::default()
    };
    let person = ports.acting.call(|access| {
        let fields = &fields;
        async move { ports.api.create_person(&access, fields).await }
    });
    let person = person.await.map_err(CrmError::of_write)?;
    let origin = new.origin.unwrap_or_default().into();
    note(ports, person.id, (new.email, phone), origin, named).await.map_err(CrmError::after_write)?;
    Ok(SavedContact::new(person.id, &person))
}

/// Writes down what a new contact is led to by, how it came, and whose conversations are with it.
async fn note(
    ports: &ContactPorts<'_>,
    person: PersonId,
    (email, phone): (Email, Option<Phone>),
    origin: Origin,
    named: Option<Conversation>,
) -> Result<(), CrmError> {
    let conversations = conversations(ports, person, named, phone.as_ref()).await?;
    let now = ports.clock.now();
    let linked_at = (!conversations.is_empty()).then_some(now);
    let change = ContactChange { email: Some(email), phone, created: Some((origin, now)), conversations, linked_at };
    Ok(ports.contacts.save_contact(ports.company(), person, &change).await?)
}

/// A contact with all that is known of it.
pub async fn get(ports: &ContactPorts<'_>, contact: &ContactRef) -> Result<ContactView, CrmError> {
    let person = find(ports, contact).await?;
    Ok(views(ports, vec![person]).await?.remove(0))
}

/// A page of contacts, oldest first.
pub async fn list(ports: &ContactPorts<'_>, page: usize) -> Result<Page<ContactView>, CrmError> {
    let numbered = PagePorts { walks: ports.walks, acting: ports.acting, clock: ports.clock };
    let part = |after: Option<String>, limit| async move {
        let call = ports.acting.call(|access| {
            let after = after.clone();
            async move { ports.api.persons(&access, after.as_deref(), limit).await }
        });
        call.await
    };
    let found = pages::page(&numbered, "contacts", page, part).await?;
    Ok(Page { page, total: found.total, has_more: found.more, data: views(ports, found.items).await? })
}

/// Changes what is given of a contact, and links the conversations with it.
pub async fn update(ports: &ContactPorts<'_>, contact: &ContactRef, change: ContactUpdate) -> Result<SavedContact, CrmError> {
    let named = named_conversation(ports, change.conversation_id.as_ref()).await?;
    let id = find(ports, contact).await?.id;
    let phone = change.attributes.phone.clone();
    let mut wanted = vec![locks::person(id)];
    wanted.extend(change.email.as_ref().map(locks::email));
    wanted.extend(phone.as_ref().map(locks::phone));
    let held = locks::take(ports.locks, ports.clock, ports.company(), wanted).await?;
    held.end(update_alone(ports, id, change, phone, named).await).await
}

async fn update_alone(
    ports: &ContactPorts<'_>,
    id: PersonId,
    change: ContactUpdate,
    phone: Option<Phone>,
    named: Option<Conversation>,
) -> Result<SavedContact, CrmError> {
    // As it is now that nobody else changes it: a write replaces all addresses and numbers.
    let mut person = person(ports, id).await?;
    let new_email = change.email.filter(|email| !person.emails.iter().any(|known| known.primary && email.is(&known.value)));
    let new_phone = phone.clone().filter(|phone| !person.phones.iter().any(|known| known.primary && phone.is(&known.value)));
    if any_other(ports, new_email.as_ref(), new_phone.as_ref(), Some(id)).await? {
        return Err(CrmError::ContactExists);
    }
    let fields = PersonFields {
        name: change.attributes.name.and_then(Name::given).filter(|name| *name != person.name),
        emails: new_email.as_ref().map(|email| first(email.as_str(), &person.emails, |known| email.is(known))),
        phones: new_phone.as_ref().map(|phone| first(phone.as_str(), &person.phones, |known| phone.is(known))),
        ..PersonFields::default()
    };
    if fields != PersonFields::default() {
        let call = ports.acting.call(|access| {
            let fields = &fields;
            async move { ports.api.update_person(&access, id, fields).await }
        });
        person = call.await.map_err(|error| error.or(CrmError::ContactNotFound).of_write())?;
    }
    let conversations = conversations(ports, id, named, phone.as_ref()).await?;
    let linked_at = (!conversations.is_empty()).then(|| ports.clock.now());
    let change = ContactChange { email: new_email, phone: new_phone, created: None, conversations, linked_at };
    if change != ContactChange::default() {
        ports.contacts.save_contact(ports.company(), id, &change).await?;
    }
    Ok(SavedContact::new(id, &person))
}

/// The person that is meant.
pub async fn find(ports: &ContactPorts<'_>, contact: &ContactRef) -> Result<Person, CrmError> {
    let (email, phone) = match contact {
        ContactRef::Id(id) => return person(ports, *id).await,
        ContactRef::Email(email) => (Some(email), None),
        ContactRef::Phone(phone) => (None, Some(phone)),
    };
    let wanted = |person: &Person| has(person, email, phone);
    for id in ports.contacts.persons_of(ports.company(), email, phone).await? {
        if let Some(person) = person_if_any(ports, id).await?.filter(wanted) {
            return Ok(person);
        }
    }
    for id in search(ports, email, phone).await? {
        if let Some(person) = person_if_any(ports, id).await? {
            return Ok(person);
        }
    }
    Err(CrmError::ContactNotFound)
}

async fn person(ports: &ContactPorts<'_>, id: PersonId) -> Result<Person, CrmError> {
    person_if_any(ports, id).await?.ok_or(CrmError::ContactNotFound)
}

async fn person_if_any(ports: &ContactPorts<'_>, id: PersonId) -> Result<Option<Person>, CrmError> {
    let found = ports.acting.call(|access| async move { ports.api.person(&access, id).await }).await;
    match found.map_err(|error| error.or(CrmError::ContactNotFound)) {
        Ok(person) => Ok(Some(person)),
        Err(CrmError::ContactNotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether somebody else than `except` has the address or the number.
async fn any_other(
    ports: &ContactPorts<'_>,
    email: Option<&Email>,
    phone: Option<&Phone>,
    except: Option<PersonId>,
) -> Result<bool, CrmError> {
    if email.is_none() && phone.is_none() {
        return Ok(false);
    }
    for id in ports.contacts.persons_of(ports.company(), email, phone).await? {
        let other = Some(id) != except;
        if other && person_if_any(ports, id).await?.is_some_and(|person| has(&person, email, phone)) {
            return Ok(true);
        }
    }
    Ok(search(ports, email, phone).await?.into_iter().any(|id| Some(id) != except))
}

fn has(person: &Person, email: Option<&Email>, phone: Option<&Phone>) -> bool {
    email.is_some_and(|email| person.emails.iter().any(|known| email.is(&known.value)))
        || phone.is_some_and(|phone| person.phones.iter().any(|known| phone.is(&known.value)))
}

/// Persons of that address, then of that number, as Pipedrive's search knows them; the oldest first.
async fn search(ports: &ContactPorts<'_>, email: Option<&Email>, phone: Option<&Phone>) -> Result<Vec<PersonId>, CrmError> {
    let (mut found, others) = try_join(by_email(ports, email), by_phone(ports, phone)).await?;
    found.extend(others);
    Ok(found)
}

async fn by_email(ports: &ContactPorts<'_>, email: Option<&Email>) -> Result<Vec<PersonId>, CrmError> {
    let Some(email) = email else { return Ok(Vec::new()) };
    let found = search_for(ports, SearchField::Email, email.as_str(), true).await?;
    Ok(ids(found, |person| person.emails.iter().any(|known| email.is(known))))
}

/// As the number is usually written; if nobody has it so, by its end. How the search compares numbers is not documented.
async fn by_phone(ports: &ContactPorts<'_>, phone: Option<&Phone>) -> Result<Vec<PersonId>, CrmError> {
    let Some(phone) = phone else { return Ok(Vec::new()) };
    let same = |person: &FoundPerson| person.phones.iter().any(|known| phone.is(known));
    let found = ids(search_for(ports, SearchField::Phone, phone.as_str(), true).await?, same);
    if !found.is_empty() {
        return Ok(found);
    }
    Ok(ids(search_for(ports, SearchField::Phone, phone.ending(), false).await?, same))
}

async fn search_for(ports: &ContactPorts<'_>, field: SearchField, term: &str, exact: bool) -> Result<Vec<FoundPerson>, CrmError> {
    ports.acting.call(|access| async move { ports.api.search_persons(&access, field, term, exact).await }).await
}

fn ids(found: Vec<FoundPerson>, matches: impl Fn(&FoundPerson) -> bool) -> Vec<PersonId> {
    let mut ids: Vec<PersonId> = found.into_iter().filter(matches).map(|person| person.id).collect();
    ids.sort();
    ids
}

fn work(value: &str) -> Labelled {
    Labelled { value: value.to_owned(), primary: true, label: "work".to_owned() }
}

/// `value` as the primary one before the others; under the label that it has, if it is one of them.
fn first(value: &str, known: &[Labelled], same: impl Fn(&str) -> bool) -> Vec<Labelled> {
    let label = known.iter().find(|known| same(&known.value)).map(|known| known.label.clone());
    let mut all = vec![Labelled { label: label.unwrap_or_else(|| "work".to_owned()), ..work(value) }];
    let others = known.iter().filter(|known| !same(&known.value) && !known.value.trim().is_empty());
    all.extend(others.map(|known| Labelled { primary: false, ..known.clone() }));
    all
}

/// The conversation that the caller names, if it is one of their company's.
async fn named_conversation(ports: &ContactPorts<'_>, id: Option<&ConversationId>) -> Result<Option<Conversation>, CrmError> {
    let Some(id) = id else { return Ok(None) };
    let found = ports.contacts.conversation(id).await?.filter(|conversation| conversation.company == ports.company());
    found.map(Some).ok_or_else(|| CrmError::invalid("conversationId", "must be the id of a conversation of this company"))
}

/// What has to be linked to the person: the conversation that the caller names, and those with the number that are nobody's.
async fn conversations(
    ports: &ContactPorts<'_>,
    person: PersonId,
    named: Option<Conversation>,
    phone: Option<&Phone>,
) -> Result<Vec<Conversation>, CrmError> {
    let mut all: Vec<Conversation> =
        named.into_iter().filter(|conversation| conversation.record.person() != Some(person)).collect();
    if let Some(phone) = phone {
        let found = ports.contacts.conversations_with(ports.company(), phone, MAX_CONVERSATIONS).await?;
        let new = |found: &Conversation| {
            found.record.person().is_none() && !found.record.refused && !all.iter().any(|known| known.id == found.id)
        };
        let found: Vec<Conversation> = found.into_iter().filter(new).collect();
        all.extend(found);
    }
    Ok(all)
}

/// Persons with what we know of them.
async fn views(ports: &ContactPorts<'_>, persons: Vec<Person>) -> Result<Vec<ContactView>, CrmError> {
    if persons.is_empty() {
        return Ok(Vec::new());
    }
    let company = ports.company();
    let ids: Vec<PersonId> = persons.iter().map(|person| person.id).collect();
    let (records, lists) = try_join(ports.contacts.contact_records(company, &ids), ports.lists.lists(company)).await?;
    // A list that is being deleted may still be noted with its contacts.
    let lists: BTreeSet<ListId> = lists.into_iter().filter(|list| !list.deleted).map(|list| list.id).collect();
    let view = |(person, mut record): (Person, ContactRecord)| {
        record.lists.retain(|list| lists.contains(list));
        ContactView::new(person, record)
    };
    Ok(persons.into_iter().zip(records).map(view).collect())
}
