//! Sending one of Telegram's messages: a text, a file or an album (Telegram Bot API, `sendMessage`, `sendPhoto` and the
//! like, `sendMediaGroup`). What Telegram refused it has certainly not sent, so a refusal that names its remedy is met with
//! it, once; nothing else is repeated.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{
    address::{self, Address},
    api::Api,
    connect::Bot,
    errors::{Failure, PHOTO_REFUSED, REPLY_GONE},
    plan::SentAs,
};
use crate::{
    model::ids::ContactKey,
    providers::{
        Accepted, Outgoing,
        error::{ProviderError, Refusal},
        lenient,
        outgoing::{OutgoingFile, PartContent, unsendable},
    },
};

/// Longest file name, in characters.
const MAX_NAME_CHARS: usize = 128;

/// A message on its way.
struct Sending<'a> {
    to: Address,
    /// The number of the message that it answers.
    reply_to: Option<i64>,
    content: &'a PartContent<'a>,
    /// Whether files go as documents, whatever they are.
    as_documents: bool,
}

/// Sends a part.
pub(super) async fn send(api: &Api, bot: &Bot, part: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
    let to = Address::parse(part.to).ok_or_else(|| ProviderError::Refused {
        refusal: Refusal::NotFound,
        code: "unknown_recipient".to_owned(),
        message: "The customer has no chat at Telegram to send to.".to_owned(),
    })?;
    let reply_to = part.reply_to.and_then(address::message_number);
    let mut sending = Sending { to, reply_to, content: &part.content, as_documents: false };
    let mut moved_to = None;
    loop {
        let failure = match sending.call(api, bot).await {
            Ok(answer) => return accepted(&answer, &sending.to, moved_to),
            Err(failure) => failure,
        };
        match (failure.moved_to, failure.error.code()) {
            (Some(chat), _) if moved_to.is_none() => {
                sending.to.chat = chat;
                moved_to = sending.to.key();
            }
            (_, REPLY_GONE) if sending.reply_to.is_some() => sending.reply_to = None,
            (_, PHOTO_REFUSED) if !sending.as_documents => sending.as_documents = true,
            _ => return Err(failure.error),
        }
    }
}

/// What Telegram made of it: a message, or one of each file.
fn accepted(answer: &Value, to: &Address, moved_to: Option<ContactKey>) -> Result<Accepted, ProviderError> {
    let messages = answer.as_array().map_or(std::slice::from_ref(answer), Vec::as_slice);
    let id = |message: &Value| to.message(lenient::integer(message, "/message_id")?);
    let provider_ids: Vec<_> = messages.iter().filter_map(id).collect();
    if provider_ids.is_empty() {
        return Err(ProviderError::Uncertain { code: "no_message_id".to_owned() });
    }
    Ok(Accepted { provider_ids, moved_to })
}

impl Sending<'_> {
    async fn call(&self, api: &Api, bot: &Bot) -> Result<Value, Failure> {
        match self.content {
            PartContent::Text(text) => {
                let mut message = json!({"chat_id": self.to.chat, "text": text});
                if let Some(connection) = &self.to.business {
                    message["business_connection_id"] = connection.as_str().into();
                }
                if let Some(parameters) = self.reply_parameters() {
                    message["reply_parameters"] = parameters;
                }
                api.call(&bot.token, "sendMessage", &message).await
            }
            PartContent::Files { files, caption } => {
                let (method, form) = match files.as_slice() {
                    [file] => self.single(file, *caption)?,
                    files => self.album(files, *caption)?,
                };
                api.upload(&bot.token, method, form).await
            }
            PartContent::Template(_) => Err(unsendable("message", "is a template, which Telegram does not have").into()),
        }
    }

    /// A message that was deleted meanwhile is no reason to send nothing.
    fn reply_parameters(&self) -> Option<Value> {
        self.reply_to.map(|number| json!({"message_id": number, "allow_sending_without_reply": true}))
    }

    fn form(&self) -> Form {
        // File names as they are, in UTF-8, like browsers send them.
        let mut form = Form::new().percent_encode_noop().text("chat_id", self.to.chat.to_string());
        if let Some(connection) = &self.to.business {
            form = form.text("business_connection_id", connection.clone());
        }
        if let Some(parameters) = self.reply_parameters() {
            form = form.text("reply_parameters", parameters.to_string());
        }
        form
    }

    fn sent_as(&self, file: &OutgoingFile) -> SentAs {
        if self.as_documents { SentAs::Document } else { SentAs::of(file) }
    }

    fn single(&self, file: &OutgoingFile, caption: Option<&str>) -> Result<(&'static str, Form), ProviderError> {
        let mut form = self.form();
        if let Some(caption) = caption {
            form = form.text("caption", caption.to_owned());
        }
        let sent_as = self.sent_as(file);
        Ok((sent_as.method(), form.part(sent_as.field(), upload(file)?)))
    }

    /// The text stands with the first, where Telegram's apps show it as the album's.
    fn album(&self, files: &[&OutgoingFile], caption: Option<&str>) -> Result<(&'static str, Form), ProviderError> {
        let mut media = Vec::with_capacity(files.len());
        let mut form = self.form();
        for (position, file) in files.iter().enumerate() {
            let name = format!("file{position}");
            let mut item = json!({"type": self.sent_as(file).field(), "media": format!("attach://{name}")});
            if let Some(caption) = caption.filter(|_| position == 0) {
                item["caption"] = caption.into();
            }
            media.push(item);
            form = form.part(name, upload(file)?);
        }
        Ok(("sendMediaGroup", form.text("media", Value::Array(media).to_string())))
    }
}

/// A file as a part of a form.
fn upload(file: &OutgoingFile) -> Result<Part, ProviderError> {
    // Quotes and line breaks would end the header that the name stands in.
    let safe = |c: char| if c.is_control() || matches!(c, '"' | '\\' | '/') { '_' } else { c };
    let name: String = file.name.chars().take(MAX_NAME_CHARS).map(safe).collect();
    let part = Part::stream(file.bytes.clone()).file_name(name);
    part.mime_str(&file.mime).map_err(|_| unsendable("files", "are of an unreadable type"))
}

#[cfg(test)]
mod tests;
