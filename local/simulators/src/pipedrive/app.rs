//! The calls that Pipedrive makes to the app, and what it reads from them: the manifest, the conversations of a new
//! channel, single conversations, messages, senders, templates (Pipedrive, "Messaging app extension").
//!
//! Each answer is checked against the contract; what breaks it becomes a violation.

use std::collections::{HashMap, HashSet};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{RequestBuilder, header::CONTENT_TYPE};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    InboxError, PipedriveSim,
    contract::{self, Envelope, Refused},
    world::{Conversation, Message, Template},
};

/// What JavaScript's `encodeURIComponent` leaves as it is, letters and digits apart.
const VALUE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'!').remove(b'~').remove(b'*').remove(b'(').remove(b')');
/// How many conversations, and how many messages of each, Pipedrive asks for at once.
const PAGE: usize = 30;
/// Pipedrive must come to an end even if an app's cursors don't.
const MAX_PAGES: usize = 1000;

/// What every endpoint must have in its URL.
const VARIABLES: [(&str, &[&str]); 7] = [
    ("getConversations", &["providerChannelId"]),
    ("getConversationById", &["providerChannelId", "sourceConversationId"]),
    ("postMessage", &["providerChannelId"]),
    ("getMessageById", &["providerChannelId", "sourceConversationId", "sourceMessageId"]),
    ("getSenderById", &["providerChannelId", "senderId"]),
    ("getTemplates", &["providerChannelId"]),
    ("deleteChannelById", &["providerChannelId"]),
];

/// The app's manifest.
#[derive(Clone, Deserialize)]
pub(super) struct Manifest {
    version: String,
    endpoints: HashMap<String, String>,
}

impl Manifest {
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.version != "v202101" {
            faults.push("manifest: version is not v202101".to_owned());
        }
        for (name, variables) in VARIABLES {
            let Some(url) = self.endpoints.get(name) else {
                faults.push(format!("manifest: {name} is missing"));
                continue;
            };
            let path = url::Url::parse(url).map(|url| url.path().to_owned()).unwrap_or_default();
            let found: HashSet<&str> = path.split('/').filter_map(|segment| segment.strip_prefix(':')).collect();
            if !contract::is_web_url(url) || found != variables.iter().copied().collect() {
                faults.push(format!("manifest: {name} is no URL with exactly its variables"));
            }
        }
        if self.endpoints.len() != VARIABLES.len() {
            faults.push("manifest: not exactly the seven endpoints".to_owned());
        }
        faults
    }

    /// The URL of an endpoint with its variables filled in.
    fn url(&self, endpoint: &str, values: &[(&str, &str)]) -> String {
        values.iter().fold(self.endpoints.get(endpoint).cloned().unwrap_or_default(), |url, (name, value)| {
            url.replace(&format!(":{name}"), &utf8_percent_encode(value, VALUE).to_string())
        })
    }
}

impl PipedriveSim {
    /// What Pipedrive does when a channel was registered: reads the manifest, all conversations, templates and avatars.
    pub(super) async fn read_channel(&self, channel: &str) {
        self.world().manifest = None;
        let has_templates = self.world().channels.get(channel).is_some_and(|c| c.template_support);
        let read = async {
            self.read_conversations(channel).await?;
            if has_templates {
                self.read_templates(channel).await?;
            }
            Ok::<(), InboxError>(())
        };
        if let Err(error) = read.await {
            self.violation(format!("installing {channel}: {error}"));
        }
    }

    async fn read_conversations(&self, channel: &str) -> Result<(), InboxError> {
        let (mut after, mut cursors, mut seen) = (None::<String>, HashSet::new(), HashSet::new());
        for _ in 0..MAX_PAGES {
            let url = self.endpoint("getConversations", &[("providerChannelId", channel)]).await?;
            let page = PAGE.to_string();
            let mut query = vec![("conversations_limit", page.as_str()), ("messages_limit", &page)];
            query.extend(after.as_deref().map(|after| ("after", after)));
            let answer: Envelope<Vec<contract::Conversation>> =
                self.ask("getConversations", self.inner.http.get(url).query(&query)).await?;
            if answer.data.len() > PAGE {
                self.violation("getConversations: more conversations than conversations_limit");
            }
            let is_empty = answer.data.is_empty();
            for conversation in answer.data {
                if !seen.insert(conversation.id.clone()) {
                    self.violation(format!("getConversations: {} is on two pages", conversation.id));
                }
                self.take_conversation(channel, conversation).await?;
            }
            after = answer.additional_data.and_then(|more| more.after).filter(|after| !after.is_empty());
            match &after {
                Some(cursor) if !cursors.insert(cursor.clone()) => {
                    self.violation("getConversations: a cursor leads back to itself");
                    return Ok(());
                }
                Some(_) if !is_empty => {}
                _ => return Ok(()),
            }
        }
        self.violation("getConversations: the pages don't end");
        Ok(())
    }

    /// What Pipedrive does when a message comes in a conversation that it doesn't know.
    pub(super) async fn read_unknown_conversation(&self, channel: &str, conversation: &str) {
        if let Err(error) = self.read_conversation(channel, conversation, None).await {
            self.violation(format!("reading {conversation}: {error}"));
        }
    }

    /// `getConversationById`, from `after` on.
    pub(super) async fn read_conversation(
        &self,
        channel: &str,
        conversation: &str,
        after: Option<&str>,
    ) -> Result<(), InboxError> {
        let values = [("providerChannelId", channel), ("sourceConversationId", conversation)];
        let page = PAGE.to_string();
        let mut query = vec![("messages_limit", page.as_str())];
        query.extend(after.map(|after| ("after", after)));
        let request = self.inner.http.get(self.endpoint("getConversationById", &values).await?).query(&query);
        let answer: Envelope<contract::Conversation> = self.ask("getConversationById", request).await?;
        if answer.data.id != conversation {
            self.violation("getConversationById: answered with another conversation");
            return Err(InboxError::Contract);
        }
        self.take_conversation(channel, answer.data).await
    }

