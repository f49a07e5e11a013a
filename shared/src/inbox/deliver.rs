//! From the table to Pipedrive: one round over one conversation's outbox, in order.
//!
//! The table's stream starts it, and gives one conversation to one worker at a time. A round reads what is owed, pushes
//! message after message, and writes the result in one conditional write. A failure that can pass holds back the rest of
//! this conversation and nothing else. Every push may be repeated: Pipedrive updates a message whose id it has.

use std::time::Duration;

use async_trait::async_trait;

use super::{
    fetch,
    ports::{OutboxStore, Settlement, StoreError, Then},
    receive::STREAM_GRACE,
    retry,
    send::outcome_unknown,
    show,
    tokens::{TokenError, Tokens},
};
use crate::{
    clock::Clock,
    media::links::Links,
    model::{
        channel::Delivery,
        conversation::{Conversation, Rest},
        ids::{ConversationId, Place},
        installation::Installation,
        message::{FailureReason, Message, Sending},
        status::Status,
        time::Timestamp,
    },
    pipedrive::{Access, ChannelsApi, Receipt, error::PipedriveError},
};

/// Most messages pushed in one round. What is left wakes the next one.
const ROUND: usize = 25;
/// How long a round goes on: other conversations wait for it in the same batch.
const ROUND_TIME: Duration = Duration::from_secs(20);
/// How often a round's result is written against receivers that write the same conversation.
const TRIES: usize = 8;
/// How long to wait at least when the company's account is closed or the API is gone.
const LONG_WAIT: Duration = Duration::from_hours(1);

/// Where messages end.
#[async_trait]
pub trait Target: Send + Sync {
    /// Makes `message` of `conversation` known there as it is now. Safe to repeat.
    async fn push(
        &self,
        access: &Access,
        links: &Links,
        conversation: &Conversation,
        message: &Message,
    ) -> Result<(), PipedriveError>;
}

/// Pipedrive's Messaging inbox.
pub struct ChannelsTarget<'a>(pub &'a dyn ChannelsApi);

#[async_trait]
impl Target for ChannelsTarget<'_> {
    async fn push(
        &self,
        access: &Access,
        links: &Links,
        conversation: &Conversation,
        message: &Message,
    ) -> Result<(), PipedriveError> {
        let (text, files) = (show::text(message), show::files(message, links));
        let receipt = Receipt {
            id: &message.id,
            channel: &conversation.channel,
            conversation: &conversation.id,
            sender: &message.sender,
            text: &text,
            status: message.status,
            created_at: message.sent_at,
            reply_by: message.reply_by,
            link: &conversation.link,
            attachments: &files,
        };
        self.0.receive(access, &receipt).await
    }
}

/// What delivering needs.
pub struct DeliverPorts<'a> {
    /// The queue.
    pub outbox: &'a dyn OutboxStore,
    /// Access to Pipedrive.
    pub tokens: Tokens<'a>,
    /// The `channels` delivery.
    pub channels: &'a dyn Target,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages pushed.
    pub pushed: usize,
    /// Messages given up.
    pub dead: usize,
    /// Whether the rest waits for another try.
    pub waiting: bool,
    /// Whether the rest waits for the installation.
    pub held: bool,
}

/// How a round goes on after one message.
enum Step {
    Done,
    NotYet,
    /// It waits for its files, and the later ones with it: order is kept. Whoever fetches them wakes the next round.
    Hold,
    Stop(Stop),
}

/// What ends a round early.
enum Stop {
    Failed { error: PipedriveError },
    NotConnected,
    NoTarget,
}

/// Delivers what the conversation owes. Errors are the table's own; Pipedrive's are part of the outcome.
pub async fn deliver(ports: &DeliverPorts<'_>, id: &ConversationId) -> Result<Delivered, StoreError> {
    let Some(conversation) = ports.outbox.conversation(id).await? else { return Ok(Delivered::default()) };
    let resting = conversation.rest.as_ref().is_some_and(|rest| rest.until > ports.clock.now());
    if conversation.outbox.is_empty() || resting {
        return Ok(Delivered::default());
    }
    Round { ports, conversation, done: Vec::new(), delivered: Delivered::default() }.run().await
}

struct Round<'a> {
    ports: &'a DeliverPorts<'a>,
    conversation: Conversation,
    done: Vec<Place>,
    delivered: Delivered,
}

