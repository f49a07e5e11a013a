//! The calls that this function takes, read from their requests.

use shared::{
    crm::{
        error::{CrmError, Missing},
        shapes::{ContactCreate, ContactUpdate, ListCreate},
    },
    http::{Request, request, v2::input},
    model::{contact::ContactRef, ids::ListId},
};

/// A call.
pub(crate) enum Call {
    CreateContact(ContactCreate),
    ListContacts(usize),
    GetContact(ContactRef),
    UpdateContact(ContactRef, ContactUpdate),
    ListLists,
    CreateList(ListCreate),
    DeleteList(ListId),
    AddToList(ListId, ContactRef),
    TakeOffList(ListId, ContactRef),
}

impl Call {
    pub(crate) fn read(request: &Request, body: &[u8]) -> Result<Self, CrmError> {
        Ok(match request::route(request) {
            "POST /v2/contacts" => Self::CreateContact(input::json(body)?),
            "GET /v2/contacts" => Self::ListContacts(input::page(request)?),
            "GET /v2/contacts/{contact}" => Self::GetContact(input::contact(request, Missing::ContactEmail)?),
            "PUT /v2/contacts/{contact}" => {
                let contact = input::contact(request, Missing::ContactEmail)?;
                Self::UpdateContact(contact, input::json(body)?)
            }
            "GET /v2/segmentation-lists" => Self::ListLists,
            "POST /v2/segmentation-lists" => Self::CreateList(input::json(body)?),
            "DELETE /v2/segmentation-lists/{list}" => Self::DeleteList(list(request)?),
            "POST /v2/segmentation-lists/{list}/contacts/{contact}" => {
                Self::AddToList(list(request)?, input::contact(request, Missing::Email)?)
            }
            "DELETE /v2/segmentation-lists/{list}/contacts/{contact}" => {
                Self::TakeOffList(list(request)?, input::contact(request, Missing::Email)?)
            }
            // Routes that name nobody, kept so that the caller hears what is missing.
            "PUT /v2/contacts" => return Err(CrmError::InvalidParams(Missing::ContactEmail)),
            _ => return Err(CrmError::InvalidParams(Missing::Email)),
        })
    }
}

/// The list in the path. One of the wrong shape is as unknown as any other.
fn list(request: &Request) -> Result<ListId, CrmError> {
    let text = request::path_parameter(request, "list").unwrap_or_default();
    ListId::parse(text.trim()).map_err(|_| CrmError::ListNotFound)
}
