//! What the use cases need from the outside, one trait per need, so that a function holds only what it uses and its role
//! allows only that. `store` implements the table's ports, `pipedrive` and `providers` the others.

use async_trait::async_trait;

use crate::{
    model::{
        channel::{Channel, ChannelState, Delivery, Import, ProviderKind},
        content::{Attachment, Content, FileSource, ObjectKey},
        conversation::{Conversation, ConversationState, Pause, Rest, Stamp},
        cursor::{ConversationCursor, MessageCursor},
        ids::{AccountId, ChannelId, CompanyId, ContactKey, ConversationId, MessageId, Place, ProviderMessageId, UserId},
        installation::{Installation, InstallationState, Profile},
        message::{FailureReason, Message},
        record::ChannelSettings,
        status::Status,
        template::Template,
        time::Timestamp,
    },
    providers::outgoing::PartId,
};

/// Why the table did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, or was throttled past the client's own retries. Whether a write took place is not certain; every
    /// write of this bundle may be repeated.
    #[error("the table failed to {operation}")]
    Unavailable {
        /// What was asked.
        operation: &'static str,
        /// The client's report.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Others kept writing the same record.
    #[error("too many writers at once while trying to {operation}")]
    Contended {
        /// What was asked.
        operation: &'static str,
    },
    /// A record does not have the shape that this version writes.
    #[error("a stored {kind} cannot be read")]
    Corrupt {
        /// The record's kind.
        kind: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// One page of a list, newest first.
#[derive(Debug, Clone)]
pub struct Page<T, C> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page starts; none when this is the last.
    pub next: Option<C>,
}

/// Reads what the manifest endpoints show. Each call is one round trip.
#[async_trait]
pub trait InboxReader: Send + Sync {
    /// A channel, as last written.
    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError>;
    /// A conversation, as last written.
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;
    /// Conversations of a channel by newest message, without their outboxes. May lag behind a write by moments.
    async fn conversations(
        &self,
        channel: &ChannelId,
        after: Option<&ConversationCursor>,
        limit: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError>;
    /// Conversations of a company across its channels by newest message, without their outboxes. May lag behind a write by
    /// moments.
    async fn conversations_of_company(
        &self,
        company: CompanyId,
        after: Option<&ConversationCursor>,
        limit: usize,
    ) -> Result<Page<Conversation, ConversationCursor>, StoreError>;
    /// Messages of a conversation, newest first.
    async fn messages(
        &self,
        conversation: &ConversationId,
        after: Option<&MessageCursor>,
        limit: usize,
    ) -> Result<Page<Message, MessageCursor>, StoreError>;
    /// A message, as last written.
    async fn message(&self, id: &MessageId) -> Result<Option<Message>, StoreError>;
    /// Up to `limit` conversations of a company that changed at `since` or later, the oldest change first, without their
    /// outboxes. May lag behind a write by moments. 1 query.
    async fn changed_conversations(
        &self,
        company: CompanyId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<Conversation>, StoreError>;
}

/// What salespeople change of a conversation in the inbox page, besides writing. A conversation that is not the company's is
/// as unknown as one that does not exist.
#[async_trait]
pub trait InboxWriter: Send + Sync {
    /// Nothing up to the message at `seen` waits to be read. Changes nothing if a newer one came meanwhile, which nobody has
    /// seen. False if there is no such conversation.
    async fn mark_read(
        &self,
        company: CompanyId,
        conversation: &ConversationId,
        seen: &Place,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Closes or reopens it. False if there is no such conversation.
    async fn set_conversation_state(
        &self,
        company: CompanyId,
        conversation: &ConversationId,
        state: ConversationState,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Stores a conversation in which nothing was said yet. Its customer's names lead to it, unless they lead to another one
    /// than `gone`, which is no more: false then, look again. 1 transaction.
    async fn begin_conversation(&self, conversation: &Conversation, gone: Option<&ConversationId>) -> Result<bool, StoreError>;
}

/// Whose account a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountOwner {
    /// The channel.
    pub channel: ChannelId,
    /// The user whose installation delivers it.
    pub owner: UserId,
}

/// An incoming message on its way into the table.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The conversation, as it should be when it does not exist yet. When it does, its customer's name, keys and reply
    /// window are brought up to date from this.
    pub conversation: Conversation,
    /// Whether it exists already.
    pub known: bool,
    /// Whether the customer's name is really theirs. A stand-in does not replace a name.
    pub name_known: bool,
    /// The message.
    pub message: Message,
    /// Its entry in the outbox; none if Pipedrive need not be told of it by itself.
    pub stamp: Option<Stamp>,
    /// Whether it was written before the channel was connected: then nobody has still to read it.
    pub past: bool,
    /// When `redeliver` looks after it, should the stream miss it.
    pub due_at: Timestamp,
}

/// What became of a [`NewMessage`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreOutcome {
    /// It is stored, with its dedupe record and its outbox entry.
    Stored,
    /// The provider's message id was stored before. Nothing changed.
    Duplicate,
    /// The customer has a conversation by now, or the one that they had is gone. Look again. Nothing changed.
    LookAgain,
}

/// What is known of a provider's message id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The message that it names, or the part of one that was sent as several.
    Message(PartId),
    /// No message yet. Statuses that came before it wait here.
    Unknown {
        /// The furthest of them.
        parked: Option<(Status, Option<FailureReason>)>,
    },
}

/// News of a message on its way into the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The message.
    pub message: MessageId,
    /// Which part of it; all of them if none.
    pub part: Option<usize>,
    /// How far it got.
    pub status: Status,
    /// Why it failed, if it did.
    pub failure: Option<FailureReason>,
}

