//! Halts of installations in memory.

use async_trait::async_trait;
use shared::{
    inbox::{halt::HaltStore, ports::StoreError},
    model::{
        halt::Halt,
        ids::{CompanyId, ConversationId, UserId},
        installation::{Installation, InstallationState},
        time::Timestamp,
    },
};

use super::Memory;

#[async_trait]
impl HaltStore for Memory {
    async fn halt(&self, seen: &Installation, halt: &Halt) -> Result<bool, StoreError> {
        self.call(|state| {
            let owner = (seen.company, seen.user);
            let Some(installation) = state.installations.get_mut(&owner) else { return false };
            let before = seen.halt.as_ref().map(|halt| halt.since);
            let known = installation.halt.as_ref().is_none_or(|halt| Some(halt.since) == before);
            if !known || installation.state != InstallationState::Connected {
                return false;
            }
            installation.halt = Some(halt.clone());
            if halt.reason.holds() {
                state.probes.insert(owner, halt.until);
            }
            true
        })
        .await
    }

    async fn end_halt(&self, company: CompanyId, user: UserId, halt: &Halt, now: Timestamp) -> Result<(), StoreError> {
        self.call(|state| {
            let Some(installation) = state.installations.get_mut(&(company, user)) else { return };
            let same = |known: &mut Halt| (known.since, known.until) == (halt.since, halt.until);
            if installation.halt.take_if(same).is_some() && halt.reason.holds() {
                state.releases.insert((company, user), now);
            }
        })
        .await
    }

    async fn held(&self, company: CompanyId, user: UserId, limit: usize) -> Result<Vec<ConversationId>, StoreError> {
        self.call(|state| state.held(company, user, limit)).await
    }

    async fn send_probe(&self, company: CompanyId, user: UserId, halt: &Halt, due_at: Timestamp) -> Result<bool, StoreError> {
        self.call(|state| {
            let owner = (company, user);
            let Some(probe) = &halt.probe else { return false };
            let held = state.conversation(probe).is_some_and(|stored| stored.is_held_for(company, user));
            let Some(installation) = state.installations.get_mut(&owner) else { return false };
            let follows = installation.halt.as_ref().is_some_and(|known| known.since == halt.since && known.until < halt.until);
            if !held || !follows || !state.probes.contains_key(&owner) {
                return false;
            }
            installation.halt = Some(halt.clone());
            state.probes.insert(owner, halt.until);
            state.change(probe, |stored| stored.let_go(due_at));
            true
        })
        .await
    }

    async fn end_probes(&self, company: CompanyId, user: UserId) -> Result<(), StoreError> {
        self.call(|state| {
            let idle = state.installations.get(&(company, user)).is_none_or(|installation| {
                installation.halt.as_ref().is_none_or(|halt| !halt.reason.holds())
                    || installation.state != InstallationState::Connected
            });
            if idle {
                state.probes.remove(&(company, user));
            }
        })
        .await
    }
}
