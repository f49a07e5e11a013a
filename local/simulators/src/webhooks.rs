//! Sends a simulated provider's webhooks: in order, again after a failure, twice or late or many in one when told to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::sync::Notify;

use super::locked;

/// How long after a failure a webhook comes again. Real providers go on for days; the last pause repeats here.
const PAUSES_MS: [u64; 6] = [0, 20, 50, 100, 250, 1000];
/// How often a webhook is tried before it is given up.
const TRIES: usize = 40;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A webhook as it goes out.
#[derive(Debug, Clone)]
pub struct Post {
    /// Its headers, signature included.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Makes one signed webhook of events.
pub type Compose = Box<dyn Fn(&[Value]) -> Post + Send + Sync>;

/// The sender. Clones share its queue.
#[derive(Clone)]
pub struct Webhooks(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    wake: Notify,
    http: reqwest::Client,
    compose: Compose,
    // Whether each event goes out by itself, to the address that it names.
    addressed: bool,
}

#[derive(Default)]
struct State {
    target: Option<String>,
    queue: VecDeque<Vec<Value>>,
    // Events that are held back, until they go out in one webhook.
    held: Option<Vec<Value>>,
    later: usize,
    under_way: bool,
    twice: usize,
    given_up: usize,
}

impl Webhooks {
    /// A sender with nothing to send. Its work ends with the last clone's runtime.
    pub fn new(compose: Compose) -> Self {
        Self::start(compose, false)
    }

    /// A sender for a provider whose webhooks hold one event each and go where the event says: to the address in its `url`.
    /// [`Webhooks::send_to`] is not needed then.
    pub fn addressed(compose: Compose) -> Self {
        Self::start(compose, true)
    }

    fn start(compose: Compose, addressed: bool) -> Self {
        let http = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        let http = http.unwrap_or_default();
        let sender = Self(Arc::new(Inner { state: Mutex::default(), wake: Notify::new(), http, compose, addressed }));
        tokio::spawn(sender.clone().run());
        sender
    }

    /// Where webhooks go from now on.
    pub fn send_to(&self, url: &str) {
        locked(&self.0.state).target = Some(url.to_owned());
        self.0.wake.notify_one();
    }

    /// Queues an event.
    pub fn queue(&self, event: Value) {
        let mut state = locked(&self.0.state);
        match &mut state.held {
            Some(held) => held.push(event),
            None => state.queue.push_back(vec![event]),
        }
        drop(state);
        self.0.wake.notify_one();
    }

    /// Does something that queues events later; until it is done, the sender is not idle.
    pub fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        locked(&self.0.state).later += 1;
        let sender = self.clone();
        tokio::spawn(async move {
            work.await;
            locked(&sender.0.state).later -= 1;
        });
    }

    /// Holds events back until [`Webhooks::release`].
    pub fn hold(&self) {
        locked(&self.0.state).held.get_or_insert_default();
    }

    /// Sends what was held back in one webhook, in the order that `arrange` gives it.
    pub fn release(&self, arrange: impl FnOnce(&mut Vec<Value>)) {
        let mut state = locked(&self.0.state);
        if let Some(mut events) = state.held.take().filter(|events| !events.is_empty()) {
            arrange(&mut events);
            state.queue.push_back(events);
        }
        drop(state);
        self.0.wake.notify_one();
    }

    /// Sends each of the next `count` webhooks twice.
    pub fn send_twice(&self, count: usize) {
        locked(&self.0.state).twice = count;
    }

    /// Whether there is nothing under way. What is held back does not count.
    pub fn idle(&self) -> bool {
        let state = locked(&self.0.state);
        (state.target.is_none() && !self.0.addressed) || (state.queue.is_empty() && state.later == 0 && !state.under_way)
    }

    /// How many webhooks were never taken.
    pub fn given_up(&self) -> usize {
        locked(&self.0.state).given_up
    }

    /// Sends one webhook at once, once, and tells the answer's status.
    pub async fn send_now(&self, post: &Post) -> Option<StatusCode> {
        let target = locked(&self.0.state).target.clone()?;
        self.send_now_to(&target, post).await
    }

    /// The same to another address.
    pub async fn send_now_to(&self, target: &str, post: &Post) -> Option<StatusCode> {
        let request = self.0.http.post(target).headers(post.headers.clone()).body(post.body.clone());
        request.send().await.ok().map(|answer| answer.status())
    }

    /// What would be sent for `events`.
    pub fn compose(&self, events: &[Value]) -> Post {
        (self.0.compose)(events)
    }

    async fn run(self) {
        loop {
            let Some((events, times)) = self.next() else {
                self.0.wake.notified().await;
                continue;
            };
            let size = if self.0.addressed { 1 } else { events.len().max(1) };
            for events in events.chunks(size) {
                let target = self.target(events);
                let post = self.compose(events);
                for _ in 0..times {
                    if !self.deliver(&target, &post).await {
                        locked(&self.0.state).given_up += 1;
                    }
                }
            }
            locked(&self.0.state).under_way = false;
        }
    }

    fn next(&self) -> Option<(Vec<Value>, usize)> {
        let mut state = locked(&self.0.state);
        if !self.0.addressed {
            state.target.as_ref()?;
        }
        let events = state.queue.pop_front()?;
        state.under_way = true;
        let times = if state.twice > 0 { 2 } else { 1 };
        state.twice = state.twice.saturating_sub(1);
        Some((events, times))
    }

    fn target(&self, events: &[Value]) -> String {
        let named = events.first().and_then(|event| event["url"].as_str()).filter(|_| self.0.addressed);
        named.map(str::to_owned).or_else(|| locked(&self.0.state).target.clone()).unwrap_or_default()
    }

    async fn deliver(&self, target: &str, post: &Post) -> bool {
        for attempt in 0..TRIES {
            tokio::time::sleep(Duration::from_millis(PAUSES_MS[attempt.min(PAUSES_MS.len() - 1)])).await;
            if self.send_now_to(target, post).await == Some(StatusCode::OK) {
                return true;
            }
        }
        false
    }
}
