//! The use cases: what the bundle does, over ports. No HTTP, no AWS.

pub mod as_user;
pub mod connect;
pub mod dead;
pub mod deliver;
pub mod erase;
pub mod error;
pub mod everyone;
pub mod fetch;
pub mod files;
pub mod halt;
pub mod import;
pub mod install;
pub mod listen;
pub mod page;
pub mod ports;
pub mod read;
pub mod receive;
pub mod redeliver;
mod register;
pub mod remove;
pub mod reseal;
pub mod retry;
pub mod review;
pub mod send;
pub mod show;
pub mod sight;
pub mod templates;
pub mod tokens;
pub mod view;

use crate::model::ids::{CompanyId, UserId};

/// Who is asking, as a verified session says. The tenant of a request is always this one's company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
}