/// What a writer made of their message.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It says something else now.
    Edited {
        /// What.
        text: String,
        /// The same in structured form.
        content: Option<Content>,
        /// When. A change that is not newer than the last one changes nothing.
        at: Timestamp,
    },
    /// It was taken back: its text and files are not shown any more.
    Deleted {
        /// When.
        at: Timestamp,
    },
}

/// Stores what providers report.
#[async_trait]
pub trait ReceiveStore: Send + Sync {
    /// Who connected the provider's account. 1 read.
    async fn account_owner(&self, provider: ProviderKind, account: &AccountId) -> Result<Option<AccountOwner>, StoreError>;
    /// All channels of a group of accounts, e.g. of a business with several numbers. 1 query.
    async fn group_owners(&self, provider: ProviderKind, group: &AccountId) -> Result<Vec<AccountOwner>, StoreError>;
    /// A channel, as last written.
    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError>;
    /// The conversation with the customer of those names, with the name under which it was found; the first of `keys` that
    /// leads to one wins. Those in `except` do not count. 1 read.
    async fn conversation_of(
        &self,
        channel: &ChannelId,
        keys: &[ContactKey],
        except: &[ConversationId],
    ) -> Result<Option<(ContactKey, ConversationId)>, StoreError>;
    /// Stores message, dedupe record and outbox entry in one transaction; the conversation too, if it is new.
    async fn store_message(&self, new: &NewMessage) -> Result<StoreOutcome, StoreError>;
    /// What the provider's message id names.
    async fn reference(&self, channel: &ChannelId, id: &ProviderMessageId) -> Result<Reference, StoreError>;
    /// Makes the provider's id, which names nothing yet, name what the provider says it does, if that is a message of the
    /// channel. `seen` is what was known of the id. False if there is no such message or the reference changed: look again.
    async fn adopt_reference(
        &self,
        channel: &ChannelId,
        id: &ProviderMessageId,
        named: &PartId,
        seen: &Reference,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Keeps a status until its message is known. False if the reference changed since it was read: look again.
    async fn park_status(
        &self,
        channel: &ChannelId,
        id: &ProviderMessageId,
        seen: &Reference,
        status: Status,
        failure: Option<&FailureReason>,
        now: Timestamp,
    ) -> Result<bool, StoreError>;
    /// Moves the status of a message of `channel` forward and owes the change to Pipedrive. False if there is no such
    /// message in the channel or its status is as far or further.
    async fn advance_status(&self, channel: &ChannelId, advance: &Advance, due_at: Timestamp) -> Result<bool, StoreError>;
    /// A message that another one answers, as last written.
    async fn answered_message(&self, id: &MessageId) -> Result<Option<Message>, StoreError>;
    /// The newest messages of a conversation, newest first. 1 query.
    async fn newest_messages(&self, conversation: &ConversationId, limit: usize) -> Result<Vec<Message>, StoreError>;
    /// Changes a message as its writer did, and owes the change to Pipedrive. False if it is gone, taken back, or changed
    /// later already.
    async fn change_message(&self, message: &MessageId, change: &Change, due_at: Timestamp) -> Result<bool, StoreError>;
    /// Leads further names to a conversation and sends to the first of them from now on. Those that lead to another
    /// conversation stay there. False if the conversation is gone.
    async fn rename_customer(
        &self,
        channel: &ChannelId,
        conversation: &ConversationId,
        keys: &[ContactKey],
        phone: Option<&str>,
    ) -> Result<bool, StoreError>;
    /// Notes why the provider does not serve a channel, or that it does again.
    async fn set_problem(&self, channel: &ChannelId, problem: Option<&FailureReason>) -> Result<(), StoreError>;
    /// Forgets a channel's templates, so that they are asked for anew.
    async fn forget_templates(&self, channel: &ChannelId) -> Result<(), StoreError>;
}

/// Templates as they were when the provider was last asked: it limits how often that may be.
#[async_trait]
pub trait TemplateStore: Send + Sync {
    /// A channel, as last written, and its templates, if they were kept and are not older than `not_before`. 1 read.
    async fn kept_templates(
        &self,
        channel: &ChannelId,
        not_before: Timestamp,
    ) -> Result<(Option<Channel>, Option<Vec<Template>>), StoreError>;
    /// Keeps them. More than the table can hold in one record are not kept.
    async fn keep_templates(&self, channel: &ChannelId, templates: &[Template], now: Timestamp) -> Result<(), StoreError>;
}

/// What became of a try to begin to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is stored; the provider may be called.
    Stored,
    /// This message says the same, and is being sent or was a moment ago. Nothing is stored.
    Repeats(MessageId),
    /// The conversation is gone.
    Gone,
}

