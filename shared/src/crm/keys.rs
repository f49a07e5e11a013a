//! The keys of a company, as its users manage them: made, named, listed, changed, rotated, revoked. A secret is shown once.

use std::time::Duration;

use aws_lc_rs::rand;
use serde::Serialize;

use super::{
    access::{SECRET_CHARS, hash, written},
    ports::KeyStore,
};
use crate::{
    inbox::{
        Caller,
        error::InboxError,
        ports::{InstallationStore, StoreError},
    },
    model::{
        api_key::{ApiKey, RateLimit, Trouble},
        ids::KeyId,
        installation::InstallationState,
        text::{MAX_NAME_BYTES, clean},
        time::Timestamp,
    },
    seal::SealError,
};

/// Most keys of a company.
pub const MAX_KEYS: usize = 50;
/// Longest name of a key, in characters.
const MAX_NAME: usize = 100;
/// How long the secret before a rotation goes on working.
pub const GRACE: Duration = Duration::from_hours(24);
/// 32 characters, so that each takes five bits of a random byte.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

/// A key as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// How it is named in paths.
    pub id: KeyId,
    /// How the key begins.
    pub prefix: String,
    /// What it is called.
    pub name: String,
    /// Calls a second.
    pub per_second: u32,
    /// Calls at once.
    pub burst: u32,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When it last called, RFC 3339.
    pub last_used_at: Option<String>,
    /// Until when the secret before works, RFC 3339.
    pub old_secret_until: Option<String>,
    /// What its calls run into.
    pub trouble: Option<Trouble>,
    /// Whether the caller made it.
    pub own: bool,
}

/// A key with its secret, which nobody can show again.
#[derive(Debug, Clone, Serialize)]
pub struct ShownKey {
    /// The whole key.
    pub key: String,
    /// The rest of it.
    #[serde(flatten)]
    pub view: KeyView,
}

/// What the set-up page sends of a key.
#[derive(Debug, Clone)]
pub struct KeyFields {
    /// What to call it.
    pub name: String,
    /// How often it may call.
    pub limit: RateLimit,
}

impl KeyView {
    fn new(key: ApiKey, caller: &Caller, now: Timestamp) -> Self {
        Self {
            prefix: format!("pp_{}", key.id),
            id: key.id,
            name: key.name,
            per_second: key.limit.per_second,
            burst: key.limit.burst,
            created_at: key.created_at.rfc3339(),
            last_used_at: key.last_used_at.map(Timestamp::rfc3339),
            old_secret_until: key.outgoing.map(|old| old.until).filter(|until| now < *until).map(Timestamp::rfc3339),
            trouble: key.trouble,
            own: key.owner == caller.user,
        }
    }
}

/// A secret: random characters that survive every form and mail.
fn new_secret() -> Result<String, InboxError> {
    let mut bytes = [0_u8; SECRET_CHARS];
    rand::fill(&mut bytes).map_err(|_| SealError::NoKey)?;
    Ok(bytes.into_iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect())
}

fn checked(fields: &KeyFields) -> Result<(String, RateLimit), InboxError> {
    let name = clean(fields.name.trim(), MAX_NAME_BYTES);
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return Err(InboxError::invalid_body("name", format!("has to have 1 to {MAX_NAME} characters")));
    }
    let RateLimit { per_second, burst } = RateLimit::MOST;
    for (field, given, most) in [("per_second", fields.limit.per_second, per_second), ("burst", fields.limit.burst, burst)] {
        if !(1..=most).contains(&given) {
            return Err(InboxError::invalid_body(field, format!("has to be 1 to {most}")));
        }
    }
    Ok((name, fields.limit))
}

/// Only a user who has the app may manage keys: a session outlives an uninstallation by minutes.
async fn is_member(installations: &dyn InstallationStore, caller: &Caller) -> Result<(), InboxError> {
    match installations.installation(caller.company, caller.user).await? {
        Some(installation) if installation.state != InstallationState::Uninstalled => Ok(()),
        _ => Err(InboxError::Forbidden("the app is not installed for this user".to_owned())),
    }
}

