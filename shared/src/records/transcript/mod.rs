//! The transcript of a conversation's day: rendered whole from our own messages, and packed into notes that Pipedrive takes.

pub mod pack;
pub mod render;
