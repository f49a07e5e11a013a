//! `/inbox/api/…` about Pipedrive's records: what a conversation is linked to, what was written there, the settings, and what
//! it costs. Let in by a session, whose company is the only one within reach.

use std::sync::Arc;

use serde::Deserialize;
use shared::{
    clock::Clock,
    config::Config,
    crm::ports::LockStore,
    environment::Environment,
    http::{Request, Response, public_url::public_url, request, response, session},
    inbox::{
        Caller,
        error::InboxError,
        page::{list::ConversationRows, rows::ConversationRow},
        ports::{ChannelStore, InboxReader, InstallationStore},
        receive::STREAM_GRACE,
        tokens::Tokens,
    },
    media::links::Links,
    model::{
        channel::Delivery,
        conversation::Conversation,
        ids::{ConversationId, DealId, OrganizationId, PersonId},
    },
    pipedrive::{DealsApi, LeadsApi, OAuth, PersonsApi, PipelinesApi, spend::Spend},
    providers::Registry,
    records::{
        history,
        link::{
            LinkPorts, candidates, change,
            create::{self, NewDeal, NewLead, NewPerson},
            look,
            of::{self, Panel},
            relink::RelinkPorts,
            settings::{self, ChangeSettings},
            told,
        },
        ports::{AuditStore, BudgetStore, IntentStore, LinkStore, NoteStore},
        watch::ports::KnownStore,
    },
    secrets::SecretCache,
};

/// Largest body, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// Where a panel stands: beside whose record.
const PANELS: [&str; 3] = ["person", "deal", "organization"];

/// All that this part of the API is made of.
pub(crate) struct RecordsApi {
    config: Arc<Config>,
    reader: Arc<dyn InboxReader>,
    links: Arc<dyn LinkStore>,
    notes: Arc<dyn NoteStore>,
    known: Arc<dyn KnownStore>,
    audit: Arc<dyn AuditStore>,
    budget: Arc<dyn BudgetStore>,
    locks: Arc<dyn LockStore>,
    intents: Arc<dyn IntentStore>,
    channels: Arc<dyn ChannelStore>,
    installations: Arc<dyn InstallationStore>,
    oauth: Arc<dyn OAuth>,
    persons: Arc<dyn PersonsApi>,
    deals: Arc<dyn DealsApi>,
    leads: Arc<dyn LeadsApi>,
    pipelines: Arc<dyn PipelinesApi>,
    providers: Registry,
    secrets: Arc<SecretCache>,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct WantedPerson {
    person: PersonId,
}

#[derive(Deserialize)]
struct WantedDeal {
    deal: DealId,
}

impl RecordsApi {
    /// With what it needs of the environment.
    pub(crate) fn new(environment: &Environment) -> Self {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        Self {
            config: environment.config.clone(),
            reader: table.clone(),
            links: table.clone(),
            notes: table.clone(),
            known: table.clone(),
            audit: table.clone(),
            budget: table.clone(),
            locks: table.clone(),
            intents: table.clone(),
            channels: table.clone(),
            installations: table,
            oauth: pipedrive.clone(),
            persons: pipedrive.clone(),
            deals: pipedrive.clone(),
            leads: pipedrive.clone(),
            pipelines: pipedrive,
            providers: environment.providers(),
            secrets: environment.secrets.clone(),
            clock: environment.clock.clone(),
        }
    }

    /// Whether the request is for one of these.
    pub(crate) fn has(request: &Request) -> bool {
        let route = request::route(request);
        if route == "GET /inbox/api/conversations" {
            return PANELS.iter().any(|name| request::query(request, name).is_some());
        }
        let Some((_, path)) = route.split_once(" /inbox/api/") else { return false };
        matches!(path, "settings" | "pipelines" | "budget" | "conversations/{conversation}/audit")
            || path.starts_with("conversations/{conversation}/record")
    }

    /// Answers a request of one of these routes.
    pub(crate) async fn answer(&self, mut request: Request) -> Result<Response, InboxError> {
        let caller = session::caller(request.headers(), &self.secrets, self.clock.now()).await?;
        let route = request::route(&request).to_owned();
        let (method, path) = route.split_once(" /inbox/api/").ok_or(InboxError::NotFound("page"))?;
        let ports = self.ports();
        let answer = self.route(&ports, &caller, &mut request, (method, path)).await;
        told::write_down(&*self.budget, &*self.clock, caller.company, &ports.spend).await;
        answer
    }

