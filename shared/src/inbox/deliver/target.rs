//! Where messages end, and what a round and a target say to each other.
//!
//! A round owns everything that is the same wherever messages end: what is owed and in which order, what is not ready yet, access
//! and its renewal, tries, pauses, halts, the dead, and the one write that settles it all. A target only makes messages known.

use async_trait::async_trait;

use crate::{
    inbox::ports::StoreError,
    media::links::Links,
    model::{
        conversation::Conversation,
        ids::Place,
        installation::Installation,
        message::{FailureReason, Message},
        time::Timestamp,
    },
    pipedrive::{Access, error::PipedriveError},
};

/// What of one conversation Pipedrive has to hear of: its whole outbox, as far as a target takes it at once.
pub struct Parcel<'a> {
    /// On whose behalf.
    pub installation: &'a Installation,
    /// Access to their Pipedrive.
    pub access: &'a Access,
    /// The conversation.
    pub conversation: &'a Conversation,
    /// The messages that are new or changed, in their order, as they are now. Never empty. Those that are not ready, and
    /// what must not overtake them, are left out.
    pub messages: &'a [Message],
    /// To make addresses of files with.
    pub links: &'a Links,
    /// When to come to an end, however much is left: other conversations wait.
    pub until: Timestamp,
}

/// What became of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Places of messages that Pipedrive has now as the parcel had them. They are crossed off, unless they changed since.
    pub done: Vec<Place>,
    /// What ended it.
    pub end: End,
}

/// How a target came to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Nothing was in the way. What is not done goes with the next round, at once.
    Done,
    /// It is not time yet for what is left. That is no failure: no try is counted, and nothing dies of it.
    Later {
        /// When it is.
        until: Timestamp,
        /// What it waits for, for people.
        reason: FailureReason,
    },
    /// Pipedrive failed or refused. The round decides what follows: the target is called again with newer tokens, or without
    /// the messages that are dead of this, or the conversation waits, or the whole installation does.
    Failed {
        /// How.
        error: PipedriveError,
        /// Places of the messages that the error is about; empty if it is about none of them in particular.
        at: Vec<Place>,
    },
}

/// Where messages end.
#[async_trait]
pub trait Target: Send + Sync {
    /// Most messages that it takes at once; 100 at most.
    fn most(&self) -> usize {
        25
    }

    /// Makes the messages known there as they are now. Safe to repeat with any of them: nothing says which of its calls
    /// were heard when a process dies. Order is kept, so after a failure nothing later is tried.
    async fn deliver(&self, parcel: &Parcel<'_>) -> Result<Report, StoreError>;

    /// Whether what it delivers to is still offered to the company at all. Asked when Pipedrive knows nothing of a message's
    /// place.
    async fn is_offered(&self, access: &Access, conversation: &Conversation) -> bool {
        let _ = (access, conversation);
        true
    }
}
