//! Pipedrive, as far as the bundle needs it: a typed client behind ports.

pub mod channels;
pub mod client;
pub mod deals;
pub mod error;
pub mod events;
pub mod files;
pub mod leads;
mod limits;
pub mod notes;
pub mod oauth;
pub mod persons;
pub mod pipelines;
mod ports;
pub mod price;
mod records;
pub mod spend;
#[cfg(test)]
mod testing;
pub mod users;
pub mod webhooks;

pub use ports::*;
