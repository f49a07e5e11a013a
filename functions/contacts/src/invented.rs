//! Answers with invented data (`x-developer-mode: true`): of the same types as real ones, and always the same, so that a
//! program can be tried against them.

use std::collections::BTreeMap;

use shared::{
    crm::shapes::{
        ContactAttributesView, ContactSource, ContactStatus, ContactView, ListContact, ListDeleted, ListView, Page, SavedContact,
    },
    http::v2::Reply,
    model::{
        contact::ContactRef,
        ids::{ConversationId, ListId},
    },
};

use crate::calls::Call;

const ID: &str = "1001";
const EMAIL: &str = "ada@example.com";
const AT: &str = "2026-01-01T00:00:00.000Z";

/// The invented answer to a call.
pub(crate) fn reply(call: Call) -> Reply {
    match call {
        Call::CreateContact(new) => {
            Reply::created("Contact created", SavedContact { id: ID.to_owned(), email: Some(new.email.into()) })
        }
        Call::ListContacts(page) => {
            let data = if page == 0 { vec![contact(ID, EMAIL)] } else { Vec::new() };
            Reply::ok("Contacts found", Page { page, total: 1, has_more: false, data })
        }
        Call::GetContact(who) => {
            let (id, email) = named(&who);
            Reply::ok("Contact found", contact(&id, &email))
        }
        Call::UpdateContact(who, change) => {
            let (id, email) = named(&who);
            let email = change.email.map_or(email, String::from);
            Reply::ok("Contact updated", SavedContact { id, email: Some(email) })
        }
        Call::ListLists => Reply::ok("Segmentation lists found", list().map_or_else(Vec::new, |list| vec![list])),
        Call::CreateList(new) => {
            let list = list().map(|list| ListView { name: new.name.into_string(), contacts: 0, ..list });
            Reply::created("Segmentation list created", list)
        }
        Call::DeleteList(id) => Reply::ok("Segmentation list deleted", ListDeleted { id }),
        Call::AddToList(segmentation_list_id, who) => {
            let entry = ListContact { id: named(&who).0, segmentation_list_id };
            Reply::ok("Contact added to the segmentation list", entry)
        }
        Call::TakeOffList(segmentation_list_id, who) => {
            let entry = ListContact { id: named(&who).0, segmentation_list_id };
            Reply::ok("Contact removed from the segmentation list", entry)
        }
    }
}

/// Id and address of the contact that the caller means.
fn named(who: &ContactRef) -> (String, String) {
    match who {
        ContactRef::Id(id) => (id.to_string(), EMAIL.to_owned()),
        ContactRef::Email(email) => (ID.to_owned(), email.as_str().to_owned()),
        ContactRef::Phone(_) => (ID.to_owned(), EMAIL.to_owned()),
    }
}

fn contact(id: &str, email: &str) -> ContactView {
    let origin = [("url", "https://example.com/offer"), ("utmSource", "newsletter")];
    ContactView {
        id: id.to_owned(),
        email: Some(email.to_owned()),
        status: ContactStatus::Active,
        source: ContactSource::Api,
        origin: origin.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect::<BTreeMap<_, _>>(),
        segmented_lists_ids: list().map(|list| list.id).into_iter().collect(),
        conversation_ids: ConversationId::parse("cv_0000000000000000").into_iter().collect(),
        created_at: Some(AT.to_owned()),
        attributes: ContactAttributesView { name: "Ada Example".to_owned(), phone: Some("+15550100001".to_owned()) },
    }
}

fn list() -> Option<ListView> {
    let id = ListId::parse("sl_0000000000000000").ok()?;
    Some(ListView { id, name: "Newsletter".to_owned(), contacts: 1, created_at: AT.to_owned() })
}
