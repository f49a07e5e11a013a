//! `/v2/deals` and `/v2/pipelines`: deals of the connected Pipedrive company, and what they move through. Let in by an API
//! key, which is checked here and not at the gateway, so that its refusal has the API's shape.

mod calls;
mod invented;

use std::sync::Arc;

use async_trait::async_trait;
use shared::{
    clock::Clock,
    crm::{
        acting::Acting,
        contacts::ContactPorts,
        deals::{self, DealPorts},
        error::CrmError,
        ports::{ContactStore, ListStore, LockStore, WalkStore},
    },
    environment::Environment,
    http::{
        HttpFunction, Request, Response,
        v2::{Api, Door, Reply},
    },
    inbox::{ports::InstallationStore, tokens::Tokens},
    model::api_key::ApiKey,
    pipedrive::{DealsApi, OAuth, PersonsApi, PipelinesApi},
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
    persons: Arc<dyn PersonsApi>,
    deals: Arc<dyn DealsApi>,
    pipelines: Arc<dyn PipelinesApi>,
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
            persons: pipedrive.clone(),
            deals: pipedrive.clone(),
            pipelines: pipedrive,
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
        let contacts = ContactPorts {
            contacts: &*self.contacts,
            lists: &*self.lists,
            locks: &*self.locks,
            walks: &*self.walks,
            api: &*self.persons,
            acting: &acting,
            clock: &*self.clock,
        };
        let ports = DealPorts { contacts, deals: &*self.deals, pipelines: &*self.pipelines };
        Ok(match call {
            Call::CreateDeal(new) => Reply::created("Deal created", deals::create(&ports, new).await?),
            Call::ListDeals(page, filter) => Reply::ok("Deals found", deals::list(&ports, page, &filter).await?),
            Call::GetDeal(deal) => Reply::ok("Deal found", deals::get(&ports, deal).await?),
            Call::UpdateDeal(deal, change) => Reply::ok("Deal updated", deals::update(&ports, deal, change).await?),
            Call::ListPipelines => Reply::ok("Pipelines found", deals::pipelines(&ports).await?),
            Call::ListStages(pipeline) => Reply::ok("Stages found", deals::stages(&ports, pipeline).await?),
        })
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.door.serve(&self.calls, request).await
    }
}