    async fn route(
        &self,
        ports: &LinkPorts<'_>,
        caller: &Caller,
        request: &mut Request,
        route: (&str, &str),
    ) -> Result<Response, InboxError> {
        match route {
            ("GET", "conversations") => {
                let links = self.file_links(request).await?;
                let found = of::conversations_of(ports, caller, panel(request)?).await?;
                let conversations = found.into_iter().map(|found| ConversationRow::new(found, caller, &links)).collect();
                Ok(response::data(ConversationRows { conversations, after: None }))
            }
            ("GET", "settings") => Ok(response::data(settings::settings(ports, caller).await?)),
            ("PUT", "settings") => {
                let wanted: ChangeSettings = request::json(request, MAX_BODY)?;
                let changed = settings::change(ports, &*self.channels, &*self.pipelines, caller, wanted).await?;
                Ok(response::data(changed))
            }
            ("GET", "pipelines") => Ok(response::data(settings::pipelines(ports, &*self.pipelines, caller).await?)),
            ("GET", "budget") => Ok(response::data(told::budget(&*self.budget, &*self.clock, caller).await?)),
            _ => self.of_conversation(ports, caller, request, route).await,
        }
    }

    async fn of_conversation(
        &self,
        ports: &LinkPorts<'_>,
        caller: &Caller,
        request: &mut Request,
        route: (&str, &str),
    ) -> Result<Response, InboxError> {
        let id: ConversationId = request::path_id(request, "conversation", "conversation")?;
        match route {
            ("GET", "conversations/{conversation}/record") => Ok(response::data(look::look(ports, caller, &id).await?)),
            ("GET", "conversations/{conversation}/record/candidates") => {
                let term = request::query(request, "q");
                Ok(response::data(candidates::candidates(ports, caller, &id, term.as_deref()).await?))
            }
            ("GET", "conversations/{conversation}/audit") => {
                let limit = request::limit(request, "limit")?;
                Ok(response::data(told::audit(ports, caller, &id, limit).await?))
            }
            ("POST", "conversations/{conversation}/record/{deed}") => self.change(ports, caller, request, &id).await,
            _ => Err(InboxError::NotFound("page")),
        }
    }

    async fn change(
        &self,
        ports: &LinkPorts<'_>,
        caller: &Caller,
        request: &mut Request,
        id: &ConversationId,
    ) -> Result<Response, InboxError> {
        let deed = request::path_parameter(request, "deed").unwrap_or_default();
        let conversation = match deed.as_str() {
            "link" => {
                let WantedPerson { person } = request::json(request, MAX_BODY)?;
                change::link(ports, caller, id, person).await?
            }
            "unlink" => change::unlink(ports, caller, id).await?,
            "pin" => {
                let WantedDeal { deal } = request::json(request, MAX_BODY)?;
                change::pin(ports, caller, id, deal).await?
            }
            "unpin" => change::unpin(ports, caller, id).await?,
            "person" => create::person(ports, caller, id, &request::json::<NewPerson>(request, MAX_BODY)?).await?,
            "lead" => create::lead(ports, caller, id, &request::json::<NewLead>(request, MAX_BODY)?).await?,
            "deal" => create::deal(ports, caller, id, &request::json::<NewDeal>(request, MAX_BODY)?).await?,
            _ => return Err(InboxError::NotFound("page")),
        };
        if matches!(deed.as_str(), "link" | "person") {
            self.write_past(&conversation).await?;
        }
        Ok(response::data(look::view(ports, caller, &conversation).await?))
    }

    /// What was said before belongs on the record as well, where messages end on records.
    async fn write_past(&self, conversation: &Conversation) -> Result<(), InboxError> {
        let owner = self.installations.installation(conversation.company, conversation.owner).await?;
        if owner.is_some_and(|owner| owner.delivery == Some(Delivery::Records)) {
            let due_at = self.clock.now().plus(STREAM_GRACE);
            history::begin(&*self.reader, &*self.notes, conversation, due_at).await?;
        }
        Ok(())
    }

    async fn file_links(&self, request: &Request) -> Result<Links, InboxError> {
        let secrets = self.secrets.get().await?;
        Ok(Links::new(&secrets.vault, &public_url(&self.config, request)?, self.clock.now())?)
    }

    fn ports(&self) -> LinkPorts<'_> {
        LinkPorts {
            relink: RelinkPorts { links: &*self.links, known: &*self.known, users: &*self.installations },
            known: &*self.known,
            audit: &*self.audit,
            locks: &*self.locks,
            intents: &*self.intents,
            installations: &*self.installations,
            tokens: Tokens { store: &*self.installations, oauth: &*self.oauth, secrets: &self.secrets, clock: &*self.clock },
            persons: &*self.persons,
            deals: &*self.deals,
            leads: &*self.leads,
            providers: &self.providers,
            spend: Spend::default(),
            clock: &*self.clock,
        }
    }
}

/// The record that the query names.
fn panel(request: &Request) -> Result<Panel, InboxError> {
    let named = PANELS.iter().find_map(|name| Some((*name, request::query(request, name)?)));
    let (parameter, text) = named.ok_or(InboxError::NotFound("page"))?;
    let id = text.parse().map_err(|_| InboxError::BadRequest { parameter, problem: "is not an id of Pipedrive's".to_owned() })?;
    Ok(match parameter {
        "person" => Panel::Person(PersonId(id)),
        "deal" => Panel::Deal(DealId(id)),
        _ => Panel::Organization(OrganizationId(id)),
    })
}
