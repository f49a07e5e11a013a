//! What may happen next, as a test draws it.

use crate::{pace::Fault, pipedrive::Answer};

/// Something that happens. Numbers pick one of what is there, whatever the count.
#[derive(Clone, Debug)]
pub enum Op {
    /// A customer writes, or the company on its phone.
    Write {
        /// In which conversation.
        conversation: usize,
        /// By whom: the company if true.
        echo: bool,
        /// Whether it goes into the last webhook of the account, if that has not been offered yet.
        join: bool,
    },
    /// The provider reports the next status of a message that the company wrote, heard of or not.
    Status {
        /// Which message.
        message: usize,
    },
    /// A message that is stored gets another text.
    Edit {
        /// Which message.
        message: usize,
    },
    /// The provider offers a webhook: one that was not taken yet, or any one again.
    Offer {
        /// Which webhook.
        webhook: usize,
        /// Whether it may be one that was taken.
        again: bool,
    },
    /// The stream gives the next change to `deliver`.
    Stream,
    /// The stream gives up the next change, and `deliver` never hears of it.
    Miss,
    /// `redeliver` runs.
    Redeliver,
    /// Something that is under way takes its next steps.
    Step {
        /// What.
        task: usize,
        /// How many.
        count: usize,
    },
    /// Something that is under way dies.
    Crash {
        /// What.
        task: usize,
    },
    /// The next call of a port fails.
    Fail(Fault),
    /// Pipedrive answers one of the next pushes so.
    Answer(Answer),
    /// Pipedrive takes nothing of a conversation any more; of none, if it is stuck already.
    Stick {
        /// Which.
        conversation: usize,
    },
    /// Somebody has a dead message sent again.
    Resend {
        /// Which.
        message: usize,
    },
    /// A company's owner withdraws their consent.
    Revoke {
        /// Which company.
        company: usize,
    },
    /// And gives it again.
    Reconnect {
        /// Which company.
        company: usize,
    },
    /// Time passes.
    Pass {
        /// Milliseconds.
        millis: u64,
    },
}