/// Stores what the company sends. The order is: `begin`, the provider's call, `finish`.
#[async_trait]
pub trait SendStore: ReceiveStore {
    /// Channel and conversation, as last written, in one round trip.
    async fn channel_and_conversation(
        &self,
        channel: &ChannelId,
        conversation: &ConversationId,
    ) -> Result<(Option<Channel>, Option<Conversation>), StoreError>;
    /// Stores the message as under way, and an outbox entry that ends its wait if nobody else does, if no other message of the
    /// same fingerprint is under way. `Gone` also if the message is a retry of one that has not failed or was retried already.
    async fn begin_send(
        &self,
        message: &Message,
        fingerprint: &str,
        stamp: Stamp,
        due_at: Timestamp,
    ) -> Result<Begun, StoreError>;
    /// Lets the next message of this fingerprint be sent: at once, or from `keep_until` on.
    async fn end_turn(&self, message: &MessageId, fingerprint: &str, keep_until: Option<Timestamp>) -> Result<(), StoreError>;
    /// Stores how it ended: `message` has the provider's id and status, or the failure. A status that came before it is
    /// applied in the same write. `owed`: whether Pipedrive has to be told by the outbox; not when the caller tells it in
    /// its answer.
    async fn finish_send(
        &self,
        channel: &ChannelId,
        message: &Message,
        owed: Option<Stamp>,
        due_at: Timestamp,
    ) -> Result<(), StoreError>;
}

/// What became of one entry of an outbox. One that is not settled is still pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Pipedrive has the message as it is, or nothing is left to tell.
    Delivered {
        /// Whether the message was dead before.
        revived: bool,
    },
    /// It can't be delivered. From now on it is found among the dead.
    Dead(FailureReason),
}

/// An entry of an outbox that is done with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Which.
    pub place: Place,
    /// The change that was delivered or given up.
    pub stamp: Stamp,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a delivery round changes in an outbox, in one conditional write.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Entries that are done with; at most 100, and at most 50 that are dead.
    pub settled: Vec<Settled>,
    /// When.
    pub at: Timestamp,
    /// What happens with the rest.
    pub then: Then,
}

/// When an outbox is looked at again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// At once if anything is left: the write itself wakes `deliver`; `redeliver` looks after it from `due_at` on.
    Continue {
        /// See above.
        due_at: Timestamp,
    },
    /// After a pause.
    Pause(Pause),
}

/// Something that `redeliver`, `keep-tokens` or `import-history` has to look after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DueWork {
    /// A conversation's outbox.
    Outbox(ConversationId),
    /// A message of which something is still at the provider.
    Media(MessageId),
    /// A removed channel of which something may be left.
    Removal(ChannelId),
    /// An installation whose tokens should be renewed before they die unused.
    Tokens(CompanyId, UserId),
    /// An installation that works again; outboxes held for it may go on.
    Release(CompanyId, UserId),
    /// An installation that delivers nothing for now; one conversation may try.
    Probe(CompanyId, UserId),
    /// A channel whose past is still being imported.
    Import(ChannelId),
    /// A company whose webhooks in Pipedrive have to be looked after.
    Watch(CompanyId),
    /// A provider's account that has to be registered for webhooks anew.
    Listen(ProviderKind, AccountId),
}

