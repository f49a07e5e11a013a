//! The inbox page: what a salesperson sees and does inside Pipedrive. Everybody of a company reads and answers all its
//! conversations; the tenant is always the caller's. A conversation or channel of another company is as unknown as one that
//! does not exist.

pub mod answer;
pub mod begin;
pub mod list;
pub mod rows;
pub mod search;
pub mod start;
pub mod thread;
pub mod uploads;

use super::{Caller, error::InboxError};
use crate::model::{conversation::Conversation, ids::ChannelId};

/// The conversation, if it is the caller's company's.
fn within(conversation: Option<Conversation>, caller: &Caller) -> Result<Conversation, InboxError> {
    conversation.filter(|found| found.company == caller.company).ok_or(InboxError::NotFound("conversation"))
}

/// The channel's id, if it is one of the caller's company's.
pub fn own_channel(id: ChannelId, caller: &Caller) -> Result<ChannelId, InboxError> {
    if id.company() == caller.company { Ok(id) } else { Err(InboxError::NotFound("channel")) }
}
