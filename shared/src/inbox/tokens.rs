//! Pipedrive's tokens: opened for use, renewed before they run out, one renewal at a time per installation across all
//! functions, so that no race loses a refresh token that works.
//!
//! Whoever holds the lease in the table renews; the others wait for the new version. What comes back is stored before
//! it is used. A refused refresh token counts only if it is still the stored one.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::ports::{InstallationStore, Lease, StoreError};
use crate::{
    clock::Clock,
    model::{
        ids::{CompanyId, UserId},
        installation::{Installation, InstallationState},
        time::Timestamp,
    },
    pipedrive::{Access, Grant, OAuth, error::PipedriveError, spend::Spend},
    seal::{SealError, Sealed, Vault},
    secrets::{SecretCache, SecretsError},
    telemetry::metrics::{self, Metric},
};

/// Renew when less than this is left.
const EARLY: Duration = Duration::from_mins(5);
/// Use a token for at least this long still, rather than wait for another's renewal.
const STILL_GOOD: Duration = Duration::from_secs(30);
/// A lease outlives the call to Pipedrive that it covers.
const LEASE: Duration = Duration::from_secs(30);
/// How long and how often to wait for another's renewal.
const WAIT_STEP: Duration = Duration::from_millis(200);
const WAIT_STEPS: usize = 60;
/// How often renewed tokens are written.
const SAVE_TRIES: u32 = 5;
/// Renew unused tokens this long after their last renewal; they die after 60 days
/// (Pipedrive, "Refreshing the tokens").
const KEEP_ALIVE: Duration = Duration::from_hours(30 * 24);

