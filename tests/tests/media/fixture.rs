//! A provider that has files, a bundle with it, and messages with files to put into the table.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    simulators::pipedrive::{Company, DEMO_COMPANY, DEMO_USER, Message as Shown, Participant, User},
};
use secrecy::SecretSlice;
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    inbox::ports::{InboxReader, NewMessage, ReceiveStore, StoreOutcome},
    media::links::{Links, Target},
    model::{
        channel::ProviderKind,
        content::{Attachment, FileKind, FileSource, FileState},
        conversation::{Conversation, ConversationState, Customer, Stamp},
        ids::{AccountId, ChannelId, CompanyId, ContactKey, ConversationId, MessageId, Place, UserId},
        message::{Direction, Message},
        record::Link,
        time::Timestamp,
    },
    providers::{
        Accepted, Account, CredentialField, Draft, Event, Fetched, Outgoing, PlannedPart, Profile, Provider, RawWebhook, Traits,
        VerifiedWebhook, WebhookKeys, WebhookRefused,
        error::{ProviderError, Refusal},
    },
};
use tempfile::TempDir;
use tokio::sync::Notify;

/// Another company, and its admin.
pub(crate) const OTHERS: (CompanyId, UserId) = (CompanyId(2002), UserId(21));

/// Something between a fetch that has begun and its answer.
#[derive(Default)]
pub(crate) struct Pause {
    reached: Notify,
    open: Notify,
}

impl Pause {
    /// Waits until somebody fetches.
    pub(crate) async fn reached(&self) {
        tokio::time::timeout(Duration::from_secs(10), self.reached.notified()).await.expect("somebody fetches");
    }

    /// Lets the answer come.
    pub(crate) fn open(&self) {
        self.open.notify_one();
    }
}

#[derive(Default)]
struct Shelves {
    files: HashMap<String, Fetched>,
    failures: HashMap<String, VecDeque<ProviderError>>,
    profile: Profile,
    asked: Vec<String>,
    pause: Option<Arc<Pause>>,
    slow: Option<(Arc<AdjustableClock>, Duration)>,
}

/// The provider. Stands where the custom chat's adapter does; its webhooks bring nothing.
#[derive(Default)]
pub(crate) struct Shelf(Mutex<Shelves>);

impl Shelf {
    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap()
    }

    /// Puts a file there that comes with `mime`.
    pub(crate) fn put(&self, source: &str, bytes: impl Into<Bytes>, mime: &str) {
        let mime = Some(mime.to_owned()).filter(|mime| !mime.is_empty());
        self.shelves().files.insert(source.to_owned(), Fetched { bytes: bytes.into(), mime, name: None });
    }

    /// Fails the next `times` times that `source` (or `profile`) is asked for.
    pub(crate) fn fail(&self, source: &str, error: &ProviderError, times: usize) {
        self.shelves().failures.entry(source.to_owned()).or_default().extend(std::iter::repeat_n(error.clone(), times));
    }

    /// What customers are from now on.
    pub(crate) fn set_profile(&self, name: &str, avatar: Option<Vec<u8>>) {
        let avatar = avatar.map(|bytes| Fetched { bytes: bytes.into(), mime: None, name: None });
        self.shelves().profile = Profile { name: Some(name.to_owned()), avatar };
    }

    /// Holds up the next fetch.
    pub(crate) fn pause(&self) -> Arc<Pause> {
        let pause = Arc::new(Pause::default());
        self.shelves().pause = Some(pause.clone());
        pause
    }

    /// Lets each fetch take that long.
    pub(crate) fn slow(&self, clock: &Arc<AdjustableClock>, by: Duration) {
        self.shelves().slow = Some((clock.clone(), by));
    }

    /// What was asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shelves().asked.clone()
    }

    fn take(&self, source: &str) -> Result<(), ProviderError> {
        let mut shelves = self.shelves();
        shelves.asked.push(source.to_owned());
        shelves.failures.get_mut(source).and_then(VecDeque::pop_front).map_or(Ok(()), Err)
    }
}

/// A 503.
pub(crate) fn away() -> ProviderError {
    ProviderError::Transient { code: "http_503".to_owned() }
}

/// A refusal for good.
pub(crate) fn refused(refusal: Refusal) -> ProviderError {
    ProviderError::Refused {
        refusal,
        code: "gone".to_owned(),
        message: "The provider does not have the file any more.".to_owned(),
    }
}

