//! Answering from the page: text, files, a template, or a failed message once more.

use serde::Deserialize;

use super::{
    rows::MessageRow,
    uploads::{self, Uploaded},
};
use crate::{
    inbox::{
        error::InboxError,
        ports::InboxReader,
        send::{self, FromPage, NewFile, SendPorts, SendRequest, Sent},
        sight::Sight,
        templates::{self, TemplatePorts},
    },
    media::links::Links,
    model::{
        content::{Content, FileState},
        conversation::Conversation,
        ids::{ChannelId, ConversationId, MessageId},
        message::{Direction, Message},
        status::Status,
        template::{FilledTemplate, Template},
    },
};

/// Longest value of a template's gap, in characters.
const MAX_VALUE: usize = 1024;

/// What answering needs.
pub struct AnswerPorts<'a> {
    /// What is there.
    pub reader: &'a dyn InboxReader,
    /// To send.
    pub send: SendPorts<'a>,
}

/// What the page sends.
#[derive(Debug, Clone, Deserialize)]
pub struct Answer {
    /// The text; may be empty if there are files, and is not looked at if there is a template.
    #[serde(default)]
    pub text: String,
    /// Files, uploaded before.
    #[serde(default)]
    pub files: Vec<Uploaded>,
    /// A template instead.
    #[serde(default)]
    pub template: Option<ChosenTemplate>,
    /// The message that it answers.
    #[serde(default)]
    pub reply_to: Option<MessageId>,
}

/// A template with what goes into its gaps.
#[derive(Debug, Clone, Deserialize)]
pub struct ChosenTemplate {
    /// The template.
    pub id: String,
    /// For each gap, in their order.
    #[serde(default)]
    pub values: Vec<String>,
}

/// A template as the page offers it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TemplateRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its language.
    pub language: String,
    /// What it says, with its gaps as `{{name}}`.
    pub content: String,
    /// The names in its gaps, in their order.
    pub gaps: Vec<String>,
}

/// The channel's templates that can be sent from here.
pub async fn templates(ports: &TemplatePorts<'_>, channel: &ChannelId) -> Result<Vec<TemplateRow>, InboxError> {
    let row = |template: Template| TemplateRow {
        gaps: template.gaps(),
        id: template.id,
        name: template.name,
        language: template.language,
        content: template.content,
    };
    Ok(templates::fillable(ports, channel).await?.into_iter().map(row).collect())
}

/// Sends an answer. What became of it is in the row: a message that its provider refuses is there as failed.
pub async fn answer(
    ports: &AnswerPorts<'_>,
    links: &Links,
    sight: &Sight<'_>,
    id: &ConversationId,
    answer: Answer,
) -> Result<MessageRow, InboxError> {
    let (conversation, caller) = (sight.conversation(ports.reader.conversation(id).await?).await?, &sight.caller);
    let template = match &answer.template {
        Some(_) if !answer.files.is_empty() => return Err(InboxError::invalid_body("files", "can't go with a template")),
        Some(chosen) => Some(filled(ports, &conversation.channel, chosen).await?),
        None => None,
    };
    let reply_to = match &answer.reply_to {
        Some(answered) => Some(answered_message(ports, &conversation, answered).await?),
        None => None,
    };
    let files = uploads::take(ports.send.bucket, caller, &answer.files).await?;
    let text = template.as_ref().map_or(answer.text, FilledTemplate::text);
    let page = FromPage { author: Some(caller.user), template, reply_to, retry_of: None };
    let Sent { message, .. } = send::send_from(&ports.send, request(conversation, text, files, page)).await?;
    uploads::drop_all(ports.send.bucket, caller, &answer.files).await;
    Ok(MessageRow::new(message, links))
}

