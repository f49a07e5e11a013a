//! `/v2/contacts`, `/v2/segmentation-lists` and `/v2/openapi.json`: contacts of the connected Pipedrive company, and lists of
//! them. Let in by an API key, which is checked here and not at the gateway, so that its refusal has the API's shape.

mod calls;
mod invented;
pub mod openapi;

use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;
use lambda_http::Body;
use shared::{
    clock::Clock,
    crm::{
        acting::Acting,
        contacts::{self, ContactPorts},
        error::CrmError,
        lists,
        ports::{ContactStore, ListStore, LockStore, WalkStore},
    },
    environment::Environment,
    http::{
        HttpFunction, Request, Response, request, response,
        v2::{Api, Door, Reply},
    },
    inbox::{ports::InstallationStore, tokens::Tokens},
    model::api_key::ApiKey,
    pipedrive::{OAuth, PersonsApi},
    secrets::SecretCache,
};

use crate::calls::Call;

/// The function.
pub struct Function {
    door: Door,
    calls: Calls,
}

/// What calls need once they are let in.
struct Calls {
    contacts: Arc<dyn ContactStore>,
    lists: Arc<dyn ListStore>,
    locks: Arc<dyn LockStore>,
    walks: Arc<dyn WalkStore>,
    installations: Arc<dyn InstallationStore>,
    oauth: Arc<dyn OAuth>,
    api: Arc<dyn PersonsApi>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        let calls = Calls {
            contacts: table.clone(),
            lists: table.clone(),
            locks: table.clone(),
            walks: table.clone(),
            installations: table,
            oauth: pipedrive.clone(),
            api: pipedrive,
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        };
        Self { door: Door::new(environment), calls }
    }
}

#[async_trait]
impl Api for Calls {
    type Call = Call;

    fn read(&self, request: &Request, body: &[u8]) -> Result<Call, CrmError> {
        Call::read(request, body)
    }

    fn invent(&self, call: Call) -> Reply {
        invented::reply(call)
    }

    async fn answer(&self, key: &ApiKey, call: Call) -> Result<Reply, CrmError> {
        let tokens = Tokens { store: &*self.installations, oauth: &*self.oauth, secrets: &self.secrets, clock: &*self.clock };
        let acting = Acting::new(tokens, key.company, key.owner);
        let ports = ContactPorts {
            contacts: &*self.contacts,
            lists: &*self.lists,
            locks: &*self.locks,
            walks: &*self.walks,
            api: &*self.api,
            acting: &acting,
            clock: &*self.clock,
        };
        let (store, company) = (&*self.lists, key.company);
        Ok(match call {
            Call::CreateContact(new) => Reply::created("Contact created", contacts::create(&ports, new).await?),
            Call::ListContacts(page) => Reply::ok("Contacts found", contacts::list(&ports, page).await?),
            Call::GetContact(contact) => Reply::ok("Contact found", contacts::get(&ports, &contact).await?),
            Call::UpdateContact(contact, change) => {
                Reply::ok("Contact updated", contacts::update(&ports, &contact, change).await?)
            }
            Call::ListLists => {
                let found = lists::all(store, company).await?;
                Reply::ok("Segmentation lists found", found).by_ourselves()
            }
            Call::CreateList(new) => {
                let created = lists::create(store, &*self.clock, company, new).await?;
                Reply::created("Segmentation list created", created).by_ourselves()
            }
            Call::DeleteList(list) => {
                let deleted = lists::delete(store, company, list).await?;
                Reply::ok("Segmentation list deleted", deleted).by_ourselves()
            }
            Call::AddToList(list, contact) => {
                Reply::ok("Contact added to the segmentation list", lists::add(&ports, store, list, &contact).await?)
            }
            Call::TakeOffList(list, contact) => {
                // Pipedrive is asked only for one who is named by address or number.
                let entry = lists::take_off(&ports, store, list, &contact).await?;
                Reply::ok("Contact removed from the segmentation list", entry).by_ourselves()
            }
        })
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        if request::route(&request) == openapi::ROUTE {
            let text = Body::Text(openapi::text().to_owned());
            return response::with_body(StatusCode::OK, "application/json", "public, max-age=300", text);
        }
        self.door.serve(&self.calls, request).await
    }
}
