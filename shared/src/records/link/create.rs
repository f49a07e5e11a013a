//! A salesperson creates the person, lead or deal that a conversation is about. Each is created once, also when the request
//! comes twice or a try dies half-way: while it is created, nobody else creates it; that it is about to be created is written
//! down before; and whoever finds that looks for it in Pipedrive first, in lists that know new records at once.

use serde::Deserialize;

use super::{
    LinkPorts,
    change::{by_hand, changed, pinned},
    known_deal, known_lead, known_person, visible,
};
use crate::{
    crm::{error::CrmError, locks},
    inbox::{Caller, as_user::AsUser, error::InboxError},
    model::{
        conversation::Conversation,
        ids::{ConversationId, PersonId, PipelineId, StageId},
        record::{Chosen, Deed, Link, RecordRef, Records},
        text::{MAX_NAME_BYTES, clean},
        time::Timestamp,
    },
    pipedrive::{Deal, DealFields, Lead, LeadFields, Person, error::PipedriveError},
    records::{
        identity::{self, Identity, conversation_lock},
        ports::Intent,
    },
};

/// Longest title or name, in characters.
const MAX_TITLE: usize = 255;
/// Newest persons among which one is looked for that may have been created.
const NEWEST: usize = 50;
/// Open deals among which one is looked for.
const OPEN_DEALS: usize = 20;

/// A person to create. All of it may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewPerson {
    /// What to call them; as the provider does, if none.
    pub name: Option<String>,
}

/// A lead to create. All of it may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewLead {
    /// What to call it; after the customer, if none.
    pub title: Option<String>,
}

/// A deal to create. All of it may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewDeal {
    /// What to call it; after the customer, if none.
    pub title: Option<String>,
    /// Where it goes; where Pipedrive puts it, if none.
    pub pipeline: Option<PipelineId>,
    /// How far it is; at the beginning, if none.
    pub stage: Option<StageId>,
}

/// Creates the person that the customer is, and links the conversation to it; nothing, if it is linked already. A person to whom our own
/// records lead is linked and not created: a colleague may have done so a moment ago in another conversation with them.
pub async fn person(
    ports: &LinkPorts<'_>,
    caller: &Caller,
    id: &ConversationId,
    new: &NewPerson,
) -> Result<Conversation, InboxError> {
    let conversation = visible(ports, id).await?;
    let name = words("name", new.name.as_deref().unwrap_or(&conversation.customer.name))?;
    let identity = Identity::of(&conversation.customer);
    let intent = identity.intent(&conversation);
    let making = Making { ports, caller, id, as_user: ports.acting(caller), intent, called: name };
    Box::pin(making.alone(identity.locks(id), making.person(&identity))).await
}

/// Creates a lead for the conversation's person, and links the conversation to it; nothing, if it has one already.
pub async fn lead(
    ports: &LinkPorts<'_>,
    caller: &Caller,
    id: &ConversationId,
    new: &NewLead,
) -> Result<Conversation, InboxError> {
    let title = title(ports, id, new.title.as_deref()).await?;
    let making = Making { ports, caller, id, as_user: ports.acting(caller), intent: vec![format!("lead#{id}")], called: title };
    Box::pin(making.alone(vec![conversation_lock(id)], making.lead())).await
}

/// Creates a deal with the conversation's person, and pins it; nothing, if one of that title is pinned already.
pub async fn deal(
    ports: &LinkPorts<'_>,
    caller: &Caller,
    id: &ConversationId,
    new: &NewDeal,
) -> Result<Conversation, InboxError> {
    let title = title(ports, id, new.title.as_deref()).await?;
    let making = Making { ports, caller, id, as_user: ports.acting(caller), intent: vec![format!("deal#{id}")], called: title };
    Box::pin(making.alone(vec![conversation_lock(id)], making.deal(new))).await
}

/// The title that was given; else after the customer and how they write.
async fn title(ports: &LinkPorts<'_>, id: &ConversationId, given: Option<&str>) -> Result<String, InboxError> {
    let conversation = visible(ports, id).await?;
    match given {
        Some(given) => words("title", given),
        None => words("title", &format!("{}: {}", provider_name(ports, &conversation).await?, conversation.customer.name)),
    }
}

async fn provider_name(ports: &LinkPorts<'_>, conversation: &Conversation) -> Result<&'static str, InboxError> {
    let channels = ports.installations.members(conversation.company).await?.channels;
    let channel = channels.iter().find(|channel| channel.id == conversation.channel);
    Ok(channel.map_or("Chat", |channel| ports.providers.get(channel.provider).traits().name))
}

fn words(field: &str, text: &str) -> Result<String, InboxError> {
    let text = clean(text.trim(), MAX_NAME_BYTES);
    if text.is_empty() || text.chars().count() > MAX_TITLE {
        return Err(InboxError::invalid_body(field, format!("has to have 1 to {MAX_TITLE} characters")));
    }
    Ok(text)
}

/// Something that is being created.
struct Making<'a> {
    ports: &'a LinkPorts<'a>,
    caller: &'a Caller,
    id: &'a ConversationId,
    as_user: AsUser<'a>,
    /// Under which names it is written down.
    intent: Vec<String>,
    /// What it is going to be called.
    called: String,
}

