//! The store against the embedded table: what each port promises, who wins a race, and what is left after each outcome.

mod busy;
mod channels;
mod deliver;
mod edits;
mod fixture;
mod installations;
mod lists;
mod media;
mod parts;
mod receive;
mod record_links;
mod removal;
mod send;
mod status;
mod turns;
mod watches;
