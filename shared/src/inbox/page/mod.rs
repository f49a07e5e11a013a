//! The inbox page: what a salesperson sees and does inside Pipedrive. Everybody of a company reads and answers all its
//! conversations but those that the owner of their channel keeps to themselves; the tenant is always the caller's. What a caller
//! may not see is as unknown as what does not exist.

pub mod answer;
pub mod begin;
pub mod list;
pub mod rows;
pub mod search;
pub mod start;
pub mod thread;
pub mod uploads;
