//! What the provider has and reports: messages, statuses, edits, in webhooks that it offers until they are taken.

use std::time::Duration;

use shared::{
    clock::Clock,
    model::{
        conversation::Customer,
        ids::{ContactKey, ProviderMessageId},
        message::Direction,
        status::Status,
        time::Timestamp,
    },
    providers::{Event, EventKind, InboundMessage, StatusUpdate, event::Edit},
};

use super::{COMPANIES, World, companies::account, pick};

/// A message as the provider has it.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) conversation: usize,
    pub(crate) id: ProviderMessageId,
    direction: Direction,
    /// The text that was given with the message, and the edits that were taken, with their times.
    pub(crate) texts: Vec<(Timestamp, String)>,
    /// The furthest status of those that were taken.
    pub(crate) status: Status,
    /// The last status that the provider has reported.
    reported: Option<Status>,
    pub(crate) webhook: usize,
    /// The turn at which it was first offered, and at which it was taken.
    pub(crate) offered: Option<usize>,
    pub(crate) taken: Option<usize>,
}

/// What a webhook says of a message, by its number.
#[derive(Clone, Debug)]
enum News {
    Written(usize),
    Status(usize, Status),
    Edit(usize, Timestamp, String),
}

/// What the provider posts at once.
pub(super) struct Webhook {
    company: usize,
    news: Vec<News>,
    pub(super) events: Vec<Event>,
    offered: bool,
    taken: bool,
}

fn provider_id(text: &str) -> ProviderMessageId {
    ProviderMessageId::parse(text).unwrap_or_else(|_| unreachable!("it has the shape"))
}

fn customer(conversation: usize) -> Customer {
    let keys = ContactKey::parse(&format!("customer:{conversation}")).into_iter().collect();
    Customer::new(keys, format!("Customer {conversation}"))
}

impl World {
    pub(super) fn write(&mut self, conversation: usize, echo: bool, join: bool) {
        let number = self.written.len();
        let (id, text) = (provider_id(&format!("pm.{number}")), format!("message {number}"));
        let direction = if echo { Direction::Out } else { Direction::In };
        let mut message = InboundMessage::new(id.clone(), customer(conversation), text.clone());
        // The provider tells whole seconds.
        (message.direction, message.sent_at) = (direction, Some(Timestamp::from_secs(self.clock.now().secs())));
        let webhook = self.carry(conversation, join, News::Written(number), EventKind::Message(message));
        self.written.push(Written {
            conversation,
            id,
            direction,
            texts: vec![(Timestamp::EPOCH, text)],
            status: if echo { Status::Sent } else { Status::Delivered },
            reported: None,
            webhook,
            offered: None,
            taken: None,
        });
    }

    pub(super) fn report(&mut self, message: usize) {
        let outgoing: Vec<usize> = (0..self.written.len()).filter(|n| self.written[*n].direction == Direction::Out).collect();
        let Some(number) = pick(message, &outgoing).copied() else { return };
        let written = &mut self.written[number];
        let next = match written.reported {
            None => Status::Sent,
            Some(Status::Sent) => Status::Delivered,
            Some(_) => Status::Read,
        };
        written.reported = Some(next);
        let update = StatusUpdate { provider_id: written.id.clone(), message: None, status: next, failure: None };
        let conversation = written.conversation;
        self.carry(conversation, false, News::Status(number, next), EventKind::Status(update));
    }

    pub(super) fn edit(&mut self, message: usize) {
        // Of one that is not known yet, the edit is stored as a message of its own: another story.
        let taken: Vec<usize> = (0..self.written.len()).filter(|n| self.written[*n].taken.is_some()).collect();
        let Some(number) = pick(message, &taken).copied() else { return };
        let at = self.clock.now();
        let Written { conversation, id, .. } = self.written[number].clone();
        let (edit, text) = (format!("edit.{}", self.webhooks.len()), format!("message {number} of {}", at.millis()));
        let mut message = InboundMessage::new(provider_id(&edit), customer(conversation), text.clone());
        message.sent_at = Some(at);
        self.carry(conversation, false, News::Edit(number, at, text), EventKind::Edit(Edit { target: id, message }));
    }

    /// Puts news into a webhook of the conversation's account; which one that is.
    fn carry(&mut self, conversation: usize, join: bool, news: News, kind: EventKind) -> usize {
        let company = conversation % COMPANIES;
        let event = Event { account: Some(account(company)), kind };
        let last = self.webhooks.iter().rposition(|webhook| webhook.company == company && !webhook.offered);
        if let Some(last) = last.filter(|_| join) {
            self.webhooks[last].news.push(news);
            self.webhooks[last].events.push(event);
            return last;
        }
        self.webhooks.push(Webhook { company, news: vec![news], events: vec![event], offered: false, taken: false });
        self.webhooks.len() - 1
    }

    pub(super) fn offer(&mut self, webhook: usize, again: bool) {
        let open: Vec<usize> = (0..self.webhooks.len()).filter(|n| again || !self.webhooks[*n].taken).collect();
        if let Some(webhook) = pick(webhook, &open) {
            self.post(*webhook);
        }
    }

    /// One after the other, until all are taken.
    pub(super) fn offer_all(&mut self) {
        for webhook in 0..self.webhooks.len() {
            if !self.webhooks[webhook].taken {
                self.post(webhook);
                self.run_all();
            }
        }
    }

    fn post(&mut self, webhook: usize) {
        let turn = self.turn();
        // No two requests come over a network within a millisecond when one waits for the other's answer.
        self.clock.advance(Duration::from_millis(1));
        self.webhooks[webhook].offered = true;
        for news in &self.webhooks[webhook].news {
            if let News::Written(number) = news {
                self.written[*number].offered.get_or_insert(turn);
            }
        }
        self.receive(webhook);
    }

    /// It was answered 2xx.
    pub(super) fn taken(&mut self, webhook: usize) {
        let turn = self.turn();
        self.webhooks[webhook].taken = true;
        for news in self.webhooks[webhook].news.clone() {
            match news {
                News::Written(number) => drop(self.written[number].taken.get_or_insert(turn)),
                News::Status(number, status) => {
                    let written = &mut self.written[number];
                    if written.status.may_become(status) {
                        written.status = status;
                    }
                }
                News::Edit(number, at, text) => self.written[number].texts.push((at, text)),
            }
        }
    }

    pub(super) fn events(&self, webhook: usize) -> Vec<Event> {
        self.webhooks[webhook].events.clone()
    }
}
