//! What came with a message and is still at the provider: its files, copied to the bucket, and who a new customer is. The
//! message is stored and on its way meanwhile; a copy that fails is made again, by the schedule of `retry`, for three days.
//!
//! A round reads the message, copies what it waits for, and writes the result in one transaction with the message's entry in
//! the outbox, so that Pipedrive hears of it with its files. Every step may be repeated: a file's place in the bucket follows
//! from the message. What is in the bucket for a message that is gone by then is deleted again.

use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretSlice;

use super::{
    error::InboxError,
    ports::{FetchThen, FetchedFiles, FileChange, FoundProfile, MediaStore, StoreError},
    receive::STREAM_GRACE,
    retry,
};
use crate::{
    clock::Clock,
    media::{
        bucket::{self, Bucket, ObjectHeaders, Prefix},
        name, preview, sniff,
    },
    model::{
        channel::ChannelState,
        content::{Attachment, FileSource, FileState},
        conversation::{Conversation, Rest, Stamp},
        ids::MessageId,
        message::{FailureReason, Message},
        text::{MAX_NAME_BYTES, clean},
        time::Timestamp,
    },
    providers::{
        Provider, Registry,
        error::{ProviderError, Refusal},
    },
    secrets::SecretCache,
    telemetry::{
        self,
        metrics::{self, Metric},
    },
};

/// Largest file that is copied, in bytes: the most that any provider takes.
const MAX_FILE: usize = 100_000_000;
/// How long a round begins to fetch files: others wait for it in the same batch.
const ROUND_TIME: Duration = Duration::from_secs(20);

/// How long a message waits for its files before Pipedrive hears of it without them.
const PATIENCE: Duration = Duration::from_mins(1);

/// Whether `message` is better not shown yet: what came with it is being fetched for the first time, and may be there in
/// moments. Never for longer than a minute after it arrived.
pub fn is_under_way(message: &Message, now: Timestamp) -> bool {
    message.is_incomplete() && message.fetch_rest.is_none() && now.since(message.id.place().arrived_at()) < PATIENCE
}

/// What fetching needs.
pub struct FetchPorts<'a> {
    /// The messages.
    pub store: &'a dyn MediaStore,
    /// Where files come from.
    pub providers: &'a Registry,
    /// Where they go.
    pub bucket: &'a dyn Bucket,
    /// Makes a small picture of a file, if it is one that can be.
    pub preview: fn(&[u8]) -> Option<Bytes>,
    /// For the channels' credentials.
    pub secrets: &'a SecretCache,
    /// The time.
    pub clock: &'a dyn Clock,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files copied.
    pub stored: usize,
    /// Files given up.
    pub lost: usize,
    /// Whether something waits for another try.
    pub waiting: bool,
}

/// Fetches what the message waits for, as far as it is due. Errors are the table's, the secret's and those of cleaning up;
/// what the provider and the bucket refuse is part of the outcome.
pub async fn fetch(ports: &FetchPorts<'_>, id: &MessageId) -> Result<Summary, InboxError> {
    let (Some(message), Some(conversation)) = look(ports, id).await? else { return Ok(Summary::default()) };
    if !message.is_incomplete() {
        ports.store.end_fetching(&message).await?;
        return Ok(Summary::default());
    }
    let now = ports.clock.now();
    if message.dead.is_some() || message.fetch_rest.as_ref().is_some_and(|rest| rest.until > now) {
        return Ok(Summary::default());
    }
    // A removed channel's messages are about to be erased.
    let channel = ports.store.channel(&conversation.channel).await?.filter(|channel| channel.state != ChannelState::Removed);
    let Some((channel, sealed)) = channel.and_then(|channel| Some((channel.clone(), channel.credentials?))) else {
        return Ok(Summary::default());
    };
    let credentials = ports.secrets.get().await?.vault.open(&channel.seal_context(), &sealed)?;
    let provider = ports.providers.get(channel.provider);
    let failing_since = message.fetch_rest.as_ref().map_or(now, |rest| rest.since);
    let (changes, failure) = (Changes::default(), None);
    let mut round = Round { ports, message: &message, provider, credentials, now, failing_since, changes, failure };
    round.copy_files().await;
    round.ask_for_profile(&conversation).await;
    round.save().await
}

