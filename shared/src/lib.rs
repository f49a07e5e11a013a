//! Models, use cases and clients that every function of the bundle shares.
//!
//! [`model`] is what we talk about, [`inbox`] and [`crm`] what we do with it, over ports; [`store`], [`pipedrive`] and
//! [`providers`] are behind those ports; [`http`] is where requests become calls and errors become responses.

pub mod aws;
pub mod batch;
pub mod clock;
pub mod config;
pub mod crm;
pub mod environment;
pub mod hex;
pub mod http;
pub mod inbox;
pub mod media;
pub mod model;
pub mod pipedrive;
pub mod providers;
pub mod records;
pub mod seal;
pub mod secrets;
pub mod start;
pub mod store;
pub mod telemetry;
