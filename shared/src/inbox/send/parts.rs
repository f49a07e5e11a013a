//! Sending a message's parts, one after the other, and what becomes of the whole.

use std::time::Duration;

use secrecy::SecretSlice;

use tokio::time::{Instant, timeout_at};

use super::outcome_unknown;
use crate::{
    model::{
        conversation::Conversation,
        ids::{ContactKey, ProviderMessageId},
        message::{FailureReason, Message, Part, Sending},
        status::Status,
    },
    providers::{
        Accepted, Draft, Outgoing, PlannedPart, Provider,
        error::{ProviderError, Refusal},
        outgoing::{PartContent, PartId},
    },
    telemetry::metrics::{self, Metric},
};

/// How long all parts may take together. The gateway and the function end at 29 seconds; files are stored before, the outcome
/// after.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much of that has to be left for a further part to begin.
const FOR_ONE_MORE: Duration = Duration::from_secs(8);

/// A message on its way to the provider.
pub(super) struct Shipment<'a> {
    pub(super) provider: &'a dyn Provider,
    pub(super) credentials: &'a SecretSlice<u8>,
    pub(super) conversation: &'a Conversation,
    pub(super) draft: Draft<'a>,
    pub(super) webhook_url: &'a str,
    /// The provider's id of the message that it answers. The first part says so.
    pub(super) reply_to: Option<&'a ProviderMessageId>,
}

/// What became of it. The message itself says the rest.
#[derive(Default)]
pub(super) struct Shipped {
    /// The provider took nothing of it, and said why.
    pub(super) refused: Option<ProviderError>,
    /// The customer's name from now on.
    pub(super) moved_to: Option<ContactKey>,
}

impl Shipment<'_> {
    /// Sends each planned part until one fails, and completes `message`.
    pub(super) async fn send_all(&self, plan: &[PlannedPart], message: &mut Message) -> Shipped {
        let mut shipped = Shipped::default();
        let mut extra = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        message.sending = Sending::Done;
        for (position, part) in plan.iter().enumerate() {
            let sent = if position > 0 && deadline.saturating_duration_since(Instant::now()) < FOR_ONE_MORE {
                Err(ProviderError::Transient { code: "too_slow".to_owned() })
            } else {
                let sent = self.send(message, position, part, shipped.moved_to.as_ref());
                // Cut off by the function's end, nobody would note what was sent.
                let late = |_| Err(ProviderError::Uncertain { code: "timeout".to_owned() });
                timeout_at(deadline, sent).await.unwrap_or_else(late)
            };
            match sent {
                Ok(accepted) => {
                    shipped.moved_to = accepted.moved_to.clone().or(shipped.moved_to);
                    extra.extend(taken(message, position, accepted));
                }
                Err(error) => {
                    metrics::count_kind(Metric::ProviderErrors, error.kind());
                    shipped.refused = stopped(message, position, plan.len(), error);
                    break;
                }
            }
        }
        if !extra.is_empty() {
            // One planned part became several of the provider's messages: from now on all of them are parts.
            if message.parts.is_empty() {
                message.parts.push(Part { provider_id: message.provider_id.clone(), status: message.status });
            }
            message.parts.extend(extra);
        }
        shipped
    }

    async fn send(
        &self,
        message: &Message,
        position: usize,
        part: &PlannedPart,
        moved_to: Option<&ContactKey>,
    ) -> Result<Accepted, ProviderError> {
        let customer = &self.conversation.customer;
        let to = moved_to.or(customer.keys.first()).ok_or_else(|| ProviderError::Refused {
            refusal: Refusal::NotFound,
            code: "unknown_recipient".to_owned(),
            message: "The customer has no name to send to.".to_owned(),
        })?;
        let outgoing = Outgoing {
            id: PartId { message: message.id.clone(), part: position },
            to,
            customer,
            content: self.content(part),
            reply_to: self.reply_to.filter(|_| position == 0),
            reply_by: self.conversation.reply_by,
            webhook_url: self.webhook_url,
            sent_at: message.sent_at,
        };
        self.provider.send(self.credentials, &outgoing).await
    }

    fn content<'b>(&'b self, part: &'b PlannedPart) -> PartContent<'b> {
        match part {
            PlannedPart::Text(text) => PartContent::Text(text),
            PlannedPart::Files { files, caption } => PartContent::Files {
                files: files.iter().filter_map(|file| self.draft.files.get(*file)).collect(),
                caption: caption.as_deref(),
            },
            PlannedPart::Template => match self.draft.template {
                Some(template) => PartContent::Template(template),
                None => PartContent::Text(self.draft.text),
            },
        }
    }
}

