//! Sealing anew with the ring's first key what was sealed with an older one, so that the older one can be taken away. For the
//! operator's tool. It may run beside everything else, and again: what changes meanwhile is sealed with the first key anyway.

use secrecy::ExposeSecret;

use super::{error::InboxError, everyone::EveryoneStore, tokens};
use crate::{
    model::watch::Watch,
    seal::{Sealed, Vault},
};

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

/// Seals everything anew that is sealed with an older key. Afterwards nothing is.
pub async fn all(store: &dyn EveryoneStore, vault: &Vault) -> Result<Resealed, InboxError> {
    let mut done = Resealed::default();
    let everyone = store.everyone().await?;
    // A refused replacement: the value was renewed meanwhile, and sealed with the first key.
    for installation in &everyone.installations {
        let context = tokens::seal_context(installation.company, installation.user);
        if let Some(sealed) = anew(vault, &context, installation.tokens.as_ref())? {
            done.tokens += usize::from(store.replace_tokens(installation, &sealed).await?);
        }
    }
    for channel in &everyone.channels {
        if let Some(sealed) = anew(vault, &channel.seal_context(), channel.credentials.as_ref())? {
            done.credentials += usize::from(store.replace_credentials(channel, &sealed).await?);
        }
    }
    for watch in &everyone.watches {
        if let Some(sealed) = anew(vault, &Watch::seal_context(watch.company), watch.password.as_ref())? {
            done.passwords += usize::from(store.replace_password(watch, &sealed).await?);
        }
    }
    Ok(done)
}

fn anew(vault: &Vault, context: &str, sealed: Option<&Sealed>) -> Result<Option<Sealed>, InboxError> {
    match sealed.filter(|sealed| !vault.is_newest(sealed)) {
        Some(sealed) => Ok(Some(vault.seal(context, vault.open(context, sealed)?.expose_secret())?)),
        None => Ok(None),
    }
}
