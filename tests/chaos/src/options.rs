//! The command line.

use clap::Parser;
use shared::clock::{Clock, SystemClock};

use crate::flaw::Flaw;

/// How much, and what goes wrong.
#[derive(Clone, Copy, Debug, Parser)]
#[command(
    name = "chaos",
    about = "Messages through the whole bundle in bad weather, counted at the end",
    after_help = "Ends with 1 if a message was doubled, lost, out of order or astray, or the app broke Pipedrive's contract; with 2 if \
                  nothing could be counted."
)]
pub struct Options {
    /// Messages that customers write
    #[arg(long, default_value_t = 100_000)]
    pub messages: usize,
    /// Customers, spread over the companies
    #[arg(long, default_value_t = 500)]
    pub conversations: usize,
    /// Companies, each with a WhatsApp number
    #[arg(long, default_value_t = 20)]
    pub companies: usize,
    /// Of all that goes wrong [default: another one each time]
    #[arg(long, default_value_t = any_seed(), hide_default_value = true)]
    pub seed: u64,
    /// A flaw to plant in the bundle, to see it counted
    #[arg(long)]
    pub flaw: Option<Flaw>,
}

impl Options {
    /// Whether there is something to count: a company without customers has nothing to lose.
    pub(crate) fn make_sense(&self) -> bool {
        self.companies > 0 && self.companies <= self.conversations && self.conversations <= self.messages
    }
}

fn any_seed() -> u64 {
    SystemClock.now().secs().unsigned_abs() % 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        Options::try_parse_from(line.split_whitespace()).expect("a command line")
    }

    #[test]
    fn reads_the_command_line() {
        let all = parse("chaos --messages 40 --companies 2 --conversations 4 --seed 9 --flaw doubles");
        assert_eq!((all.messages, all.companies, all.conversations, all.seed), (40, 2, 4, 9));
        assert_eq!(all.flaw, Some(Flaw::Doubles));
        let none = parse("chaos");
        assert_eq!((none.messages, none.companies, none.conversations, none.flaw), (100_000, 20, 500, None));
        assert!(none.make_sense());
        for line in ["chaos --companies 501", "chaos --messages 499", "chaos --companies 0"] {
            assert!(!parse(line).make_sense(), "{line}");
        }
    }
}
