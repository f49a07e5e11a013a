//! Telling webhooks what happened: attempts after 3, 30 and 150 seconds, a ban for those who keep failing, and their end
//! after three days (Pipedrive, "Guide for Webhooks v2").

use std::{collections::VecDeque, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};
use shared::model::{ids::CompanyId, time::Timestamp};

use super::{
    super::PipedriveSim,
    Webhook,
    events::{Doer, Event},
};

/// How long after a failed attempt the next one comes.
const PAUSES: [Duration; 3] = [Duration::from_secs(3), Duration::from_secs(30), Duration::from_secs(150)];
/// How many attempts are remembered.
const REMEMBERED: usize = 1000;

/// When webhooks are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// As things happen, in their order.
    #[default]
    AtOnce,
    /// Not until this changes, in their order.
    Held,
    /// As things happen, and twice.
    Twice,
}

/// What is to be told, and what was.
#[derive(Default)]
pub(in super::super) struct Outgoing {
    waiting: VecDeque<Waiting>,
    told: VecDeque<Told>,
}

struct Waiting {
    company: CompanyId,
    webhook: u64,
    payload: Value,
    attempt: u32,
    due_at: Timestamp,
}

/// An attempt to tell a webhook something.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Whose.
    pub company: CompanyId,
    /// Which webhook.
    pub webhook: u64,
    /// What was told.
    pub payload: Value,
    /// The how many-th attempt it was.
    pub attempt: u32,
    /// What was answered; none if nothing was.
    pub status: Option<u16>,
    /// When.
    pub at: Timestamp,
}

impl PipedriveSim {
    /// Every attempt to tell a webhook of the company something, oldest first.
    pub fn webhook_attempts(&self, company: CompanyId) -> Vec<Told> {
        self.world().outgoing.told.iter().filter(|told| told.company == company).cloned().collect()
    }

    /// How much is to be told yet, held or waiting for another attempt.
    pub fn untold(&self) -> usize {
        self.world().outgoing.waiting.len()
    }

    /// Turns around the order of what is to be told yet.
    pub fn reverse_untold(&self) {
        self.world().outgoing.waiting.make_contiguous().reverse();
    }

    /// The webhooks of a company.
    pub fn webhooks(&self, company: CompanyId) -> Vec<Webhook> {
        self.look(company, |records| records.webhooks.clone())
    }

    /// Deletes the webhooks of a company, as Pipedrive does with those that fail for three days.
    pub fn forget_webhooks(&self, company: CompanyId) {
        self.look(company, |records| records.webhooks.clear());
    }

    /// Tells what is due by now. It is told anyway when it becomes due by the machine's time; tests with a time of their
    /// own call this after they have moved it.
    pub async fn tell_webhooks(&self) {
        let _turn = self.inner.telling.lock().await;
        while let Some((waiting, webhook)) = self.next_to_tell() {
            let status = self.tell(&waiting, &webhook).await;
            self.came_of(waiting, status);
        }
    }

    /// Lets the company's webhooks know, after the answer that this is part of.
    pub(super) fn spread(&self, doer: Doer, events: impl IntoIterator<Item = Event>) {
        let now = self.now();
        let is_something = {
            let mut world = self.world();
            let world = &mut *world;
            let host = world.companies.get(&doer.company).map(|company| format!("{}.pipedrive.com", company.domain));
            let copies = if world.settings.telling == Telling::Twice { 2 } else { 1 };
            let webhooks = world.records.get(&doer.company).map_or(&[][..], |records| &records.webhooks);
            for event in events {
                for webhook in webhooks.iter().filter(|webhook| webhook.wants(&event, now)) {
                    let mut payload = event.payload(doer, host.as_deref().unwrap_or_default(), now);
                    payload["meta"]["webhook_id"] = json!(webhook.id.to_string());
                    payload["meta"]["webhook_owner_id"] = json!(webhook.user_id.to_string());
                    for _ in 0..copies {
                        let (company, payload) = (doer.company, payload.clone());
                        let waiting = Waiting { company, webhook: webhook.id, payload, attempt: 1, due_at: now };
                        world.outgoing.waiting.push_back(waiting);
                    }
                }
            }
            !world.outgoing.waiting.is_empty()
        };
        if is_something {
            self.tell_later();
        }
    }

    pub(in super::super) fn tell_later(&self) {
        let sim = self.clone();
        self.later(async move { sim.tell_webhooks().await });
    }

    fn next_to_tell(&self) -> Option<(Waiting, Webhook)> {
        let now = self.now();
        let mut world = self.world();
        let world = &mut *world;
        if world.settings.telling == Telling::Held {
            return None;
        }
        loop {
            let at = world.outgoing.waiting.iter().position(|waiting| waiting.due_at <= now)?;
            let waiting = world.outgoing.waiting.remove(at)?;
            let webhooks = world.records.get(&waiting.company).map_or(&[][..], |records| &records.webhooks);
            // What a webhook that is gone was to be told is lost.
            if let Some(webhook) = webhooks.iter().find(|webhook| webhook.id == waiting.webhook) {
                let webhook = webhook.clone();
                return Some((waiting, webhook));
            }
        }
    }

    async fn tell(&self, waiting: &Waiting, webhook: &Webhook) -> Option<u16> {
        let mut payload = waiting.payload.clone();
        payload["meta"]["attempt"] = json!(waiting.attempt);
        let mut request = self.inner.http.post(&webhook.url).json(&payload);
        if let Some((user, password)) = webhook.credentials() {
            request = request.basic_auth(user, Some(password));
        }
        request.send().await.ok().map(|answer| answer.status().as_u16())
    }

    fn came_of(&self, waiting: Waiting, status: Option<u16>) {
        let now = self.now();
        let mut world = self.world();
        let world = &mut *world;
        let Waiting { company, webhook, payload, attempt, .. } = waiting;
        let told = Told { company, webhook, payload: payload.clone(), attempt, status, at: now };
        world.outgoing.told.push_back(told);
        if world.outgoing.told.len() > REMEMBERED {
            world.outgoing.told.pop_front();
        }
        let Some(records) = world.records.get_mut(&company) else { return };
        records.webhooks.retain_mut(|known| known.id != webhook || known.came_of(attempt, status, now));
        let is_done = status.is_some_and(|status| (200..300).contains(&status));
        let pause = PAUSES.get(attempt as usize - 1).filter(|_| !is_done);
        if let Some(pause) = pause {
            let again = Waiting { company, webhook, payload, attempt: attempt + 1, due_at: now.plus(*pause) };
            world.outgoing.waiting.push_back(again);
            let (sim, pause) = (self.clone(), *pause);
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                sim.tell_webhooks().await;
            });
        }
    }
}
