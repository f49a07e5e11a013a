//! The contacts and deals API as its callers meet it: over the real router, the embedded table and the simulated Pipedrive.
//! Every answer is held against `/v2/openapi.json` by `caller`.

mod acting;
mod caller;
mod ceilings;
mod contact;
mod deals;
mod description;
mod developer;
mod idempotency;
mod keys;
mod limits;
mod links;
mod lists;
mod pages;
mod races;
mod schema;
mod tenants;
