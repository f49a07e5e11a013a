//! Hearing of what people do to records in Pipedrive: the webhooks by which it tells, and what becomes of the links between
//! conversations and records then.
//!
//! Webhooks come late, twice, out of order, or not at all. So each event only says what is to be: it is compared with what is
//! stored, and what is so already changes nothing. That goes for the echoes of what the bundle itself did, too.

pub mod hear;
pub mod keep;
pub mod ports;
