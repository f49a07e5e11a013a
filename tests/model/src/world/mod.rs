//! The world of the model: companies, customers, webhooks, what is under way, and the time.

mod companies;
mod provider;
mod work;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU16, Ordering},
    },
    time::Duration,
};

use shared::{
    clock::Clock,
    model::{
        ids::{ConversationId, UserId},
        time::Timestamp,
    },
    secrets::SecretCache,
};

pub(crate) use self::provider::Written;
use self::{companies::Source, provider::Webhook, work::Task};
use crate::{
    memory::{Flaw, Memory},
    op::Op,
    pace::Pace,
    pipedrive::Pipedrive,
};

/// Companies, each with one account at the provider.
pub const COMPANIES: usize = 2;
/// Customers, spread over the companies.
pub const CONVERSATIONS: usize = 4;
/// Whose installation delivers a company's messages.
const OWNER: UserId = UserId(7);
/// Most time that passes in one story while things go wrong: less than it takes to give a message up.
const MOST_TIME: Duration = Duration::from_hours(36);
/// How much of it passes at once when all is calm.
const HALF_AN_HOUR: Duration = Duration::from_mins(30);

/// The time, set by hand, and chance that is the same in each story.
#[derive(Default)]
struct Hands {
    millis: AtomicI64,
    drawn: AtomicU16,
}

impl Hands {
    fn advance(&self, by: Duration) {
        self.millis.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.millis.load(Ordering::Relaxed))
    }

    fn jitter(&self) -> f64 {
        // In steps of the golden section, which fill the range evenly.
        f64::from(self.drawn.fetch_add(40_503, Ordering::Relaxed)) / f64::from(u16::MAX)
    }
}

/// Everything.
pub struct World {
    pub(crate) memory: Memory,
    pub(crate) pipedrive: Pipedrive,
    pub(crate) written: Vec<Written>,
    clock: Arc<Hands>,
    pace: Pace,
    secrets: Arc<SecretCache>,
    webhooks: Vec<Webhook>,
    tasks: Vec<Task>,
    /// What the table's stream still has to tell, and how often that was tried.
    stream: VecDeque<(ConversationId, u32)>,
    /// Counts what happens, to say what was before what.
    turns: usize,
    passed: Duration,
    stuck: Option<ConversationId>,
}

impl World {
    /// With installed companies, and a table that has this flaw, if any.
    pub fn new(flaw: Option<Flaw>) -> Self {
        let (pace, clock) = (Pace::stepping(), Arc::new(Hands::default()));
        clock.advance(Duration::from_hours(490_896));
        let world = Self {
            memory: Memory::new(pace.clone(), flaw),
            pipedrive: Pipedrive::new(pace.clone()),
            written: Vec::new(),
            secrets: Arc::new(SecretCache::new(Box::new(Source), clock.clone())),
            clock,
            pace,
            webhooks: Vec::new(),
            tasks: Vec::new(),
            stream: VecDeque::new(),
            turns: 0,
            passed: Duration::ZERO,
            stuck: None,
        };
        for company in 0..COMPANIES {
            world.connect(company);
            world.consent(company);
        }
        world
    }

    /// One thing happens. What can't happen now does not.
    pub fn happen(&mut self, op: &Op) {
        match *op {
            Op::Write { conversation, echo, join } => self.write(conversation % CONVERSATIONS, echo, join),
            Op::Status { message } => self.report(message),
            Op::Edit { message } => self.edit(message),
            Op::Offer { webhook, again } => self.offer(webhook, again),
            Op::Stream => self.stream(),
            Op::Miss => self.miss(),
            Op::Redeliver => self.redeliver(),
            Op::Step { task, count } => self.step(task, count),
            Op::Crash { task } => self.crash(task),
            Op::Fail(fault) => self.pace.fail_next(Some(fault)),
            Op::Answer(answer) => self.pipedrive.answer_next(answer),
            Op::Stick { conversation } => self.stick(conversation),
            Op::Resend { message } => self.resend(message),
            Op::Revoke { company } => self.revoke(company % COMPANIES),
            Op::Reconnect { company } => self.consent(company % COMPANIES),
            Op::Pass { millis } => self.pass(Duration::from_millis(millis)),
        }
    }

    /// Nothing goes wrong any more, and everything that is still to come comes. What does not get to its end.
    pub fn calm_down(&mut self) -> Vec<String> {
        self.pace.fail_next(None);
        if let Some(stuck) = self.stuck.take() {
            let held_up = self.settle(60, Some(&stuck));
            if !held_up.is_empty() {
                return held_up.iter().map(|id| format!("3: {stuck} holds up {id}")).collect();
            }
        }
        self.pipedrive.clear_up();
        self.settle(400, None).iter().map(|id| format!("6: {id} is never delivered")).collect()
    }

    /// Conversations with something left to deliver, but for this one.
    fn waiting(&self, stuck: Option<&ConversationId>) -> Vec<ConversationId> {
        let all = self.memory.conversations().into_iter().filter(|conversation| !conversation.outbox.is_empty());
        all.map(|conversation| conversation.id).filter(|id| Some(id) != stuck).collect()
    }

    /// Half an hour passes at a time, and what is due happens, until nothing waits but the one that is stuck. What still does.
    fn settle(&mut self, turns: usize, stuck: Option<&ConversationId>) -> Vec<ConversationId> {
        for _ in 0..turns {
            (0..COMPANIES).for_each(|company| self.consent_if_lost(company));
            self.run_all();
            self.offer_all();
            while self.hear_of_changes() > 0 {
                self.stream();
                self.run_all();
            }
            if self.waiting(stuck).is_empty() {
                break;
            }
            self.clock.advance(HALF_AN_HOUR);
            self.redeliver();
        }
        self.waiting(stuck)
    }

    fn pass(&mut self, by: Duration) {
        if self.passed + by <= MOST_TIME {
            self.passed += by;
            self.clock.advance(by);
        }
    }

    fn turn(&mut self) -> usize {
        self.turns += 1;
        self.turns
    }

    fn stick(&mut self, conversation: usize) {
        let known = self.memory.conversations();
        let now = pick(conversation, &known).filter(|_| self.stuck.is_none()).map(|conversation| conversation.id.clone());
        self.stuck.clone_from(&now);
        self.pipedrive.get_stuck(now);
    }
}

fn pick<T>(n: usize, of: &[T]) -> Option<&T> {
    of.get(n.checked_rem(of.len())?)
}

/// What asks nobody is done when it is polled once.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    use futures_util::FutureExt;
    work.now_or_never().unwrap_or_else(|| unreachable!("nothing here waits"))
}
