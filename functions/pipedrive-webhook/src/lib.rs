//! `/webhooks/pipedrive/{company}`: what people did to records in Pipedrive. Let in by the password that the company's webhooks
//! were made with, before anything of the body is read. What cannot be understood is answered 200 as well: Pipedrive would send
//! it again, and stop sending anything after some failures (Pipedrive, "Webhooks v2", ban and retries).

use std::sync::Arc;

use async_trait::async_trait;
use http::Method;
use shared::{
    clock::Clock,
    crm::ports::{ContactStore, ListStore},
    environment::Environment,
    http::{HttpFunction, Request, Response, basic, error, request, response},
    inbox::{error::InboxError, ports::InstallationStore},
    model::ids::CompanyId,
    pipedrive::events,
    records::{
        link::relink::RelinkPorts,
        ports::{LinkStore, NoteStore},
        watch::{
            hear::{self, HearPorts},
            keep,
            ports::{KnownStore, WatchStore},
        },
    },
    secrets::SecretCache,
};

/// Largest body, in bytes: a note may have 100 kB, and comes along as it was before.
const MAX_BODY: usize = 1024 * 1024;

/// The same whatever is wrong, so that nobody learns which companies there are.
const REFUSED: InboxError = InboxError::Unauthorized("the password is missing or wrong");

/// The function.
pub struct Function {
    watches: Arc<dyn WatchStore>,
    links: Arc<dyn LinkStore>,
    known: Arc<dyn KnownStore>,
    users: Arc<dyn InstallationStore>,
    notes: Arc<dyn NoteStore>,
    contacts: Arc<dyn ContactStore>,
    lists: Arc<dyn ListStore>,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

impl Function {
    /// With what it needs of the environment.
    pub fn new(environment: &Environment) -> Self {
        let table = environment.table();
        Self {
            watches: table.clone(),
            links: table.clone(),
            known: table.clone(),
            users: table.clone(),
            notes: table.clone(),
            contacts: table.clone(),
            lists: table,
            secrets: environment.secrets(),
            clock: environment.clock.clone(),
        }
    }

    async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        if *request.method() != Method::POST {
            return Err(InboxError::NotFound("webhook"));
        }
        let company = self.company(&request).await?;
        let Ok(body) = request::take_body(&mut request, MAX_BODY) else {
            tracing::warn!(%company, "a webhook is too large to be read");
            return Ok(response::success());
        };
        match events::parse(&body) {
            Ok(news) if news.company == company => {
                let heard = hear::hear(&self.ports(), company, &news.events).await?;
                tracing::info!(%company, webhook = news.id, events = news.events.len(), ?heard, "webhook");
            }
            Ok(_) => tracing::warn!(%company, "a webhook is about another company's records"),
            Err(events::Unreadable) => tracing::warn!(%company, "a webhook cannot be read"),
        }
        Ok(response::success())
    }

    /// The company of the path, if the caller has its password.
    async fn company(&self, request: &Request) -> Result<CompanyId, InboxError> {
        let id = request::path_parameter(request, "company").and_then(|text| text.parse().ok()).map(CompanyId);
        let company = id.ok_or(REFUSED)?;
        let presented = basic::presented(request.headers()).ok_or(REFUSED)?;
        let is_theirs = keep::is_password(&*self.watches, &self.secrets, company, |password| presented.is(keep::USER, password));
        if is_theirs.await? { Ok(company) } else { Err(REFUSED) }
    }

    fn ports(&self) -> HearPorts<'_> {
        HearPorts {
            relink: RelinkPorts { links: &*self.links, known: &*self.known, users: &*self.users },
            known: &*self.known,
            notes: &*self.notes,
            contacts: &*self.contacts,
            lists: &*self.lists,
            clock: &*self.clock,
        }
    }
}

#[async_trait]
impl HttpFunction for Function {
    async fn call(&self, request: Request) -> Response {
        self.answer(request).await.unwrap_or_else(error::respond)
    }
}
