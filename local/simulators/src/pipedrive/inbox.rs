//! The Messaging inbox: what a salesperson sees there and does there, for tests and for the page.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use shared::model::{
    ids::{CompanyId, UserId},
    status::Status,
};

use super::{
    PipedriveSim, Recipients,
    contract::{Done, Envelope, Posted},
    world::{Channel, Conversation, Message},
};

/// How long an iframe's token lives, in seconds.
const IFRAME_TOKEN_LIFE: i64 = 5 * 60;

/// Why something that was done in the inbox did not work; what a salesperson gets to see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InboxError {
    /// There is no such conversation, or Pipedrive knows nothing of it yet.
    #[error("unknown conversation")]
    Unknown,
    /// Nobody said where the app is.
    #[error("no app is connected")]
    NoApp,
    /// The app did not answer in time, or not at all.
    #[error("the app did not answer")]
    NoAnswer,
    /// The app refused.
    #[error("the app refused ({status} {code}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The contract's code.
        code: String,
        /// The app's words.
        message: String,
    },
    /// The app's answer breaks the contract; see the violations.
    #[error("the app's answer breaks the contract")]
    Contract,
}

/// A file to send.
#[derive(Clone, Debug)]
pub struct InboxFile {
    /// Its name.
    pub name: String,
    /// Its MIME type.
    pub mime: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl PipedriveSim {
    /// All channels, with their conversations.
    pub fn channels(&self) -> Vec<Channel> {
        self.world().channels.values().cloned().collect()
    }

    /// All conversations of all channels.
    pub fn conversations(&self) -> Vec<Conversation> {
        self.world().channels.values().flat_map(|channel| channel.conversations.values().cloned()).collect()
    }

    /// A conversation.
    pub fn conversation(&self, channel: &str, conversation: &str) -> Option<Conversation> {
        self.world().conversation_mut(channel, conversation).cloned()
    }

    /// Types and sends an answer (`postMessage`). Returns the app's id for the message.
    pub async fn send_from_inbox(
        &self,
        channel: &str,
        conversation: &str,
        text: &str,
        files: Vec<InboxFile>,
    ) -> Result<String, InboxError> {
        let known = self.conversation(channel, conversation).ok_or(InboxError::Unknown)?;
        let sender = known.side(false).ok_or(InboxError::Unknown)?.id.clone();
        let to: Vec<&str> = known.participants.iter().filter(|p| p.end_user).map(|p| p.id.as_str()).collect();
        let mut form = Form::new()
            .text("message", text.to_owned())
            .text("senderId", sender.clone())
            .text("conversationId", conversation.to_owned());
        form = with_recipients(form, self.world().settings.recipients, &to);
        for file in files {
            let part = Part::bytes(file.bytes).file_name(file.name).mime_str(&file.mime);
            form = form.part("files", part.map_err(|_| InboxError::Contract)?);
        }
        let url = self.endpoint("postMessage", &[("providerChannelId", channel)]).await?;
        let posted: Envelope<Posted> = self.ask("postMessage", self.inner.http.post(url).multipart(form)).await?;
        let id = posted.data.id;
        let at = self.now();
        let mut world = self.world();
        // The app may have pushed its status before it answered.
        if let Some(known) = world.conversation_mut(channel, conversation).filter(|c| c.messages.iter().all(|m| m.id != id)) {
            let (id, text) = (id.clone(), text.to_owned());
            known.add(Message { id, sender, text, status: Status::Sent, at, reply_by: None, attachments: Vec::new(), pushes: 0 });
        }
        Ok(id)
    }

    /// Scrolls up: asks for the messages before those that are shown. False when there are none.
    pub async fn load_more(&self, channel: &str, conversation: &str) -> Result<bool, InboxError> {
        let known = self.conversation(channel, conversation).ok_or(InboxError::Unknown)?;
        let Some(cursor) = known.next_messages_cursor else { return Ok(false) };
        self.read_conversation(channel, conversation, Some(&cursor)).await?;
        Ok(true)
    }

    /// Asks for a message anew, as Pipedrive does when a file's link has expired: by the manifest's path and by the shorter
    /// one of its specification.
    pub async fn fetch_message(&self, channel: &str, conversation: &str, message: &str) -> Result<[Message; 2], InboxError> {
        Ok([
            self.message(channel, conversation, message, false).await?,
            self.message(channel, conversation, message, true).await?,
        ])
    }

    /// Removes a channel in Pipedrive's settings (`deleteChannelById`). It stays when the app refuses.
    pub async fn remove_channel(&self, channel: &str) -> Result<(), InboxError> {
        let url = self.endpoint("deleteChannelById", &[("providerChannelId", channel)]).await?;
        self.ask::<Done>("deleteChannelById", self.inner.http.delete(url)).await?;
        self.world().channels.remove(channel);
        Ok(())
    }

    /// Uninstalls the app for a user: its tokens die, its channels are gone, and the app is told. Returns the status of
    /// the app's answer, which Pipedrive itself ignores.
    pub async fn uninstall(&self, company: CompanyId, user: UserId) -> Result<u16, InboxError> {
        self.world().forget_installation((company, user));
        let as_strings = self.world().settings.ids_as_strings;
        let id = |id: u64| if as_strings { Value::from(id.to_string()) } else { Value::from(id) };
        let notice = json!({
            "client_id": self.inner.client_id, "company_id": id(company.0), "user_id": id(user.0),
            "timestamp": self.now().rfc3339(),
        });
        let callback = self.world().callback().ok_or(InboxError::NoApp)?;
        let request =
            self.inner.http.delete(callback).basic_auth(&self.inner.client_id, Some(&self.inner.client_secret)).json(&notice);
        request.send().await.map(|answer| answer.status().as_u16()).map_err(|_| InboxError::NoAnswer)
    }

    /// Tells the app that it is shared, or not any more. Comes without credentials. Returns the status of the answer.
    pub async fn share_notice(&self, company: CompanyId, user: UserId, shared: bool) -> Result<u16, InboxError> {
        let callback = self.world().callback().ok_or(InboxError::NoApp)?;
        let notice = json!({"company_id": company, "user_id": user, "isShared": shared});
        let answer = self.inner.http.post(callback).json(&notice).send().await;
        answer.map(|answer| answer.status().as_u16()).map_err(|_| InboxError::NoAnswer)
    }

    /// The signed token that Pipedrive puts into an iframe's URL.
    pub fn iframe_token(&self, company: CompanyId, user: UserId) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.now().secs();
        let claims = json!({"userId": user, "companyId": company, "iat": now, "exp": now + IFRAME_TOKEN_LIFE});
        let key = EncodingKey::from_secret(self.inner.client_secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)
    }
}

fn with_recipients(form: Form, spelling: Recipients, to: &[&str]) -> Form {
    let each = |form: Form, name: fn(usize) -> String| {
        to.iter().enumerate().fold(form, |form, (n, id)| form.text(name(n), (*id).to_owned()))
    };
    match spelling {
        Recipients::Brackets => each(form, |_| "recipientIds[]".to_owned()),
        Recipients::Indexed => each(form, |n| format!("recipientIds[{n}]")),
        Recipients::Repeated => each(form, |_| "recipientIds".to_owned()),
        Recipients::Commas => form.text("recipientIds", to.join(",")),
        Recipients::Json => form.text("recipientIds", json!(to).to_string()),
        Recipients::Absent => form,
    }
}
