//! The delivery queue in memory.

use async_trait::async_trait;
use shared::{
    inbox::ports::{DueWork, OutboxStore, Outcome, Settled, Settlement, StoreError, Then},
    model::{
        conversation::{Conversation, Pause, Rest},
        ids::{CompanyId, ConversationId, MessageId, Place, UserId},
        installation::InstallationState,
        message::{FailureReason, Message},
        time::Timestamp,
    },
};

use super::{
    Memory,
    state::{Due, Flaw, State},
};
use crate::nowhere::nobody_asks;

#[async_trait]
impl OutboxStore for Memory {
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError> {
        self.call(|state| state.conversation(id).map(|stored| stored.conversation.clone())).await
    }

    async fn messages_at(&self, conversation: &ConversationId, places: &[Place]) -> Result<Vec<Message>, StoreError> {
        self.call(|state| {
            let stored = state.conversation(conversation);
            places.iter().filter_map(|place| stored?.messages.get(place).cloned()).collect()
        })
        .await
    }

    async fn settle(&self, seen: &Conversation, settlement: &Settlement) -> Result<bool, StoreError> {
        self.call(|state| state.settle(seen, settlement)).await
    }

    async fn give_up_sending(&self, _: &MessageId, _: &FailureReason) -> Result<bool, StoreError> {
        nobody_asks()
    }

    async fn due(&self, now: Timestamp, _: usize) -> Result<Vec<DueWork>, StoreError> {
        self.call(|state| state.due(now)).await
    }

    /// Without the end that the real one has after twenty times in vain: no story gets there.
    async fn wake(&self, conversation: &ConversationId, due_at: Timestamp) -> Result<(), StoreError> {
        self.call(|state| {
            if state.conversation(conversation).is_some_and(|stored| matches!(stored.due, Some(Due::Outbox(_)))) {
                state.change(conversation, |stored| stored.due = Some(Due::Outbox(due_at)));
            }
        })
        .await
    }

    async fn wake_media(&self, _: &MessageId, _: Timestamp) -> Result<(), StoreError> {
        nobody_asks()
    }

    async fn release(&self, company: CompanyId, user: UserId, due_at: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.call(|state| {
            let held = state.held(company, user, limit);
            if !state.has(Flaw::NoRelease) {
                for id in &held {
                    state.change(id, |stored| stored.let_go(due_at));
                }
            }
            held.len()
        })
        .await
    }

    async fn released(&self, company: CompanyId, user: UserId, asked_before: Timestamp) -> Result<(), StoreError> {
        self.call(|state| {
            if state.releases.get(&(company, user)).is_some_and(|asked| *asked < asked_before) {
                state.releases.remove(&(company, user));
            }
        })
        .await
    }
}

impl State {
    /// What is held for the installation, first what has been for longest.
    pub(super) fn held(&self, company: CompanyId, user: UserId, limit: usize) -> Vec<ConversationId> {
        let held = self.conversations.iter().filter(|stored| stored.is_held_for(company, user));
        let mut held: Vec<_> = held
            .filter_map(|stored| match stored.due {
                Some(Due::Held(since)) => Some((since, stored.conversation.id.clone())),
                _ => None,
            })
            .collect();
        held.sort_by_key(|(since, _)| *since);
        held.into_iter().map(|(_, id)| id).take(limit).collect()
    }

    fn settle(&mut self, seen: &Conversation, settlement: &Settlement) -> bool {
        if !self.is_as_seen(seen, settlement) {
            return false;
        }
        if matches!(settlement.then, Then::Pause(Pause::Held { .. })) && self.delivers(seen) {
            return false;
        }
        let done = |place: &Place| settlement.settled.iter().any(|settled| settled.place == *place);
        let left = seen.outbox.keys().any(|place| !done(place));
        self.change(&seen.id, |stored| {
            for Settled { place, outcome, .. } in &settlement.settled {
                let Some(message) = stored.messages.get_mut(place) else { continue };
                match outcome {
                    Outcome::Dead(reason) => message.dead = Some(reason.clone()),
                    Outcome::Delivered { revived: true } => message.dead = None,
                    Outcome::Delivered { revived: false } => {}
                }
            }
            stored.conversation.outbox.retain(|place, _| !done(place));
            (stored.due, stored.conversation.pause) = match &settlement.then {
                _ if !left => (None, None),
                Then::Continue { due_at } => (Some(Due::Outbox(*due_at)), None),
                Then::Pause(pause @ (Pause::Waiting(Rest { until, .. }) | Pause::Later { until, .. })) => {
                    (Some(Due::Outbox(*until)), Some(pause.clone()))
                }
                Then::Pause(pause @ Pause::Held { since, .. }) => (Some(Due::Held(*since)), Some(pause.clone())),
            };
        });
        true
    }

    /// As many entries as were seen, those that are done unchanged, and their messages as they have to be.
    fn is_as_seen(&self, seen: &Conversation, settlement: &Settlement) -> bool {
        let Some(stored) = self.conversation(&seen.id) else { return false };
        let outbox = &stored.conversation.outbox;
        let size = outbox.len() == seen.outbox.len() || self.has(Flaw::NoSizeCheck);
        size && settlement.settled.iter().all(|Settled { place, stamp, outcome }| {
            let unchanged = outbox.get(place) == Some(stamp) || self.has(Flaw::NoStampCheck);
            let message = stored.messages.get(place);
            unchanged
                && match outcome {
                    Outcome::Dead(_) => message.is_some(),
                    Outcome::Delivered { revived: true } => message.is_some_and(|message| message.dead.is_some()),
                    Outcome::Delivered { revived: false } => true,
                }
        })
    }

    /// Whether the conversation's installation is connected, and no halt holds it.
    fn delivers(&self, conversation: &Conversation) -> bool {
        self.installations.get(&(conversation.company, conversation.owner)).is_some_and(|installation| {
            installation.state == InstallationState::Connected
                && installation.halt.as_ref().is_none_or(|halt| !halt.reason.holds())
        })
    }

    fn due(&self, now: Timestamp) -> Vec<DueWork> {
        if self.has(Flaw::NoRedelivery) {
            return Vec::new();
        }
        let outboxes = self.conversations.iter().filter_map(|stored| match stored.due {
            Some(Due::Outbox(at)) => Some((at, DueWork::Outbox(stored.conversation.id.clone()))),
            _ => None,
        });
        let releases = self.releases.iter().map(|((company, user), at)| (*at, DueWork::Release(*company, *user)));
        let probes = self.probes.iter().map(|((company, user), at)| (*at, DueWork::Probe(*company, *user)));
        let mut due: Vec<(Timestamp, DueWork)> = outboxes.chain(releases).chain(probes).filter(|(at, _)| *at <= now).collect();
        due.sort_by_key(|(at, _)| *at);
        due.into_iter().map(|(_, work)| work).collect()
    }
}