impl Round<'_> {
    async fn run(mut self) -> Result<Delivered, StoreError> {
        let stop = match self.ports.tokens.access(self.conversation.company, self.conversation.owner).await {
            Ok((installation, access)) => self.push_all(&installation, access).await?,
            Err(error) => Some(stop_for(error)?),
        };
        self.settle(stop).await?;
        Ok(self.delivered)
    }

    async fn push_all(&mut self, installation: &Installation, mut access: Access) -> Result<Option<Stop>, StoreError> {
        let target = match installation.delivery {
            None | Some(Delivery::Channels) => self.ports.channels,
            Some(Delivery::Records) => return Ok(Some(Stop::NoTarget)),
        };
        let links = match self.links(installation).await {
            Ok(links) => links,
            Err(error) => return Ok(Some(stop_for(error)?)),
        };
        let places: Vec<Place> = self.conversation.outbox.keys().take(ROUND).cloned().collect();
        let messages = self.ports.outbox.messages_at(&self.conversation.id, &places).await?;
        let started = self.ports.clock.now();
        for place in places {
            if self.ports.clock.now().since(started) > ROUND_TIME {
                break;
            }
            let step = match messages.iter().find(|message| message.id.place() == place) {
                // Erased since.
                None => Step::Done,
                Some(message) => self.push(target, &links, &mut access, message.clone()).await?,
            };
            match step {
                Step::Done => self.done.push(place),
                Step::NotYet => {}
                Step::Hold => break,
                Step::Stop(why) => return Ok(Some(why)),
            }
        }
        Ok(None)
    }

    async fn links(&self, installation: &Installation) -> Result<Links, TokenError> {
        let secrets = self.ports.tokens.secrets.get().await?;
        Ok(Links::new(&secrets.vault, &installation.public_url, self.ports.clock.now())?)
    }

    async fn push(
        &mut self,
        target: &dyn Target,
        links: &Links,
        access: &mut Access,
        mut message: Message,
    ) -> Result<Step, StoreError> {
        if fetch::is_under_way(&message, self.ports.clock.now()) {
            return Ok(Step::Hold);
        }
        if let Sending::Underway { until } = message.sending {
            // Its sender is still at it, and will wake us. Later messages need not wait for it.
            if until > self.ports.clock.now() || !self.ports.outbox.give_up_sending(&message.id, &outcome_unknown()).await? {
                return Ok(Step::NotYet);
            }
            message.status = Status::Failed;
        }
        // It may have been refused since the outbox was read. Then its sender heard so, and its entry is gone.
        if message.status == Status::Failed && message.provider_id.is_none() && !self.is_owed(&message).await? {
            return Ok(Step::Done);
        }
        let mut pushed = target.push(access, links, &self.conversation, &message).await;
        if pushed == Err(PipedriveError::Unauthorized) {
            match self.ports.tokens.renew(self.conversation.company, self.conversation.owner, access.version).await {
                Ok((_, renewed)) => *access = renewed,
                Err(error) => return Ok(Step::Stop(stop_for(error)?)),
            }
            pushed = target.push(access, links, &self.conversation, &message).await;
        }
        let Err(error) = pushed else {
            self.delivered.pushed += 1;
            return Ok(Step::Done);
        };
        if is_final(&error) || (!is_company_wide(&error) && self.is_exhausted(&message)) {
            self.bury(&message, &error).await?;
            return Ok(Step::Done);
        }
        Ok(Step::Stop(Stop::Failed { error }))
    }

    async fn is_owed(&self, message: &Message) -> Result<bool, StoreError> {
        let now = self.ports.outbox.conversation(&self.conversation.id).await?;
        Ok(now.is_some_and(|conversation| conversation.outbox.contains_key(&message.id.place())))
    }

    fn is_exhausted(&self, message: &Message) -> bool {
        let failing_since = self.conversation.rest.as_ref().map(|rest| rest.since);
        failing_since.is_some_and(|since| retry::exhausted(self.ports.clock.now(), since, message.sent_at))
    }

    async fn bury(&mut self, message: &Message, error: &PipedriveError) -> Result<(), StoreError> {
        tracing::error!(message = %message.id, channel = %self.conversation.channel, code = error.code(), "a message is dead");
        self.ports.outbox.bury(self.conversation.company, &message.id, &reason(error), self.ports.clock.now()).await?;
        self.delivered.dead += 1;
        Ok(())
    }

    async fn settle(&mut self, stop: Option<Stop>) -> Result<(), StoreError> {
        if stop.is_none() && self.done.is_empty() {
            return Ok(());
        }
        let then = self.then(stop);
        let mut seen = self.conversation.clone();
        for _ in 0..TRIES {
            // Cross off what was pushed, unless it has changed since.
            let done = self
                .done
                .iter()
                .filter_map(|place| Some((place.clone(), *self.conversation.outbox.get(place)?)))
                .filter(|(place, stamp)| seen.outbox.get(place) == Some(stamp))
                .collect();
            if self.ports.outbox.settle(&seen, &Settlement { done, then: then.clone() }).await? {
                return Ok(());
            }
            match self.ports.outbox.conversation(&self.conversation.id).await? {
                // Unchanged, and yet not to be held: the installation is back. Coming again delivers.
                Some(now) if now == seen && matches!(then, Then::Hold { .. }) => break,
                Some(now) => seen = now,
                None => return Ok(()),
            }
        }
        Err(StoreError::Contended { operation: "settle an outbox" })
    }

    fn then(&mut self, stop: Option<Stop>) -> Then {
        let now = self.ports.clock.now();
        match stop {
            None => Then::Continue { due_at: now.plus(STREAM_GRACE) },
            Some(Stop::NotConnected) => {
                self.delivered.held = true;
                Then::Hold { reason: not_connected(), since: now }
            }
            Some(Stop::NoTarget) => {
                self.delivered.held = true;
                Then::Hold { reason: no_target(), since: now }
            }
            Some(Stop::Failed { error }) => {
                self.delivered.waiting = true;
                Then::Wait(self.rest(now, &error))
            }
        }
    }

    fn rest(&self, now: Timestamp, error: &PipedriveError) -> Rest {
        // Progress starts the schedule anew.
        let (attempts, since) = match &self.conversation.rest {
            Some(rest) if self.done.is_empty() => (rest.attempts.saturating_add(1), rest.since),
            _ => (1, now),
        };
        let asked = match error {
            PipedriveError::RateLimited { retry_after } => *retry_after,
            PipedriveError::BudgetSpent { probe_after } => Some(*probe_after),
            PipedriveError::AccountClosed | PipedriveError::Gone { .. } | PipedriveError::Unauthorized => Some(LONG_WAIT),
            _ => None,
        };
        let until = retry::next_try(now, attempts, asked, retry::jitter());
        tracing::warn!(
            conversation = %self.conversation.id, channel = %self.conversation.channel,
            code = error.code(), attempts, next_try = %until, "delivery failed and waits"
        );
        Rest { until, attempts, since, reason: reason(error) }
    }
}

