//! Pipedrive in memory: what it was told of each message, in the order in which it heard of them, and what it should have
//! refused to believe.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::ExposeSecret;
use shared::{
    inbox::{
        deliver::{End, Parcel, Report, Target},
        ports::StoreError,
    },
    model::{
        conversation::Conversation,
        ids::{CompanyId, ConversationId, MessageId, Place},
        message::Message,
        status::Status,
    },
    pipedrive::{Access, error::PipedriveError},
};

use crate::pace::Pace;

/// How it answers the next push instead of taking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It fails.
    Fails,
    /// It asks to wait.
    RateLimited,
    /// The company's account is closed.
    Closed,
    /// It does not offer this API to the company any more.
    Gone,
    /// It does not accept this message, and never will.
    Refuses,
}

/// What it knows of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it says.
    pub text: String,
    /// How far it got.
    pub status: Status,
}

#[derive(Default)]
struct State {
    known: BTreeMap<MessageId, Known>,
    heard: Vec<MessageId>,
    refused: BTreeSet<MessageId>,
    answers: VecDeque<Answer>,
    stuck: Option<ConversationId>,
    /// What of a conversation was stored when its delivery round began.
    rounds: BTreeMap<ConversationId, Vec<Place>>,
    violations: Vec<String>,
}

/// Clones are the same one. It is both an inbox and records: what moves from one to the other is the same company's.
#[derive(Clone, Default)]
pub struct Pipedrive {
    state: Arc<Mutex<State>>,
    pace: Pace,
}

impl Pipedrive {
    /// One that is called at this pace.
    pub fn new(pace: Pace) -> Self {
        Self { state: Arc::default(), pace }
    }

    /// The access token of a company. Each has its own.
    pub fn token_of(company: CompanyId) -> String {
        format!("token of {company}")
    }

    /// Answers one of the next pushes so.
    pub fn answer_next(&self, answer: Answer) {
        self.state().answers.push_back(answer);
    }

    /// From now on, takes everything again.
    pub fn clear_up(&self) {
        let mut state = self.state();
        state.answers.clear();
        state.stuck = None;
    }

    /// Never takes anything of this conversation, until it clears up.
    pub fn get_stuck(&self, conversation: Option<ConversationId>) {
        self.state().stuck = conversation;
    }

    /// A delivery of the conversation begins, and finds this stored.
    pub fn begin_round(&self, conversation: ConversationId, stored: Vec<Place>) {
        self.state().rounds.insert(conversation, stored);
    }

    /// What it knows of a message.
    pub fn known(&self, message: &MessageId) -> Option<Known> {
        self.state().known.get(message).cloned()
    }

    /// All messages, in the order in which it heard of them first.
    pub fn heard(&self) -> Vec<MessageId> {
        self.state().heard.clone()
    }

    /// Whether it has refused a message for good.
    pub fn has_refused(&self, message: &MessageId) -> bool {
        self.state().refused.contains(message)
    }

    /// What it should have refused to believe.
    pub fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Target for Pipedrive {
    /// Message by message, as the Messaging inbox has it.
    async fn deliver(&self, parcel: &Parcel<'_>) -> Result<Report, StoreError> {
        let mut done = Vec::new();
        for message in parcel.messages {
            let lost = |_| PipedriveError::Transient { code: "answer".to_owned() };
            let push = || self.state().receive(parcel.access, parcel.conversation, message);
            let pushed = self.pace.call(push).await.map_err(lost).flatten();
            let place = message.id.place();
            match pushed {
                Ok(()) => done.push(place),
                Err(error) => return Ok(Report { done, end: End::Failed { error, at: vec![place] } }),
            }
        }
        Ok(Report { done, end: End::Done })
    }
}

impl State {
    fn receive(&mut self, access: &Access, conversation: &Conversation, message: &Message) -> Result<(), PipedriveError> {
        if access.token.expose_secret() != Pipedrive::token_of(conversation.company) {
            self.violations.push(format!("8: {} comes with another company's token", message.id));
        }
        if self.stuck.as_ref() == Some(&conversation.id) {
            return Err(PipedriveError::Transient { code: "http_500".to_owned() });
        }
        if let Some(answer) = self.answers.pop_front() {
            return Err(match answer {
                Answer::Fails => PipedriveError::Transient { code: "http_500".to_owned() },
                Answer::RateLimited => PipedriveError::RateLimited { retry_after: Some(Duration::from_secs(30)) },
                Answer::Closed => PipedriveError::AccountClosed,
                Answer::Gone => PipedriveError::Gone { status: 410 },
                Answer::Refuses => {
                    self.refused.insert(message.id.clone());
                    PipedriveError::Invalid { status: 400, code: String::new() }
                }
            });
        }
        let now = Known { text: message.text.clone(), status: message.status };
        match self.known.insert(message.id.clone(), now) {
            Some(before) if before.status != message.status && !before.status.may_become(message.status) => {
                self.violations.push(format!("4: {} goes back from {:?} to {:?}", message.id, before.status, message.status));
            }
            Some(_) => {}
            None => self.hear(&conversation.id, &message.id),
        }
        Ok(())
    }

    /// A new message: none that was there when the round began and belongs before it may be missing.
    fn hear(&mut self, conversation: &ConversationId, message: &MessageId) {
        self.heard.push(message.clone());
        let place = message.place();
        let earlier = self.rounds.get(conversation).into_iter().flatten().filter(|stored| **stored < place);
        let missing = earlier.map(|place| conversation.message(place));
        let missing = missing.filter(|id| !self.known.contains_key(id) && !self.refused.contains(id));
        self.violations.extend(missing.map(|id| format!("3: {message} overtakes {id}")));
    }
}