/// Message and conversation; what is left in the bucket of either that is gone is deleted.
async fn look(ports: &FetchPorts<'_>, id: &MessageId) -> Result<(Option<Message>, Option<Conversation>), InboxError> {
    let found = ports.store.message_and_conversation(id).await?;
    match &found {
        (_, None) => bucket::erase_conversation(ports.bucket, &id.conversation()).await?,
        (None, Some(_)) => ports.bucket.delete_under(&Prefix::message(id)).await?,
        // Emptied by its writer.
        (Some(message), Some(_)) if message.attachments.is_empty() && message.deleted_at.is_some() => {
            ports.bucket.delete_under(&Prefix::message(id)).await?;
        }
        _ => {}
    }
    Ok(found)
}

/// Why something was not fetched.
enum Failure {
    /// It may be fetched later, not before the provider's own wish.
    Passing { reason: FailureReason, asked: Option<Duration> },
    /// It won't be.
    Final(FailureReason),
}

/// What the passing failures of a round say about the next one.
struct Waiting {
    reason: FailureReason,
    asked: Option<Duration>,
}

#[derive(Default)]
struct Changes {
    files: Vec<FileChange>,
    profile: Option<FoundProfile>,
    /// Whether time was up before all was tried.
    unfinished: bool,
    summary: Summary,
}

struct Round<'a> {
    ports: &'a FetchPorts<'a>,
    message: &'a Message,
    provider: &'a dyn Provider,
    credentials: SecretSlice<u8>,
    now: Timestamp,
    failing_since: Timestamp,
    changes: Changes,
    failure: Option<Waiting>,
}

impl Round<'_> {
    /// One after the other: a file is in memory whole.
    async fn copy_files(&mut self) {
        for (position, file) in self.message.attachments.iter().enumerate() {
            let FileState::Awaited { source, attempts } = &file.file else { continue };
            if self.ports.clock.now().since(self.now) > ROUND_TIME {
                self.changes.unfinished = true;
                return;
            }
            let now = match self.copy(position, file, source).await {
                Ok(stored) => {
                    self.changes.summary.stored += 1;
                    stored
                }
                Err(failure) => match self.waits(failure) {
                    Ok(()) => {
                        let state = FileState::Awaited { source: source.clone(), attempts: attempts.saturating_add(1) };
                        Attachment { file: state, ..file.clone() }
                    }
                    Err(reason) => {
                        tracing::warn!(message = %self.message.id, position, code = reason.code, "a file is lost");
                        self.changes.summary.lost += 1;
                        Attachment { file: FileState::Lost { reason }, ..file.clone() }
                    }
                },
            };
            self.changes.files.push(FileChange { position, source: source.clone(), now });
        }
    }

    async fn copy(&self, position: usize, file: &Attachment, source: &FileSource) -> Result<Attachment, Failure> {
        let fetched = self.provider.fetch(&self.credentials, source, MAX_FILE).await.map_err(failure)?;
        // The webhook knows more of a file than the server that keeps it, which often says no more than "bytes".
        let told = if file.mime.is_empty() || file.mime == sniff::UNKNOWN { fetched.mime.as_deref() } else { Some(&*file.mime) };
        let mime = sniff::mime(&fetched.bytes, told.unwrap_or_default());
        let file_name = file.name.as_deref().or(fetched.name.as_deref()).and_then(name::clean);
        let small = (self.ports.preview)(&fetched.bytes);

        let id = &self.message.id;
        let size = u64::try_from(fetched.bytes.len()).ok();
        let key = bucket::file_key(id, position);
        let headers = ObjectHeaders { disposition: name::disposition(&mime, file_name.as_deref()), mime: mime.clone() };
        self.ports.bucket.put(&key, fetched.bytes, &headers).await.map_err(|error| not_stored(&error))?;
        let mut preview = None;
        if let Some(small) = small {
            let key = bucket::preview_key(id, position);
            self.ports.bucket.put(&key, small, &picture()).await.map_err(|error| not_stored(&error))?;
            preview = Some(key);
        }
        let kind = sniff::kind(file.kind, &mime);
        Ok(Attachment { kind, mime, name: file_name, size, file: FileState::Stored { key, preview } })
    }

    async fn ask_for_profile(&mut self, conversation: &Conversation) {
        if !self.message.wants_profile {
            return;
        }
        match self.profile(conversation).await {
            Ok(profile) => self.changes.profile = Some(profile),
            Err(failure) => {
                if let Err(reason) = self.waits(failure) {
                    tracing::info!(message = %self.message.id, code = reason.code, "a customer stays without a profile");
                    self.changes.profile = Some(FoundProfile::default());
                }
            }
        }
    }

    async fn profile(&self, conversation: &Conversation) -> Result<FoundProfile, Failure> {
        let Some(customer) = conversation.customer.keys.first() else { return Ok(FoundProfile::default()) };
        let profile = self.provider.profile(&self.credentials, customer).await.map_err(failure)?;
        let name = profile.name.map(|name| clean(name.trim(), MAX_NAME_BYTES)).filter(|name| !name.is_empty());
        // What no small picture can be made of is no picture.
        let Some(picture_bytes) = profile.avatar.and_then(|avatar| (self.ports.preview)(&avatar.bytes)) else {
            return Ok(FoundProfile { name, avatar: None });
        };
        let key = bucket::avatar_key(&conversation.id);
        self.ports.bucket.put(&key, picture_bytes, &picture()).await.map_err(|error| not_stored(&error))?;
        Ok(FoundProfile { name, avatar: Some(key) })
    }

    /// Whether to try again after `failure`, and what of it is told if not.
    fn waits(&mut self, failure: Failure) -> Result<(), FailureReason> {
        match failure {
            Failure::Final(reason) => Err(reason),
            Failure::Passing { reason, .. } if retry::exhausted(self.now, self.failing_since, self.failing_since) => Err(reason),
            Failure::Passing { reason, asked } => {
                let asked = asked.max(self.failure.as_ref().and_then(|earlier| earlier.asked));
                self.failure = Some(Waiting { reason, asked });
                Ok(())
            }
        }
    }

    async fn save(mut self) -> Result<Summary, InboxError> {
        let then = self.then();
        let changed = self.changes.files.iter().any(|file| !file.now.is_awaited());
        // A round that ended is told even if it brought nothing: the message need not wait for its files any more.
        let first_ended = self.message.fetch_rest.is_none() && !self.changes.unfinished;
        let owed = changed || self.changes.profile.is_some() || first_ended;
        let fetched = FetchedFiles {
            message: self.message.id.clone(),
            files: self.changes.files,
            profile: self.changes.profile,
            then,
            owed: owed.then(Stamp::new),
            due_at: self.ports.clock.now().plus(STREAM_GRACE),
        };
        if self.ports.store.save_fetched(&fetched).await? {
            return Ok(self.changes.summary);
        }
        // Changed, taken back or erased meanwhile: nothing of what was copied may stay without its message.
        match look(self.ports, &self.message.id).await? {
            (Some(message), Some(_)) if message.is_incomplete() => {
                Err(StoreError::Contended { operation: "store what was fetched" }.into())
            }
            _ => Ok(Summary::default()),
        }
    }

    fn then(&mut self) -> FetchThen {
        let now = self.ports.clock.now();
        let Some(Waiting { reason, asked }) = self.failure.take() else {
            let due_at = now.plus(STREAM_GRACE);
            return if self.changes.unfinished { FetchThen::Continue { due_at } } else { FetchThen::Done };
        };
        self.changes.summary.waiting = true;
        let attempts = self.message.fetch_rest.as_ref().map_or(0, |rest| rest.attempts).saturating_add(1);
        let until = retry::next_try(now, attempts, asked, self.ports.clock.jitter());
        tracing::warn!(
            message = %self.message.id, code = reason.code, attempts, next_try = %until, "a file was not fetched and waits"
        );
        FetchThen::Wait(Rest { until, attempts, since: self.failing_since, reason })
    }
}