impl Making<'_> {
    /// Does the work while nobody else does. After a failure that leaves open what Pipedrive did, the others have to wait for a
    /// while.
    async fn alone(
        &self,
        names: Vec<String>,
        work: impl Future<Output = Result<Conversation, InboxError>> + Send,
    ) -> Result<Conversation, InboxError> {
        let LinkPorts { locks: store, clock, .. } = self.ports;
        let held = locks::take(*store, *clock, self.caller.company, names).await.map_err(|error| busy(error, clock.now()))?;
        let outcome = work.await;
        if !outcome.as_ref().is_err_and(is_uncertain) {
            held.give_back().await;
        }
        outcome
    }

    async fn person(&self, identity: &Identity) -> Result<Conversation, InboxError> {
        let conversation = visible(self.ports, self.id).await?;
        if conversation.record.person().is_some() {
            return self.done(conversation).await;
        }
        let api = self.ports.persons;
        // Whoever was said to be nobody in Pipedrive is not taken for somebody there.
        if !conversation.record.refused {
            let ask = |id| async move {
                match self.as_user.call(|access| async move { api.person(&access, id).await }).await {
                    Ok(person) => Ok(Some(person)),
                    // Not there, or not for this user.
                    Err(InboxError::NotFound(_) | InboxError::Forbidden(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            };
            if let Some(known) = identity::known(self.ports.relink.links, &conversation, identity, ask).await? {
                return self.keep_person(conversation, &known, Deed::Linked).await;
            }
        }
        let label = provider_name(self.ports, &conversation).await?;
        let fields = &identity.fields(&self.called, label);
        let create = || self.as_user.call(move |access| async move { api.create_person(&access, fields).await });
        // Whatever they were to be called then, and whoever was at it: the bundle itself writes the same down.
        let made: Person = match self.ports.intents.intent(self.caller.company, &self.intent).await? {
            Some(intent) => {
                let newest = self.as_user.call(|access| async move { api.newest_persons(&access, NEWEST).await }).await?;
                match newest.into_iter().find(|person| identity.is_intended(person, &intent)) {
                    Some(person) => person,
                    None => self.create(create()).await?,
                }
            }
            None => self.create(create()).await?,
        };
        self.keep_person(conversation, &made, Deed::Created).await
    }

    async fn keep_person(&self, conversation: Conversation, person: &Person, deed: Deed) -> Result<Conversation, InboxError> {
        let record = RecordRef::Person(person.id);
        self.ports.learn(self.caller, &record, &known_person(person, self.ports.clock.now())).await?;
        let free = |seen: &Conversation| seen.record.person().is_none().then(|| seen.record.moved_to(person.id));
        self.keep(conversation, deed, record, free).await
    }

    async fn lead(&self) -> Result<Conversation, InboxError> {
        let conversation = visible(self.ports, self.id).await?;
        if conversation.record.records.lead.is_some() {
            return self.done(conversation).await;
        }
        let person = linked_person(&conversation)?;
        let api = self.ports.leads;
        let fields = LeadFields {
            title: Some(self.called.clone()),
            person: Some(person),
            seen: Some(true),
            origin: Some(self.id.to_string()),
            ..LeadFields::default()
        };
        let fields = &fields;
        let create = || self.as_user.call(move |access| async move { api.create_lead(&access, fields).await });
        let made: Lead = match self.earlier().await? {
            Some(intent) => {
                let all = self.as_user.call(|access| async move { api.leads_of(&access, person, None, NEWEST).await }).await?;
                let ours = |lead: &Lead| {
                    lead.origin.as_deref() == Some(self.id.as_str())
                        && lead.title == self.called
                        && intent.is_before(lead.added_at)
                };
                match all.items.into_iter().find(ours) {
                    Some(lead) => lead,
                    None => self.create(create()).await?,
                }
            }
            None => self.create(create()).await?,
        };
        let record = RecordRef::Lead(made.id.clone());
        self.ports.learn(self.caller, &record, &known_lead(&made, self.ports.clock.now())).await?;
        self.keep(conversation, Deed::Created, record, |seen| {
            let records = Records { lead: Some(made.id.clone()), ..seen.record.records.clone() };
            seen.record.records.lead.is_none().then(|| Link { records, ..seen.record.clone() })
        })
        .await
    }

    async fn deal(&self, new: &NewDeal) -> Result<Conversation, InboxError> {
        let conversation = visible(self.ports, self.id).await?;
        if self.is_pinned(&conversation).await? {
            return self.done(conversation).await;
        }
        let person = linked_person(&conversation)?;
        let api = self.ports.deals;
        let fields = DealFields {
            title: Some(self.called.clone()),
            person: Some(person),
            pipeline: new.pipeline,
            stage: new.stage,
            ..DealFields::default()
        };
        let fields = &fields;
        let create = || self.as_user.call(move |access| async move { api.create_deal(&access, fields).await });
        let made: Deal = match self.earlier().await? {
            Some(intent) => {
                let open = self.as_user.call(|access| async move { api.open_deals_of(&access, person, OPEN_DEALS).await });
                let is_it = |deal: &Deal| deal.title == self.called && intent.is_before(deal.added_at);
                match open.await?.into_iter().find(is_it) {
                    Some(deal) => deal,
                    None => self.create(create()).await?,
                }
            }
            None => self.create(create()).await?,
        };
        let record = RecordRef::Deal(made.id);
        self.ports.learn(self.caller, &record, &known_deal(&made, self.ports.clock.now())).await?;
        self.keep(conversation, Deed::Created, record, |seen| pinned(&seen.record, made.id)).await
    }

    /// Whether a deal of this title is pinned: the same request was here before.
    async fn is_pinned(&self, conversation: &Conversation) -> Result<bool, InboxError> {
        let Link { records, deal_by, .. } = &conversation.record;
        let Some(deal) = records.deal.filter(|_| *deal_by == Chosen::Hand) else { return Ok(false) };
        let known = self.ports.known.known(self.caller.company, &[RecordRef::Deal(deal)]).await?;
        Ok(known.into_iter().flatten().any(|known| known.open && known.name == self.called))
    }

    /// What an earlier try of the same wrote down that did not get to its end.
    async fn earlier(&self) -> Result<Option<Intent>, InboxError> {
        let intent = self.ports.intents.intent(self.caller.company, &self.intent).await?;
        Ok(intent.filter(|intent| intent.called == self.called))
    }

    /// Creates it, after writing down that it is about to be. What Pipedrive certainly did not do is crossed out again.
    async fn create<T>(&self, call: impl Future<Output = Result<T, InboxError>> + Send) -> Result<T, InboxError> {
        let (intents, company) = (self.ports.intents, self.caller.company);
        let intent = Intent { at: self.ports.clock.now(), called: self.called.clone() };
        intents.intend(company, &self.intent, &intent).await?;
        let outcome = call.await;
        if let Err(error) = &outcome
            && !is_uncertain(error)
        {
            intents.done(company, &self.intent).await?;
        }
        outcome.map_err(refused)
    }

    /// Links the conversation to what was created or found, and crosses out that it is about to be.
    async fn keep(
        &self,
        conversation: Conversation,
        deed: Deed,
        record: RecordRef,
        change: impl Fn(&Conversation) -> Option<Link> + Send + Sync,
    ) -> Result<Conversation, InboxError> {
        let entry = by_hand(self.ports, self.caller, deed, record);
        self.done(changed(self.ports, self.caller, conversation, &[entry], change).await?).await
    }

    /// Crosses it out, also if an earlier try linked the conversation and got no further.
    async fn done(&self, conversation: Conversation) -> Result<Conversation, InboxError> {
        self.ports.intents.done(self.caller.company, &self.intent).await?;
        Ok(conversation)
    }
}

fn linked_person(conversation: &Conversation) -> Result<PersonId, InboxError> {
    let none = || InboxError::invalid_body("person", "is not linked yet: link or create the person first");
    conversation.record.person().ok_or_else(none)
}

/// Whether Pipedrive may have done it all the same.
fn is_uncertain(error: &InboxError) -> bool {
    match error {
        InboxError::Pipedrive(PipedriveError::Transient { code }) => code != "connect",
        InboxError::Store(_) => true,
        _ => false,
    }
}

/// What the caller hears of values that Pipedrive does not accept.
fn refused(error: InboxError) -> InboxError {
    match error {
        InboxError::Pipedrive(PipedriveError::Invalid { .. }) => {
            InboxError::invalid_body("body", "was not accepted by Pipedrive")
        }
        error => error,
    }
}

/// Another call creates for the same conversation or number.
fn busy(error: CrmError, now: Timestamp) -> InboxError {
    match error {
        CrmError::TooManyRequests { retry_after } => InboxError::RateLimited { retry_at: now.plus(retry_after) },
        CrmError::Store(error) => InboxError::Store(error),
        // A lock is nothing but the table's.
        _ => InboxError::RateLimited { retry_at: now },
    }
}
