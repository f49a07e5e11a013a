//! The bundle on one machine: every function's own handler in one process, behind a gateway that takes its routes from
//! `template.yaml`, over an embedded DynamoDB, with a simulated outside world.
//!
//! [`bundle::Bundle`] is all of it as one object. [`template`] says what runs, [`host`] has the functions, [`server`],
//! [`stream`] and [`schedules`] start them, [`simulators`] are what they call.

pub mod aws;
pub mod bucket;
pub mod bundle;
pub mod data;
pub mod demo;
pub mod dynamodb;
pub mod host;
pub mod iam;
pub mod options;
pub mod owner;
pub mod schedules;
pub mod secrets;
pub mod server;
pub mod stream;
pub mod template;

pub use ::simulators::{self, clock};
pub use bundle::{Bundle, BundleOptions};
