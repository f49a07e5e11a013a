//! The API of the inbox page, over the real router: what salespeople see and do, and what nobody else does.

mod begin;
mod desk;
mod lists;
mod search;
mod send;
mod sharing;
mod strangers;
mod threads;
