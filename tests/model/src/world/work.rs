//! What is under way: functions of the bundle, each stopped at its last step.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use shared::{
    config::DeliveryChoice,
    inbox::{
        deliver::{self, DeliverPorts},
        receive::{self, ReceivePorts},
        redeliver::{self, RedeliverPorts},
        tokens::Tokens,
    },
    model::{channel::ProviderKind, ids::ConversationId},
};

use super::World;
use crate::nowhere::Nowhere;

/// How often a change is given again whose delivery failed, as template.yaml says.
const RETRIES: u32 = 2;
/// Steps in which anything ends that is let be.
const ENOUGH_STEPS: usize = 10_000;

/// What a task is for.
enum Purpose {
    Webhook(usize),
    /// Of this conversation, given so often before.
    Delivery(ConversationId, u32),
    Redelivery,
}

/// A function at work. Whether it went well.
pub(super) struct Task {
    purpose: Purpose,
    work: Pin<Box<dyn Future<Output = bool> + Send>>,
}

impl World {
    fn start(&mut self, purpose: Purpose, work: impl Future<Output = bool> + Send + 'static) {
        self.tasks.push(Task { purpose, work: Box::pin(work) });
    }

    /// `provider-webhook` gets a webhook.
    pub(super) fn receive(&mut self, webhook: usize) {
        let (memory, clock, events) = (self.memory.clone(), self.clock.clone(), self.events(webhook));
        self.start(Purpose::Webhook(webhook), async move {
            let ports = ReceivePorts { store: &memory, clock: &*clock, profiles: false };
            receive::receive(&ports, ProviderKind::Whatsapp, None, events).await.is_ok()
        });
    }

    /// Takes what the table's stream has; how much there is in all.
    pub(super) fn hear_of_changes(&mut self) -> usize {
        self.stream.extend(self.memory.take_stream().into_iter().map(|id| (id, 0)));
        self.stream.len()
    }

    /// `deliver` gets the next change. Changes of one conversation go to one worker at a time, in order.
    pub(super) fn stream(&mut self) {
        self.hear_of_changes();
        let busy =
            |id: &ConversationId| self.tasks.iter().any(|task| matches!(&task.purpose, Purpose::Delivery(busy, _) if busy == id));
        let Some(next) = self.stream.iter().position(|(id, _)| !busy(id)) else { return };
        let Some((id, given)) = self.stream.remove(next) else { return };
        self.pipedrive.begin_round(id.clone(), self.memory.places(&id));
        let (memory, clock, secrets, pipedrive) =
            (self.memory.clone(), self.clock.clone(), self.secrets.clone(), self.pipedrive.clone());
        self.start(Purpose::Delivery(id.clone(), given), async move {
            let ports = DeliverPorts {
                outbox: &memory,
                halts: &memory,
                tokens: Tokens { store: &memory, oauth: &Nowhere, secrets: &secrets, clock: &*clock },
                channels: &pipedrive,
                records: &pipedrive,
                choice: DeliveryChoice::Auto,
                clock: &*clock,
            };
            deliver::deliver(&ports, &id).await.is_ok()
        });
    }

    /// The stream gives up the next change.
    pub(super) fn miss(&mut self) {
        self.hear_of_changes();
        self.stream.pop_front();
    }

    /// `redeliver` runs, unless it still does.
    pub(super) fn redeliver(&mut self) {
        if self.tasks.iter().any(|task| matches!(task.purpose, Purpose::Redelivery)) {
            return;
        }
        let (memory, clock) = (self.memory.clone(), self.clock.clone());
        self.start(Purpose::Redelivery, async move {
            let ports = RedeliverPorts {
                outbox: &memory,
                halts: &memory,
                installations: &memory,
                channels: &Nowhere,
                bucket: &Nowhere,
                clock: &*clock,
            };
            redeliver::run(&ports).await.is_ok()
        });
    }

    /// One of the tasks takes its next steps.
    pub(super) fn step(&mut self, task: usize, count: usize) {
        let Some(task) = task.checked_rem(self.tasks.len()) else { return };
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..count {
            if let Poll::Ready(went_well) = self.tasks[task].work.as_mut().poll(&mut context) {
                let Task { purpose, .. } = self.tasks.remove(task);
                return self.ended(purpose, went_well);
            }
        }
    }

    /// One of the tasks dies where it is.
    pub(super) fn crash(&mut self, task: usize) {
        if let Some(task) = task.checked_rem(self.tasks.len()) {
            let Task { purpose, .. } = self.tasks.remove(task);
            self.ended(purpose, false);
        }
    }

    /// All tasks, one after the other, to their ends.
    pub(super) fn run_all(&mut self) {
        while !self.tasks.is_empty() {
            let before = self.tasks.len();
            self.step(0, ENOUGH_STEPS);
            assert!(self.tasks.len() < before, "a task never ends");
        }
    }

    fn ended(&mut self, purpose: Purpose, went_well: bool) {
        match purpose {
            Purpose::Webhook(webhook) if went_well => self.taken(webhook),
            Purpose::Delivery(id, given) if !went_well && given < RETRIES => self.stream.push_front((id, given + 1)),
            // The provider offers it again; `redeliver` finds what the stream gave up.
            _ => {}
        }
    }
}
