//! Tests of the bundle's parts together, in one program: linked once, and run beside each other.
//!
//! What listens to the whole process's log (`metrics`, `secrecy`, `provider_secrets`) is a program of its own.

mod background_faults;
mod browser;
mod consumption;
mod contacts;
mod custom;
mod dead;
mod delivery;
mod doctor;
mod documents;
mod erase;
mod events;
mod faults;
mod halts;
mod inbox;
mod installation;
mod links;
mod listening;
mod manifest;
mod media;
mod operator;
mod outside_world;
mod patience;
mod poison;
mod receiving;
mod records;
mod removal;
mod removal_faults;
mod removal_outside;
mod repeats;
mod reseal;
mod rotation;
mod session;
mod setup;
mod setup_faults;
mod stacks;
mod statuses;
mod store;
mod template;
mod templates_change;
mod tokens;
mod tree;
mod workflows;