/// Notes the provider's ids of a part. Those beyond the first are returned.
fn taken(message: &mut Message, position: usize, accepted: Accepted) -> Vec<Part> {
    let mut ids = accepted.provider_ids.into_iter();
    let first = ids.next();
    if let Some(part) = message.parts.get_mut(position) {
        part.provider_id.clone_from(&first);
    }
    if message.provider_id.is_none() {
        message.provider_id = first;
    }
    ids.map(|id| Part { provider_id: Some(id), status: Status::Sent }).collect()
}

/// The part at `position` failed, and what comes after it is not sent. The error, if the provider took nothing at all.
fn stopped(message: &mut Message, position: usize, of: usize, error: ProviderError) -> Option<ProviderError> {
    for part in message.parts.iter_mut().skip(position) {
        part.status = Status::Failed;
    }
    message.status = Status::Failed;
    let unknown = if let ProviderError::Uncertain { code } = &error {
        tracing::warn!(message = %message.id, code, "the outcome of a send is not known");
        true
    } else {
        false
    };
    let reason =
        if unknown { outcome_unknown() } else { FailureReason { code: error.code().to_owned(), text: error.for_people() } };
    message.failure = Some(match position {
        0 => reason,
        sent => FailureReason { text: format!("Only the first {sent} of {of} parts were sent. {}", reason.text), ..reason },
    });
    (position == 0 && !unknown).then_some(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ids::{ConversationId, Place},
        message::Direction,
        time::Timestamp,
    };

    fn message(parts: usize) -> Message {
        let (conversation, at) = (ConversationId::new(), Timestamp::EPOCH);
        let id = conversation.message(&Place::new(at, at, 0));
        let unsent = Part { provider_id: None, status: Status::Sent };
        Message { parts: vec![unsent; parts], ..Message::new(id, Direction::Out, conversation.end_user(), "Hi".to_owned(), at) }
    }

    fn accepted(ids: &[&str]) -> Accepted {
        let provider_ids = ids.iter().map(|id| ProviderMessageId::parse(id).unwrap()).collect();
        Accepted { provider_ids, moved_to: None }
    }

    fn ids(message: &Message) -> Vec<Option<&str>> {
        message.parts.iter().map(|part| part.provider_id.as_ref().map(ProviderMessageId::as_str)).collect()
    }

    #[test]
    fn ids_go_to_their_parts_and_the_first_to_the_message() {
        let mut m = message(2);
        assert_eq!(taken(&mut m, 0, accepted(&["a"])), []);
        let more = taken(&mut m, 1, accepted(&["b", "c"]));
        assert_eq!(ids(&m), [Some("a"), Some("b")]);
        assert_eq!(m.provider_id.as_ref().map(ProviderMessageId::as_str), Some("a"));
        assert_eq!(more.len(), 1);
    }

    #[test]
    fn a_failure_is_the_callers_only_if_nothing_went_out() {
        let refused =
            || ProviderError::Refused { refusal: Refusal::Forbidden, code: "c".to_owned(), message: "Blocked.".to_owned() };
        let mut m = message(3);
        assert!(stopped(&mut m, 0, 3, refused()).is_some());
        assert_eq!((m.status, m.failure.as_ref().unwrap().text.as_str()), (Status::Failed, "Blocked."));

        let mut m = message(3);
        taken(&mut m, 0, accepted(&["a"]));
        assert!(stopped(&mut m, 1, 3, refused()).is_none());
        assert_eq!(m.failure.as_ref().unwrap().text, "Only the first 1 of 3 parts were sent. Blocked.");
        let statuses: Vec<Status> = m.parts.iter().map(|part| part.status).collect();
        assert_eq!(statuses, [Status::Sent, Status::Failed, Status::Failed]);

        let mut m = message(0);
        assert!(stopped(&mut m, 0, 1, ProviderError::Uncertain { code: "timeout".to_owned() }).is_none());
        assert_eq!(m.failure.as_ref().unwrap().code, "outcome_unknown");
    }
}
