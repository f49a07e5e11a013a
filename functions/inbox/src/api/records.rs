//! Pipedrive's records: what a conversation is linked to, what was written there, and the conversations of a record.

use serde::{Deserialize, Serialize};
use shared::{
    http::{Request, Response, request, response},
    inbox::{
        error::InboxError,
        page::{
            begin::{self, Begin, BeginPorts},
            rows::ConversationRow,
        },
        receive::STREAM_GRACE,
    },
    model::{
        channel::Delivery,
        conversation::Conversation,
        ids::{ConversationId, DealId, OrganizationId, PersonId},
    },
    records::{
        history,
        link::{
            candidates, change,
            create::{self, NewDeal, NewLead, NewPerson},
            look,
            of::{self, OfRecord, Panel},
            told,
        },
    },
};

use super::{Call, body};

/// Where a panel stands: beside whose record.
const PANELS: [&str; 3] = ["person", "deal", "organization"];

#[derive(Deserialize)]
struct WantedPerson {
    person: PersonId,
}

#[derive(Deserialize)]
struct WantedDeal {
    deal: DealId,
}

/// What a panel shows.
#[derive(Serialize)]
struct RowsOfRecord {
    conversations: Vec<ConversationRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    persons: Vec<PersonId>,
}

/// Whether the request is about the conversations of a record.
pub(super) fn is_of_record(request: &Request) -> bool {
    PANELS.iter().any(|name| request::query(request, name).is_some())
}

impl Call<'_> {
    pub(super) async fn conversations_of_record(&self, request: &Request) -> Result<Response, InboxError> {
        let (links, panel) = (self.links().await?, panel(request)?);
        let OfRecord { conversations, persons } = of::conversations_of(&self.link_ports(), &self.sight.caller, panel).await?;
        let row = |one: Conversation| ConversationRow::new(one, &self.sight.caller, &links);
        Ok(response::data(RowsOfRecord { conversations: conversations.into_iter().map(row).collect(), persons }))
    }

    pub(super) async fn people(&self, request: &Request) -> Result<Response, InboxError> {
        Ok(response::data(of::people_of(&self.link_ports(), &self.sight.caller, panel(request)?).await?))
    }

    /// Begins a conversation: linked to the person if nobody is linked yet, and about the deal.
    pub(super) async fn begin(&self, request: &mut Request) -> Result<Response, InboxError> {
        let wanted: Begin = body(request)?;
        let mut conversation = begin::begin(&self.begin_ports(), &self.sight, &wanted).await?;
        let (ports, caller) = (&self.link_ports(), &self.sight.caller);
        if let Some(person) = wanted.person.filter(|_| conversation.record.person().is_none()) {
            conversation = change::link(ports, caller, &conversation.id, person).await?;
            self.write_past(&conversation).await?;
        }
        if let Some(deal) = wanted.deal {
            conversation = change::pin_begun(ports, caller, conversation, wanted.person, deal).await?;
        }
        Ok(response::data(ConversationRow::new(conversation, &self.sight.caller, &self.links().await?)))
    }

    pub(super) async fn record(&self, request: &Request) -> Result<Response, InboxError> {
        Ok(response::data(look::look(&self.link_ports(), &self.sight.caller, &conversation(request)?).await?))
    }

    pub(super) async fn candidates(&self, request: &Request) -> Result<Response, InboxError> {
        let (id, term) = (conversation(request)?, request::query(request, "q"));
        Ok(response::data(candidates::candidates(&self.link_ports(), &self.sight.caller, &id, term.as_deref()).await?))
    }

    pub(super) async fn audit(&self, request: &Request) -> Result<Response, InboxError> {
        let (id, limit) = (conversation(request)?, request::limit(request, "limit")?);
        Ok(response::data(told::audit(&self.link_ports(), &self.sight.caller, &id, limit).await?))
    }

    pub(super) async fn change_record(&self, request: &mut Request) -> Result<Response, InboxError> {
        let (id, deed) = (conversation(request)?, request::path_parameter(request, "deed").unwrap_or_default());
        let (ports, caller) = (&self.link_ports(), &self.sight.caller);
        let conversation = match deed.as_str() {
            "link" => {
                let WantedPerson { person } = body(request)?;
                change::link(ports, caller, &id, person).await?
            }
            "unlink" => change::unlink(ports, caller, &id).await?,
            "pin" => {
                let WantedDeal { deal } = body(request)?;
                change::pin(ports, caller, &id, deal).await?
            }
            "unpin" => change::unpin(ports, caller, &id).await?,
            "person" => create::person(ports, caller, &id, &body::<NewPerson>(request)?).await?,
            "lead" => create::lead(ports, caller, &id, &body::<NewLead>(request)?).await?,
            "deal" => create::deal(ports, caller, &id, &body::<NewDeal>(request)?).await?,
            _ => return Err(InboxError::NotFound("page")),
        };
        if matches!(deed.as_str(), "link" | "person") {
            self.write_past(&conversation).await?;
        }
        Ok(response::data(look::view(ports, caller, &conversation).await?))
    }

    /// What was said before belongs on the record as well, where messages end on records.
    async fn write_past(&self, conversation: &Conversation) -> Result<(), InboxError> {
        let owner = self.api.installations.installation(conversation.company, conversation.owner).await?;
        if owner.is_some_and(|owner| owner.delivery == Some(Delivery::Records)) {
            let due_at = self.api.clock.now().plus(STREAM_GRACE);
            history::begin(&*self.api.reader, &*self.api.notes, conversation, due_at).await?;
        }
        Ok(())
    }

    fn begin_ports(&self) -> BeginPorts<'_> {
        let api = self.api;
        BeginPorts {
            reader: &*api.reader,
            known: &*api.known_customers,
            writer: &*api.writer,
            providers: &api.providers,
            secrets: &api.secrets,
            clock: &*api.clock,
        }
    }
}

fn conversation(request: &Request) -> Result<ConversationId, InboxError> {
    request::path_id(request, "conversation", "conversation")
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
