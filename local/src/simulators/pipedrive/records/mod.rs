//! What a Pipedrive account holds beside the inbox: persons, deals, pipelines and stages, with version 2 of the API in
//! front of them (Pipedrive, "API v2").
//!
//! Each company has records of its own, counted from 1. Bodies, queries and ids are taken as strictly as Pipedrive takes
//! them; where `PIGEONPOST_CONTRACTS` names Pipedrive's API descriptions, requests must satisfy those as well.

mod answer;
mod body;
mod budget;
mod contract;
mod deals;
mod hands;
mod paging;
mod persons;
mod pipelines;
mod query;
mod search;
mod time;

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::Response,
};
use serde_json::Value;
use shared::model::{ids::UserId, time::Timestamp};

pub(super) use self::budget::{Meter, TOKENS_LEFT, too_many};
use self::{
    answer::{Refusal, Version},
    search::Index,
};
pub use self::{
    budget::Limits,
    deals::Deal,
    persons::{Entry, Person},
    pipelines::{Pipeline, Stage},
    search::PhoneSearch,
};
use super::{PipedriveSim, Settings, User, api};

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `/api/v2/persons`.
    Persons,
    /// `/api/v2/deals`.
    Deals,
    /// `/api/v2/pipelines`.
    Pipelines,
    /// `/api/v2/stages`.
    Stages,
}

/// What is done with records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// `GET` of the collection.
    List,
    /// `GET` of the collection's `/search`.
    Search,
    /// `GET` of one.
    Get,
    /// `POST`.
    Create,
    /// `PATCH`.
    Update,
    /// `DELETE` of one.
    Delete,
}

/// A request for records, taken apart.
#[derive(Clone, Copy)]
pub(super) struct Route<'p> {
    pub(super) kind: Kind,
    pub(super) action: Action,
    id: Option<&'p str>,
}

/// A company's records.
pub(super) struct Records {
    persons: BTreeMap<u64, Person>,
    deals: BTreeMap<u64, Deal>,
    pipelines: Vec<Pipeline>,
    stages: Vec<Stage>,
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

impl Kind {
    fn of(version: &str, collection: &str) -> Option<Self> {
        match (version, collection) {
            ("v2", "persons") => Some(Self::Persons),
            ("v2", "deals") => Some(Self::Deals),
            ("v2", "pipelines") => Some(Self::Pipelines),
            ("v2", "stages") => Some(Self::Stages),
            _ => None,
        }
    }

    /// The version of the API that has it, and what it is called there.
    fn place(self) -> (Version, &'static str) {
        match self {
            Self::Persons => (Version::V2, "persons"),
            Self::Deals => (Version::V2, "deals"),
            Self::Pipelines => (Version::V2, "pipelines"),
            Self::Stages => (Version::V2, "stages"),
        }
    }

    fn is_read_only(self) -> bool {
        matches!(self, Self::Pipelines | Self::Stages)
    }
}

impl<'p> Route<'p> {
    /// What a request asks for, unless there is no such thing.
    pub(super) fn of(method: &Method, path: &'p str) -> Option<Self> {
        let (version, rest) = path.strip_prefix("/api/")?.split_once('/')?;
        let (collection, id) = rest.split_once('/').map_or((rest, None), |(collection, id)| (collection, Some(id)));
        let kind = Kind::of(version, collection)?;
        let action = match (method.as_str(), id) {
            (_, Some(id)) if id.is_empty() || id.contains('/') => return None,
            ("GET", None) => Action::List,
            ("GET", Some("search")) if kind == Kind::Persons => Action::Search,
            ("GET", Some(_)) => Action::Get,
            _ if kind.is_read_only() => return None,
            ("POST", None) => Action::Create,
            ("PATCH", Some(_)) => Action::Update,
            ("DELETE", Some(_)) => Action::Delete,
            _ => return None,
        };
        Some(Self { kind, action, id })
    }
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
