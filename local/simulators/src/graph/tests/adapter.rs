//! The bundle's adapter against the simulator: that neither asks for what the other does not know.

use secrecy::SecretSlice;
use shared::{
    model::{
        content::{Content, FileKind},
        conversation::Customer,
        ids::{AccountId, ContactKey, MessageId, ProviderMessageId},
        message::Direction,
        template::find,
    },
    providers::{
        Accepted, Draft, Event, EventKind, Outgoing, Outside, PlannedPart, Provider, ProviderKind, RawWebhook, Registry,
        WebhookKeys,
        event::AccountNews,
        outgoing::{OutgoingFile, PartContent, PartId},
    },
    secrets::Secrets,
};

use super::*;

const CUSTOMER: &str = "15550100001";
const SECRETS: &str = r#"{"pipedrive_client_id":"i","pipedrive_client_secret":"s","meta_app_secret":"s","meta_verify_token":"v",
    "encryption_key":"0123456789abcdef0123456789abcdef"}"#;

/// A number that the bundle connected.
struct World {
    graph: Graph,
    providers: Registry,
    heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl World {
    async fn start() -> Self {
        let (graph, url) = serve().await;
        graph.set_templates("200", demo_templates());
        let heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
        let posts = heard.clone();
        let hook = Router::new()
            .route("/", post(move |headers: HeaderMap, body: Bytes| async move { locked(&posts).push((headers, body)) }));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        graph.webhooks().send_to(&format!("http://{}/", listener.local_addr().unwrap()));
        tokio::spawn(async move { axum::serve(listener, hook).await });
        let client = || reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let providers = Registry::new(&Outside {
            http: client().into(),
            guarded: client().into(),
            graph_api_url: url.clone(),
            telegram_api_url: url.clone(),
            twilio_api_url: url,
            allow_loopback_urls: true,
            clock: Arc::new(SystemClock),
        });
        let world = Self { graph, providers, heard };
        world.whatsapp().subscribe(&credentials(), "").await.unwrap();
        world
    }

    fn whatsapp(&self) -> &dyn Provider {
        self.providers.get(ProviderKind::Whatsapp)
    }

    /// What was reported since the last call.
    async fn events(&self) -> Vec<Event> {
        idle(&self.graph).await;
        let secrets = Secrets::parse(SECRETS).unwrap();
        let keys = WebhookKeys { secrets: &secrets, credentials: None, now: SystemClock.now() };
        let posts = std::mem::take(&mut *locked(&self.heard));
        let parse = |(headers, body)| {
            let raw = RawWebhook { url: String::new(), headers, body };
            self.whatsapp().parse(&self.whatsapp().verify(raw, &keys).unwrap())
        };
        posts.into_iter().flat_map(parse).collect()
    }

    async fn send(&self, draft: &Draft<'_>, reply_to: Option<&ProviderMessageId>) -> Vec<Accepted> {
        let to = ContactKey::parse(&format!("phone:{CUSTOMER}")).unwrap();
        let customer = Customer::new(vec![to.clone()], "Ada".to_owned());
        let mut sent = Vec::new();
        for (part, planned) in self.whatsapp().plan(draft).unwrap().into_iter().enumerate() {
            let content = match &planned {
                PlannedPart::Text(text) => PartContent::Text(text),
                PlannedPart::Files { files, caption } => PartContent::Files {
                    files: files.iter().map(|file| &draft.files[*file]).collect(),
                    caption: caption.as_deref(),
                },
                PlannedPart::Template => PartContent::Template(draft.template.unwrap()),
            };
            let outgoing = Outgoing {
                id: PartId { message: message_id(), part },
                to: &to,
                customer: &customer,
                content,
                reply_to: reply_to.filter(|_| part == 0),
                reply_by: None,
                webhook_url: "",
                sent_at: SystemClock.now(),
            };
            sent.push(self.whatsapp().send(&credentials(), &outgoing).await.unwrap());
        }
        sent
    }
}

fn message_id() -> MessageId {
    MessageId::parse("m_0123456789abcdef0123456789abcdef01234567").unwrap()
}

fn credentials() -> SecretSlice<u8> {
    SecretSlice::from(number().credentials().to_string().into_bytes())
}

fn outgoing_file(kind: FileKind, mime: &str, name: &str, link: &str) -> OutgoingFile {
    let bytes = Bytes::from_static(b"contents");
    OutgoingFile { name: name.to_owned(), mime: mime.to_owned(), kind, bytes, link: link.to_owned() }
}

#[tokio::test]
async fn a_number_is_connected_and_let_go() {
    let world = World::start().await;
    assert_eq!(world.whatsapp().check(&number().credentials()).await.unwrap().id.as_str(), "300");
    for (field, value) in [("phone_number_id", "301"), ("waba_id", "201"), ("access_token", "other")] {
        let mut wrong = number().credentials();
        wrong[field] = value.into();
        let error = world.whatsapp().check(&wrong).await.unwrap_err().for_people();
        assert!(error.starts_with(&format!("credentials.{field} ")), "{error}");
    }
    world.whatsapp().unsubscribe(&credentials(), &[]).await.unwrap();
    world.graph.customer_writes(CUSTOMER, "Ada", "anybody there?");
    assert_eq!(world.events().await, []);
}

#[tokio::test]
async fn everything_is_sent() {
    let world = World::start().await;
    let asked = ProviderMessageId::parse(&world.graph.customer_writes(CUSTOMER, "Ada", "Shall we?")).unwrap();
    let files = Router::new().route("/a.zip", axum::routing::get(|| async { ([("content-type", "application/zip")], "ZIP") }));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let link = format!("http://{}/a.zip", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, files).await });
    let files = [
        outgoing_file(FileKind::Audio, "audio/mpeg", "a.mp3", ""),
        outgoing_file(FileKind::Image, "image/png", "a.png", ""),
        outgoing_file(FileKind::Document, "application/zip", "a.zip", &link),
    ];
    let sent = world.send(&Draft { text: "Look", files: &files, template: None }, Some(&asked)).await;
    assert_eq!(sent.len(), 3);
    let templates = world.whatsapp().templates(&credentials()).await.unwrap();
    let fillable: Vec<(&str, bool)> =
        templates.iter().map(|template| (template.name.as_str(), world.whatsapp().is_fillable(template))).collect();
    assert_eq!(fillable, [("order_ready", true), ("how_was_it", true), ("new_arrivals", false)]);
    for text in [
        "Order A-17\nHi Ada, your order A-17 is ready to be picked up.\nDemo Company",
        "Hello Ada, are you happy with your lamp?",
    ] {
        let filled = find(&templates, text).unwrap();
        world.send(&Draft { text, files: &[], template: Some(&filled) }, None).await;
        assert_eq!(world.graph.sent().last().unwrap().text, text);
    }
    let of = |sent: &Sent| (sent.file.as_ref().map(|file| file.kind.clone()), sent.text.clone(), sent.answers.is_some());
    let seen: Vec<_> = world.graph.sent().iter().take(3).map(of).collect();
    let row = |kind: &str, text: &str, answers| (Some(kind.to_owned()), text.to_owned(), answers);
    assert_eq!(seen, [row("audio", "", true), row("image", "Look", false), row("document", "", false)]);
    let read: Vec<PartId> = world
        .events()
        .await
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Status(update) if update.status == Status::Read => update.message,
            EventKind::Status(update) => {
                assert_eq!(update.failure, None);
                None
            }
            _ => None,
        })
        .collect();
    assert_eq!(read.len(), 5);
    assert!((0..3).all(|part| read.contains(&PartId { message: message_id(), part })));
}

