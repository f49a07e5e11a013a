//! The contacts and deals API, beyond HTTP: what a bot, a form or a marketing tool may do in a company's Pipedrive with an
//! API key. Contacts are persons in Pipedrive; pipelines, stages and deals are Pipedrive's own; segmentation lists are ours.
//!
//! [`access`] lets a key in and counts its calls, [`acting`] finds the user who acts for it, [`idempotency`] answers a
//! repeated call once, [`locks`] keeps two creates of the same contact apart. [`contacts`], [`deals`] and [`lists`] are the
//! use cases, [`keys`] those of the set-up page, [`shapes`] the bodies in and out.

pub mod access;
pub mod acting;
pub mod contacts;
pub mod deals;
pub mod error;
pub mod idempotency;
pub mod keys;
pub mod lists;
pub mod locks;
pub mod pages;
pub mod ports;
pub mod shapes;