/// What previews and portraits are.
fn picture() -> ObjectHeaders {
    ObjectHeaders { mime: preview::MIME.to_owned(), disposition: name::disposition(preview::MIME, None) }
}

fn not_stored(error: &bucket::BucketError) -> Failure {
    telemetry::log_error("a file could not be stored", error);
    let text = "The file could not be stored.".to_owned();
    Failure::Passing { reason: FailureReason { code: "bucket".to_owned(), text }, asked: None }
}

/// A provider that lets nobody in may do so again when the channel is connected anew; everything else that it refuses, it
/// refuses for good.
fn failure(error: ProviderError) -> Failure {
    metrics::count_kind(Metric::ProviderErrors, error.kind());
    let asked = match &error {
        ProviderError::RateLimited { retry_after, .. } => Some(*retry_after),
        _ => None,
    };
    match error {
        ProviderError::Refused { refusal: Refusal::Unauthorized | Refusal::Suspended, code, message } => {
            Failure::Passing { reason: FailureReason { code, text: message }, asked: None }
        }
        ProviderError::Refused { code, message, .. } => Failure::Final(FailureReason { code, text: message }),
        ProviderError::RateLimited { code, .. } | ProviderError::Transient { code } | ProviderError::Uncertain { code } => {
            let text = "The file could not be fetched from the provider.".to_owned();
            Failure::Passing { reason: FailureReason { code, text }, asked }
        }
    }
}
