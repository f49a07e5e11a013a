//! Whom and what a conversation could be linked to: persons by name, number or address, and the deals and leads of the person
//! that it is linked to. A search costs the company tokens of its day, so nothing is searched for that nobody asked for.

use serde::Serialize;

use super::{
    LinkPorts, known_person,
    look::{RecordId, domain, url},
    visible,
};
use crate::{
    inbox::{Caller, as_user::AsUser, error::InboxError},
    model::{
        contact::{Email, Phone},
        ids::{ConversationId, PersonId, UserId},
        record::RecordRef,
    },
    pipedrive::{DealFilter, FoundPerson, SearchField},
    records::identity::Identity,
};

/// Most persons, deals or leads that are listed.
const MAX: usize = 20;
/// Shortest text that is searched for (Pipedrive's API reference, v2, `GET /persons/search`).
const MIN_TERM: usize = 2;
/// Longest text that is searched for, in characters.
const MAX_TERM: usize = 100;

/// What there is to choose from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Candidates {
    /// Persons, best first.
    pub persons: Vec<PersonCandidate>,
    /// Deals of the linked person, open ones first.
    pub deals: Vec<Candidate>,
    /// Leads of the linked person.
    pub leads: Vec<Candidate>,
}

/// A person that the customer could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonCandidate {
    /// Pipedrive's.
    pub id: PersonId,
    /// What they are called.
    pub name: String,
    /// Whose they are.
    pub owner: Option<UserId>,
    /// Their numbers.
    pub phones: Vec<String>,
    /// Their addresses.
    pub emails: Vec<String>,
    /// Whether one of the numbers is the customer's.
    pub same_number: bool,
    /// Where they are in Pipedrive.
    pub url: String,
}

/// A deal or a lead that it could be about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Pipedrive's.
    pub id: RecordId,
    /// What it is called.
    pub title: String,
    /// Whose it is.
    pub owner: Option<UserId>,
    /// Whether it is still worked at.
    pub open: bool,
    /// Where it is in Pipedrive.
    pub url: String,
}

/// Persons for `term`. Without one: persons with the customer's number or address while nobody is linked, deals and leads of the
/// person once somebody is.
pub async fn candidates(
    ports: &LinkPorts<'_>,
    caller: &Caller,
    id: &ConversationId,
    term: Option<&str>,
) -> Result<Candidates, InboxError> {
    let conversation = visible(ports, id).await?;
    let members = ports.installations.members(caller.company).await?;
    let looking = Looking {
        ports,
        caller,
        as_user: ports.acting(caller),
        domain: domain(&members, caller),
        customer: Identity::of(&conversation.customer),
    };
    let term = term.map(str::trim).filter(|term| !term.is_empty());
    match (term, conversation.record.person()) {
        (Some(term), _) => Ok(Candidates { persons: looking.named(term).await?, ..Candidates::default() }),
        (None, None) => Ok(Candidates { persons: looking.likely().await?, ..Candidates::default() }),
        (None, Some(person)) => {
            let (deals, leads) = futures_util::future::try_join(looking.deals(person), looking.leads(person)).await?;
            Ok(Candidates { persons: Vec::new(), deals, leads })
        }
    }
}

struct Looking<'a> {
    ports: &'a LinkPorts<'a>,
    caller: &'a Caller,
    as_user: AsUser<'a>,
    domain: &'a str,
    customer: Identity,
}

