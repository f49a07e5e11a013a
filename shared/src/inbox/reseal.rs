//! Sealing anew with the ring's first key what was sealed with an older one, so that the older one can be taken away. For the
//! operator's tool. It may run beside everything else, and again: what functions seal meanwhile that still have the old ring is found by
//! the next pass.

use std::{collections::BTreeSet, fmt};

use secrecy::ExposeSecret;

use super::{error::InboxError, everyone::EveryoneStore, ports::StoreError, tokens::seal_context};
use crate::{
    model::{
        ids::{ChannelId, CompanyId, UserId},
        watch::Watch,
    },
    seal::{SealError, Sealed, Vault},
};

/// How often all is looked through at most.
const PASSES: usize = 5;

/// A sealed value, by whose it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// The tokens of an installation.
    Tokens(CompanyId, UserId),
    /// The credentials of a channel.
    Credentials(ChannelId),
    /// The password of a company's webhooks in Pipedrive.
    Password(CompanyId),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens(company, user) => write!(f, "the tokens of user {user} of company {company}"),
            Self::Credentials(channel) => write!(f, "the credentials of channel {channel}"),
            Self::Password(company) => write!(f, "the webhook password of company {company}"),
        }
    }
}

/// What was sealed anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Tokens of installations.
    pub tokens: usize,
    /// Credentials of channels.
    pub credentials: usize,
    /// Passwords of webhooks in Pipedrive.
    pub passwords: usize,
    /// What no key of the ring opens. It stays as it is.
    pub unopened: BTreeSet<Value>,
}

/// Seals everything anew that is sealed with an older key, until a pass finds nothing of the kind. What cannot be opened does not keep
/// the rest from it.
pub async fn all(store: &dyn EveryoneStore, vault: &Vault) -> Result<Resealed, InboxError> {
    let mut done = Resealed::default();
    for _ in 0..PASSES {
        if pass(store, vault, &mut done).await? == 0 {
            return Ok(done);
        }
    }
    Err(InboxError::Store(StoreError::Contended { operation: "seal everything anew" }))
}

/// How much it found that is sealed with an older key and can be opened.
async fn pass(store: &dyn EveryoneStore, vault: &Vault, done: &mut Resealed) -> Result<usize, InboxError> {
    let mut old = 0;
    let everyone = store.everyone().await?;
    // What could not be opened before may have been renewed since.
    done.unopened.clear();
    let Resealed { tokens, credentials, passwords, unopened } = done;
    let mut anew = |value: Value, context: &str, sealed: Option<&Sealed>| {
        let sealed = newly_sealed(vault, context, sealed).unwrap_or_else(|_| {
            unopened.insert(value);
            None
        });
        old += usize::from(sealed.is_some());
        sealed
    };
    // A replacement is refused where the value was renewed meanwhile; with which key, the next pass sees.
    for installation in &everyone.installations {
        let (company, user) = (installation.company, installation.user);
        let value = Value::Tokens(company, user);
        if let Some(sealed) = anew(value, &seal_context(company, user), installation.tokens.as_ref()) {
            *tokens += usize::from(store.replace_tokens(installation, &sealed).await?);
        }
    }
    for channel in &everyone.channels {
        let value = Value::Credentials(channel.id.clone());
        if let Some(sealed) = anew(value, &channel.seal_context(), channel.credentials.as_ref()) {
            *credentials += usize::from(store.replace_credentials(channel, &sealed).await?);
        }
    }
    for watch in &everyone.watches {
        let value = Value::Password(watch.company);
        if let Some(sealed) = anew(value, &Watch::seal_context(watch.company), watch.password.as_ref()) {
            *passwords += usize::from(store.replace_password(watch, &sealed).await?);
        }
    }
    Ok(old)
}

/// The value sealed with the newest key; none if it is, or if there is none.
fn newly_sealed(vault: &Vault, context: &str, sealed: Option<&Sealed>) -> Result<Option<Sealed>, SealError> {
    match sealed.filter(|sealed| !vault.is_newest(sealed)) {
        Some(sealed) => Ok(Some(vault.seal(context, vault.open(context, sealed)?.expose_secret())?)),
        None => Ok(None),
    }
}
