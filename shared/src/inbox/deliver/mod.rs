//! From the table to Pipedrive: one round over one conversation's outbox, in order.
//!
//! The table's stream starts it, and gives one conversation to one worker at a time. A round reads what is owed, hands it to
//! the target, and writes the result in one conditional write. A failure that can pass holds back the rest of this
//! conversation and nothing else; what is said of the company holds back the installation and no other. Everything may be
//! repeated: a target changes what it has made known before.
//!
//! An entry of an outbox is *pending*, until it is *delivered* or *dead* ([`Outcome`]). Pending ones wait, with all that is
//! behind them, while the conversation pauses ([`Pause`]).

mod channels;
mod round;
mod target;

use self::round::Round;
pub use self::{
    channels::ChannelsTarget,
    target::{End, Parcel, Report, Target},
};
use super::{
    halt::HaltStore,
    ports::{OutboxStore, StoreError},
    tokens::Tokens,
};
use crate::{
    clock::Clock,
    config::DeliveryChoice,
    model::ids::{CompanyId, ConversationId},
};

#[cfg(doc)]
use crate::{inbox::ports::Outcome, model::conversation::Pause};

/// What delivering needs.
pub struct DeliverPorts<'a> {
    /// The queue.
    pub outbox: &'a dyn OutboxStore,
    /// What stops whole installations.
    pub halts: &'a dyn HaltStore,
    /// Access to Pipedrive.
    pub tokens: Tokens<'a>,
    /// The `channels` delivery.
    pub channels: &'a dyn Target,
    /// The `records` delivery.
    pub records: &'a dyn Target,
    /// Which of them the bundle's configuration asks for.
    pub choice: DeliveryChoice,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages delivered.
    pub pushed: usize,
    /// Messages given up.
    pub dead: usize,
    /// Whether the rest waits for another try, or for its time.
    pub waiting: bool,
    /// Whether the rest waits for the installation.
    pub held: bool,
    /// Whose messages end on records from now on. Pipedrive has to tell from now on what people do to them.
    pub moved: Option<CompanyId>,
}

/// Delivers what the conversation owes. Errors are the table's own; Pipedrive's are part of the outcome.
pub async fn deliver(ports: &DeliverPorts<'_>, id: &ConversationId) -> Result<Delivered, StoreError> {
    let Some(conversation) = ports.outbox.conversation(id).await? else { return Ok(Delivered::default()) };
    let pauses = conversation.pause.as_ref().is_some_and(|pause| pause.lasts(ports.clock.now()));
    if conversation.outbox.is_empty() || pauses {
        return Ok(Delivered::default());
    }
    Round::new(ports, conversation).run().await
}
