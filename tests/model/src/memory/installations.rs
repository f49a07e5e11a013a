//! Installations in memory. Their tokens last for ever, so nobody renews them.

use async_trait::async_trait;
use shared::{
    inbox::ports::{InstallationStore, Lease, Members, StoreError},
    model::{
        channel::Delivery,
        ids::{CompanyId, UserId},
        installation::{Installation, InstallationState, Profile},
        time::Timestamp,
    },
};

use super::Memory;
use crate::nowhere::nobody_asks;

#[async_trait]
impl InstallationStore for Memory {
    async fn installation(&self, company: CompanyId, user: UserId) -> Result<Option<Installation>, StoreError> {
        self.call(|state| state.installations.get(&(company, user)).cloned()).await
    }

    async fn save_grant(&self, installation: &Installation, _: Timestamp) -> Result<(), StoreError> {
        self.call(|state| {
            let owner = (installation.company, installation.user);
            let mut installation = installation.clone();
            if let Some(before) = state.installations.get(&owner) {
                installation.version = installation.version.max(before.version + 1);
            }
            state.releases.insert(owner, installation.refreshed_at);
            state.installations.insert(owner, installation);
        })
        .await
    }

    async fn take_lease(&self, _: &Installation, _: &str, _: Timestamp, _: Timestamp) -> Result<Lease, StoreError> {
        nobody_asks()
    }

    async fn save_renewed(&self, _: &Installation, _: Timestamp) -> Result<bool, StoreError> {
        nobody_asks()
    }

    async fn end_lease(&self, _: CompanyId, _: UserId, _: &str) -> Result<(), StoreError> {
        nobody_asks()
    }

    async fn set_installation_state(&self, installation: &Installation, state: InstallationState) -> Result<bool, StoreError> {
        self.call(|stored| {
            let found = stored.installations.get_mut(&(installation.company, installation.user));
            let Some(found) = found.filter(|found| found.version == installation.version) else { return false };
            found.state = state;
            if state == InstallationState::Uninstalled {
                found.tokens = None;
            }
            true
        })
        .await
    }

    async fn set_delivery(&self, company: CompanyId, user: UserId, delivery: Delivery, now: Timestamp) -> Result<(), StoreError> {
        self.call(|state| {
            let Some(installation) = state.installations.get_mut(&(company, user)) else { return };
            installation.delivery = Some(delivery);
            if delivery == Delivery::Channels {
                installation.halt = None;
                state.releases.insert((company, user), now);
            }
        })
        .await
    }

    async fn save_profile(&self, _: CompanyId, _: UserId, _: &Profile, _: Timestamp) -> Result<(), StoreError> {
        nobody_asks()
    }

    async fn members(&self, _: CompanyId) -> Result<Members, StoreError> {
        nobody_asks()
    }

    async fn tokens_due(&self, _: Timestamp, _: usize) -> Result<Vec<(CompanyId, UserId)>, StoreError> {
        nobody_asks()
    }
}
