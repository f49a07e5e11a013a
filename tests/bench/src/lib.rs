//! How fast, small and cheap the bundle is: each figure beside its floor, measured in the same run.

mod apart;
mod asks;
pub mod chart;
pub mod cost;
pub mod error;
mod feed;
mod fill;
pub mod flow;
pub mod functions;
pub mod goals;
pub mod growth;
pub mod latency;
mod logs;
pub mod options;
pub mod prices;
pub mod progress;
mod recorder;
pub mod report;
mod request;
pub mod run;
mod series;
mod stage;
mod twin;
