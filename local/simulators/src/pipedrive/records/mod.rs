//! What a Pipedrive account holds beside the inbox: persons, deals, pipelines, stages, leads, notes and files, with versions
//! 1 and 2 of the API in front of them, and webhooks that are told of what changes.
//!
//! Each company has records of its own, counted from 1. Bodies, queries and ids are taken as strictly as Pipedrive takes
//! them; with the feature `contracts`, where `PIGEONPOST_CONTRACTS` names Pipedrive's API descriptions, requests must satisfy those
//! as well.

mod answer;
mod body;
mod budget;
#[cfg(feature = "contracts")]
mod contract;
mod deal;
mod deals;
mod events;
mod files;
mod hands;
mod html;
mod leads;
mod merging;
#[cfg_attr(feature = "contracts", expect(dead_code, reason = "it stands in for contract"))]
mod no_contract;
mod notes;
mod paging;
mod persons;
mod pipelines;
mod query;
mod route;
mod search;
mod slice;
mod telling;
mod time;
mod view;
mod webhooks;

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use serde_json::Value;
use shared::model::{
    ids::{CompanyId, UserId},
    time::Timestamp,
};

#[cfg(not(feature = "contracts"))]
use self::no_contract as contract;
use self::{
    answer::{Refusal, Version},
    events::Doer,
    files::Form,
    search::Index,
};
pub use self::{
    budget::Limits,
    deal::{Deal, DealStatus},
    files::File,
    leads::Lead,
    notes::Note,
    persons::{Entry, Person},
    pipelines::{Pipeline, Stage},
    route::{Action, Kind},
    search::PhoneSearch,
    telling::{Telling, Told},
    webhooks::Webhook,
};
pub(super) use self::{
    budget::{Meter, TOKENS_LEFT, too_many},
    contract::objection,
    route::Route,
    telling::Outgoing,
};
use super::{PipedriveSim, Settings, User, api};

/// A company's records.
pub(super) struct Records {
    persons: BTreeMap<u64, Person>,
    deals: BTreeMap<u64, Deal>,
    pipelines: Vec<Pipeline>,
    stages: Vec<Stage>,
    leads: Vec<Lead>,
    notes: BTreeMap<u64, Note>,
    files: BTreeMap<u64, File>,
    webhooks: Vec<Webhook>,
    last_webhook: u64,
    /// Names by id.
    organizations: BTreeMap<u64, String>,
    index: Index,
}

/// A request with all that decides its answer.
#[derive(Clone)]
struct Ask<'a> {
    id: Option<&'a str>,
    query: &'a str,
    body: &'a [u8],
    /// The body, where it is one with a file.
    form: Option<&'a Form>,
    company: CompanyId,
    user: UserId,
    /// The company's users.
    users: &'a [User],
    settings: &'a Settings,
    now: Timestamp,
}

impl Records {
    /// What an account begins with: two pipelines and nobody in them.
    pub(super) fn new(now: Timestamp) -> Self {
        let (pipelines, stages) = pipelines::first(now);
        Self {
            persons: BTreeMap::new(),
            deals: BTreeMap::new(),
            pipelines,
            stages,
            leads: Vec::new(),
            notes: BTreeMap::new(),
            files: BTreeMap::new(),
            webhooks: Vec::new(),
            last_webhook: 0,
            organizations: BTreeMap::new(),
            index: Index::default(),
        }
    }

