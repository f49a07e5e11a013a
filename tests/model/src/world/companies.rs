//! Companies: their consent, and what their people do.

use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use shared::{
    clock::Clock,
    inbox::{dead, ports::InstallationStore, tokens},
    model::{
        ids::{AccountId, ChannelId, CompanyId},
        installation::{Installation, InstallationState},
    },
    pipedrive::Grant,
    secrets::{SecretSource, SecretsError},
};

use super::{COMPANIES, OWNER, World, at_once, pick};
use crate::pipedrive::Pipedrive;

/// Tokens that nobody lives to see the end of.
const FOR_EVER: Duration = Duration::from_hours(24 * 365);

/// The bundle's secret.
pub(super) struct Source;

#[async_trait]
impl SecretSource for Source {
    async fn load(&self) -> Result<SecretString, SecretsError> {
        Ok(SecretString::from(r#"{"encryption_key":"0123456789abcdef0123456789abcdef"}"#))
    }
}

fn company(n: usize) -> CompanyId {
    CompanyId(1 + n as u64)
}

/// The account at the provider of the n-th company.
pub(super) fn account(n: usize) -> AccountId {
    AccountId::parse(&format!("account-{n}")).unwrap_or_else(|_| unreachable!("it has the shape"))
}

impl World {
    /// The company's account leads to a channel of its own.
    pub(super) fn connect(&self, n: usize) {
        self.memory.connect(account(n), ChannelId::new(company(n)), OWNER);
    }

    /// The owner gives their consent (again): a fresh grant.
    pub(super) fn consent(&self, n: usize) {
        let (company, now) = (company(n), self.clock.now());
        let grant = Grant {
            access_token: SecretString::from(Pipedrive::token_of(company)),
            refresh_token: SecretString::from("refresh"),
            expires_in: FOR_EVER.as_secs(),
            api_domain: None,
        };
        let tokens = at_once(async {
            let secrets = self.secrets.get().await.ok()?;
            tokens::seal(&secrets.vault, company, OWNER, &grant).ok()
        });
        let installation = Installation {
            company,
            user: OWNER,
            company_name: String::new(),
            user_name: String::new(),
            timezone: String::new(),
            api_domain: String::new(),
            public_url: "https://pigeonpost.example".to_owned(),
            state: InstallationState::Connected,
            tokens,
            access_until: now.plus(FOR_EVER),
            refreshed_at: now,
            version: 1,
            delivery: None,
            halt: None,
            reviewed_at: None,
        };
        let stored = at_once(self.memory.apart().save_grant(&installation, installation.access_until));
        stored.unwrap_or_else(|error| unreachable!("apart, nothing fails: {error}"));
    }

    /// Pipedrive tells that the consent is withdrawn.
    pub(super) fn revoke(&self, n: usize) {
        let memory = self.memory.apart();
        let installation = at_once(memory.installation(company(n), OWNER)).ok().flatten();
        if let Some(installation) = installation {
            let revoked = at_once(memory.set_installation_state(&installation, InstallationState::NeedsReconnect));
            revoked.unwrap_or_else(|error| unreachable!("apart, nothing fails: {error}"));
        }
    }

    pub(super) fn consent_if_lost(&self, n: usize) {
        let installation = at_once(self.memory.apart().installation(company(n), OWNER)).ok().flatten();
        if installation.is_none_or(|installation| installation.state != InstallationState::Connected) {
            self.consent(n);
        }
    }

    /// Somebody has a dead message sent again.
    pub(super) fn resend(&self, message: usize) {
        let dead: Vec<_> = self.memory.messages().into_iter().filter(|message| message.dead.is_some()).collect();
        let Some(message) = pick(message, &dead) else { return };
        let memory = self.memory.apart();
        for company in (0..COMPANIES).map(company) {
            // To the other company there is no such message.
            let _ = at_once(dead::resend(&memory, company, &message.id, self.clock.now()));
        }
    }
}
