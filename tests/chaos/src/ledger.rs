//! What customers wrote, and when the provider offered it to us and heard that we have it.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use shared::model::time::Timestamp;

/// One message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    /// The webhook in which it came.
    pub(crate) webhook: u64,
    /// The turn at which it was first posted.
    pub(crate) posted: Option<u64>,
    /// The turn at which it was first answered 2xx, and the time of that.
    pub(crate) taken: Option<(u64, Timestamp)>,
}

impl Entry {
    /// Whether we cannot but know that this message comes before `later`, which its customer wrote after it: both are in one
    /// webhook, or the provider had our 2xx for this one before it offered the other. Else the provider chose the order.
    pub(crate) fn is_known_before(&self, later: &Self) -> bool {
        let taken = self.taken.map_or(u64::MAX, |(turn, _)| turn);
        self.webhook == later.webhook || later.posted.is_some_and(|posted| taken < posted)
    }
}

/// Every message, by conversation and in the order in which the customer wrote.
pub(crate) struct Ledger {
    turns: AtomicU64,
    conversations: Mutex<Vec<Vec<Entry>>>,
}

impl Ledger {
    /// Of so many conversations, without messages.
    pub(crate) fn new(conversations: usize) -> Self {
        Self { turns: AtomicU64::new(1), conversations: Mutex::new(vec![Vec::new(); conversations]) }
    }

    /// A number that nobody had before; a later one is greater.
    pub(crate) fn turn(&self) -> u64 {
        self.turns.fetch_add(1, Ordering::SeqCst)
    }

    /// A further message of a conversation, which will come in `webhook`; its number.
    pub(crate) fn write(&self, conversation: usize, webhook: u64) -> usize {
        let mut all = self.all();
        all[conversation].push(Entry { webhook, ..Entry::default() });
        all[conversation].len() - 1
    }

    /// The webhook with these messages goes out.
    pub(crate) fn post(&self, conversation: usize, messages: &[usize]) {
        let turn = self.turn();
        let mut all = self.all();
        for message in messages {
            all[conversation][*message].posted.get_or_insert(turn);
        }
    }

    /// It was answered 2xx.
    pub(crate) fn take(&self, conversation: usize, messages: &[usize], at: Timestamp) {
        let turn = self.turn();
        let mut all = self.all();
        for message in messages {
            all[conversation][*message].taken.get_or_insert((turn, at));
        }
    }

    /// All of it.
    pub(crate) fn entries(&self) -> Vec<Vec<Entry>> {
        self.all().clone()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Vec<Entry>>> {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message says. Nobody else says that.
pub(crate) fn text(conversation: usize, message: usize) -> String {
    format!("{conversation}/{message}")
}

/// Which message says that.
pub(crate) fn message_of(text: &str) -> Option<(usize, usize)> {
    let (conversation, message) = text.split_once('/')?;
    Some((conversation.parse().ok()?, message.parse().ok()?))
}
