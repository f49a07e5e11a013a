//! What the end-to-end tests share.

pub mod call;
pub mod wire;
pub mod world;
