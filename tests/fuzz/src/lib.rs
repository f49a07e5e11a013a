//! What strangers may send: for each way in, a function that takes any bytes and must come back. `fuzz/` has libFuzzer call
//! them, guided by what they reach; `tests/rounds.rs` has the compiler of every day call them with mutated fixtures.

pub mod corpus;
pub mod mutate;
mod requests;
mod sessions;
mod signatures;
mod webhooks;
mod world;

/// A way in.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, also that of its cargo-fuzz target.
    pub name: &'static str,
    /// Takes any bytes. Panics if something is wrong.
    pub run: fn(&[u8]),
    /// What to start from.
    pub corpus: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "whatsapp", run: webhooks::whatsapp, corpus: corpus::whatsapp },
    Target { name: "messenger", run: webhooks::messenger, corpus: corpus::messenger },
    Target { name: "telegram", run: webhooks::telegram, corpus: corpus::telegram },
    Target { name: "twilio", run: webhooks::twilio, corpus: corpus::twilio },
    Target { name: "custom", run: webhooks::custom, corpus: corpus::custom },
    Target { name: "signatures", run: signatures::any, corpus: corpus::signatures },
    Target { name: "form", run: requests::form, corpus: corpus::forms },
    Target { name: "cursors", run: requests::cursors, corpus: corpus::cursors },
    Target { name: "sessions", run: sessions::any, corpus: corpus::sessions },
    Target { name: "api", run: requests::api, corpus: corpus::api },
    Target { name: "page", run: requests::page, corpus: corpus::page },
    Target { name: "pipedrive", run: webhooks::pipedrive, corpus: corpus::pipedrive },
];

/// The target of that name.
///
/// # Panics
/// If there is none.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.unwrap_or_else(|| panic!("no target {name}")).run)(data);
}
