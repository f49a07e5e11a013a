//! What the end-to-end tests share.

pub mod call;
pub mod slow;
pub mod wire;
pub mod world;