#[async_trait]
impl Provider for Shelf {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Custom
    }

    fn traits(&self) -> Traits {
        Traits {
            name: "Test",
            webhook_by_hand: false,
            provider_type: "other",
            templates: false,
            max_text_chars: 1000,
            replies: false,
            profiles: true,
            history: false,
            webhook_per_channel: true,
        }
    }

    fn credential_fields(&self) -> &'static [CredentialField] {
        &[]
    }

    fn verify(&self, _: RawWebhook, _: &WebhookKeys<'_>) -> Result<VerifiedWebhook, WebhookRefused> {
        Err(WebhookRefused::NoKey)
    }

    fn parse(&self, _: &VerifiedWebhook) -> Vec<Event> {
        Vec::new()
    }

    async fn check(&self, credentials: &Value) -> Result<Account, ProviderError> {
        let id = AccountId::parse(credentials["account"].as_str().unwrap()).unwrap();
        Ok(Account { id, group: None, credentials: credentials.clone() })
    }

    async fn subscribe(&self, _: &SecretSlice<u8>, _: &str) -> Result<(), ProviderError> {
        Ok(())
    }

    fn plan(&self, draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
        Ok(draft.one_by_one())
    }

    async fn send(&self, _: &SecretSlice<u8>, _: &Outgoing<'_>) -> Result<Accepted, ProviderError> {
        Err(away())
    }

    async fn fetch(&self, _: &SecretSlice<u8>, source: &FileSource, max: usize) -> Result<Fetched, ProviderError> {
        let pause = self.shelves().pause.take();
        if let Some(pause) = pause {
            pause.reached.notify_one();
            pause.open.notified().await;
        }
        if let Some((clock, by)) = &self.shelves().slow {
            clock.advance(*by);
        }
        self.take(&source.0)?;
        let file = self.shelves().files.get(&source.0).cloned().ok_or_else(|| refused(Refusal::NotFound))?;
        assert!(file.bytes.len() <= max);
        Ok(file)
    }

    async fn profile(&self, _: &SecretSlice<u8>, _: &ContactKey) -> Result<Profile, ProviderError> {
        self.take("profile")?;
        Ok(self.shelves().profile.clone())
    }
}