/// A key of the caller's company. One of another company is as unknown as any.
async fn own_key(store: &dyn KeyStore, caller: &Caller, id: &KeyId) -> Result<ApiKey, InboxError> {
    if id.company() != caller.company {
        return Err(InboxError::NotFound("key"));
    }
    store.key(id).await?.ok_or(InboxError::NotFound("key"))
}

/// What managing keys needs.
pub struct KeyPorts<'a> {
    /// Keys.
    pub keys: &'a dyn KeyStore,
    /// Who may manage them.
    pub installations: &'a dyn InstallationStore,
    /// The time.
    pub now: Timestamp,
}

/// The company's keys, oldest first.
pub async fn list(ports: &KeyPorts<'_>, caller: &Caller) -> Result<Vec<KeyView>, InboxError> {
    is_member(ports.installations, caller).await?;
    let mut keys = ports.keys.keys(caller.company).await?;
    keys.sort_by_key(|key| key.created_at);
    Ok(keys.into_iter().map(|key| KeyView::new(key, caller, ports.now)).collect())
}

/// Makes a key. Its calls are made for the caller.
pub async fn make(ports: &KeyPorts<'_>, caller: &Caller, fields: &KeyFields) -> Result<ShownKey, InboxError> {
    let (name, limit) = checked(fields)?;
    is_member(ports.installations, caller).await?;
    if ports.keys.keys(caller.company).await?.len() >= MAX_KEYS {
        return Err(InboxError::invalid_body("name", format!("cannot be given: a company has at most {MAX_KEYS} keys")));
    }
    let (id, secret) = (KeyId::new(caller.company), new_secret()?);
    let key = ApiKey {
        id: id.clone(),
        company: caller.company,
        owner: caller.user,
        name,
        hash: hash(&secret),
        outgoing: None,
        limit,
        busy_until: Timestamp::EPOCH,
        created_at: ports.now,
        last_used_at: None,
        trouble: None,
    };
    ports.keys.add_key(&key).await?;
    tracing::info!(%id, company = %caller.company, user = %caller.user, "an API key was made");
    Ok(ShownKey { key: written(&id, &secret), view: KeyView::new(key, caller, ports.now) })
}

/// Changes a key's name and limit.
pub async fn change(ports: &KeyPorts<'_>, caller: &Caller, id: &KeyId, fields: &KeyFields) -> Result<KeyView, InboxError> {
    let (name, limit) = checked(fields)?;
    is_member(ports.installations, caller).await?;
    let key = own_key(ports.keys, caller, id).await?;
    if !ports.keys.change_key(id, &name, limit).await? {
        return Err(InboxError::NotFound("key"));
    }
    Ok(KeyView::new(ApiKey { name, limit, ..key }, caller, ports.now))
}

/// Gives a key a new secret. The one before works for [`GRACE`] more; one before that ends at once.
pub async fn rotate(ports: &KeyPorts<'_>, caller: &Caller, id: &KeyId) -> Result<ShownKey, InboxError> {
    is_member(ports.installations, caller).await?;
    let mut key = own_key(ports.keys, caller, id).await?;
    let (secret, until) = (new_secret()?, ports.now.plus(GRACE));
    let new = hash(&secret);
    if !ports.keys.rotate_key(id, &key.hash, &new, until).await? {
        return Err(InboxError::Store(StoreError::Contended { operation: "rotate an API key" }));
    }
    let before = std::mem::replace(&mut key.hash, new);
    key.outgoing = Some(crate::model::api_key::Outgoing { hash: before, until });
    tracing::info!(%id, company = %caller.company, user = %caller.user, "an API key was rotated");
    Ok(ShownKey { key: written(id, &secret), view: KeyView::new(key, caller, ports.now) })
}

/// Ends a key, with every secret that it has.
pub async fn revoke(ports: &KeyPorts<'_>, caller: &Caller, id: &KeyId) -> Result<(), InboxError> {
    is_member(ports.installations, caller).await?;
    own_key(ports.keys, caller, id).await?;
    if !ports.keys.delete_key(id).await? {
        return Err(InboxError::NotFound("key"));
    }
    tracing::info!(%id, company = %caller.company, user = %caller.user, "an API key was revoked");
    Ok(())
}
