//! `dead list|show|resend`: messages that could not be delivered. What they say is not shown here: that is for the company's
//! people, on the inbox's own page.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::{
    clock::Clock,
    environment::Environment,
    inbox::{
        dead::{self, DeadLetter, DeadQuery, DeadStore, ForWhom},
        error::InboxError,
    },
    model::{
        content::FileState,
        ids::{ChannelId, CompanyId, ConversationId, InvalidId, MessageId},
        message::{Direction, FailureReason},
        status::Status,
    },
};

use crate::{OpsError, terminal::Terminal};

/// Dead letters taken at a time.
const PAGE: usize = 100;

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them, newest first: message, channel, when it died, why
    List(ListArguments),
    /// Show one, without what it says
    Show {
        /// The message
        #[arg(value_parser = MessageId::parse)]
        message: MessageId,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Have one delivered again, or all of a company
    Resend(ResendArguments),
}

/// Which to list.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Of this company alone
    #[arg(long, value_parser = company)]
    company: Option<CompanyId>,
    /// Of this channel alone
    #[arg(long, value_parser = ChannelId::parse)]
    channel: Option<ChannelId>,
    /// Most of them
    #[arg(long, default_value_t = 1_000)]
    limit: usize,
    /// As JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Which to send again.
#[derive(Debug, Args)]
pub struct ResendArguments {
    /// This message
    #[arg(value_parser = MessageId::parse, required_unless_present = "all", conflicts_with_all = ["all", "company", "channel"])]
    message: Option<MessageId>,
    /// All of --company or --channel
    #[arg(long, requires = "whose")]
    all: bool,
    #[command(flatten)]
    whose: Whose,
}

/// A company, or one of its channels.
#[derive(Debug, Args)]
#[group(id = "whose", multiple = false)]
pub struct Whose {
    /// Of this company
    #[arg(long, value_parser = company)]
    company: Option<CompanyId>,
    /// Of this channel
    #[arg(long, value_parser = ChannelId::parse)]
    channel: Option<ChannelId>,
}

fn company(text: &str) -> Result<CompanyId, InvalidId> {
    text.parse().map(CompanyId).map_err(|_| InvalidId)
}

/// A dead letter, as far as it is an operator's business.
#[derive(Debug, Serialize)]
struct Entry {
    message: MessageId,
    conversation: ConversationId,
    channel: ChannelId,
    company: CompanyId,
    direction: Direction,
    status: Status,
    sent_at: String,
    dead_at: String,
    files: usize,
    files_stored: usize,
    waiting_behind_it: usize,
    reason: Option<FailureReason>,
}

impl From<DeadLetter> for Entry {
    fn from(DeadLetter { message, conversation, at }: DeadLetter) -> Self {
        let stored = |file: &&shared::model::content::Attachment| matches!(file.file, FileState::Stored { .. });
        Self {
            files: message.attachments.len(),
            files_stored: message.attachments.iter().filter(stored).count(),
            waiting_behind_it: conversation.outbox.range(message.id.place()..).count(),
            conversation: conversation.id,
            channel: conversation.channel,
            company: conversation.company,
            direction: message.direction,
            status: message.status,
            sent_at: message.sent_at.rfc3339(),
            dead_at: at.rfc3339(),
            reason: message.dead,
            message: message.id,
        }
    }
}

/// Runs the command.
pub async fn run<O: Write, E: Write>(
    command: Command,
    environment: &Environment,
    terminal: &mut Terminal<O, E>,
) -> Result<(), OpsError> {
    let store = environment.table();
    match command {
        Command::List(arguments) => list(&*store, arguments, terminal).await,
        Command::Show { message, json } => {
            let letter = store.dead_letter(&message).await.map_err(InboxError::from)?;
            let entry = Entry::from(letter.ok_or(InboxError::NotFound("dead letter"))?);
            if json { Ok(terminal.result(&entry)?) } else { show(&entry, terminal) }
        }
        Command::Resend(ResendArguments { message: Some(message), .. }) => {
            let letter = store.dead_letter(&message).await.map_err(InboxError::from)?;
            let company = letter.ok_or(InboxError::NotFound("dead letter"))?.conversation.company;
            dead::resend(&*store, company, &message, environment.clock.now()).await?;
            Ok(terminal.progress("1 message is delivered again")?)
        }
        Command::Resend(ResendArguments { whose, .. }) => resend_all(&*store, &*environment.clock, whose, terminal).await,
    }
}

