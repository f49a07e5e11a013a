//! What became of every message, and the table at the end.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    time::Duration,
};

use local::simulators::pipedrive::Pushed;
use shared::model::{ids::CompanyId, time::Timestamp};

use crate::ledger::{Entry, message_of};

/// A message as a company's inbox has it at the end.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// Whose inbox it is.
    pub(crate) company: CompanyId,
    /// The app's id of the conversation.
    pub(crate) conversation: String,
    /// The app's id of the message.
    pub(crate) id: String,
    /// What it says.
    pub(crate) text: String,
}

/// What must be 0, and what else is worth knowing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that customers wrote.
    pub sent: usize,
    /// Messages that were pushed to Pipedrive, and are there once.
    pub once: usize,
    /// Messages that are there more than once.
    pub doubled: usize,
    /// Messages that are not there, or were never pushed.
    pub lost: usize,
    /// Messages that were pushed before one that we knew to come before them.
    pub out_of_order: usize,
    /// Messages that are in another company's inbox, or in another conversation than their customer's first.
    pub astray: usize,
    /// From our 2xx until the push, for half of all messages at most.
    pub lag_p50: Duration,
    /// The same for 99 of 100.
    pub lag_p99: Duration,
    /// What the app did that breaks Pipedrive's contract, and messages that nobody wrote.
    pub violations: Vec<String>,
}

/// Conversation and number of a message.
type Name = (usize, usize);

impl Verdict {
    /// On what customers wrote (`written`, the customers of each of the companies in `homes`), what was pushed, first push by
    /// first push, and what Pipedrive shows in the end.
    pub(crate) fn new(written: &[Vec<Entry>], homes: &[CompanyId], pushed: &[Pushed], shown: &[Shown]) -> Self {
        let mut verdict = Self::default();
        let mut ids: HashMap<Name, BTreeSet<&str>> = HashMap::new();
        let (mut rooms, mut astray) = (HashMap::new(), HashSet::new());
        for message in shown {
            let name = message_of(&message.text)
                .filter(|(customer, number)| written.get(*customer).is_some_and(|messages| *number < messages.len()));
            let Some(name) = name else {
                verdict.violations.push(format!("{} was written by nobody", message.id));
                continue;
            };
            ids.entry(name).or_default().insert(&message.id);
            if message.company != homes[name.0] || *rooms.entry(name.0).or_insert(&message.conversation) != &message.conversation
            {
                astray.insert(name);
            }
        }
        let mut firsts: HashMap<Name, (usize, Timestamp)> = HashMap::new();
        for (position, push) in pushed.iter().enumerate() {
            if let Some(name) = message_of(&push.text) {
                firsts.entry(name).or_insert((position, push.at));
            }
        }
        let mut lags = Vec::new();
        for (customer, entries) in written.iter().enumerate() {
            for (number, entry) in entries.iter().enumerate() {
                let name = (customer, number);
                verdict.sent += 1;
                let (Some(ids), Some((position, at))) = (ids.get(&name), firsts.get(&name)) else {
                    verdict.lost += 1;
                    continue;
                };
                if ids.len() > 1 {
                    verdict.doubled += 1;
                } else {
                    verdict.once += 1;
                }
                lags.extend(entry.taken.map(|(_, taken)| at.since(taken)));
                let is_overtaker = entries[..number].iter().enumerate().any(|(earlier, before)| {
                    let comes_after = firsts.get(&(customer, earlier)).is_none_or(|(other, _)| other > position);
                    comes_after && before.is_known_before(entry)
                });
                verdict.out_of_order += usize::from(is_overtaker);
            }
        }
        lags.sort_unstable();
        let part = |percent: usize| lags.get((lags.len() * percent / 100).min(lags.len().saturating_sub(1)));
        verdict.lag_p50 = part(50).copied().unwrap_or_default();
        verdict.lag_p99 = part(99).copied().unwrap_or_default();
        verdict.astray = astray.len();
        verdict
    }

