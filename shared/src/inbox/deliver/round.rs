//! One round: what is ready goes to the target, what it says is sorted out, and one write settles it.

use std::time::Duration;

use super::{
    DeliverPorts, Delivered,
    target::{End, Parcel, Target},
};
use crate::{
    config::DeliveryChoice,
    inbox::{
        fetch, halt,
        ports::{Outcome, Settled, Settlement, StoreError, Then},
        receive::STREAM_GRACE,
        retry,
        send::outcome_unknown,
        tokens::TokenError,
    },
    media::links::Links,
    model::{
        channel::Delivery,
        conversation::{Conversation, Pause, Rest},
        ids::Place,
        installation::Installation,
        message::{Direction, FailureReason, Message, Sending},
        status::Status,
        time::Timestamp,
    },
    pipedrive::{Access, error::PipedriveError},
    telemetry::metrics::{self, Metric},
};

/// How long a round goes on: other conversations wait for it in the same batch.
const ROUND_TIME: Duration = Duration::from_secs(20);
/// How often a round's result is written against receivers that write the same conversation.
const TRIES: usize = 8;
/// Most messages that die in one round: each is an item of the transaction that settles it. The next round goes on.
const MOST_DEAD: usize = 50;
/// How long to wait for a renewal of tokens that another process takes long over.
const BUSY: Duration = Duration::from_secs(10);
/// How far conversations that waited for the same moment are spread over what follows it, as a share of their wait.
const SPREAD: f64 = 0.2;

/// What ends a round early.
enum Stop {
    Failed(PipedriveError),
    Later {
        until: Timestamp,
        reason: FailureReason,
    },
    Held(FailureReason),
    /// It was let go to ask whether the installation delivers again, and failed for a reason of its own. The others ask before
    /// it does once more.
    AskedInVain(FailureReason),
}

/// What of a message is to be done.
enum Readiness {
    /// It can be delivered.
    Ready(Box<Message>),
    /// Nothing is left to tell.
    Settled,
    /// Its sender is still at it, and will wake us. Later messages need not wait for it.
    Skip,
    /// It waits for its files, and the later ones with it: order is kept. Whoever fetches them wakes the next round.
    HoldBack,
}

pub(super) struct Round<'a> {
    ports: &'a DeliverPorts<'a>,
    conversation: Conversation,
    settled: Vec<(Place, Outcome)>,
    /// How long the customer's messages took to get to Pipedrive.
    lags: Vec<Duration>,
    delivered: Delivered,
}

impl<'a> Round<'a> {
    pub(super) fn new(ports: &'a DeliverPorts<'a>, conversation: Conversation) -> Self {
        Self { ports, conversation, settled: Vec::new(), lags: Vec::new(), delivered: Delivered::default() }
    }

    pub(super) async fn run(mut self) -> Result<Delivered, StoreError> {
        let result = self.deliver().await;
        metrics::took(Metric::DeliveryLag, &self.lags);
        metrics::count(Metric::MessagesDelivered, self.delivered.pushed);
        metrics::count(Metric::MessagesDead, self.delivered.dead);
        metrics::count(Metric::DeliveriesWaiting, usize::from(self.delivered.waiting));
        metrics::count(Metric::DeliveriesHeld, usize::from(self.delivered.held));
        result.map(|()| self.delivered)
    }

    async fn deliver(&mut self) -> Result<(), StoreError> {
        let (company, owner) = (self.conversation.company, self.conversation.owner);
        let (installation, access) = match self.ports.tokens.access(company, owner).await {
            Ok(found) => found,
            Err(error) => {
                let stop = self.no_access(error)?;
                let then = self.then(Some(stop));
                return self.settle(then).await;
            }
        };
        let stop = match self.halted(&installation) {
            Some(stop) => Some(stop),
            None => self.hand_over(&installation, access.clone()).await?,
        };
        let stop = self.moved(stop, &installation, &access).await?;
        let stop = self.noted(stop, &installation).await?;
        if self.delivered.moved.is_some() || stop.is_some() || !self.settled.is_empty() {
            let then = self.then(stop);
            self.settle(then).await?;
        }
        self.end_halt(&installation).await
    }

    /// Whether the installation's halt, if there is one, is this conversation's too.
    fn halted(&self, installation: &Installation) -> Option<Stop> {
        let halt = installation.halt.as_ref()?;
        let now = self.ports.clock.now();
        if halt.reason.holds() {
            let probes = halt.probe.as_ref() == Some(&self.conversation.id);
            return (!probes).then(|| Stop::Held(halt.reason.reason()));
        }
        // Whoever heard of it asks first; the others follow a little later, and not all at once.
        let wait = halt.until.since(now).mul_f64(SPREAD * self.ports.clock.jitter()) + Duration::from_secs(1);
        (halt.until > now).then(|| Stop::Later { until: halt.until.plus(wait), reason: halt.reason.reason() })
    }