async fn list<O: Write, E: Write>(
    store: &dyn DeadStore,
    arguments: ListArguments,
    terminal: &mut Terminal<O, E>,
) -> Result<(), OpsError> {
    let ListArguments { company, channel, limit, json } = arguments;
    let companies = match company.or(channel.as_ref().map(ChannelId::company)) {
        Some(company) => vec![company],
        None => store.dead_by_company().await.map_err(InboxError::from)?.into_iter().map(|(company, _)| company).collect(),
    };
    let mut listed = 0;
    for company in companies {
        let mut after = None;
        while listed < limit {
            let query =
                DeadQuery { whom: ForWhom::Company(company), channel: channel.clone(), after, limit: PAGE.min(limit - listed) };
            let page = dead::list(store, &query).await?;
            for entry in page.items.into_iter().map(Entry::from) {
                listed += 1;
                if json {
                    terminal.result(&entry)?;
                } else {
                    let code = entry.reason.as_ref().map_or("", |reason| reason.code.as_str());
                    terminal.line(&format!("{}  {}  {}  {code}", entry.message, entry.channel, entry.dead_at))?;
                }
            }
            after = page.next.map(|cursor| cursor.encode());
            if after.is_none() {
                break;
            }
        }
    }
    Ok(terminal.progress(&format!("{listed} dead"))?)
}

fn show<O: Write, E: Write>(entry: &Entry, terminal: &mut Terminal<O, E>) -> Result<(), OpsError> {
    let direction = if entry.direction == Direction::In { "from the customer" } else { "to the customer" };
    let (code, text) = entry.reason.as_ref().map_or(("", ""), |reason| (reason.code.as_str(), reason.text.as_str()));
    for (name, value) in [
        ("message", entry.message.as_str()),
        ("conversation", entry.conversation.as_str()),
        ("channel", entry.channel.as_str()),
        ("company", &entry.company.to_string()),
        ("went", direction),
        ("status", entry.status.as_str()),
        ("sent", &entry.sent_at),
        ("dead since", &entry.dead_at),
        ("files", &format!("{}, {} of them stored", entry.files, entry.files_stored)),
        ("waiting behind it", &entry.waiting_behind_it.to_string()),
        ("reason", &format!("{code}: {text}")),
    ] {
        terminal.line(&format!("{name:<18} {value}"))?;
    }
    Ok(())
}

async fn resend_all<O: Write, E: Write>(
    store: &dyn DeadStore,
    clock: &dyn Clock,
    whose: Whose,
    terminal: &mut Terminal<O, E>,
) -> Result<(), OpsError> {
    let Whose { company, channel } = whose;
    let company = company.or(channel.as_ref().map(ChannelId::company)).ok_or(InboxError::NotFound("company"))?;
    let (mut resent, mut full, mut after) = (0, 0, None);
    loop {
        let query = DeadQuery { whom: ForWhom::Company(company), channel: channel.clone(), after, limit: PAGE };
        let round = dead::resend_all(store, &query, clock.now()).await?;
        resent += round.resent;
        full += round.full;
        terminal.progress(&format!("{resent} messages are delivered again"))?;
        after = round.next.map(|cursor| cursor.encode());
        if after.is_none() {
            break;
        }
    }
    if full == 0 { Ok(()) } else { Err(OpsError::Partly(format!("{full} messages found their outbox full; try again later"))) }
}