#[tokio::test]
async fn everything_is_read() {
    let world = World::start().await;
    let does = |deed: Deed| world.graph.does(CUSTOMER, "Ada", &deed).unwrap();
    does(Deed::Location { latitude: 59.437, longitude: 24.7536, name: "Office".to_owned() });
    let written = does(Deed::Text("Hello".to_owned()));
    does(Deed::Edit("Hello!".to_owned()));
    does(Deed::Delete);
    let spoken = GivenFile {
        name: "v.ogg".to_owned(),
        mime: "audio/ogg; codecs=opus".to_owned(),
        voice: true,
        bytes: Bytes::from_static(b"OggS"),
        caption: String::new(),
    };
    does(Deed::File(spoken));
    let echo = world.graph.company_writes(CUSTOMER, "Hi Ada");
    does(Deed::Reaction("👍".to_owned()));
    does(Deed::Reply("Great".to_owned()));
    world.graph.changes_number(CUSTOMER, "15550100009");
    world.graph.tell_account("200", "account_update", &json!({"event": "ACCOUNT_DELETED"}));
    world.graph.tell_account("200", "message_template_status_update", &json!({"event": "APPROVED"}));

    let events = world.events().await;
    let kinds: Vec<&EventKind> = events.iter().map(|event| &event.kind).collect();
    let [
        EventKind::Message(place),
        EventKind::Message(text),
        EventKind::Edit(edit),
        EventKind::Deletion(deletion),
        EventKind::Message(voice),
        EventKind::Message(own),
        EventKind::Message(reaction),
        EventKind::Message(reply),
        EventKind::Rename(rename),
        EventKind::Account(AccountNews::Suspended { .. }),
        EventKind::Account(AccountNews::TemplatesChanged),
    ] = kinds[..]
    else {
        panic!("{kinds:?}");
    };
    assert!(matches!(&place.content, Some(Content::Location { name: Some(name), .. }) if name == "Office"));
    assert_eq!((text.provider_id.as_str(), edit.target.as_str(), deletion.target.as_str()), (&*written, &*written, &*written));
    assert_eq!(edit.message.text, "Hello!");
    assert_eq!(own.direction, Direction::Out);
    for answer in [reaction, reply] {
        assert_eq!(answer.reply_to.as_ref().map(|target| target.id.as_str()), Some(&*echo));
    }
    assert_eq!(rename.phone.as_deref(), Some("+15550100009"));
    assert_eq!(events[9].account.as_ref().map(AccountId::as_str), Some("waba:200"));

    assert_eq!(voice.files[0].kind, FileKind::Voice);
    world.graph.expire_addresses(1);
    let source = &voice.files[0].source;
    let fetched = world.whatsapp().fetch(&credentials(), source, 9).await.unwrap();
    assert_eq!((&fetched.bytes[..], fetched.mime.as_deref()), (&b"OggS"[..], Some("audio/ogg; codecs=opus")));
    world.graph.expire(&source.0);
    let error = world.whatsapp().fetch(&credentials(), source, 9).await.unwrap_err();
    assert!(error.for_people().contains("does not have the file any more"), "{error}");
}
