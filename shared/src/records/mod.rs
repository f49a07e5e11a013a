//! The delivery to Pipedrive's records: whom a conversation is with, what it is linked to, and its transcript in notes.

pub mod link;
pub mod ports;
pub mod route;
pub mod watch;