    async fn hand_over(&mut self, installation: &Installation, mut access: Access) -> Result<Option<Stop>, StoreError> {
        self.remember(installation).await?;
        let target = match self.ports.choice.of(installation) {
            Delivery::Channels => self.ports.channels,
            Delivery::Records => self.ports.records,
        };
        let links = match self.links(installation).await {
            Ok(links) => links,
            Err(error) => return Ok(Some(self.no_access(error)?)),
        };
        let until = self.ports.clock.now().plus(ROUND_TIME);
        let mut messages = self.ready(target).await?;
        let mut renewed = false;
        while !messages.is_empty() {
            let conversation = &self.conversation;
            let parcel = Parcel { installation, access: &access, conversation, messages: &messages, links: &links, until };
            let report = target.deliver(&parcel).await?;
            let now = self.ports.clock.now();
            self.delivered.pushed += report.done.len();
            messages.retain(|message| {
                let place = message.id.place();
                let done = report.done.contains(&place);
                if done {
                    if message.direction == Direction::In && message.edited_at.is_none() && message.deleted_at.is_none() {
                        self.lags.push(now.since(place.arrived_at()));
                    }
                    tracing::info!(message = %message.id, channel = %self.conversation.channel, "a message is delivered");
                    self.settled.push((place, Outcome::Delivered { revived: message.dead.is_some() }));
                }
                !done
            });
            match report.end {
                End::Done => return Ok(None),
                End::Later { until, reason } => return Ok(Some(Stop::Later { until, reason })),
                End::Failed { error: PipedriveError::Unauthorized, .. } if !renewed => {
                    renewed = true;
                    match self.ports.tokens.renew(installation.company, installation.user, access.version).await {
                        Ok((_, newer)) => access = newer,
                        Err(error) => return Ok(Some(self.no_access(error)?)),
                    }
                }
                End::Failed { error, at } => {
                    metrics::count_kind(Metric::PipedriveErrors, error.kind());
                    if !self.bury(&mut messages, &at, &error) {
                        return Ok(Some(Stop::Failed(error)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Remembers a delivery that the configuration forces: all that asks where the installation's messages end reads it there.
    async fn remember(&mut self, installation: &Installation) -> Result<(), StoreError> {
        let forced = self.ports.choice != DeliveryChoice::Auto;
        let delivery = self.ports.choice.of(installation);
        if forced && installation.delivery != Some(delivery) {
            self.end_at(installation, delivery).await?;
        }
        Ok(())
    }

    async fn end_at(&mut self, installation: &Installation, delivery: Delivery) -> Result<(), StoreError> {
        let (company, user) = (installation.company, installation.user);
        self.ports.tokens.store.set_delivery(company, user, delivery, self.ports.clock.now()).await?;
        self.delivered.moved = (delivery == Delivery::Records).then_some(company);
        Ok(())
    }

    /// Moves the installation to the records if its Messaging inbox turns out to be gone: what is left goes there, beginning
    /// with the next round.
    async fn moved(
        &mut self,
        stop: Option<Stop>,
        installation: &Installation,
        access: &Access,
    ) -> Result<Option<Stop>, StoreError> {
        let choice = self.ports.choice;
        let by_itself = choice == DeliveryChoice::Auto && choice.of(installation) == Delivery::Channels;
        let is_gone = match &stop {
            Some(Stop::Failed(PipedriveError::Gone { .. })) => by_itself,
            Some(Stop::Failed(PipedriveError::NotFound)) => {
                by_itself && !self.ports.channels.is_offered(access, &self.conversation).await
            }
            _ => false,
        };
        if !is_gone {
            return Ok(stop);
        }
        tracing::warn!(company = %installation.company, user = %installation.user, "the Channels API is gone; delivering to records");
        self.end_at(installation, Delivery::Records).await?;
        Ok(None)
    }

    async fn links(&self, installation: &Installation) -> Result<Links, TokenError> {
        let secrets = self.ports.tokens.secrets.get().await?;
        Ok(Links::new(&secrets.vault, &installation.public_url, self.ports.clock.now())?)
    }

    /// The messages of the outbox that can be delivered, in order.
    async fn ready(&mut self, target: &dyn Target) -> Result<Vec<Message>, StoreError> {
        let places: Vec<Place> = self.conversation.outbox.keys().take(target.most()).cloned().collect();
        let found = self.ports.outbox.messages_at(&self.conversation.id, &places).await?;
        let mut ready = Vec::with_capacity(found.len());
        let mut found = found.into_iter().peekable();
        for place in places {
            let readiness = match found.next_if(|message| message.id.place() == place) {
                // Erased since.
                None => Readiness::Settled,
                Some(message) => self.readiness(message).await?,
            };
            match readiness {
                Readiness::Ready(message) => ready.push(*message),
                Readiness::Settled => self.settled.push((place, Outcome::Delivered { revived: false })),
                Readiness::Skip => {}
                Readiness::HoldBack => break,
            }
        }
        Ok(ready)
    }

    async fn readiness(&self, mut message: Message) -> Result<Readiness, StoreError> {
        let now = self.ports.clock.now();
        if fetch::is_under_way(&message, now) {
            return Ok(Readiness::HoldBack);
        }
        if let Sending::Underway { until } = message.sending {
            if until > now || !self.ports.outbox.give_up_sending(&message.id, &outcome_unknown()).await? {
                return Ok(Readiness::Skip);
            }
            message.status = Status::Failed;
        }
        // It may have been refused since the outbox was read. Then its sender heard so, and its entry is gone.
        if message.status == Status::Failed && message.provider_id.is_none() && !self.is_owed(&message).await? {
            return Ok(Readiness::Settled);
        }
        Ok(Readiness::Ready(Box::new(message)))
    }

    async fn is_owed(&self, message: &Message) -> Result<bool, StoreError> {
        let now = self.ports.outbox.conversation(&self.conversation.id).await?;
        Ok(now.is_some_and(|conversation| conversation.outbox.contains_key(&message.id.place())))
    }

    /// Takes those of the messages at `at` out of `messages` that die of the error. Whether there are any.
    fn bury(&mut self, messages: &mut Vec<Message>, at: &[Place], error: &PipedriveError) -> bool {
        let dies =
            |message: &&Message| at.contains(&message.id.place()) && (is_final(error) || self.is_exhausted(message, error));
        let room = MOST_DEAD.saturating_sub(self.delivered.dead);
        let dead: Vec<Place> = messages.iter().filter(dies).take(room).map(|message| message.id.place()).collect();
        for place in &dead {
            let (message, channel) = (self.conversation.id.message(place), &self.conversation.channel);
            tracing::error!(%message, %channel, code = error.code(), "a message is dead");
            self.settled.push((place.clone(), Outcome::Dead(reason(error))));
        }
        self.delivered.dead += dead.len();
        messages.retain(|message| !dead.contains(&message.id.place()));
        !dead.is_empty()
    }

    fn is_exhausted(&self, message: &Message, error: &PipedriveError) -> bool {
        let clock = self.ports.clock;
        let failing_since = self.conversation.pause.as_ref().and_then(Pause::failing).map(|rest| rest.since);
        halt::after(error, None, clock).is_none()
            && failing_since.is_some_and(|since| retry::exhausted(clock.now(), since, message.sent_at))
    }

    fn no_access(&self, error: TokenError) -> Result<Stop, StoreError> {
        match error {
            TokenError::NotConnected => Ok(Stop::Held(halt::not_connected())),
            TokenError::Pipedrive(error) => Ok(Stop::Failed(error)),
            TokenError::Busy => {
                let until = self.ports.clock.now().plus(BUSY);
                Ok(Stop::Later { until, reason: reason(&PipedriveError::Transient { code: "refresh_busy".to_owned() }) })
            }
            TokenError::Store(error) => Err(error),
            TokenError::Secrets(_) | TokenError::Seal(_) => {
                crate::telemetry::log_error("no access to Pipedrive", &error);
                Ok(Stop::Failed(PipedriveError::Transient { code: "tokens".to_owned() }))
            }
        }
    }

    /// Notes on the installation what an error says of the company, and what that means for this conversation.
    async fn noted(&self, stop: Option<Stop>, installation: &Installation) -> Result<Option<Stop>, StoreError> {
        let Some(Stop::Failed(error)) = stop else { return Ok(stop) };
        let known = installation.halt.as_ref();
        let holding = known.filter(|halt| halt.reason.holds());
        let halt = halt::after(&error, known, self.ports.clock);
        // One that passes does not take the place of one that holds: nobody would let go what is held.
        let Some(halt) = halt.filter(|halt| halt.reason.holds() || holding.is_none()) else {
            // A probe that fails for another reason proves nothing, unless it got through before.
            let in_vain = holding.filter(|_| self.settled.is_empty());
            return Ok(Some(in_vain.map_or(Stop::Failed(error), |halt| Stop::AskedInVain(halt.reason.reason()))));
        };
        let (company, user) = (installation.company, installation.user);
        tracing::warn!(%company, %user, code = error.code(), until = %halt.until, "deliveries of an installation are halted");
        self.ports.halts.halt(installation, &halt).await?;
        let reason = halt.reason.reason();
        Ok(Some(if halt.reason.holds() { Stop::Held(reason) } else { Stop::Later { until: halt.until, reason } }))
    }

    /// What Pipedrive takes, or refuses for what it is, ends a halt.
    async fn end_halt(&self, installation: &Installation) -> Result<(), StoreError> {
        let Some(halt) = installation.halt.as_ref().filter(|_| self.delivered.pushed + self.delivered.dead > 0) else {
            return Ok(());
        };
        let Installation { company, user, .. } = installation;
        tracing::info!(%company, %user, "deliveries of an installation go on");
        self.ports.halts.end_halt(*company, *user, halt, self.ports.clock.now()).await
    }

    fn then(&mut self, stop: Option<Stop>) -> Then {
        let now = self.ports.clock.now();
        let progress = !self.settled.is_empty();
        // Progress starts the schedule anew.
        let failing = self.conversation.pause.as_ref().and_then(Pause::failing).filter(|_| !progress).cloned();
        Then::Pause(match stop {
            None => return Then::Continue { due_at: now.plus(STREAM_GRACE) },
            Some(Stop::Held(reason)) => {
                self.delivered.held = true;
                Pause::Held { since: self.waiting_since(now), reason }
            }
            Some(Stop::AskedInVain(reason)) => {
                self.delivered.held = true;
                Pause::Held { since: now, reason }
            }
            Some(Stop::Later { until, reason }) => {
                self.delivered.waiting = true;
                Pause::Later { until, reason, failing }
            }
            Some(Stop::Failed(error)) => {
                self.delivered.waiting = true;
                Pause::Waiting(self.rest(now, failing.as_ref(), &error))
            }
        })
    }

    /// Since when the oldest message that is left waits: held conversations go on in this order.
    fn waiting_since(&self, now: Timestamp) -> Timestamp {
        let left = self.conversation.outbox.keys().find(|place| self.settled.iter().all(|(settled, _)| settled != *place));
        left.map_or(now, |place| place.arrived_at().min(now))
    }

    fn rest(&self, now: Timestamp, failing: Option<&Rest>, error: &PipedriveError) -> Rest {
        let (attempts, since) = failing.map_or((1, now), |rest| (rest.attempts.saturating_add(1), rest.since));
        let asked = halt::after(error, None, self.ports.clock).map(|halt| halt.until.since(now));
        let until = retry::next_try(now, attempts, asked, self.ports.clock.jitter());
        tracing::warn!(
            conversation = %self.conversation.id, channel = %self.conversation.channel,
            code = error.code(), attempts, next_try = %until, "delivery failed and waits"
        );
        Rest { until, attempts, since, reason: reason(error) }
    }

    async fn settle(&self, then: Then) -> Result<(), StoreError> {
        let holds = matches!(then, Then::Pause(Pause::Held { .. }));
        let mut seen = self.conversation.clone();
        for _ in 0..TRIES {
            // Cross off what was delivered, unless it has changed since.
            let settled = self
                .settled
                .iter()
                .filter_map(|(place, outcome)| {
                    let stamp = *self.conversation.outbox.get(place)?;
                    Some(Settled { place: place.clone(), stamp, outcome: outcome.clone() })
                })
                .filter(|settled| seen.outbox.get(&settled.place) == Some(&settled.stamp))
                .collect();
            let settlement = Settlement { settled, at: self.ports.clock.now(), then: then.clone() };
            if self.ports.outbox.settle(&seen, &settlement).await? {
                return Ok(());
            }
            match self.ports.outbox.conversation(&self.conversation.id).await? {
                // Unchanged, and yet not to be held: the installation is back. Coming again delivers.
                Some(now) if now == seen && holds => break,
                Some(now) => seen = now,
                None => return Ok(()),
            }
        }
        Err(StoreError::Contended { operation: "settle an outbox" })
    }
}

/// Errors that no repetition changes.
fn is_final(error: &PipedriveError) -> bool {
    matches!(error, PipedriveError::Invalid { .. } | PipedriveError::ChannelExists)
}

fn reason(error: &PipedriveError) -> FailureReason {
    FailureReason { code: error.code().to_owned(), text: format!("Pipedrive did not take the message: {error}.") }
}
