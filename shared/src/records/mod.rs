//! The delivery to Pipedrive's records: whom a conversation is with, what it is linked to, and its transcript in notes.

pub mod budget;
mod creating;
mod deal;
pub mod deliver;
mod files;
mod gone;
pub mod history;
mod identity;
pub mod link;
pub mod ports;
pub mod route;
mod strangers;
#[cfg(test)]
mod tests;
pub mod transcript;
pub mod watch;
mod who;
mod work;
mod writing;
pub mod zone;

pub use work::RecordsPorts;
