//! What Meta's products have in common: the proof that a webhook is Meta's, and the Graph API as a transport.

mod graph;
mod usage;
mod verify;

pub use self::verify::handshake;
pub(super) use self::{graph::Graph, usage::wait, verify::signature};
