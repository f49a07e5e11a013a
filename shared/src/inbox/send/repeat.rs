//! The same message once more. Pipedrive has no word for "this is the message that I sent before": when an answer takes too
//! long it may ask again, and the customer must not read it twice. So the first one takes a turn in the table, under a
//! fingerprint of what it says and to whom, for as long as nobody can know how it ended. Somebody who really writes the
//! same twice waits for the first answer, and gets the second message.

use std::time::Duration;

use aws_lc_rs::hmac;
use secrecy::ExposeSecret;

use super::{SendPorts, SendRequest};
use crate::{
    hex::hex,
    inbox::{error::InboxError, ports::StoreError},
    model::{
        ids::{ConversationId, MessageId},
        message::{Message, Sending},
        status::Status,
        time::Timestamp,
    },
    seal::{SealError, Vault},
    telemetry,
};

/// An answer that took less than this came before anybody asks again.
const PROMPT: Duration = Duration::from_secs(5);
/// How long after a later one the question may still come again.
const AFTERWARDS: Duration = Duration::from_secs(10);
/// How long the first one is waited for, in steps. The gateway waits no longer than 29 seconds.
const WAIT_STEP: Duration = Duration::from_millis(250);
const WAIT_STEPS: usize = 80;
/// Purpose of the key of fingerprints.
const KEY: &str = "repeats";

/// What tells a message from all others, and nothing of what it says.
pub(super) fn fingerprint(vault: &Vault, to: &ConversationId, request: &SendRequest) -> Result<String, SealError> {
    let key = vault.derive(KEY)?;
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret()));
    let page = &request.page;
    let retry_of = page.retry_of.as_ref().map_or("", MessageId::as_str);
    let answers = page.reply_to.as_ref().map_or("", |answered| answered.id.as_str());
    let words = [to.as_str(), request.text.as_str(), retry_of, answers].map(str::as_bytes);
    let files = request.files.iter().map(|file| &file.bytes[..]);
    for part in words.into_iter().chain(files) {
        // With its length, so that no two lists of parts are the same bytes.
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    Ok(hex(&context.sign().as_ref()[..16]))
}

/// Waits for how the first one ended. None if it was certainly not sent, so that this one may be.
pub(super) async fn first_one(ports: &SendPorts<'_>, first: &MessageId) -> Result<Option<Message>, InboxError> {
    tracing::info!(message = %first, "the same message is being sent already");
    let mut stored = ports.store.answered_message(first).await?;
    for _ in 0..WAIT_STEPS {
        let Some(message) = &stored else { return Ok(None) };
        if message.sending == Sending::Done {
            let refused = message.status == Status::Failed
                && message.parts.iter().all(|part| part.provider_id.is_none())
                && message.provider_id.is_none()
                && message.failure.as_ref().is_none_or(|failure| failure.code != super::outcome_unknown().code);
            return Ok(stored.filter(|_| !refused));
        }
        tokio::time::sleep(WAIT_STEP).await;
        stored = ports.store.answered_message(first).await?;
    }
    // Under its id it is told how it ends.
    Ok(stored)
}

/// Ends the turn: at once, or after a while if the answer is so late that somebody may have stopped waiting for it.
pub(super) async fn end_turn(ports: &SendPorts<'_>, message: &MessageId, fingerprint: &str, began: Timestamp, refused: bool) {
    let now = ports.clock.now();
    let keep_until = (!refused && now.since(began) >= PROMPT).then(|| now.plus(AFTERWARDS));
    let ended: Result<(), StoreError> = ports.store.end_turn(message, fingerprint, keep_until).await;
    if let Err(error) = ended {
        telemetry::log_error("a turn to send could not be ended, and ends by itself", &error);
    }
}

/// How often a message whose turn another one has asks for it again.
pub(super) const TURNS: usize = 20;

/// The pause before that.
pub(super) async fn before_the_next_turn() {
    tokio::time::sleep(WAIT_STEP).await;
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        inbox::send::{FromPage, NewFile},
        model::ids::{ChannelId, CompanyId},
    };

    fn request(text: &str, files: &[&str]) -> SendRequest {
        let file = |bytes: &&str| NewFile { name: None, mime: "text/plain".to_owned(), bytes: Bytes::from((*bytes).to_owned()) };
        SendRequest {
            channel: ChannelId::new(CompanyId(1)),
            conversation: None,
            sender: None,
            recipients: Vec::new(),
            text: text.to_owned(),
            files: files.iter().map(file).collect(),
            page: FromPage::default(),
        }
    }

    #[test]
    fn only_the_same_has_the_same_fingerprint() {
        let vault = Vault::parse("0123456789abcdef0123456789abcdef").unwrap();
        let to = ConversationId::new();
        let print = |to: &ConversationId, text: &str, files: &[&str]| fingerprint(&vault, to, &request(text, files)).unwrap();
        let same = print(&to, "hello", &["a", "b"]);
        assert_eq!(same, print(&to, "hello", &["a", "b"]));
        for other in [
            print(&ConversationId::new(), "hello", &["a", "b"]),
            print(&to, "hello!", &["a", "b"]),
            print(&to, "hello", &["b", "a"]),
            print(&to, "hello", &["ab"]),
            print(&to, "helloa", &["b"]),
        ] {
            assert_ne!(same, other);
        }
        assert!(same.len() == 32 && !same.contains("hello"), "{same}");
    }
}