/// The bundle with that provider, a channel of it, and a clock to put forward.
pub(crate) struct World {
    pub(crate) bundle: Bundle,
    pub(crate) clock: Arc<AdjustableClock>,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) session: String,
    pub(crate) channel: ChannelId,
    folder: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (clock, shelf, folder) =
            (Arc::new(AdjustableClock::default()), Arc::new(Shelf::default()), tempfile::tempdir().unwrap());
        let options = BundleOptions {
            clock: clock.clone(),
            pump: false,
            provider: Some(shelf.clone()),
            data: Some(folder.path().to_owned()),
            ..BundleOptions::default()
        };
        let bundle = Bundle::start(options).await.unwrap();
        let (session, channel) = connected(&bundle, (DEMO_COMPANY, DEMO_USER), "own").await;
        Self { bundle, clock, shelf, session, channel, folder }
    }

    /// Connects a channel of another company.
    pub(crate) async fn others(&self) -> ChannelId {
        let (id, admin) = OTHERS;
        let user = User { id: admin, name: "Otto".to_owned(), admin: true };
        let company = Company { id, name: "Others".to_owned(), domain: "others".to_owned(), suspended: false, users: vec![user] };
        self.bundle.pipedrive().add_company(company);
        connected(&self.bundle, OTHERS, "others").await.1
    }

    /// A customer who has not written yet.
    pub(crate) fn customer(&self, name: &str) -> Conversation {
        conversation(&self.channel, DEMO_USER, name)
    }

    /// Waits until everything that is under way is done.
    pub(crate) async fn settle(&self) {
        self.bundle.settle().await.expect("the bundle comes to rest");
    }

    /// Lets time pass and does what is due then.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        assert!(self.bundle.run_schedule("redeliver").await);
        self.settle().await;
    }

    /// Stores a message with files as receiving does. Nothing follows before the next [`World::settle`].
    pub(crate) async fn store(&self, conversation: &Conversation, text: &str, files: Vec<Attachment>) -> MessageId {
        self.store_as(conversation, |message| Message { text: text.to_owned(), attachments: files, ..message }).await
    }

    pub(crate) async fn store_as(&self, conversation: &Conversation, make: impl FnOnce(Message) -> Message) -> MessageId {
        let table = self.bundle.environment().table();
        // Two messages never come in one millisecond here.
        self.clock.advance(Duration::from_millis(5));
        let now = self.clock.now();
        let id = conversation.id.message(&Place::new(now, now, 0));
        let message = make(Message::new(id.clone(), Direction::In, conversation.id.end_user(), String::new(), now));
        let known = table.conversation(&conversation.id).await.unwrap().is_some();
        let conversation = Conversation { last_at: now, ..conversation.clone() };
        let due_at = now.plus(Duration::from_secs(90));
        let new = NewMessage { conversation, known, name_known: true, message, stamp: Some(Stamp::new()), past: false, due_at };
        assert_eq!(table.store_message(&new).await.unwrap(), StoreOutcome::Stored);
        id
    }

    /// A message as it is stored.
    pub(crate) async fn stored(&self, id: &MessageId) -> Message {
        self.bundle.environment().table().message(id).await.unwrap().unwrap()
    }

    /// What Pipedrive's inbox shows of a conversation.
    pub(crate) fn shown(&self, id: &ConversationId) -> Vec<Shown> {
        self.inbox(id).map(|conversation| conversation.messages).unwrap_or_default()
    }

    /// Its texts alone.
    pub(crate) fn texts(&self, id: &ConversationId) -> Vec<String> {
        self.shown(id).into_iter().map(|message| message.text).collect()
    }

    /// The customer as Pipedrive's inbox shows them.
    pub(crate) fn end_user(&self, id: &ConversationId) -> Participant {
        self.inbox(id).unwrap().participants.into_iter().find(|participant| participant.end_user).unwrap()
    }

    fn inbox(&self, id: &ConversationId) -> Option<local::simulators::pipedrive::Conversation> {
        let mut channels = self.bundle.pipedrive().channels().into_iter();
        channels.find_map(|mut channel| channel.conversations.remove(id.as_str()))
    }

    /// The address of a file.
    pub(crate) async fn address(&self, target: &Target) -> String {
        let environment = self.bundle.environment();
        let secrets = environment.secrets().get().await.unwrap();
        Links::new(&secrets.vault, self.bundle.url(), self.clock.now()).unwrap().to(target)
    }

    /// The address of a message's first file.
    pub(crate) async fn file(&self, message: &MessageId) -> String {
        self.address(&Target::File { message: message.clone(), position: 0, preview: false }).await
    }

    /// Every object in the bucket, by its name.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let root = self.bucket();
        let mut found = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    let name = entry.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                    found.insert(name, std::fs::read(entry).unwrap());
                }
            }
        }
        found
    }

    /// Their names alone.
    pub(crate) fn object_names(&self) -> BTreeSet<String> {
        self.objects().into_keys().collect()
    }

    /// The folder of the bucket.
    pub(crate) fn bucket(&self) -> PathBuf {
        self.folder.path().join("bucket").join(local::bucket::BUCKET)
    }
}

async fn connected(bundle: &Bundle, (company, user): (CompanyId, UserId), account: &str) -> (String, ChannelId) {
    bundle.install(company, user).await.unwrap();
    let session = bundle.session(company, user).await.unwrap();
    let channel = bundle.connect(&session, "custom", "Chat", &json!({"account": account})).await.unwrap();
    (session, ChannelId::parse(&channel.provider_channel_id).unwrap())
}

/// A conversation that has not begun.
pub(crate) fn conversation(channel: &ChannelId, owner: UserId, name: &str) -> Conversation {
    let id = ConversationId::new();
    Conversation {
        customer: Customer::new(vec![ContactKey::parse(&format!("chat:{id}")).unwrap()], name.to_owned()),
        id,
        channel: channel.clone(),
        company: channel.company(),
        owner,
        state: ConversationState::Open,
        link: String::new(),
        last_at: Timestamp::EPOCH,
        unread: 0,
        reply_by: None,
        outbox: BTreeMap::new(),
        record: Link::default(),
        last: None,
        changed_at: None,
        answered_by: None,
        pause: None,
    }
}

/// A file that is still at the provider.
pub(crate) fn awaited(source: &str, kind: FileKind, mime: &str, name: Option<&str>) -> Attachment {
    let file = FileState::Awaited { source: FileSource(source.to_owned()), attempts: 0 };
    Attachment { kind, mime: mime.to_owned(), name: name.map(str::to_owned), size: None, file }
}

/// A photo of that source.
pub(crate) fn photo(source: &str) -> Attachment {
    awaited(source, FileKind::Image, "image/png", Some("photo.png"))
}

/// A PNG of one colour.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let picture = image::RgbImage::from_pixel(width, height, image::Rgb([10, 120, 200]));
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

/// Gets an address, following redirects: status, headers, body.
pub(crate) async fn get(address: &str) -> (u16, http::HeaderMap, Bytes) {
    let answer = reqwest::get(address).await.unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.bytes().await.unwrap())
}