    /// Whether nothing went wrong that must not.
    pub fn is_good(&self) -> bool {
        self.sent > 0 && self.sent == self.once && self.out_of_order == 0 && self.astray == 0 && self.violations.is_empty()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("sent", self.sent.to_string()),
            ("delivered once", self.once.to_string()),
            ("doubled", self.doubled.to_string()),
            ("lost", self.lost.to_string()),
            ("out of order", self.out_of_order.to_string()),
            ("astray", self.astray.to_string()),
            ("lag p50", format!("{:.1} s", self.lag_p50.as_secs_f64())),
            ("lag p99", format!("{:.1} s", self.lag_p99.as_secs_f64())),
        ];
        rows.iter().try_for_each(|(name, value)| writeln!(f, "{name:<16}{value:>12}"))?;
        self.violations.iter().take(10).try_for_each(|violation| writeln!(f, "not allowed: {violation}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::text;

    const HOME: CompanyId = CompanyId(1);

    fn entry(webhook: u64, posted: u64, taken: u64) -> Entry {
        Entry { webhook, posted: Some(posted), taken: Some((taken, Timestamp::EPOCH)) }
    }

    fn shown(number: usize, id: &str) -> Shown {
        Shown { company: HOME, conversation: "cv".to_owned(), id: id.to_owned(), text: text(0, number) }
    }

    /// Of one customer, whose messages were pushed under these ids, one each second, and are shown so.
    fn verdict(entries: &[Entry], pushed: &[(usize, &str)]) -> Verdict {
        let inbox: Vec<Shown> = pushed.iter().map(|(number, id)| shown(*number, id)).collect();
        verdict_on(entries, pushed, &inbox)
    }

    fn verdict_on(entries: &[Entry], pushed: &[(usize, &str)], inbox: &[Shown]) -> Verdict {
        let push = |((number, id), at): (&(usize, &str), i64)| Pushed {
            id: (*id).to_owned(),
            text: text(0, *number),
            at: Timestamp::from_secs(at),
        };
        let pushed: Vec<Pushed> = pushed.iter().zip(1..).map(push).collect();
        Verdict::new(&[entries.to_vec()], &[HOME], &pushed, inbox)
    }

    #[test]
    fn counts_what_must_not_be() {
        let one_by_one = [entry(1, 1, 2), entry(2, 3, 4), entry(3, 5, 6)];
        let good = verdict(&one_by_one, &[(0, "a"), (1, "b"), (2, "c")]);
        assert!(good.is_good(), "{good}");
        assert_eq!((good.sent, good.once), (3, 3));
        assert_eq!((good.lag_p50, good.lag_p99), (Duration::from_secs(2), Duration::from_secs(3)));
        let doubled = verdict(&one_by_one, &[(0, "a"), (1, "b"), (2, "c"), (1, "d")]);
        assert_eq!((doubled.doubled, doubled.once, doubled.is_good()), (1, 2, false));
        let lost = verdict(&one_by_one, &[(0, "a"), (1, "b")]);
        assert_eq!((lost.lost, lost.out_of_order, lost.is_good()), (1, 0, false));
        let swapped = verdict(&one_by_one, &[(0, "a"), (2, "c"), (1, "b")]);
        assert_eq!((swapped.out_of_order, swapped.is_good()), (1, false));
        let skipped = verdict(&one_by_one, &[(0, "a"), (2, "c")]);
        assert_eq!((skipped.lost, skipped.out_of_order), (1, 1), "what never comes is overtaken, too");
        let nothing = verdict(&[], &[]);
        assert!(!nothing.is_good(), "nothing sent proves nothing");
        let broken = Verdict { violations: vec!["x".to_owned()], ..good };
        assert!(!broken.is_good());
    }

    #[test]
    fn what_is_pushed_and_not_there_or_there_and_not_pushed_is_lost() {
        let two = [entry(1, 1, 2), entry(2, 3, 4)];
        let both = [shown(0, "a"), shown(1, "b")];
        assert_eq!(verdict_on(&two, &[(0, "a"), (1, "b")], &both[..1]).lost, 1);
        assert_eq!(verdict_on(&two, &[(0, "a")], &both).lost, 1);
    }

    #[test]
    fn a_message_belongs_into_its_customers_conversation_in_its_company() {
        let two = [entry(1, 1, 2), entry(2, 3, 4)];
        let pushed = [(0, "a"), (1, "b")];
        let elsewhere = Shown { company: CompanyId(2), ..shown(1, "b") };
        let split = Shown { conversation: "another".to_owned(), ..shown(1, "b") };
        for wrong in [elsewhere, split] {
            let verdict = verdict_on(&two, &pushed, &[shown(0, "a"), wrong]);
            assert_eq!((verdict.astray, verdict.is_good()), (1, false));
        }
        let made_up = verdict_on(&two, &pushed, &[shown(0, "a"), shown(1, "b"), shown(2, "c")]);
        assert_eq!((made_up.violations.len(), made_up.is_good()), (1, false));
    }

    #[test]
    fn the_provider_may_choose_the_order_of_what_it_offers_at_once() {
        let beside = [entry(1, 1, 4), entry(2, 2, 3)];
        assert_eq!(verdict(&beside, &[(1, "b"), (0, "a")]).out_of_order, 0, "the second was offered before the first was taken");
        let together = [entry(1, 1, 3), entry(1, 1, 3)];
        assert_eq!(verdict(&together, &[(1, "b"), (0, "a")]).out_of_order, 1, "in one webhook, the first comes first");
    }
}
