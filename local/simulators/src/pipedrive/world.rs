//! What the simulated Pipedrive knows: companies, users, grants, channels and their conversations.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use serde::Serialize;
use shared::{
    media::FileLink,
    model::{
        ids::{CompanyId, UserId},
        status::Status,
        time::Timestamp,
    },
};

use super::{
    DEMO_COMPANY, DEMO_USER, Settings,
    app::Manifest,
    contract,
    faults::{Call, Fault},
    oauth::Grants,
    records::{Meter, Outgoing, Records},
    storm::Storm,
};

/// Everything, behind one lock that is never held while waiting.
pub(super) struct World {
    pub(super) url: String,
    pub(super) app_url: Option<String>,
    pub(super) settings: Settings,
    pub(super) ahead: Duration,
    pub(super) companies: BTreeMap<CompanyId, Company>,
    pub(super) browser: (CompanyId, UserId),
    pub(super) grants: Grants,
    pub(super) manifest: Option<Manifest>,
    pub(super) channels: BTreeMap<String, Channel>,
    pub(super) records: HashMap<CompanyId, Records>,
    pub(super) meter: Meter,
    pub(super) outgoing: Outgoing,
    pub(super) faults: VecDeque<(Call, Fault)>,
    pub(super) arrived: HashMap<Call, usize>,
    pub(super) violations: Vec<String>,
    pub(super) storm: Option<Storm>,
    pub(super) pushed: Vec<Pushed>,
}

/// A message's first push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The app's id of the message.
    pub id: String,
    /// What it said.
    pub text: String,
    /// When it came.
    pub at: Timestamp,
}

/// A company's account.
#[derive(Clone, Debug)]
pub struct Company {
    /// Its id.
    pub id: CompanyId,
    /// What it is called.
    pub name: String,
    /// The first part of its address at Pipedrive.
    pub domain: String,
    /// Whether its account is closed.
    pub suspended: bool,
    /// Its users.
    pub users: Vec<User>,
}

/// A user of Pipedrive.
#[derive(Clone, Debug, Serialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// What it is called.
    pub name: String,
    /// Whether it may register channels.
    pub admin: bool,
}

/// A registered channel.
#[derive(Clone, Debug, Serialize)]
pub struct Channel {
    /// The app's id for it.
    pub id: String,
    /// Pipedrive's own id for it.
    pub uuid: String,
    /// Whose it is.
    pub company: CompanyId,
    /// Who registered it.
    pub user: UserId,
    /// What it is called.
    pub name: String,
    /// A picture of it.
    pub avatar_url: Option<String>,
    /// `facebook`, `whatsapp` or `other`.
    pub provider_type: String,
    /// Whether it has templates.
    pub template_support: bool,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Its templates.
    pub templates: Vec<Template>,
    /// Its conversations by the app's ids.
    pub conversations: BTreeMap<String, Conversation>,
}

/// A template as `getTemplates` listed it.
#[derive(Clone, Debug, Serialize)]
pub struct Template {
    /// The app's id for it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its text.
    pub content: String,
    /// Its language.
    pub language: String,
}

/// A chat in the inbox.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Conversation {
    /// The app's id for it.
    pub id: String,
    /// Where it is open outside of Pipedrive, or empty.
    pub link: String,
    /// Whether it is closed.
    pub closed: bool,
    /// Whether the customer has seen it.
    pub seen: bool,
    /// With what to ask for older messages, if there are any.
    pub next_messages_cursor: Option<String>,
    /// Who takes part. Empty until the app has been asked.
    pub participants: Vec<Participant>,
    /// Its messages, oldest first.
    pub messages: Vec<Message>,
}

/// One side of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Participant {
    /// The app's id for it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether it is the customer.
    pub end_user: bool,
    /// A picture of it.
    pub avatar_url: Option<String>,
}

/// A message in the inbox.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// The app's id for it.
    pub id: String,
    /// Who wrote it.
    pub sender: String,
    /// What it says.
    pub text: String,
    /// What became of it.
    pub status: Status,
    /// When it was written. Pushed messages tell the minute only; they stay in the order in which they came.
    pub at: Timestamp,
    /// Until when it may be answered.
    pub reply_by: Option<Timestamp>,
    /// Its files.
    pub attachments: Vec<FileLink>,
    /// How often the app pushed it.
    pub pushes: usize,
}

