//! Files, end to end over the real router and the embedded table and bucket: the message is there first, the file follows,
//! and whoever has an address that the bundle made gets it. The provider is one of these tests' own.

mod erasure;
mod faults;
mod fetching;
mod fixture;
mod order;
mod serving;
