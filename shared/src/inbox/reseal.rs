//! Sealing anew with the ring's first key what was sealed with an older one, so that the older one can be taken away. For the
//! operator's tool. It may run beside everything else, and again: what functions seal meanwhile that still have the old ring is found by
//! the next pass.

use secrecy::ExposeSecret;

use super::{error::InboxError, everyone::EveryoneStore, ports::StoreError, tokens};
use crate::{
    model::watch::Watch,
    seal::{Sealed, Vault},
};

/// How often all is looked through at most.
const PASSES: usize = 5;

/// How much was sealed anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Tokens of installations.
    pub tokens: usize,
    /// Credentials of channels.
    pub credentials: usize,
    /// Passwords of webhooks in Pipedrive.
    pub passwords: usize,
}

/// Seals everything anew that is sealed with an older key, until a pass finds nothing of the kind.
pub async fn all(store: &dyn EveryoneStore, vault: &Vault) -> Result<Resealed, InboxError> {
    let mut done = Resealed::default();
    for _ in 0..PASSES {
        if pass(store, vault, &mut done).await? == 0 {
            return Ok(done);
        }
    }
    Err(InboxError::Store(StoreError::Contended { operation: "seal everything anew" }))
}

/// How much it found that is sealed with an older key.
async fn pass(store: &dyn EveryoneStore, vault: &Vault, done: &mut Resealed) -> Result<usize, InboxError> {
    let mut old = 0;
    let everyone = store.everyone().await?;
    // A replacement is refused where the value was renewed meanwhile; with which key, the next pass sees.
    for installation in &everyone.installations {
        let context = tokens::seal_context(installation.company, installation.user);
        if let Some(sealed) = anew(vault, &context, installation.tokens.as_ref())? {
            old += 1;
            done.tokens += usize::from(store.replace_tokens(installation, &sealed).await?);
        }
    }
    for channel in &everyone.channels {
        if let Some(sealed) = anew(vault, &channel.seal_context(), channel.credentials.as_ref())? {
            old += 1;
            done.credentials += usize::from(store.replace_credentials(channel, &sealed).await?);
        }
    }
    for watch in &everyone.watches {
        if let Some(sealed) = anew(vault, &Watch::seal_context(watch.company), watch.password.as_ref())? {
            old += 1;
            done.passwords += usize::from(store.replace_password(watch, &sealed).await?);
        }
    }
    Ok(old)
}

fn anew(vault: &Vault, context: &str, sealed: Option<&Sealed>) -> Result<Option<Sealed>, InboxError> {
    match sealed.filter(|sealed| !vault.is_newest(sealed)) {
        Some(sealed) => Ok(Some(vault.seal(context, vault.open(context, sealed)?.expose_secret())?)),
        None => Ok(None),
    }
}
