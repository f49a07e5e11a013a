//! What a Pipedrive account holds beside the inbox: persons, deals, pipelines, stages, leads and notes, with versions 1
//! and 2 of the API in front of them.
//!
//! Each company has records of its own, counted from 1. Bodies, queries and ids are taken as strictly as Pipedrive takes
//! them; where `PIGEONPOST_CONTRACTS` names Pipedrive's API descriptions, requests must satisfy those as well.

mod answer;
mod body;
mod budget;
mod contract;
mod deal;
mod deals;
mod hands;
mod html;
mod leads;
mod notes;
mod paging;
mod persons;
mod pipelines;
mod query;
mod route;
mod search;
mod slice;
mod time;
mod view;

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use serde_json::Value;
use shared::model::{ids::UserId, time::Timestamp};

use self::{
    answer::{Refusal, Version},
    search::Index,
};
pub use self::{
    budget::Limits,
    deal::{Deal, DealStatus},
    leads::Lead,
    notes::Note,
    persons::{Entry, Person},
    pipelines::{Pipeline, Stage},
    route::{Action, Kind},
    search::PhoneSearch,
};
pub(super) use self::{
    budget::{Meter, TOKENS_LEFT, too_many},
    route::Route,
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
    /// Names by id.
    organizations: BTreeMap<u64, String>,
    index: Index,
}

/// A request with all that decides its answer.
struct Ask<'a> {
    id: Option<&'a str>,
    query: &'a str,
    body: &'a [u8],
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
    if let Err(refused) = is_sound(route, query, &headers, &body) {
        return refused.response(version);
    }
    let now = sim.now();
    let mut world = sim.world();
    let world = &mut *world;
    let users = world.companies.get(&company).map_or(&[][..], |company| &company.users);
    let ask = Ask { id: route.id, query, body: &body, user, users, settings: &world.settings, now };
    let records = world.records.entry(company).or_insert_with(|| Records::new(now));
    records.index.count_request();
    match records.answer(route.kind, route.action, &ask) {
        Ok(body) if (route.kind, route.action) == (Kind::Leads, Action::Create) => api::json(StatusCode::CREATED, &body),
        Ok(body) => api::json(StatusCode::OK, &body),
        Err(refused) => refused.response(version),
    }
}

/// What can be said about a request without looking at the records.
fn is_sound(route: Route<'_>, query: &str, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
    if matches!(route.action, Action::Create | Action::Update) {
        let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
        if !kind.starts_with(b"application/json") {
            return Err(Refusal::invalid("body", "must be sent as application/json"));
        }
    }
    contract::check(route.kind, route.action, query, body)
}
