//! From Pipedrive's inbox to the customer. The message is stored as under way before the provider is called and completed
//! after, so that a process that dies in between leaves a message that ends as failed with its reason: never a lost one,
//! and never one that is sent again by itself.

use std::time::Duration;

use super::{error::InboxError, ports::SendStore, read::served, receive::STREAM_GRACE};
use crate::{
    clock::Clock,
    model::{
        channel::Channel,
        conversation::{Conversation, Stamp},
        ids::{ChannelId, ConversationId, MessageId, ParticipantId, Place},
        message::{Direction, FailureReason, Message, Sending},
        status::Status,
        time::Timestamp,
    },
    providers::{Outgoing, Provider, Registry, error::ProviderError, outgoing::PartContent},
    secrets::SecretCache,
    telemetry,
};

/// How long a message may be under way before its outcome counts as unknown. Longer than a provider's call may take.
const UNDERWAY: Duration = Duration::from_mins(1);
/// How often the end of a send is written before we leave it to the outbox.
const FINISH_TRIES: u32 = 4;

/// What sending needs.
pub struct SendPorts<'a> {
    /// The table.
    pub store: &'a dyn SendStore,
    /// The providers.
    pub providers: &'a Registry,
    /// To open the channel's credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
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
    /// What.
    pub text: String,
}

/// Sends one message and returns its id, under which its statuses follow. A message whose outcome is not known has an id
/// too; its status is `failed`.
pub async fn send(ports: &SendPorts<'_>, request: SendRequest) -> Result<MessageId, InboxError> {
    let id = conversation_id(&request)?;
    let (channel, conversation) = ports.store.channel_and_conversation(&request.channel, &id).await?;
    let channel = served(channel)?;
    let conversation = conversation.filter(|found| found.channel == channel.id).ok_or(InboxError::NotFound("conversation"))?;
    let provider = ports.providers.get(channel.provider);
    let now = ports.clock.now();
    check(&request, &channel, &conversation, provider, now)?;

    let sealed = channel.credentials.as_ref().ok_or(InboxError::NotFound("channel"))?;
    let credentials = ports.secrets.get().await?.vault.open(&channel.seal_context(), sealed)?;
    let mut message = outgoing(&channel, &conversation, request.text, now);
    let to = conversation.customer.keys.first().ok_or(InboxError::NotFound("recipient"))?;
    let begun = ports.store.begin_send(&message, Stamp::new(), now.plus(UNDERWAY + STREAM_GRACE)).await?;
    if !begun {
        return Err(InboxError::NotFound("conversation"));
    }
    let sent = provider
        .send(
            &credentials,
            &Outgoing {
                id: message.id.clone().into(),
                to,
                customer: &conversation.customer,
                content: PartContent::Text(&message.text),
                reply_to: None,
                reply_by: conversation.reply_by,
                webhook_url: "",
                sent_at: now,
            },
        )
        .await;

    message.sending = Sending::Done;
    let refused = match sent {
        Ok(accepted) => {
            message.provider_id = accepted.provider_ids.into_iter().next();
            None
        }
        Err(ProviderError::Uncertain { code }) => {
            tracing::warn!(message = %message.id, code, "the outcome of a send is not known");
            fail(&mut message, outcome_unknown());
            None
        }
        Err(error) => {
            fail(&mut message, FailureReason { code: error.code().to_owned(), text: error.for_people() });
            Some(error)
        }
    };
    // A refusal is told in the answer; everything else by the outbox.
    let owed = refused.is_none().then(Stamp::new);
    finish(ports, &channel.id, &message, owed).await;
    match refused {
        None => Ok(message.id),
        Some(error) => Err(InboxError::from_provider(error, ports.clock.now())),
    }
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
    now: Timestamp,
) -> Result<(), InboxError> {
    let source_user = channel.id.source_user();
    if request.sender.as_ref().is_some_and(|sender| *sender != source_user) {
        return Err(InboxError::invalid_body("senderId", "is not the channel's own participant"));
    }
    let customer = conversation.id.end_user();
    if !request.recipients.is_empty() && !request.recipients.iter().any(|recipient| recipient == customer.as_str()) {
        return Err(InboxError::invalid_body("recipientIds", "does not name the conversation's customer"));
    }
    if request.text.trim().is_empty() {
        return Err(InboxError::invalid_body("message", "is empty"));
    }
    let limit = provider.traits().max_text_chars;
    if request.text.chars().count() > limit {
        return Err(InboxError::invalid_body("message", format!("is longer than {limit} characters")));
    }
    if conversation.reply_by.is_some_and(|until| until <= now) {
        return Err(InboxError::Forbidden("the time to reply to the customer's last message is over".to_owned()));
    }
    Ok(())
}

fn outgoing(channel: &Channel, conversation: &Conversation, text: String, now: Timestamp) -> Message {
    let id = conversation.id.message(&Place::new(now, now, 0));
    let sending = Sending::Underway { until: now.plus(UNDERWAY) };
    Message { sending, ..Message::new(id, Direction::Out, channel.id.source_user(), text, now) }
}

fn fail(message: &mut Message, reason: FailureReason) {
    message.status = Status::Failed;
    message.failure = Some(reason);
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
