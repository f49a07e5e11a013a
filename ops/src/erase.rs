//! `erase company|person`: deletes for good what is kept of somebody. Asks to be told twice.

use std::io::Write;

use clap::{Args, Subcommand};
use shared::{
    environment::Environment,
    inbox::{
        erase::{self, ErasePorts, Subject},
        remove::RemovePorts,
    },
    model::{
        contact::{Email, Phone},
        ids::{CompanyId, ConversationId, PersonId},
    },
};

use crate::{OpsError, terminal::Terminal};

/// Whom to erase.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A company: channels, conversations, files, tokens, credentials, keys, lists, everything
    Company {
        /// Its id in Pipedrive
        #[arg(value_parser = company)]
        company: CompanyId,
        /// Do it: there is no way back but a restored backup
        #[arg(long, required = true)]
        yes: bool,
    },
    /// A customer of a company: the conversations with them and what is known of them
    Person(PersonArguments),
}

/// A customer.
#[derive(Debug, Args)]
pub struct PersonArguments {
    /// The company whose customer it is
    #[arg(long, value_parser = company)]
    company: CompanyId,
    #[command(flatten)]
    who: Who,
    /// Do it: there is no way back but a restored backup
    #[arg(long, required = true)]
    yes: bool,
}

/// By what the customer is found. All that is given counts.
#[derive(Debug, Args)]
#[group(id = "who", required = true, multiple = true)]
pub struct Who {
    /// Their phone number, with its country
    #[arg(long, value_parser = phone)]
    phone: Option<Phone>,
    /// Their e-mail address
    #[arg(long, value_parser = email)]
    email: Option<Email>,
    /// The person's id in Pipedrive
    #[arg(long)]
    person: Option<u64>,
    /// A conversation with them; may be given several times
    #[arg(long, value_parser = ConversationId::parse)]
    conversation: Vec<ConversationId>,
}

fn company(text: &str) -> Result<CompanyId, std::num::ParseIntError> {
    text.parse().map(CompanyId)
}

fn phone(text: &str) -> Result<Phone, &'static str> {
    Phone::parse(text).ok_or("not a phone number")
}

fn email(text: &str) -> Result<Email, &'static str> {
    Email::parse(text).ok_or("not an e-mail address")
}

/// Runs the command.
pub async fn run<O: Write, E: Write>(
    command: Command,
    environment: &Environment,
    terminal: &mut Terminal<O, E>,
) -> Result<(), OpsError> {
    if environment.config.media_bucket.is_none() {
        return Err(OpsError::Partly("nothing was erased: MEDIA_BUCKET is not set, and files lie there".to_owned()));
    }
    let (table, bucket, providers) = (environment.table(), environment.bucket(), environment.providers());
    let ports = ErasePorts {
        store: &*table,
        reader: &*table,
        remove: RemovePorts {
            channels: &*table,
            bucket: &*bucket,
            members: &*table,
            providers: &providers,
            secrets: &environment.secrets,
            clock: &*environment.clock,
        },
    };
    let erased = match command {
        Command::Company { company, .. } => erase::company(&ports, company).await?,
        Command::Person(PersonArguments { company, who: Who { phone, email, person, conversation }, .. }) => {
            let subject = Subject { person: person.map(PersonId), email, phone, conversations: conversation };
            erase::person(&ports, company, &subject).await?
        }
    };
    Ok(terminal.progress(&format!("erased {} conversations and {} records", erased.conversations, erased.records))?)
}