    async fn take_conversation(&self, channel: &str, answer: contract::Conversation) -> Result<(), InboxError> {
        let faults = answer.faults(PAGE);
        let without_avatar: Vec<String> = answer
            .participants
            .iter()
            .filter(|p| p.fetch_avatar && p.avatar_url.as_deref().unwrap_or_default().is_empty())
            .map(|p| p.id.clone())
            .collect();
        let id = answer.id.clone();
        {
            let mut world = self.world();
            world.violations.extend(faults);
            if let Some(channel) = world.channels.get_mut(channel) {
                channel.conversations.entry(id.clone()).or_insert_with(|| Conversation::new(&id)).take(answer);
            }
        }
        for sender in without_avatar {
            let avatar = self.sender(channel, &sender).await?.avatar_url;
            if let Some(conversation) = self.world().conversation_mut(channel, &id) {
                let mut participants = conversation.participants.iter_mut();
                if let Some(participant) = participants.find(|p| p.id == sender) {
                    participant.avatar_url = Some(avatar).filter(|url| !url.is_empty());
                }
            }
        }
        Ok(())
    }

    /// `getSenderById`.
    pub(super) async fn sender(&self, channel: &str, sender: &str) -> Result<contract::Sender, InboxError> {
        let url = self.endpoint("getSenderById", &[("providerChannelId", channel), ("senderId", sender)]).await?;
        let answer: Envelope<contract::Sender> = self.ask("getSenderById", self.inner.http.get(url)).await?;
        if answer.data.id != sender || answer.data.name.is_empty() {
            self.violation("getSenderById: answered with another sender, or a nameless one");
        }
        Ok(answer.data)
    }

    /// `getTemplates`; the channel has them from then on.
    pub(super) async fn read_templates(&self, channel: &str) -> Result<(), InboxError> {
        let url = self.endpoint("getTemplates", &[("providerChannelId", channel)]).await?;
        let answer: Envelope<contract::Templates> = self.ask("getTemplates", self.inner.http.get(url)).await?;
        let template =
            |t: contract::TemplateAnswer| Template { id: t.id, name: t.name, content: t.content, language: t.language };
        let templates = answer.data.templates.into_iter().map(template).collect();
        if let Some(channel) = self.world().channels.get_mut(channel) {
            channel.templates = templates;
        }
        Ok(())
    }

    /// `getMessageById`: by the manifest's path, or by the shorter one that Pipedrive's specification has.
    pub(super) async fn message(
        &self,
        channel: &str,
        conversation: &str,
        message: &str,
        short_path: bool,
    ) -> Result<Message, InboxError> {
        let channel = ("providerChannelId", channel);
        let url = if short_path {
            let id = utf8_percent_encode(message, VALUE);
            format!("{}/{id}", self.endpoint("postMessage", &[channel]).await?)
        } else {
            let values = [channel, ("sourceConversationId", conversation), ("sourceMessageId", message)];
            self.endpoint("getMessageById", &values).await?
        };
        let answer: contract::Message = self.ask("getMessageById", self.inner.http.get(url)).await?;
        if answer.id != message {
            self.violation("getMessageById: answered with another message");
        }
        Ok(Message::from(answer))
    }

    /// The URL of an endpoint, from the manifest as it was last read.
    pub(super) async fn endpoint(&self, name: &str, values: &[(&str, &str)]) -> Result<String, InboxError> {
        if let Some(manifest) = self.manifest() {
            return Ok(manifest.url(name, values));
        }
        let app = self.world().app_url.clone().ok_or(InboxError::NoApp)?;
        let manifest: Manifest = self.ask("manifest", self.inner.http.get(format!("{app}/manifest.json"))).await?;
        let faults = manifest.faults();
        let is_valid = faults.is_empty();
        let url = manifest.url(name, values);
        let mut world = self.world();
        world.violations.extend(faults);
        world.manifest = Some(manifest).filter(|_| is_valid);
        if is_valid { Ok(url) } else { Err(InboxError::Contract) }
    }

    /// Sends a request with the app's credentials, and reads the answer as the contract describes it.
    pub(super) async fn ask<T: DeserializeOwned>(&self, what: &str, request: RequestBuilder) -> Result<T, InboxError> {
        let request = request.basic_auth(&self.inner.client_id, Some(&self.inner.client_secret));
        let no_answer = |_| {
            self.violation(format!("{what}: no answer"));
            InboxError::NoAnswer
        };
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status().as_u16();
        let is_json = answer.headers().get(CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/json"));
        let body = answer.bytes().await.map_err(no_answer)?;
        if !is_json {
            self.violation(format!("{what}: Content-Type of a {status} is not application/json"));
        }
        if status == 200 {
            // By way of a value, so that complaints name the field and not a column.
            let body: Value = serde_json::from_slice(&body).unwrap_or_default();
            return serde_path_to_error::deserialize(body).map_err(|error| {
                self.violation(format!("{what}: {} at {}", error.inner(), error.path()));
                InboxError::Contract
            });
        }
        match serde_json::from_slice::<Refused>(&body) {
            Ok(refused) if refused.fits(status) => {
                Err(InboxError::Refused { status, code: refused.data.code, message: refused.data.message })
            }
            _ => {
                self.violation(format!("{what}: a {status} that is not in the contract"));
                Err(InboxError::Contract)
            }
        }
    }
}