    fn answer(&mut self, kind: Kind, action: Action, ask: &Ask<'_>) -> Result<Value, Refusal> {
        use {Action as A, Kind as K};
        match (kind, action) {
            (K::Persons, A::List) => persons::list(self, ask),
            (K::Persons, A::Search) => search::persons(self, ask),
            (K::Persons, A::Get) => persons::get(self, ask),
            (K::Persons, A::Create) => persons::create(self, ask),
            (K::Persons, A::Update) => persons::update(self, ask),
            (K::Persons, A::Delete) => persons::delete(self, ask),
            (K::Deals, A::List) => deals::list(self, ask),
            (K::Deals, A::Get) => deals::get(self, ask),
            (K::Deals, A::Create) => deals::create(self, ask),
            (K::Deals, A::Update) => deals::update(self, ask),
            (K::Deals, A::Delete) => deals::delete(self, ask),
            (K::Pipelines, A::List) => pipelines::list(self, ask),
            (K::Pipelines, A::Get) => pipelines::get(self, ask),
            (K::Stages, A::List) => pipelines::list_stages(self, ask),
            (K::Stages, A::Get) => pipelines::get_stage(self, ask),
            (K::Leads, A::List) => leads::list(self, ask),
            (K::Leads, A::Get) => leads::get(self, ask),
            (K::Leads, A::Create) => leads::create(self, ask),
            (K::Leads, A::Update) => leads::update(self, ask),
            (K::Leads, A::Delete) => leads::delete(self, ask),
            (K::Notes, A::List) => notes::list(self, ask),
            (K::Notes, A::Get) => notes::get(self, ask),
            (K::Notes, A::Create) => notes::create(self, ask),
            (K::Notes, A::Update) => notes::update(self, ask),
            (K::Notes, A::Delete) => notes::delete(self, ask),
            (K::Files, A::List) => files::list(self, ask),
            (K::Files, A::Get) => files::get(self, ask),
            (K::Files, A::Create) => files::create(self, ask),
            (K::Files, A::Delete) => files::delete(self, ask),
            (K::Webhooks, A::List) => webhooks::list(self, ask),
            (K::Webhooks, A::Create) => webhooks::create(self, ask),
            (K::Webhooks, A::Delete) => webhooks::delete(self, ask),
            _ => Err(Refusal::not_found("Not found")),
        }
    }
}

impl Ask<'_> {
    /// The id in the path.
    fn number(&self) -> Result<u64, Refusal> {
        let id = self.id.unwrap_or_default();
        id.parse().map_err(|_| Refusal::invalid("id", "must be a positive integer"))
    }

    /// Checks that `owner` is a user of the company.
    fn owner(&self, owner: UserId) -> Result<UserId, Refusal> {
        let is_known = self.users.iter().any(|user| user.id == owner);
        if is_known { Ok(owner) } else { Err(Refusal::invalid("owner_id", "is not a user of the company")) }
    }
}

/// Answers every request for records.
pub(super) async fn serve(
    State(sim): State<PipedriveSim>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (company, user) = match api::caller(&sim, &headers) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let Some(route) = Route::of(&method, uri.path()) else { return Refusal::not_found("Not found").response(Version::V2) };
    let (version, _) = route.kind.place();
    let query = uri.query().unwrap_or_default();
    let form = match is_sound(route, query, &headers, &body).await {
        Ok(form) => form,
        Err(refused) => return refused.response(version),
    };
    let result = sim.with_records((company, user), route.id, &body, |records, ask| {
        let ask = Ask { query, form: form.as_ref(), ..ask.clone() };
        records.index.count_request();
        records.carry_out(route.kind, route.action, &ask)
    });
    match result {
        Ok((body, event)) => {
            sim.spread(Doer { company, user, by_api: true }, event);
            let is_made = matches!((route.kind, route.action), (Kind::Leads | Kind::Webhooks, Action::Create));
            api::json(if is_made { StatusCode::CREATED } else { StatusCode::OK }, &body)
        }
        Err(refused) => refused.response(version),
    }
}

impl PipedriveSim {
    /// Works on a company's records for a user.
    fn with_records<T>(
        &self,
        (company, user): (CompanyId, UserId),
        id: Option<&str>,
        body: &[u8],
        work: impl FnOnce(&mut Records, &Ask<'_>) -> T,
    ) -> T {
        let now = self.now();
        let mut world = self.world();
        let world = &mut *world;
        let users = world.companies.get(&company).map_or(&[][..], |company| &company.users);
        let ask = Ask { id, query: "", body, form: None, company, user, users, settings: &world.settings, now };
        work(world.records.entry(company).or_insert_with(|| Records::new(now)), &ask)
    }
}

/// What can be said about a request without looking at the records. Gives back the form that it holds, if any.
async fn is_sound(route: Route<'_>, query: &str, headers: &HeaderMap, body: &Bytes) -> Result<Option<Form>, Refusal> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if (route.kind, route.action) == (Kind::Files, Action::Create) {
        let form = Form::read(kind, body.clone()).await?;
        contract::check_form(route.kind, route.action, &form.as_json())?;
        return Ok(Some(form));
    }
    if matches!(route.action, Action::Create | Action::Update) && !kind.starts_with("application/json") {
        return Err(Refusal::invalid("body", "must be sent as application/json"));
    }
    contract::check(route.kind, route.action, query, body)?;
    Ok(None)
}