/// Errors that no repetition changes.
fn is_final(error: &PipedriveError) -> bool {
    matches!(error, PipedriveError::Invalid { .. } | PipedriveError::ChannelExists)
}

/// Errors that say nothing about the message, but about what the company or the user may do: it waits for as long as
/// they last.
fn is_company_wide(error: &PipedriveError) -> bool {
    matches!(
        error,
        PipedriveError::AccountClosed
            | PipedriveError::BudgetSpent { .. }
            | PipedriveError::Gone { .. }
            | PipedriveError::Unauthorized
    )
}

fn stop_for(error: TokenError) -> Result<Stop, StoreError> {
    match error {
        TokenError::NotConnected => Ok(Stop::NotConnected),
        TokenError::Pipedrive(error) => Ok(Stop::Failed { error }),
        TokenError::Busy => Ok(Stop::Failed { error: PipedriveError::Transient { code: "refresh_busy".to_owned() } }),
        TokenError::Store(error) => Err(error),
        TokenError::Secrets(_) | TokenError::Seal(_) => {
            crate::telemetry::log_error("no access to Pipedrive", &error);
            Ok(Stop::Failed { error: PipedriveError::Transient { code: "tokens".to_owned() } })
        }
    }
}

fn reason(error: &PipedriveError) -> FailureReason {
    FailureReason { code: error.code().to_owned(), text: format!("Pipedrive did not take the message: {error}.") }
}

fn not_connected() -> FailureReason {
    FailureReason {
        code: "not_connected".to_owned(),
        text: "The user who connected the channel has to authorize Pigeonpost in Pipedrive again.".to_owned(),
    }
}

fn no_target() -> FailureReason {
    FailureReason {
        code: "no_messaging_inbox".to_owned(),
        text: "This Pipedrive account has no Messaging inbox. The messages are kept until they can be delivered to its records."
            .to_owned(),
    }
}
