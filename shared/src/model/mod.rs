//! What the bundle talks about: channels, conversations, participants, messages. No I/O, no HTTP, no AWS.

pub mod api_key;
pub mod channel;
pub mod contact;
pub mod content;
pub mod conversation;
pub mod cursor;
pub mod day;
pub mod halt;
pub mod ids;
pub mod installation;
pub mod known;
pub mod message;
pub mod record;
pub mod status;
pub mod template;
pub mod text;
pub mod time;
pub mod watch;
