//! The provider's side: what customers write becomes webhooks, which come twice, or in another order, or again until they are
//! answered 2xx, as a provider may do.

use std::{collections::VecDeque, iter::Sum, time::Duration};

use local::{
    bundle::Bundle,
    simulators::{
        graph::{Incoming, Number},
        webhooks::Post,
    },
};
use shared::{clock::Clock, model::time::Timestamp};

use crate::ledger::{Ledger, text};

/// Most messages that a customer writes in a minute.
const MAX_A_MINUTE: usize = 3;
/// Of a hundred webhooks, how many come twice: half of them at once, half in a later minute.
const TWICE: u8 = 20;
/// Of a hundred webhooks, how many overtake the one before.
const OVERTAKING: u8 = 10;
/// How often a webhook is posted at most. Providers go on for days.
const TRIES: u32 = 1_000;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A webhook that is never answered 2xx.
#[derive(Debug, thiserror::Error)]
#[error("a webhook was refused {TRIES} times")]
pub struct Refused;

/// How many webhooks came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posts {
    /// Different ones.
    pub first: usize,
    /// Those that came although they had come, or were just coming.
    pub twice: usize,
    /// Those that came because they had not been answered 2xx.
    pub again: usize,
}

impl Sum for Posts {
    fn sum<I: Iterator<Item = Self>>(posts: I) -> Self {
        posts.fold(Self::default(), |sum, posts| Self {
            first: sum.first + posts.first,
            twice: sum.twice + posts.twice,
            again: sum.again + posts.again,
        })
    }
}

/// A customer, and the provider's machine that speaks for them.
pub(crate) struct Customer {
    conversation: usize,
    number: Number,
    phone: String,
    rng: fastrand::Rng,
    left: usize,
    /// Webhooks that come once more in the next minute.
    later: Vec<Webhook>,
    posts: Posts,
}

#[derive(Clone)]
struct Webhook {
    post: Post,
    messages: Vec<usize>,
    tries: u32,
    is_copy: bool,
}

/// What customers need to write.
pub(crate) struct Way<'a> {
    /// Where to.
    pub(crate) bundle: &'a Bundle,
    /// The time.
    pub(crate) clock: &'a dyn Clock,
    /// Where it is written down.
    pub(crate) ledger: &'a Ledger,
    /// The provider's client.
    pub(crate) http: &'a reqwest::Client,
}

impl Webhook {
    fn copy(&self) -> Self {
        Self { tries: 0, is_copy: true, ..self.clone() }
    }
}

impl Customer {
    /// The customer of a conversation, who will write `messages` messages to `number`.
    pub(crate) fn new(conversation: usize, number: Number, messages: usize, seed: u64) -> Self {
        let rng = fastrand::Rng::with_seed(seed.wrapping_mul(0x9e37_79b9).wrapping_add(conversation as u64));
        let phone = format!("1555{conversation:07}");
        Self { conversation, number, phone, rng, left: messages, later: Vec::new(), posts: Posts::default() }
    }

    /// Whether nothing more comes from here.
    pub(crate) fn is_done(&self) -> bool {
        self.left == 0 && self.later.is_empty()
    }

    /// What came from here.
    pub(crate) fn posts(&self) -> Posts {
        self.posts
    }

    /// One minute: some messages, and what comes again. How many were written.
    pub(crate) async fn minute(&mut self, way: &Way<'_>) -> Result<usize, Refused> {
        let mut line: VecDeque<Webhook> = std::mem::take(&mut self.later).into();
        let count = self.rng.usize(0..=MAX_A_MINUTE).min(self.left);
        self.left -= count;
        line.extend(self.written(way, count));
        for position in 1..line.len() {
            if self.chance(OVERTAKING) {
                line.swap(position - 1, position);
            }
        }
        while let Some(mut webhook) = line.pop_front() {
            let twice = webhook.tries == 0 && !webhook.is_copy && self.chance(TWICE);
            if twice && self.rng.bool() {
                self.later.push(webhook.copy());
            } else if twice {
                let mut copy = webhook.copy();
                let (one, other) = futures_util::join!(self.posted(way, &webhook), self.posted(way, &copy));
                self.noted(&mut webhook);
                self.noted(&mut copy);
                self.come_again(&mut line, webhook, one)?;
                self.come_again(&mut line, copy, other)?;
                continue;
            }
            let taken = self.posted(way, &webhook).await;
            self.noted(&mut webhook);
            self.come_again(&mut line, webhook, taken)?;
        }
        Ok(count)
    }

    fn chance(&mut self, of_a_hundred: u8) -> bool {
        self.rng.u8(0..100) < of_a_hundred
    }

    /// So many messages, in one webhook or several.
    fn written(&mut self, way: &Way<'_>, count: usize) -> Vec<Webhook> {
        let mut webhooks = Vec::new();
        let mut at = way.clock.now();
        let mut left = count;
        while left > 0 {
            let size = self.rng.usize(1..=left);
            left -= size;
            let id = way.ledger.turn();
            let mut messages = Vec::with_capacity(size);
            let mut changes = Vec::with_capacity(size);
            for _ in 0..size {
                let message = way.ledger.write(self.conversation, id);
                // The provider tells whole seconds: some messages have the same one. And its clock may be ahead of ours.
                at = at.plus(Duration::from_secs(self.rng.u64(0..=1)));
                changes.extend(self.change(way, message, at));
                messages.push(message);
            }
            let post = way.bundle.graph().webhooks().compose(&changes);
            webhooks.push(Webhook { post, messages, tries: 0, is_copy: false });
        }
        webhooks
    }

    fn change(&self, way: &Way<'_>, message: usize, at: Timestamp) -> Option<serde_json::Value> {
        let (text, name) = (text(self.conversation, message), format!("Customer {}", self.conversation));
        let incoming = Incoming { number: &self.number.id, from: &self.phone, name: &name, text: &text, at };
        way.bundle.graph().message_change(&incoming, &format!("wamid.{}.{message}", self.conversation))
    }

    /// Posts a webhook once. Whether it was answered 2xx.
    async fn posted(&self, way: &Way<'_>, webhook: &Webhook) -> bool {
        way.ledger.post(self.conversation, &webhook.messages);
        let url = format!("{}/webhooks/whatsapp", way.bundle.url());
        let request = way.http.post(url).timeout(TIMEOUT).headers(webhook.post.headers.clone()).body(webhook.post.body.clone());
        let taken = request.send().await.is_ok_and(|answer| answer.status().is_success());
        if taken {
            way.ledger.take(self.conversation, &webhook.messages, way.clock.now());
        }
        taken
    }

    /// Counts a post of it.
    fn noted(&mut self, webhook: &mut Webhook) {
        let Posts { first, twice, again } = &mut self.posts;
        *(match (webhook.tries, webhook.is_copy) {
            (0, false) => first,
            (0, true) => twice,
            _ => again,
        }) += 1;
        webhook.tries += 1;
    }

    /// What was not answered 2xx comes again, at once or after the next one.
    fn come_again(&mut self, line: &mut VecDeque<Webhook>, webhook: Webhook, taken: bool) -> Result<(), Refused> {
        if taken {
            return Ok(());
        }
        if webhook.tries > TRIES {
            return Err(Refused);
        }
        let position = if self.rng.bool() { 0 } else { line.len().min(1) };
        line.insert(position, webhook);
        Ok(())
    }
}
