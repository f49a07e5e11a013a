//! An HTTP client that is built when it is first used: loading the root certificates takes milliseconds of a cold start,
//! which functions that rarely call out need not spend.

use std::{
    fmt,
    ops::Deref,
    sync::{Arc, LazyLock},
};

type Build = Box<dyn FnOnce() -> reqwest::Client + Send>;

/// A [`reqwest::Client`], sooner or later. Clones are the same client.
#[derive(Clone)]
pub struct LazyClient(Arc<LazyLock<reqwest::Client, Build>>);

impl LazyClient {
    /// One that `build` makes when it is first used.
    pub fn new(build: impl FnOnce() -> reqwest::Client + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(build))))
    }
}

impl From<reqwest::Client> for LazyClient {
    fn from(client: reqwest::Client) -> Self {
        Self::new(|| client)
    }
}

impl Deref for LazyClient {
    type Target = reqwest::Client;

    fn deref(&self) -> &reqwest::Client {
        &self.0
    }
}

impl fmt::Debug for LazyClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LazyClient")
    }
}
