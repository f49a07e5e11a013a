//! Delivery to Pipedrive's records, over the real router, an embedded table and the simulated Pipedrive.

mod auto;
mod faults;
mod fixture;
mod strangers;
mod tenants;
mod transcript;
