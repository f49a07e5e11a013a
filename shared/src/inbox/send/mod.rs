//! From Pipedrive's inbox, or the bundle's own, to the customer. The message is stored as under way before the provider is called and completed
//! after, so that a process that dies in between leaves a message that ends as failed with its reason: never a lost one,
//! and never one that is sent again by itself.

mod draft;
mod parts;
mod repeat;

use std::time::Duration;

use bytes::Bytes;

use super::{
    error::InboxError,
    ports::{Begun, SendStore, TemplateStore},
    read::served,
    receive::{MAX_QUOTE, STREAM_GRACE},
    show,
    templates::{self, TemplatePorts},
};
use crate::{
    clock::Clock,
    media::{bucket::Bucket, links::Links},
    model::{
        channel::Channel,
        content::{Content, ReplyTo},
        conversation::{Conversation, Stamp},
        ids::{ChannelId, ConversationId, MessageId, ParticipantId, Place, UserId},
        message::{Direction, FailureReason, Message, Part, Sending},
        status::Status,
        template::{self, FilledTemplate},
        time::Timestamp,
    },
    providers::{Draft, Provider, Registry},
    secrets::SecretCache,
    telemetry::{
        self,
        metrics::{self, Metric},
    },
};

/// How long a message may be under way before its outcome counts as unknown. Longer than a provider's calls may take.
const UNDERWAY: Duration = Duration::from_mins(1);
/// How often the end of a send is written before we leave it to the outbox.
const FINISH_TRIES: u32 = 4;

/// What sending needs.
pub struct SendPorts<'a> {
    /// The table.
    pub store: &'a dyn SendStore,
    /// Templates that were kept.
    pub templates: &'a dyn TemplateStore,
    /// Where files are kept.
    pub bucket: &'a dyn Bucket,
    /// The providers.
    pub providers: &'a Registry,
    /// To open the channel's credentials and to sign addresses.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Where the bundle is reached.
    pub public_url: &'a str,
}

/// A message typed in Pipedrive.
#[derive(Debug, Clone)]
pub struct SendRequest {
    /// Where.
    pub channel: ChannelId,
    /// Where. When it is missing, the recipient tells.
    pub conversation: Option<ConversationId>,
    /// Who Pipedrive says is writing.
    pub sender: Option<ParticipantId>,
    /// To whom, as Pipedrive says. The conversation decides; this is checked against it.
    pub recipients: Vec<String>,
    /// What. May be empty if there are files.
    pub text: String,
    /// Files to go with it.
    pub files: Vec<NewFile>,
    /// What only the inbox page can say.
    pub page: FromPage,
}

/// What a message from the inbox page has beyond one from Pipedrive's inbox.
#[derive(Debug, Clone, Default)]
pub struct FromPage {
    /// Who wrote it.
    pub author: Option<UserId>,
    /// The template that it is, with its gaps filled; `text` is what that says.
    pub template: Option<FilledTemplate>,
    /// The message that it answers.
    pub reply_to: Option<Message>,
    /// The failed message in whose place it is sent.
    pub retry_of: Option<MessageId>,
}

/// A message that was stored and given to its provider, or refused by it.
#[derive(Debug)]
pub struct Sent {
    /// The message, as it was stored at last.
    pub message: Message,
    /// Why the provider took nothing of it, if it did not.
    pub refused: Option<InboxError>,
}

/// A file as it was uploaded.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// MIME type, as the uploader says.
    pub mime: String,
    /// Its contents.
    pub bytes: Bytes,
}

/// Sends one message and returns its id, under which its statuses follow. A message whose outcome is not known has an id
/// too; its status is `failed`.
pub async fn send(ports: &SendPorts<'_>, request: SendRequest) -> Result<MessageId, InboxError> {
    let Sent { message, refused } = send_from(ports, request).await?;
    refused.map_or(Ok(message.id), Err)
}

