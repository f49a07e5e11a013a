//! The manifest's endpoints as Pipedrive calls them, over the real router and the embedded table. Every answer is held
//! against the contract by `caller`.

mod access;
pub(crate) mod caller;
mod ceilings;
mod lists;
mod long_texts;
mod refusals;
mod removal;
mod send;
mod single;