impl Looking<'_> {
    async fn named(&self, term: &str) -> Result<Vec<PersonCandidate>, InboxError> {
        let length = term.chars().count();
        if !(MIN_TERM..=MAX_TERM).contains(&length) {
            let problem = format!("must have {MIN_TERM} to {MAX_TERM} characters");
            return Err(InboxError::BadRequest { parameter: "q", problem });
        }
        if let Some(phone) = Phone::parse(term) {
            return self.with(&phone).await;
        }
        let field = if Email::parse(term).is_some() { SearchField::Email } else { SearchField::Name };
        Ok(self.listed(self.search(field, term, false).await?))
    }

    /// Whoever our own map leads to from the customer's number or address; else whoever Pipedrive's search finds.
    async fn likely(&self) -> Result<Vec<PersonCandidate>, InboxError> {
        let (links, company, api) = (self.ports.relink.links, self.caller.company, self.ports.persons);
        let mut known = Vec::new();
        if let Some(phone) = &self.customer.phone {
            known.extend(links.person_of_phone(company, phone).await?);
        }
        if let Some(email) = &self.customer.email {
            known.extend(links.person_of_email(company, email).await?);
        }
        if let Some(person) = known.first().copied() {
            match self.as_user.call(|access| async move { api.person(&access, person).await }).await {
                Ok(found) if self.customer.is(&found) => {
                    let known = known_person(&found, self.ports.clock.now());
                    let values = |values: Vec<crate::pipedrive::Labelled>| values.into_iter().map(|v| v.value).collect();
                    let (phones, emails) = (values(found.phones), values(found.emails));
                    let found = FoundPerson { id: found.id, name: known.name, owner: known.owner, emails, phones };
                    return Ok(self.listed(vec![found]));
                }
                Ok(_) | Err(InboxError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(phone) = &self.customer.phone {
            let found = self.with(phone).await?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let Some(email) = &self.customer.email else { return Ok(Vec::new()) };
        Ok(self.listed(self.search(SearchField::Email, email.as_str(), true).await?))
    }

    /// As the number is usually written; if nobody has it so, by its end.
    async fn with(&self, phone: &Phone) -> Result<Vec<PersonCandidate>, InboxError> {
        let same = |found: &FoundPerson| found.phones.iter().any(|known| phone.is(known));
        for (term, exact) in [(phone.as_str(), true), (phone.ending(), false)] {
            let mut found = self.search(SearchField::Phone, term, exact).await?;
            found.retain(same);
            if !found.is_empty() {
                return Ok(self.listed(found));
            }
        }
        Ok(Vec::new())
    }

    async fn search(&self, field: SearchField, term: &str, exact: bool) -> Result<Vec<FoundPerson>, InboxError> {
        let api = self.ports.persons;
        self.as_user.call(|access| async move { api.search_persons(&access, field, term, exact).await }).await
    }

    fn listed(&self, found: Vec<FoundPerson>) -> Vec<PersonCandidate> {
        let candidate = |found: FoundPerson| PersonCandidate {
            same_number: self.customer.phone.as_ref().is_some_and(|phone| found.phones.iter().any(|known| phone.is(known))),
            url: url(self.domain, &RecordRef::Person(found.id)),
            id: found.id,
            name: found.name,
            owner: found.owner,
            phones: found.phones,
            emails: found.emails,
        };
        let mut all: Vec<PersonCandidate> = found.into_iter().take(MAX).map(candidate).collect();
        all.sort_by_key(|candidate| !candidate.same_number);
        all
    }

    async fn deals(&self, person: PersonId) -> Result<Vec<Candidate>, InboxError> {
        let (api, filter) = (self.ports.deals, DealFilter { person: Some(person), ..DealFilter::default() });
        let filter = &filter;
        let found = self.as_user.call(|access| async move { api.deals(&access, filter, None, 100).await }).await?;
        let mut deals: Vec<Candidate> = found
            .items
            .into_iter()
            .map(|deal| Candidate {
                id: RecordId::Number(deal.id.0),
                open: deal.is_open(),
                url: url(self.domain, &RecordRef::Deal(deal.id)),
                title: deal.title,
                owner: deal.owner,
            })
            .collect();
        // They come oldest first.
        deals.reverse();
        deals.sort_by_key(|deal| !deal.open);
        deals.truncate(MAX);
        Ok(deals)
    }

    async fn leads(&self, person: PersonId) -> Result<Vec<Candidate>, InboxError> {
        let api = self.ports.leads;
        let found = self.as_user.call(|access| async move { api.leads_of(&access, person, None, MAX).await }).await?;
        let candidate = |lead: crate::pipedrive::Lead| Candidate {
            url: url(self.domain, &RecordRef::Lead(lead.id.clone())),
            open: !lead.archived,
            id: RecordId::Lead(lead.id),
            title: lead.title,
            owner: lead.owner,
        };
        Ok(found.items.into_iter().map(candidate).collect())
    }
}
