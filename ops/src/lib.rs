//! The operator's tool. It works on the table that the functions work on, deployed or local, and finds it as they do: by
//! `TABLE_NAME`, `SECRET_ID`, `AWS_REGION`, the credentials in the environment, and `AWS_ENDPOINT_URL…` for a local one.
//!
//! What was asked for comes on standard output; how it goes, on standard error. It ends with 0 if all was done, with 1 if not,
//! and with 2 if it was called wrongly. One file holds one command.

pub mod dead;
pub mod doctor;
pub mod erase;
pub mod reseal;
pub mod terminal;

use std::io;

use clap::{Parser, Subcommand};
use shared::{environment::Environment, inbox::error::InboxError};

use self::terminal::Terminal;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "ops", about = "The operator's tool", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Messages that could not be delivered to Pipedrive and are not tried any more
    #[command(subcommand)]
    Dead(dead::Command),
    /// Look at a stack from inside and outside, and say what is wrong and what to do about it
    Doctor(doctor::Arguments),
    /// Delete for good what is kept of a company or a person
    #[command(subcommand)]
    Erase(erase::Command),
    /// Seal anew what is sealed with an older key of the ring
    Reseal,
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// The use case refused or failed.
    #[error("it did not work")]
    Inbox(#[source] InboxError),
    /// What was found could not be written out.
    #[error("the output could not be written")]
    Output(#[source] io::Error),
    /// Part of it was done.
    #[error("{0}")]
    Partly(String),
}

impl From<InboxError> for OpsError {
    fn from(error: InboxError) -> Self {
        Self::Inbox(error)
    }
}

impl From<io::Error> for OpsError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Runs the command.
pub async fn run<O: io::Write, E: io::Write>(
    arguments: Arguments,
    environment: &Environment,
    terminal: &mut Terminal<O, E>,
) -> Result<(), OpsError> {
    match arguments.command {
        Command::Dead(command) => dead::run(command, environment, terminal).await,
        Command::Doctor(arguments) => doctor::run(arguments, environment, terminal).await,
        Command::Erase(command) => erase::run(command, environment, terminal).await,
        Command::Reseal => reseal::run(environment, terminal).await,
    }
}
