//! What Meta's products have in common: the proof that a webhook is Meta's, and the Graph API as a transport with its errors.

pub(super) mod errors;
mod graph;
mod usage;
mod verify;

use self::usage::wait;
pub use self::verify::handshake;
pub(super) use self::{graph::Graph, verify::signature};
