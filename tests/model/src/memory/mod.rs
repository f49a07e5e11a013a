//! The table in memory: what the ports of receiving and delivering promise, each call at once. What nothing in the model leads
//! to (removal, imports, files, messages that the company sends through us) is not kept.

mod dead;
mod halts;
mod installations;
mod outbox;
mod receive;
mod state;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{
    inbox::ports::StoreError,
    model::{
        conversation::Conversation,
        ids::{AccountId, ChannelId, ConversationId, Place, UserId},
        message::Message,
    },
};

pub use self::state::Flaw;
use self::state::State;
use crate::pace::Pace;

/// The table. Clones are the same one.
#[derive(Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    pace: Pace,
}

impl Memory {
    /// An empty one with this flaw, if any, whose calls go at this pace.
    pub fn new(pace: Pace, flaw: Option<Flaw>) -> Self {
        Self { state: Arc::new(Mutex::new(State { flaw, ..State::default() })), pace }
    }

    /// Leads a provider's account to a channel.
    pub fn connect(&self, account: AccountId, channel: ChannelId, owner: UserId) {
        self.state().accounts.insert(account, (channel, owner));
    }

    /// Conversations that were written since the last call and have something to deliver, as the stream tells it: each
    /// write once, in its order.
    pub fn take_stream(&self) -> Vec<ConversationId> {
        std::mem::take(&mut self.state().stream)
    }

    /// All messages as they are now, those of a conversation in their order.
    pub fn messages(&self) -> Vec<Message> {
        self.state().conversations.iter().flat_map(|stored| stored.messages.values().cloned()).collect()
    }

    /// Where the messages of a conversation are.
    pub fn places(&self, conversation: &ConversationId) -> Vec<Place> {
        let state = self.state();
        state.conversation(conversation).map_or_else(Vec::new, |stored| stored.messages.keys().cloned().collect())
    }

    /// All conversations as they are now, the oldest first.
    pub fn conversations(&self) -> Vec<Conversation> {
        self.state().conversations.iter().map(|stored| stored.conversation.clone()).collect()
    }

    /// The same table without stops and faults.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self { state: self.state.clone(), pace: Pace::default() }
    }

    async fn call<T: Send>(&self, work: impl FnOnce(&mut State) -> T + Send) -> Result<T, StoreError> {
        Ok(self.pace.call(|| work(&mut self.state())).await?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