/// Sends a failed message once more, as a new one; the two name each other. Only a person asks for that: nobody else knows
/// whether the first one arrived after all. It can be asked once for a message.
pub async fn retry(ports: &AnswerPorts<'_>, links: &Links, sight: &Sight<'_>, id: &MessageId) -> Result<MessageRow, InboxError> {
    let home = id.conversation();
    let found = futures_util::future::try_join(ports.reader.conversation(&home), ports.reader.message(id));
    let (conversation, failed) = found.await?;
    let conversation = sight.around(conversation, "message").await?;
    let failed = failed.ok_or(InboxError::NotFound("message"))?;
    if failed.direction != Direction::Out || failed.status != Status::Failed || failed.deleted_at.is_some() {
        return Err(InboxError::Forbidden("only a message that failed can be sent once more".to_owned()));
    }
    if failed.retried_as.is_some() {
        return Err(InboxError::Forbidden("this message was sent once more already".to_owned()));
    }
    let mut files = Vec::with_capacity(failed.attachments.len());
    for attachment in &failed.attachments {
        let FileState::Stored { key, .. } = &attachment.file else { continue };
        let kept = ports.send.bucket.get(key).await?;
        let bytes = kept.ok_or_else(|| InboxError::Gone("its files are no longer kept".to_owned()))?;
        files.push(NewFile { name: attachment.name.clone(), mime: attachment.mime.clone(), bytes });
    }
    let template = match &failed.content {
        Some(Content::Template { name, language }) => {
            let known = known_templates(ports, &conversation.channel).await?;
            let same = known.into_iter().find(|template| template.name == *name && template.language == *language);
            same.and_then(|template| Some(FilledTemplate { values: template.filled_by(&failed.text)?, template }))
        }
        _ => None,
    };
    let reply_to = match failed.reply_to.as_ref().and_then(|reply| reply.message.as_ref()) {
        Some(answered) => ports.reader.message(answered).await?,
        None => None,
    };
    let page = FromPage { author: Some(sight.caller.user), template, reply_to, retry_of: Some(failed.id) };
    let Sent { message, .. } = send::send_from(&ports.send, request(conversation, failed.text, files, page)).await?;
    Ok(MessageRow::new(message, links))
}

fn request(conversation: Conversation, text: String, files: Vec<NewFile>, page: FromPage) -> SendRequest {
    SendRequest {
        channel: conversation.channel,
        conversation: Some(conversation.id),
        sender: None,
        recipients: Vec::new(),
        text,
        files,
        page,
    }
}

async fn answered_message(ports: &AnswerPorts<'_>, conversation: &Conversation, id: &MessageId) -> Result<Message, InboxError> {
    let found = if id.conversation() == conversation.id { ports.reader.message(id).await? } else { None };
    found.ok_or_else(|| InboxError::invalid_body("reply_to", "is not a message of the conversation"))
}

async fn known_templates(ports: &AnswerPorts<'_>, channel: &ChannelId) -> Result<Vec<Template>, InboxError> {
    let SendPorts { templates: store, providers, secrets, clock, .. } = &ports.send;
    templates::fillable(&TemplatePorts { store: *store, providers, secrets, clock: *clock }, channel).await
}

async fn filled(ports: &AnswerPorts<'_>, channel: &ChannelId, chosen: &ChosenTemplate) -> Result<FilledTemplate, InboxError> {
    let known = known_templates(ports, channel).await?;
    let template = known.into_iter().find(|template| template.id == chosen.id);
    let template =
        template.ok_or_else(|| InboxError::invalid_body("template.id", "is not an approved template of the channel"))?;
    let (gaps, values) = (template.gaps().len(), &chosen.values);
    if values.len() != gaps {
        return Err(InboxError::invalid_body("template.values", format!("has to have {gaps} entries")));
    }
    if values.iter().any(|value| value.trim().is_empty() || value.chars().count() > MAX_VALUE) {
        return Err(InboxError::invalid_body("template.values", format!("have to have 1 to {MAX_VALUE} characters each")));
    }
    Ok(FilledTemplate { template, values: values.iter().map(|value| value.trim().to_owned()).collect() })
}
