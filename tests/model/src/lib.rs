//! Receiving and delivering, as the functions do it, over a table in memory and a Pipedrive in memory, one step at a time.
//!
//! A step is a call of a port. Whoever drives a [`world::World`] says which webhook, delivery or redelivery takes its next
//! step, which of them dies there, what fails, and how much time passes; so every interleaving can be had, and had again. The
//! table in memory does what the real one does: `tests/proofs/differential` compares them.

mod check;
pub mod memory;
pub mod nowhere;
pub mod op;
pub mod pace;
pub mod pipedrive;
pub mod world;
