//! The link between a conversation and Pipedrive's records: what salespeople do with it, and what becomes of it when somebody
//! changes the records in Pipedrive. Over the real router, the embedded table and the simulated Pipedrive.

mod creating;
mod faults;
mod fixture;
mod hearing;
mod linking;
mod settings;
mod tenants;
mod watching;
