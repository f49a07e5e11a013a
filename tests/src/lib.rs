//! What the end-to-end tests share.

pub mod call;
pub mod gate;
pub mod log;
pub mod many;
pub mod meter;
pub mod outside;
pub mod slow;
pub mod table;
pub mod wait;
pub mod web;
pub mod wire;
pub mod world;
