//! What Meta's products have in common: the proof that a webhook is Meta's, and the Graph API as a transport.

mod graph;
mod verify;

pub use self::verify::handshake;
pub(super) use self::{graph::Graph, verify::signature};
