//! Segmentation lists: named lists of contacts, kept by this bundle. A list is gone for everybody the moment its deletion
//! begins, however long its entries take.

use super::{
    contacts::{self, ContactPorts},
    error::CrmError,
    ports::{ListStore, Listed},
    shapes::{ListContact, ListCreate, ListDeleted, ListView},
};
use crate::{
    clock::Clock,
    model::{
        contact::{ContactRef, SegmentationList},
        ids::{CompanyId, ListId},
    },
};

/// Most lists of a company. A deletion under way counts.
pub const MAX_LISTS: usize = 100;

/// The company's lists, oldest first.
pub async fn all(store: &dyn ListStore, company: CompanyId) -> Result<Vec<ListView>, CrmError> {
    let mut lists = store.lists(company).await?;
    lists.retain(|list| !list.deleted);
    lists.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    Ok(lists.into_iter().map(ListView::from).collect())
}

/// Makes a list. Two lists may have the same name.
pub async fn create(store: &dyn ListStore, clock: &dyn Clock, company: CompanyId, new: ListCreate) -> Result<ListView, CrmError> {
    if store.lists(company).await?.len() >= MAX_LISTS {
        return Err(CrmError::invalid("name", "cannot be given: there are 100 segmentation lists, which is the most"));
    }
    let list = SegmentationList {
        id: ListId::new(),
        name: new.name.into_string(),
        contacts: 0,
        created_at: clock.now(),
        deleted: false,
    };
    store.add_list(company, &list).await?;
    Ok(list.into())
}

/// Deletes a list. Its contacts stay.
pub async fn delete(store: &dyn ListStore, company: CompanyId, id: ListId) -> Result<ListDeleted, CrmError> {
    if store.delete_list(company, &id).await? { Ok(ListDeleted { id }) } else { Err(CrmError::ListNotFound) }
}

/// Puts a contact on a list. One that is on it stays on it.
pub async fn add(
    ports: &ContactPorts<'_>,
    store: &dyn ListStore,
    id: ListId,
    contact: &ContactRef,
) -> Result<ListContact, CrmError> {
    let company = ports.acting.company();
    store.list(company, &id).await?.filter(|list| !list.deleted).ok_or(CrmError::ListNotFound)?;
    let person = contacts::find(ports, contact).await?.id;
    match store.add_to_list(company, &id, person).await? {
        Listed::Added | Listed::Already => Ok(ListContact { id: person.to_string(), segmentation_list_id: id }),
        Listed::NoList => Err(CrmError::ListNotFound),
    }
}

/// Takes a contact off a list. Named by its id, it may be one that Pipedrive has no more.
pub async fn take_off(
    ports: &ContactPorts<'_>,
    store: &dyn ListStore,
    id: ListId,
    contact: &ContactRef,
) -> Result<ListContact, CrmError> {
    let company = ports.acting.company();
    store.list(company, &id).await?.filter(|list| !list.deleted).ok_or(CrmError::ListNotFound)?;
    let person = match contact {
        ContactRef::Id(person) => *person,
        other => contacts::find(ports, other).await?.id,
    };
    if store.take_off_list(company, &id, person).await? {
        Ok(ListContact { id: person.to_string(), segmentation_list_id: id })
    } else {
        Err(CrmError::ContactNotFound)
    }
}
