//! The delivery to records in memory: quick enough for a whole company's day.

mod crm;
mod day;
mod memory;