/// The delivery queue.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// A conversation, as last written.
    async fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, StoreError>;
    /// Its messages at `places` (at most 100), as last written; those that are gone are left out.
    async fn messages_at(&self, conversation: &ConversationId, places: &[Place]) -> Result<Vec<Message>, StoreError>;
    /// Applies a settlement if the outbox is still as in `seen`. What is held is held only while the installation really does
    /// not deliver. False if not: read again.
    async fn settle(&self, seen: &Conversation, settlement: &Settlement) -> Result<bool, StoreError>;
    /// Ends the wait for a provider's answer that did not come: the message fails with `reason`.
    /// False if the answer came after all.
    async fn give_up_sending(&self, message: &MessageId, reason: &FailureReason) -> Result<bool, StoreError>;
    /// What is due, oldest first, over all shards, at most `limit` a shard.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<DueWork>, StoreError>;
    /// Writes the conversation so that the stream wakes `deliver`, and comes back at `due_at` if that fails too.
    async fn wake(&self, conversation: &ConversationId, due_at: Timestamp) -> Result<(), StoreError>;
    /// Writes the message so that the stream wakes `fetch-media`, and comes back at `due_at` if that fails too.
    async fn wake_media(&self, message: &MessageId, due_at: Timestamp) -> Result<(), StoreError>;
    /// Up to `limit` outboxes held for the installation, oldest first, made deliverable again. How many there were.
    async fn release(&self, company: CompanyId, user: UserId, due_at: Timestamp, limit: usize) -> Result<usize, StoreError>;
    /// Notes that nothing is held for the installation any more, if the release was asked for before `asked_before`.
    async fn released(&self, company: CompanyId, user: UserId, asked_before: Timestamp) -> Result<(), StoreError>;
}

/// A file of a message that was fetched, or was not.
#[derive(Debug, Clone)]
pub struct FileChange {
    /// Its position in the message.
    pub position: usize,
    /// What it was to be fetched with. The change holds only while that is so.
    pub source: FileSource,
    /// The file, as it is from now on.
    pub now: Attachment,
}

/// What a provider told of a customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundProfile {
    /// What they are called, if it told that.
    pub name: Option<String>,
    /// Their picture in the bucket, if there is one.
    pub avatar: Option<ObjectKey>,
}

/// When fetching for a message goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchThen {
    /// Nothing is left to be fetched.
    Done,
    /// At once: the write itself wakes `fetch-media`; `redeliver` looks after it from `due_at` on.
    Continue {
        /// See above.
        due_at: Timestamp,
    },
    /// After a pause.
    Wait(Rest),
}

/// What a round of fetching changes, in one transaction.
#[derive(Debug, Clone)]
pub struct FetchedFiles {
    /// The message.
    pub message: MessageId,
    /// Its files that changed.
    pub files: Vec<FileChange>,
    /// What the provider told of the customer; none if it has still to be asked, or need not be.
    pub profile: Option<FoundProfile>,
    /// What happens with the rest.
    pub then: FetchThen,
    /// The message's entry in the outbox, if Pipedrive has to hear of this.
    pub owed: Option<Stamp>,
    /// When `redeliver` looks after that entry, should the stream miss it.
    pub due_at: Timestamp,
}

/// Messages of which something is still at the provider.
#[async_trait]
pub trait MediaStore: Send + Sync {
    /// A message and its conversation, as last written, in one round trip.
    async fn message_and_conversation(&self, id: &MessageId) -> Result<(Option<Message>, Option<Conversation>), StoreError>;
    /// A channel, as last written.
    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError>;
    /// Stores what a round changed, if the files are still awaited as they were. Nothing else of the message changes, so an
    /// edit or a deletion that came meanwhile stays. False if the message, its conversation or one of the files is not there
    /// any more: read again.
    async fn save_fetched(&self, fetched: &FetchedFiles) -> Result<bool, StoreError>;
    /// Notes that nothing of `seen` is to be fetched, if that is still so.
    async fn end_fetching(&self, seen: &Message) -> Result<(), StoreError>;
}

/// Everybody and everything in a company.
#[derive(Debug, Clone, Default)]
pub struct Members {
    /// Its users who authorized the app, whatever became of it.
    pub installations: Vec<Installation>,
    /// Its channels, removed ones included.
    pub channels: Vec<Channel>,
}

/// A try to become the one who renews an installation's tokens.
#[derive(Debug, Clone)]
pub enum Lease {
    /// Ours until it ends.
    Taken,
    /// Somebody else has it, or renewed the tokens meanwhile: read again.
    Missed,
}