/// The same, for callers who show the message whatever became of it. An error means that nothing was stored.
pub async fn send_from(ports: &SendPorts<'_>, request: SendRequest) -> Result<Sent, InboxError> {
    let id = conversation_id(&request)?;
    let (channel, conversation) = ports.store.channel_and_conversation(&request.channel, &id).await?;
    let channel = served(channel)?;
    let conversation = conversation.filter(|found| found.channel == channel.id).ok_or(InboxError::NotFound("conversation"))?;
    let provider = ports.providers.get(channel.provider);
    let now = ports.clock.now();
    check(&request, &channel, &conversation, provider)?;
    let secrets = ports.secrets.get().await?;
    let sealed = channel.credentials.as_ref().ok_or(InboxError::NotFound("channel"))?;
    let credentials = secrets.vault.open(&channel.seal_context(), sealed)?;
    let window_end = conversation.reply_by.map(|until| until.plus(provider.reply_extension(&credentials)));
    let template = match (&request.page.template, window_end) {
        (Some(chosen), _) => Some(chosen.clone()),
        (None, Some(until)) if until <= now => Some(template_for(ports, &request, provider).await?),
        _ => None,
    };
    let links = Links::new(&secrets.vault, ports.public_url, now)?;
    let message_id = conversation.id.message(&Place::new(now, now, 0));
    let files = draft::files(&request.files, &message_id, &links);
    let draft = Draft { text: &request.text, files: &files, template: template.as_ref() };
    let plan = provider.plan(&draft).map_err(|error| InboxError::from_provider(error, now))?;

    let attachments = draft::keep(ports.bucket, &message_id, &files).await?;
    let unsent = Part { provider_id: None, status: Status::Sent };
    let mut message = Message {
        sending: Sending::Underway { until: now.plus(UNDERWAY) },
        attachments,
        content: template
            .as_ref()
            .map(|filled| Content::Template { name: filled.template.name.clone(), language: filled.template.language.clone() }),
        parts: if plan.len() > 1 { vec![unsent; plan.len()] } else { Vec::new() },
        author: request.page.author,
        reply_to: request.page.reply_to.as_ref().map(answered),
        retry_of: request.page.retry_of.clone(),
        ..Message::new(message_id, Direction::Out, channel.id.source_user(), request.text.clone(), now)
    };
    let fingerprint = repeat::fingerprint(&secrets.vault, &conversation.id, &request)?;
    if let Some(first) = begin(ports, &message, &fingerprint, now).await? {
        // Files that were kept for this one go with the conversation.
        return Ok(Sent { message: first, refused: None });
    }
    let webhook_url = super::connect::webhook_url(ports.public_url, channel.provider, provider.traits(), &channel.id);
    let shipment = parts::Shipment {
        provider,
        credentials: &credentials,
        conversation: &conversation,
        draft,
        webhook_url: &webhook_url,
        reply_to: request.page.reply_to.as_ref().and_then(|answered| answered.provider_id.as_ref()),
    };
    let outcome = shipment.send_all(&plan, &mut message).await;

    // A refusal is told in the answer; everything else by the outbox.
    let owed = outcome.refused.is_none().then(Stamp::new);
    let turn = repeat::end_turn(ports, &message.id, &fingerprint, now, outcome.refused.is_some());
    futures_util::join!(finish(ports, &channel.id, &message, owed), turn);
    if let Some(name) = &outcome.moved_to {
        let renamed = ports.store.rename_customer(&channel.id, &conversation.id, std::slice::from_ref(name), None).await;
        if let Err(error) = renamed {
            telemetry::log_error("a customer's new name could not be stored", &error);
        }
    }
    let sent = message.status != Status::Failed;
    metrics::count(Metric::MessagesSent, usize::from(sent));
    tracing::info!(message = %message.id, channel = %channel.id, sent, "a message was given to the provider");
    let refused = outcome.refused.map(|error| InboxError::from_provider(error, ports.clock.now()));
    Ok(Sent { message, refused })
}

/// What a message answers, as it is stored with it.
fn answered(message: &Message) -> ReplyTo {
    ReplyTo { message: Some(message.id.clone()), quote: show::quote(message, MAX_QUOTE) }
}