/// Why there is no access.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The user has to authorize (again).
    #[error("the installation is not connected")]
    NotConnected,
    /// Another process kept the lease for too long.
    #[error("another renewal is under way")]
    Busy,
    /// Pipedrive failed to renew.
    #[error("the tokens could not be renewed")]
    Pipedrive(#[source] PipedriveError),
    /// The table failed.
    #[error("the installation could not be read or written")]
    Store(#[source] StoreError),
    /// The secret failed.
    #[error("the secret is not available")]
    Secrets(#[source] SecretsError),
    /// The tokens do not open.
    #[error("the tokens are not readable")]
    Seal(#[source] SealError),
}

impl From<StoreError> for TokenError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SecretsError> for TokenError {
    fn from(error: SecretsError) -> Self {
        Self::Secrets(error)
    }
}

impl From<SealError> for TokenError {
    fn from(error: SealError) -> Self {
        Self::Seal(error)
    }
}

/// Both tokens, as they are sealed.
#[derive(Serialize, Deserialize)]
struct Pair {
    access: String,
    refresh: String,
}

/// Seals a grant for its installation.
pub fn seal(vault: &Vault, company: CompanyId, user: UserId, grant: &Grant) -> Result<Sealed, SealError> {
    let pair =
        Pair { access: grant.access_token.expose_secret().to_owned(), refresh: grant.refresh_token.expose_secret().to_owned() };
    let plain = serde_json::to_vec(&pair).map_err(|_| SealError::Broken)?;
    vault.seal(&seal_context(company, user), &plain)
}

fn open(vault: &Vault, installation: &Installation) -> Result<Pair, TokenError> {
    let sealed = installation.tokens.as_ref().ok_or(TokenError::NotConnected)?;
    let plain = vault.open(&seal_context(installation.company, installation.user), sealed)?;
    serde_json::from_slice(plain.expose_secret()).map_err(|_| TokenError::Seal(SealError::Broken))
}

/// What an installation's tokens are sealed for.
pub fn seal_context(company: CompanyId, user: UserId) -> String {
    format!("installation:{company}:{user}")
}

/// Hands out access to Pipedrive.
pub struct Tokens<'a> {
    /// The table.
    pub store: &'a dyn InstallationStore,
    /// Pipedrive's OAuth server.
    pub oauth: &'a dyn OAuth,
    /// To open and seal the tokens, and to sign in at the OAuth server.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
}

impl Tokens<'_> {
    /// Access for the installation, renewed first if it is about to run out.
    pub async fn access(&self, company: CompanyId, user: UserId) -> Result<(Installation, Access), TokenError> {
        let installation = self.connected(company, user).await?;
        if installation.access_until > self.clock.now().plus(EARLY) {
            return self.opened(installation).await;
        }
        let version = installation.version;
        self.renewed(installation, version, true).await
    }

    /// Access after Pipedrive refused that of version `seen`: another's newer tokens, or renewed ones.
    pub async fn renew(&self, company: CompanyId, user: UserId, seen: u64) -> Result<(Installation, Access), TokenError> {
        let installation = self.connected(company, user).await?;
        self.renewed(installation, seen, false).await
    }

    async fn connected(&self, company: CompanyId, user: UserId) -> Result<Installation, TokenError> {
        let installation = self.store.installation(company, user).await?.ok_or(TokenError::NotConnected)?;
        if installation.state == InstallationState::Connected { Ok(installation) } else { Err(TokenError::NotConnected) }
    }

    async fn opened(&self, installation: Installation) -> Result<(Installation, Access), TokenError> {
        let pair = open(&self.secrets.get().await?.vault, &installation)?;
        let access = Access {
            api_domain: installation.api_domain.clone(),
            token: SecretString::from(pair.access),
            version: installation.version,
            spend: Spend::default(),
        };
        Ok((installation, access))
    }

    /// Tokens newer than version `seen`, by our own renewal or another's. `old_will_do`: whether the old ones may be used
    /// while another renews.
    async fn renewed(
        &self,
        mut installation: Installation,
        seen: u64,
        old_will_do: bool,
    ) -> Result<(Installation, Access), TokenError> {
        let me = uuid::Uuid::new_v4().to_string();
        for _ in 0..WAIT_STEPS {
            if installation.version > seen {
                return self.opened(installation).await;
            }
            let now = self.clock.now();
            match self.store.take_lease(&installation, &me, now, now.plus(LEASE)).await? {
                Lease::Taken => return self.renew_with_lease(installation, &me, old_will_do).await,
                Lease::Missed if old_will_do && installation.access_until > now.plus(STILL_GOOD) => {
                    return self.opened(installation).await;
                }
                Lease::Missed => tokio::time::sleep(WAIT_STEP).await,
            }
            installation = self.connected(installation.company, installation.user).await?;
        }
        Err(TokenError::Busy)
    }

    async fn renew_with_lease(
        &self,
        old: Installation,
        me: &str,
        old_will_do: bool,
    ) -> Result<(Installation, Access), TokenError> {
        let (company, user) = (old.company, old.user);
        let secrets = self.secrets.get().await?;
        let refresh_token = SecretString::from(open(&secrets.vault, &old)?.refresh);
        let refreshed = self.oauth.refresh(&secrets, &refresh_token).await;
        match &refreshed {
            Ok(_) => metrics::count(Metric::TokenRefreshes, 1),
            Err(error) => metrics::count_kind(Metric::TokenRefreshErrors, error.kind()),
        }
        match refreshed {
            Ok(grant) => {
                let mut renewed = old;
                renewed.tokens = Some(seal(&secrets.vault, company, user, &grant)?);
                // The tokens are kept whatever else the answer holds: the old ones may be dead.
                if let Some(api_domain) = grant.api_domain {
                    renewed.api_domain = api_domain;
                }
                let now = self.clock.now();
                renewed.access_until = now.plus(Duration::from_secs(grant.expires_in));
                renewed.refreshed_at = now;
                renewed.version += 1;
                if self.save(&renewed, now).await? {
                    tracing::info!(%company, %user, "renewed Pipedrive tokens");
                    return self.opened(renewed).await;
                }
                // The lease ran out and another's tokens are there: those are the ones that everybody uses.
                self.opened(self.connected(company, user).await?).await
            }
            Err(PipedriveError::InvalidGrant) => {
                let stored = self.connected(company, user).await?;
                if stored.version != old.version {
                    return self.opened(stored).await;
                }
                tracing::warn!(%company, %user, "Pipedrive refused the refresh token; the user has to reconnect");
                if self.store.set_installation_state(&stored, InstallationState::NeedsReconnect).await? {
                    return Err(TokenError::NotConnected);
                }
                self.opened(self.connected(company, user).await?).await
            }
            Err(error) => {
                self.store.end_lease(company, user, me).await?;
                if old_will_do && old.access_until > self.clock.now().plus(STILL_GOOD) {
                    return self.opened(old).await;
                }
                Err(TokenError::Pipedrive(error))
            }
        }
    }

    /// Stores renewed tokens, more than once if need be: with them goes the only refresh token that works.
    async fn save(&self, renewed: &Installation, now: Timestamp) -> Result<bool, StoreError> {
        let mut result = self.store.save_renewed(renewed, keep_alive_due(now)).await;
        for attempt in 1..SAVE_TRIES {
            match result {
                Ok(saved) => return Ok(saved),
                Err(error) => crate::telemetry::log_error("renewed tokens could not be stored yet", &error),
            }
            tokio::time::sleep(WAIT_STEP * 2_u32.pow(attempt)).await;
            result = self.store.save_renewed(renewed, keep_alive_due(now)).await;
        }
        result
    }

    /// Renews what would otherwise expire unused. How many were renewed, and how many failed.
    pub async fn keep(&self, limit: usize) -> Result<(usize, usize), TokenError> {
        let (mut renewed, mut failed) = (0, 0);
        for (company, user) in self.store.tokens_due(self.clock.now(), limit).await? {
            let result = match self.connected(company, user).await {
                Ok(installation) => {
                    let version = installation.version;
                    self.renewed(installation, version, false).await.map(drop)
                }
                Err(error) => Err(error),
            };
            match result {
                Ok(()) => renewed += 1,
                Err(error) => {
                    failed += 1;
                    crate::telemetry::log_error("could not keep an installation's tokens alive", &error);
                }
            }
        }
        Ok((renewed, failed))
    }
}

/// When tokens renewed at `now` have to be renewed again even if nobody uses them.
pub fn keep_alive_due(now: Timestamp) -> Timestamp {
    now.plus(KEEP_ALIVE)
}
