//! `erase company|person`: deletes for good what is kept of somebody. Asks to be told twice: without `--yes`, `person` only says whom it
//! would erase.

use std::io::Write;

use clap::{Args, Subcommand};
use shared::{
    environment::Environment,
    inbox::{
        erase::{self, ErasePorts, Known, Plan},
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
    /// Do it: there is no way back but a restored backup. Without this, only the ids of what would be erased are listed
    #[arg(long)]
    yes: bool,
}

/// By what the customer is found. All that is given counts, and so does what it leads to.
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
            secrets: &environment.secrets(),
            clock: &*environment.clock,
        },
    };
    let erased = match command {
        Command::Company { company, .. } => erase::company(&ports, company).await?,
        Command::Person(PersonArguments { company, who, yes }) => {
            let given = Known::from(who);
            if !yes {
                return tell(&erase::plan(&ports, company, &given).await?, terminal);
            }
            erase::person(&ports, company, &given).await?
        }
    };
    Ok(terminal.progress(&format!("erased {} conversations and {} records", erased.conversations, erased.records))?)
}

impl From<Who> for Known {
    fn from(Who { phone, email, person, conversation }: Who) -> Self {
        Self {
            persons: person.map(PersonId).into_iter().collect(),
            phones: phone.into_iter().collect(),
            emails: email.into_iter().collect(),
            conversations: conversation.into_iter().collect(),
        }
    }
}

/// Ids alone: the keys of other records may hold numbers and addresses.
fn tell<O: Write, E: Write>(plan: &Plan, terminal: &mut Terminal<O, E>) -> Result<(), OpsError> {
    for person in &plan.persons {
        terminal.line(&format!("person {person}"))?;
    }
    for conversation in &plan.conversations {
        terminal.line(&format!("conversation {conversation}"))?;
    }
    let (conversations, records) = (plan.conversations.len(), plan.records);
    Ok(terminal.progress(&format!(
        "nothing is erased yet: with --yes, {conversations} conversations and {records} other records would be"
    ))?)
}