impl World {
    pub(super) fn new(app_url: Option<String>, settings: Settings) -> Self {
        let user = |id, name: &str, admin| User { id: UserId(id), name: name.to_owned(), admin };
        let demo = Company {
            id: DEMO_COMPANY,
            name: "Demo Company".to_owned(),
            domain: "demo-company".to_owned(),
            suspended: false,
            users: vec![user(DEMO_USER.0, "Ada Admin", true), user(12, "Rafael Regular", false)],
        };
        Self {
            url: String::new(),
            app_url,
            settings,
            ahead: Duration::ZERO,
            companies: BTreeMap::from([(demo.id, demo)]),
            browser: (DEMO_COMPANY, DEMO_USER),
            grants: Grants::default(),
            manifest: None,
            channels: BTreeMap::new(),
            records: HashMap::new(),
            meter: Meter::default(),
            outgoing: Outgoing::default(),
            faults: VecDeque::new(),
            arrived: HashMap::new(),
            violations: Vec::new(),
            storm: None,
            pushed: Vec::new(),
        }
    }

    pub(super) fn user(&self, company: CompanyId, user: UserId) -> Option<(&Company, &User)> {
        let company = self.companies.get(&company)?;
        Some((company, company.users.iter().find(|u| u.id == user)?))
    }

    /// The app's one callback URL.
    pub(super) fn callback(&self) -> Option<String> {
        self.app_url.as_ref().map(|app| format!("{app}/oauth/callback"))
    }

    /// Forgets a user's grant and channels.
    pub(super) fn forget_installation(&mut self, owner: (CompanyId, UserId)) {
        self.grants.forget(owner);
        if let Some(records) = self.records.get_mut(&owner.0) {
            records.forget_webhooks_of(owner.1);
        }
        self.channels.retain(|_, channel| (channel.company, channel.user) != owner);
    }

    pub(super) fn conversation_mut(&mut self, channel: &str, conversation: &str) -> Option<&mut Conversation> {
        self.channels.get_mut(channel)?.conversations.get_mut(conversation)
    }
}

impl Conversation {
    pub(super) fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// The participant of the given side.
    pub fn side(&self, end_user: bool) -> Option<&Participant> {
        self.participants.iter().find(|p| p.end_user == end_user)
    }

    /// Takes what the app answered about the conversation. What was pushed meanwhile is newer, so statuses only go on.
    pub(super) fn take(&mut self, answer: contract::Conversation) {
        self.link = answer.link;
        self.closed = answer.status == contract::ConversationStatus::Closed;
        self.seen = answer.seen;
        self.next_messages_cursor = answer.next_messages_cursor.filter(|cursor| !cursor.is_empty());
        self.participants = answer.participants.into_iter().map(Participant::from).collect();
        for fetched in answer.messages.into_iter().rev() {
            match self.messages.iter_mut().find(|m| m.id == fetched.id) {
                Some(known) => {
                    // The app's answer has the second, a push the minute only.
                    known.at = fetched.created_at.0;
                    if known.status.may_become(fetched.status) {
                        known.status = fetched.status;
                    }
                }
                None => self.messages.push(Message::from(fetched)),
            }
        }
        self.messages.sort_by_key(|m| m.at);
    }

    /// Takes a pushed message: a new one after all that were written in its minute, or a change of a known one. Returns
    /// what is wrong with it.
    pub(super) fn receive(&mut self, pushed: Message) -> Option<String> {
        let stranger = !self.participants.is_empty() && self.participants.iter().all(|p| p.id != pushed.sender);
        if let Some(known) = self.messages.iter_mut().find(|m| m.id == pushed.id) {
            let back = known.status != pushed.status && !known.status.may_become(pushed.status);
            let fault =
                format!("receive: status of {} went from {} to {}", known.id, known.status.as_str(), pushed.status.as_str());
            known.pushes += 1;
            known.status = pushed.status;
            known.text = pushed.text;
            known.reply_by = pushed.reply_by;
            known.attachments = pushed.attachments;
            return back.then_some(fault);
        }
        let fault = stranger.then(|| format!("receive: {} comes from no participant of {}", pushed.id, self.id));
        self.add(pushed);
        fault
    }

    pub(super) fn add(&mut self, mut message: Message) {
        let same_minute = self.messages.iter().map(|m| m.at).filter(|at| at.minute() == message.at.minute()).max();
        message.at = message.at.max(same_minute.unwrap_or(message.at));
        self.messages.push(message);
        self.messages.sort_by_key(|m| m.at);
    }
}

impl From<contract::Participant> for Participant {
    fn from(answer: contract::Participant) -> Self {
        Self {
            end_user: answer.role == contract::Role::EndUser,
            avatar_url: answer.avatar_url.filter(|url| !url.is_empty()),
            id: answer.id,
            name: answer.name,
        }
    }
}

impl From<contract::Message> for Message {
    fn from(answer: contract::Message) -> Self {
        Self {
            id: answer.id,
            sender: answer.sender_id,
            text: answer.text,
            status: answer.status,
            at: answer.created_at.0,
            reply_by: answer.reply_by.map(|at| at.0),
            attachments: answer.attachments.into_iter().map(FileLink::from).collect(),
            pushes: 0,
        }
    }
}