/// Stores the message as under way. The one before, if that says the same and is not certain not to be sent.
async fn begin(
    ports: &SendPorts<'_>,
    message: &Message,
    fingerprint: &str,
    now: Timestamp,
) -> Result<Option<Message>, InboxError> {
    for _ in 0..repeat::TURNS {
        match ports.store.begin_send(message, fingerprint, Stamp::new(), now.plus(UNDERWAY + STREAM_GRACE)).await? {
            Begun::Stored => return Ok(None),
            Begun::Gone => return Err(InboxError::NotFound("conversation")),
            Begun::Repeats(first) => {
                if let Some(first) = repeat::first_one(ports, &first).await? {
                    return Ok(Some(first));
                }
                repeat::before_the_next_turn().await;
            }
        }
    }
    Err(InboxError::RateLimited { retry_at: ports.clock.now().plus(UNDERWAY) })
}

/// Why a message failed of which nobody knows whether it was sent.
pub fn outcome_unknown() -> FailureReason {
    FailureReason {
        code: "outcome_unknown".to_owned(),
        text: "The provider did not answer. The message may have arrived; it was not sent again.".to_owned(),
    }
}

fn conversation_id(request: &SendRequest) -> Result<ConversationId, InboxError> {
    let from_recipient = || match request.recipients.as_slice() {
        [only] => ParticipantId::parse(only).ok()?.conversation(),
        _ => None,
    };
    request.conversation.clone().or_else(from_recipient).ok_or_else(|| InboxError::invalid_body("conversationId", "is missing"))
}

fn check(
    request: &SendRequest,
    channel: &Channel,
    conversation: &Conversation,
    provider: &dyn Provider,
) -> Result<(), InboxError> {
    let source_user = channel.id.source_user();
    if request.sender.as_ref().is_some_and(|sender| *sender != source_user) {
        return Err(InboxError::invalid_body("senderId", "is not the channel's own participant"));
    }
    let customer = conversation.id.end_user();
    if !request.recipients.is_empty() && !request.recipients.iter().any(|recipient| recipient == customer.as_str()) {
        return Err(InboxError::invalid_body("recipientIds", "does not name the conversation's customer"));
    }
    if request.text.trim().is_empty() && request.files.is_empty() {
        return Err(InboxError::invalid_body("message", "is empty, and there are no files"));
    }
    let limit = provider.traits().max_text_chars;
    if request.text.chars().count() > limit {
        return Err(InboxError::invalid_body("message", format!("is longer than {limit} characters")));
    }
    match &channel.problem {
        Some(problem) => Err(InboxError::AccountSuspended(problem.text.clone())),
        None => Ok(()),
    }
}

/// Outside the reply window only an approved template goes out: the one that the text is, with its gaps filled.
async fn template_for(
    ports: &SendPorts<'_>,
    request: &SendRequest,
    provider: &dyn Provider,
) -> Result<FilledTemplate, InboxError> {
    let over = "the time to reply to the customer's last message is over";
    if !provider.traits().templates {
        return Err(InboxError::Forbidden(over.to_owned()));
    }
    let ports = TemplatePorts { store: ports.templates, providers: ports.providers, secrets: ports.secrets, clock: ports.clock };
    let known = if request.files.is_empty() { templates::of_channel(&ports, &request.channel).await? } else { Vec::new() };
    let fillable: Vec<_> = known.into_iter().filter(|template| provider.is_fillable(template)).collect();
    let filled = template::find(&fillable, &request.text);
    filled.ok_or_else(|| {
        InboxError::Forbidden(format!("{over}; until they write again, only the text of an approved template can be sent"))
    })
}

/// Writes how the send ended. If the table refuses for good, the caller still hears what the provider said, since sending
/// again would double the message; the outbox ends the wait.
async fn finish(ports: &SendPorts<'_>, channel: &ChannelId, message: &Message, owed: Option<Stamp>) {
    for attempt in 1..=FINISH_TRIES {
        let due_at = ports.clock.now().plus(STREAM_GRACE);
        match ports.store.finish_send(channel, message, owed, due_at).await {
            Ok(()) => return,
            Err(error) => {
                telemetry::log_error("could not store how a send ended", &error);
                if attempt < FINISH_TRIES {
                    tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await;
                }
            }
        }
    }
}