/// Installations and their tokens.
#[async_trait]
pub trait InstallationStore: Send + Sync {
    /// An installation, as last written.
    async fn installation(&self, company: CompanyId, user: UserId) -> Result<Option<Installation>, StoreError>;
    /// Stores a fresh grant over whatever was there, ends any lease, and has held outboxes released.
    /// The version given is one more than the stored one.
    async fn save_grant(&self, installation: &Installation, refresh_due: Timestamp) -> Result<(), StoreError>;
    /// Takes the lease on renewing version `version` of the tokens, until `until`.
    async fn take_lease(
        &self,
        installation: &Installation,
        owner: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Lease, StoreError>;
    /// Stores renewed tokens (`renewed.version` is the old one plus one) and ends the lease. False if the tokens were
    /// renewed or replaced by somebody else.
    async fn save_renewed(&self, renewed: &Installation, refresh_due: Timestamp) -> Result<bool, StoreError>;
    /// Gives the lease back without having renewed.
    async fn end_lease(&self, company: CompanyId, user: UserId, owner: &str) -> Result<(), StoreError>;
    /// Changes the state if the tokens are still those of `version`. `Uninstalled` drops them.
    /// False if they are not.
    async fn set_installation_state(&self, installation: &Installation, state: InstallationState) -> Result<bool, StoreError>;
    /// Remembers where messages of the installation end, and of the user's channels. With `Channels`, what waited for an inbox is
    /// released; with `Records`, the company's webhooks are looked after from `now` on.
    async fn set_delivery(&self, company: CompanyId, user: UserId, delivery: Delivery, now: Timestamp) -> Result<(), StoreError>;
    /// Stores what Pipedrive told of the user and the company at `now`. 1 write.
    async fn save_profile(&self, company: CompanyId, user: UserId, told: &Profile, now: Timestamp) -> Result<(), StoreError>;
    /// Users and channels of a company, as last written. 1 query.
    async fn members(&self, company: CompanyId) -> Result<Members, StoreError>;
    /// Installations whose tokens should be renewed, at most `limit`.
    async fn tokens_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(CompanyId, UserId)>, StoreError>;
}

/// What became of a try to store a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectOutcome {
    /// It is stored, and the provider's account leads to it.
    Stored,
    /// The account is connected already.
    AccountTaken(AccountOwner),
}

/// Channels' beginning and end.
#[async_trait]
pub trait ChannelStore: Send + Sync {
    /// A channel, as last written.
    async fn channel(&self, id: &ChannelId) -> Result<Option<Channel>, StoreError>;
    /// Stores a new channel, or the same one anew, together with the way from the provider's account to it.
    async fn save_channel(&self, channel: &Channel) -> Result<ConnectOutcome, StoreError>;
    /// Stores as what Pipedrive took a channel that is not removed.
    async fn set_provider_type(&self, channel: &ChannelId, provider_type: &str) -> Result<(), StoreError>;
    /// Changes the state of a channel that is not removed. `Removed` also ends the way from the account, drops the
    /// credentials and has the rest erased from `due_at` on. False if it was removed or unknown already.
    async fn set_channel_state(&self, channel: &Channel, state: ChannelState, due_at: Timestamp) -> Result<bool, StoreError>;
    /// Up to `limit` conversations of the channel. May lag behind a write by moments.
    async fn conversations_to_erase(&self, channel: &ChannelId, limit: usize) -> Result<Vec<Conversation>, StoreError>;
    /// Erases one conversation whole: messages, references, names. Its files go before. Repeatable.
    async fn erase_conversation(&self, conversation: &Conversation) -> Result<(), StoreError>;
    /// Channels whose import has something to do, oldest first, at most `limit` a shard.
    async fn imports_due(&self, now: Timestamp, limit: usize) -> Result<Vec<ChannelId>, StoreError>;
    /// Notes how far the import of a channel's past is; comes back at `due_at`, if it is not over. False if the channel is
    /// not served any more or another import got further.
    async fn save_import(&self, channel: &Channel, import: &Import, due_at: Timestamp) -> Result<bool, StoreError>;
    /// Stores what the owner of a channel wants of Pipedrive's records. False if the channel is removed.
    async fn save_settings(&self, channel: &ChannelId, settings: &ChannelSettings) -> Result<bool, StoreError>;
    /// Comes back to a removed channel at `due_at`; never again if none.
    async fn set_removal_due(&self, channel: &ChannelId, due_at: Option<Timestamp>) -> Result<(), StoreError>;
}
