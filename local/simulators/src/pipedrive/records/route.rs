//! Which request is for which records.

use axum::http::Method;

use super::answer::Version;

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
    /// `/api/v1/leads`.
    Leads,
    /// `/api/v1/notes`.
    Notes,
    /// `/api/v1/files`.
    Files,
    /// `/api/v1/webhooks`.
    Webhooks,
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
    /// `PATCH`, or `PUT` for notes.
    Update,
    /// `DELETE` of one.
    Delete,
}

/// A request for records, taken apart.
#[derive(Clone, Copy)]
pub(in super::super) struct Route<'p> {
    pub(in super::super) kind: Kind,
    pub(in super::super) action: Action,
    pub(super) id: Option<&'p str>,
}

impl Kind {
    fn of(version: &str, collection: &str) -> Option<Self> {
        match (version, collection) {
            ("v2", "persons") => Some(Self::Persons),
            ("v2", "deals") => Some(Self::Deals),
            ("v2", "pipelines") => Some(Self::Pipelines),
            ("v2", "stages") => Some(Self::Stages),
            ("v1", "leads") => Some(Self::Leads),
            ("v1", "notes") => Some(Self::Notes),
            ("v1", "files") => Some(Self::Files),
            ("v1", "webhooks") => Some(Self::Webhooks),
            _ => None,
        }
    }

    /// The version of the API that has it, and what it is called there.
    pub(super) fn place(self) -> (Version, &'static str) {
        match self {
            Self::Persons => (Version::V2, "persons"),
            Self::Deals => (Version::V2, "deals"),
            Self::Pipelines => (Version::V2, "pipelines"),
            Self::Stages => (Version::V2, "stages"),
            Self::Leads => (Version::V1, "leads"),
            Self::Notes => (Version::V1, "notes"),
            Self::Files => (Version::V1, "files"),
            Self::Webhooks => (Version::V1, "webhooks"),
        }
    }

    pub(super) fn update_method(self) -> &'static str {
        if self == Self::Notes { "PUT" } else { "PATCH" }
    }

    fn is_read_only(self) -> bool {
        matches!(self, Self::Pipelines | Self::Stages)
    }
}

impl<'p> Route<'p> {
    /// What a request asks for, unless there is no such thing.
    pub(in super::super) fn of(method: &Method, path: &'p str) -> Option<Self> {
        let (version, rest) = path.strip_prefix("/api/")?.split_once('/')?;
        let (collection, id) = rest.split_once('/').map_or((rest, None), |(collection, id)| (collection, Some(id)));
        let kind = Kind::of(version, collection)?;
        let action = match (method.as_str(), id) {
            (_, Some(id)) if id.is_empty() || id.contains('/') => return None,
            ("GET", None) => Action::List,
            ("GET", Some("search")) if kind == Kind::Persons => Action::Search,
            ("GET" | "PATCH", Some(_)) if kind == Kind::Webhooks => return None,
            ("GET", Some(_)) => Action::Get,
            _ if kind.is_read_only() => return None,
            ("POST", None) => Action::Create,
            (method, Some(_)) if method == kind.update_method() && kind != Kind::Files => Action::Update,
            ("DELETE", Some(_)) => Action::Delete,
            _ => return None,
        };
        Some(Self { kind, action, id })
    }
}
