//! The simulated Telegram against the bundle's own adapter, and against requests that the adapter would never make.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{extract::State, routing::post};
use http::HeaderMap;
use secrecy::SecretSlice;
use shared::{
    clock::{Clock, SystemClock},
    http::{client::LazyClient, outside::guarded_client},
    model::{
        channel::ProviderKind,
        content::{Content, FileKind},
        conversation::Customer,
        ids::{ContactKey, ConversationId, Place, ProviderMessageId},
    },
    providers::{
        Accepted, Draft, EventKind, InboundMessage, Outgoing, Outside, PlannedPart, Provider, RawWebhook, Registry, WebhookKeys,
        error::{ProviderError, Refusal},
        outgoing::{OutgoingFile, PartContent},
    },
    secrets::Secrets,
};

use super::*;
use crate::{
    clock::AdjustableClock,
    handset::{Deed, GivenFile, Handset, Unsupported},
    phones::Behaviour,
};

const ADA: &str = "5001";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";
const PATIENCE: Duration = Duration::from_secs(10);

type Hooked = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// The simulator, the adapter that calls it, and where updates arrive.
struct World {
    telegram: Telegram,
    url: String,
    clock: Arc<AdjustableClock>,
    providers: Registry,
    hook_url: String,
    hooked: Hooked,
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(AdjustableClock::default());
        let telegram = Telegram::new(demo_bot(), clock.clone());
        let url = serve(telegram.router()).await;
        let hooked = Hooked::default();
        let take = |State(hooked): State<Hooked>, headers: HeaderMap, body: Bytes| async move {
            hooked.lock().unwrap().push((headers, body));
        };
        let hook_url = serve(Router::new().route("/hook", post(take)).with_state(hooked.clone())).await + "/hook";
        let client = LazyClient::from(guarded_client(true, PATIENCE, PATIENCE, "test"));
        let providers = Registry::new(&Outside {
            http: client.clone(),
            guarded: client,
            graph_api_url: url.clone(),
            telegram_api_url: url.clone(),
            twilio_api_url: url.clone(),
            allow_loopback_urls: true,
            clock: clock.clone(),
        });
        Self { telegram, url, clock, providers, hook_url, hooked }
    }

    fn adapter(&self) -> &dyn Provider {
        self.providers.get(ProviderKind::Telegram)
    }

    /// Connects the bot as the set-up page does. Its credentials as they are kept.
    async fn connect(&self) -> SecretSlice<u8> {
        let account = self.adapter().check(&self.telegram.credentials()).await.unwrap();
        let kept = SecretSlice::from(account.credentials.to_string().into_bytes());
        self.adapter().subscribe(&kept, &self.hook_url).await.unwrap();
        kept
    }

    /// What the adapter makes of the updates that arrived since the last time.
    async fn events(&self, credentials: &SecretSlice<u8>) -> Vec<EventKind> {
        tokio::time::timeout(PATIENCE, async {
            while !self.telegram.webhooks().idle() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        let Ok(secrets) = Secrets::parse(&json!({"encryption_key": format!("1:{}AAA=", "AAAA".repeat(10))}).to_string()) else {
            panic!("the secret of this test is malformed")
        };
        let keys = WebhookKeys { secrets: &secrets, credentials: Some(credentials), now: self.clock.now() };
        let posts = std::mem::take(&mut *self.hooked.lock().unwrap());
        let events = posts.into_iter().flat_map(|(headers, body)| {
            let raw = RawWebhook { url: self.hook_url.clone(), headers, body };
            self.adapter().parse(&self.adapter().verify(raw, &keys).unwrap())
        });
        events.map(|event| event.kind).collect()
    }

    async fn messages(&self, credentials: &SecretSlice<u8>) -> Vec<InboundMessage> {
        let message = |kind| match kind {
            EventKind::Message(message) => message,
            other => panic!("{other:?}"),
        };
        self.events(credentials).await.into_iter().map(message).collect()
    }

    /// Sends a draft part by part.
    async fn send(
        &self,
        credentials: &SecretSlice<u8>,
        text: &str,
        files: &[OutgoingFile],
        reply_to: Option<&str>,
    ) -> Result<Vec<Accepted>, ProviderError> {
        let to = ContactKey::parse(&format!("chat:{ADA}")).unwrap();
        let customer = Customer::new(vec![to.clone()], "Ada".to_owned());
        let reply_to = reply_to.map(|id| ProviderMessageId::parse(id).unwrap());
        let at = self.clock.now();
        let mut accepted = Vec::new();
        for part in self.adapter().plan(&Draft { text, files, template: None })? {
            let content = match &part {
                PlannedPart::Text(text) => PartContent::Text(text),
                PlannedPart::Files { files: places, caption } => {
                    let files = places.iter().map(|place| &files[*place]).collect();
                    PartContent::Files { files, caption: caption.as_deref() }
                }
                PlannedPart::Template => panic!("no template was drafted"),
            };
            let part = Outgoing {
                id: ConversationId::new().message(&Place::new(at, at, 0)).into(),
                to: &to,
                customer: &customer,
                content,
                reply_to: reply_to.as_ref(),
                reply_by: None,
                webhook_url: "",
                sent_at: at,
            };
            accepted.push(self.adapter().send(credentials, &part).await?);
        }
        Ok(accepted)
    }
}

fn file(kind: FileKind, mime: &str, name: &str, bytes: &'static [u8]) -> OutgoingFile {
    OutgoingFile { name: name.to_owned(), mime: mime.to_owned(), kind, bytes: Bytes::from_static(bytes), link: String::new() }
}

fn given(mime: &str, name: &str, voice: bool, bytes: &'static [u8]) -> GivenFile {
    let (name, mime) = (name.to_owned(), mime.to_owned());
    GivenFile { name, mime, voice, bytes: Bytes::from_static(bytes), caption: "Look".to_owned() }
}

#[tokio::test]
async fn a_bot_is_connected_and_disconnected() {
    let world = World::new().await;
    let kept = world.connect().await;
    assert_eq!(world.telegram.webhook_url(), Some(world.hook_url.clone()));
    world.adapter().unsubscribe(&kept, &[]).await.unwrap();
    assert_eq!(world.telegram.webhook_url(), None);
    for token in ["700000001:wrong", "nonsense", "700000002:AALocalTelegramToken-0123456789abcdef"] {
        let error = world.adapter().check(&json!({"bot_token": token})).await.unwrap_err().to_string();
        assert!(error.contains("credentials.bot_token is not accepted by Telegram"), "{error}");
    }
    let error = world.adapter().subscribe(&kept, "http://bundle.example/webhooks").await.unwrap_err().to_string();
    assert!(error.contains("credentials can't be connected"), "{error}");
}

#[tokio::test]
async fn what_somebody_does_arrives() {
    let world = World::new().await;
    let kept = world.connect().await;
    let (telegram, name) = (&world.telegram, "Ada Lovelace");
    let hello = telegram.does(ADA, name, &Deed::Text("Hello".to_owned())).unwrap();
    let [message] = &world.messages(&kept).await[..] else { panic!("one message") };
    assert_eq!((message.provider_id.as_str(), message.text.as_str()), (hello.as_str(), "Hello"));
    assert_eq!((message.customer.name.as_str(), message.link.as_str()), (name, "https://t.me/ada_lovelace"));

    let accepted = world.send(&kept, "How are you?", &[], Some(&hello)).await.unwrap();
    let answer = accepted[0].provider_ids[0].as_str();
    assert_eq!(telegram.sent()[0].id, answer);
    assert!(telegram.sent()[0].reply_to.is_some());

    telegram.does(ADA, name, &Deed::Reply("Well".to_owned())).unwrap();
    telegram.does(ADA, name, &Deed::Reaction("👍".to_owned())).unwrap();
    telegram.does(ADA, name, &Deed::Reaction(String::new())).unwrap();
    let [reply, reaction, removed] = &world.messages(&kept).await[..] else { panic!("three messages") };
    let target = reply.reply_to.as_ref().unwrap();
    assert_eq!((target.id.as_str(), target.quote.as_deref()), (answer, Some("How are you?")));
    assert_eq!(reaction.content, Some(Content::Reaction { emoji: Some("👍".to_owned()) }));
    assert_eq!(reaction.reply_to.as_ref().unwrap().id.as_str(), answer);
    assert_eq!(removed.content, Some(Content::Reaction { emoji: None }));

    telegram.does(ADA, name, &Deed::Edit("Very well".to_owned())).unwrap();
    let [EventKind::Edit(edit)] = &world.events(&kept).await[..] else { panic!("one edit") };
    assert_eq!((edit.target.as_str(), edit.message.text.as_str()), (reply.provider_id.as_str(), "Very well"));
    let shown: Vec<String> = telegram.phones().chat(ADA).unwrap().lines.into_iter().map(|line| line.text).collect();
    assert_eq!(shown, ["Hello", "How are you?", "Very well", "👍", "–"]);

    let office = Deed::Location { latitude: 52.5, longitude: 13.25, name: "Office".to_owned() };
    telegram.does(ADA, name, &office).unwrap();
    telegram.press(ADA, name, answer, "yes");
    telegram.block(ADA);
    telegram.does(ADA, name, &Deed::Text("Again".to_owned())).unwrap();
    let texts: Vec<String> = world.messages(&kept).await.into_iter().map(|message| message.text).collect();
    assert!(texts[0].starts_with("[location]\nOffice\n"), "{texts:?}");
    assert_eq!(texts[1], "yes");
    assert!(texts[2].starts_with("[The customer blocked") && texts[3].starts_with("[The customer unblocked"), "{texts:?}");
    assert_eq!(texts[4], "Again");
    assert_eq!(telegram.does(ADA, name, &Deed::Delete), Err(Unsupported));
    assert_eq!(telegram.does("5002", "Bea", &Deed::Reaction("👍".to_owned())), Err(Unsupported), "nothing to react to");
}

#[tokio::test]
async fn files_come_and_can_be_fetched() {
    let world = World::new().await;
    let kept = world.connect().await;
    for (given, kind, mime, name) in [
        (given("image/jpeg", "a.jpg", false, JPEG), FileKind::Image, "image/jpeg", None),
        (given("image/gif", "a.gif", false, b"gif"), FileKind::Image, "image/gif", Some("a.gif")),
        (given("video/mp4", "a.mp4", false, b"mp4"), FileKind::Video, "video/mp4", Some("a.mp4")),
        (given("audio/ogg", "a.ogg", true, b"ogg"), FileKind::Voice, "audio/ogg", None),
        (given("audio/mpeg", "a.mp3", false, b"mp3"), FileKind::Audio, "audio/mpeg", Some("a.mp3")),
        (given("application/pdf", "a.pdf", false, b"pdf"), FileKind::Document, "application/pdf", Some("a.pdf")),
    ] {
        world.telegram.does(ADA, "Ada", &Deed::File(given.clone())).unwrap();
        let messages = world.messages(&kept).await;
        let [message] = &messages[..] else { panic!("{messages:?}") };
        let [file] = &message.files[..] else { panic!("{message:?}") };
        assert_eq!((file.kind, file.mime.as_deref(), file.name.as_deref()), (kind, Some(mime), name));
        assert_eq!(message.text, "Look");
        let fetched = world.adapter().fetch(&kept, &file.source, 100).await.unwrap();
        assert_eq!((fetched.bytes, fetched.mime), (given.bytes.clone(), None));
        assert_eq!(Handset::file(&world.telegram, &file.source.0), Some((given.mime, given.bytes)));
        world.telegram.fail_next_fetch(Fault::Html(502));
        let error = world.adapter().fetch(&kept, &file.source, 100).await.unwrap_err();
        assert!(matches!(error, ProviderError::Transient { .. }), "{error}");
    }
    let large = File { name: String::new(), mime: String::new(), bytes: Bytes::from(vec![0; 20 * 1024 * 1024 + 1]) };
    let source = shared::model::content::FileSource(world.telegram.store(large));
    let error = world.adapter().fetch(&kept, &source, usize::MAX).await.unwrap_err();
    assert_eq!(error.code(), "file_too_large");
}

#[tokio::test]
async fn a_files_address_dies() {
    let world = World::new().await;
    let id = world.telegram.store(File { name: String::new(), mime: String::new(), bytes: Bytes::from_static(b"x") });
    let token = demo_bot().token;
    let client = reqwest::Client::builder().build().unwrap();
    let asked = client.post(format!("{}/bot{token}/getFile", world.url)).json(&json!({"file_id": id})).send().await.unwrap();
    let found: Value = asked.json().await.unwrap();
    let address = format!("{}/file/bot{token}/{}", world.url, found["result"]["file_path"].as_str().unwrap());
    assert_eq!(client.get(&address).send().await.unwrap().bytes().await.unwrap(), "x");
    world.clock.advance(Duration::from_secs(3601));
    assert_eq!(client.get(&address).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn files_go_out_each_in_its_way() {
    let world = World::new().await;
    let kept = world.connect().await;
    world.telegram.customer_writes(ADA, "Ada", "Hello");
    let files = [
        file(FileKind::Image, "image/jpeg", "a.jpg", JPEG),
        file(FileKind::Image, "image/png", "b.png", b"\x89PNG\r\n\x1a\n"),
        file(FileKind::Audio, "audio/ogg", "c.ogg", b"ogg"),
        file(FileKind::Document, "application/pdf", "Büro.pdf", b"pdf"),
    ];
    let accepted = world.send(&kept, "All of it", &files, None).await.unwrap();
    let ids: Vec<usize> = accepted.iter().map(|part| part.provider_ids.len()).collect();
    assert_eq!(ids, [2, 1, 1], "an album has an id for each file");
    let sent = world.telegram.sent();
    let methods: Vec<&str> = sent.iter().map(|sent| sent.method.as_str()).collect();
    assert_eq!(methods, ["sendMediaGroup", "sendMediaGroup", "sendVoice", "sendDocument"]);
    assert_eq!((sent[0].text.as_str(), sent[1].text.as_str()), ("All of it", ""));
    let last = world.telegram.stored(sent[3].file.as_ref().unwrap()).unwrap();
    assert_eq!((last.name.as_str(), last.mime.as_str(), &last.bytes[..]), ("Büro.pdf", "application/pdf", &b"pdf"[..]));
    assert_eq!(world.telegram.phones().chat(ADA).unwrap().lines[4].files[0].name, "Büro.pdf");
    assert_eq!(world.telegram.violations(), [""; 0]);

    // What is said to be a picture and is none.
    let odd = [file(FileKind::Image, "image/jpeg", "a.jpg", b"no picture")];
    world.send(&kept, "", &odd, None).await.unwrap();
    assert_eq!(world.telegram.sent().last().unwrap().method, "sendDocument");
}

#[tokio::test]
async fn refusals_and_accidents() {
    let world = World::new().await;
    let kept = world.connect().await;
    let refusal = |result: Result<Vec<Accepted>, ProviderError>| match result {
        Err(ProviderError::Refused { refusal, code, .. }) => (refusal, code),
        other => panic!("{other:?}"),
    };
    let nobody = refusal(world.send(&kept, "Hi", &[], None).await);
    assert_eq!(nobody, (Refusal::NotFound, "chat_not_found".to_owned()));
    world.telegram.customer_writes(ADA, "Ada", "Hello");
    world.send(&kept, "Hi <_*", &[], Some("5001:999")).await.unwrap();
    assert_eq!(world.telegram.sent()[0].reply_to, None, "what is answered may be gone");
    world.telegram.block(ADA);
    assert_eq!(refusal(world.send(&kept, "Hi", &[], None).await), (Refusal::Forbidden, "blocked".to_owned()));
    world.telegram.unblock(ADA);
    world.telegram.phones().set_behaviour(ADA, Behaviour::Fails);
    assert_eq!(refusal(world.send(&kept, "Hi", &[], None).await), (Refusal::Forbidden, "blocked".to_owned()));
    world.telegram.phones().set_behaviour(ADA, Behaviour::Reads);

    world.telegram.fail_next(Fault::Refused(429, "Too Many Requests: retry after 14"));
    let error = world.send(&kept, "Hi", &[], None).await.unwrap_err();
    assert!(matches!(error, ProviderError::RateLimited { retry_after, .. } if retry_after.as_secs() == 14), "{error}");
    let before = world.telegram.sent().len();
    for (fault, sent) in [(Fault::Html(502), 0), (Fault::LostAnswer, 1)] {
        world.telegram.fail_next(fault);
        let error = world.send(&kept, "Hi", &[], None).await.unwrap_err();
        assert!(matches!(error, ProviderError::Uncertain { .. }), "{error}");
        assert_eq!(world.telegram.sent().len(), before + sent);
    }
    world.telegram.fail_next(Fault::Upgraded(ADA.parse().unwrap()));
    let accepted = world.send(&kept, "Hi", &[], None).await.unwrap();
    assert_eq!(accepted[0].moved_to.as_ref().unwrap().as_str(), "chat:5001");
}

#[tokio::test]
async fn a_picture_is_shown_to_who_asks() {
    let world = World::new().await;
    let kept = world.connect().await;
    let ada = ContactKey::parse(&format!("chat:{ADA}")).unwrap();
    assert!(world.adapter().profile(&kept, &ada).await.unwrap().avatar.is_none());
    world.telegram.customer_writes(ADA, "Ada Lovelace", "Hello");
    let profile = world.adapter().profile(&kept, &ada).await.unwrap();
    assert_eq!((profile.name.as_deref(), profile.avatar.is_some()), (Some("Ada Lovelace"), false));
    world.telegram.set_picture(ADA, "image/jpeg", JPEG);
    assert_eq!(world.adapter().profile(&kept, &ada).await.unwrap().avatar.unwrap().bytes, JPEG);
}

#[tokio::test]
async fn updates_are_sent_as_they_were_asked_for() {
    let world = World::new().await;
    assert_eq!(world.telegram.update("message", &json!({})), None, "nobody asked");
    let kept = world.connect().await;
    assert_eq!(world.telegram.update("poll", &json!({})), None);
    world.telegram.webhooks().hold();
    world.telegram.customer_writes(ADA, "Ada", "one");
    world.telegram.customer_writes(ADA, "Ada", "two");
    world.telegram.webhooks().send_twice(1);
    world.telegram.release(|updates| updates.reverse());
    let texts: Vec<String> = world.messages(&kept).await.into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["two", "two", "one"]);

    world.telegram.link_business("bc1");
    let owner = json!({"message_id": 9, "business_connection_id": "bc1", "date": 1, "text": "Hi",
        "from": {"id": 1, "is_bot": false, "first_name": "Owner"}, "chat": {"id": 5001, "type": "private", "first_name": "Ada"}});
    world.telegram.update("business_message", &owner).unwrap();
    assert_eq!(world.messages(&kept).await[0].customer.keys[0].as_str(), "business:bc1:5001");
}

/// Number and description of what the API answers to a raw call; none if it does what it is asked.
async fn refused(world: &World, path: &str, body: &Value) -> Option<(i64, String)> {
    let answer =
        reqwest::Client::builder().build().unwrap().post(format!("{}/{path}", world.url)).json(body).send().await.unwrap();
    let status = answer.status().as_u16();
    let answer: Value = answer.json().await.unwrap();
    (answer["ok"] != true).then(|| {
        assert_eq!(answer["error_code"], status);
        (i64::from(status), answer["description"].as_str().unwrap().to_owned())
    })
}

#[tokio::test]
async fn raw_calls_are_checked() {
    let world = World::new().await;
    world.telegram.customer_writes(ADA, "Ada", "Hello");
    let bot = format!("bot{}", demo_bot().token);
    let to_ada = |more: &Value| {
        let mut body = json!({"chat_id": ADA, "text": "Hi"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (path, body, expected) in [
        ("botnonsense/getMe", json!({}), Some((404, "Not Found"))),
        ("bot1:wrong/getMe", json!({}), Some((401, "Unauthorized"))),
        ("{bot}/getme", json!({}), None),
        ("{bot}/sendFax", json!({}), Some((404, "Not Found: method not found"))),
        ("{bot}/sendMessage", json!({"text": "Hi"}), Some((400, "Bad Request: chat_id is empty"))),
        ("{bot}/sendMessage", json!({"chat_id": 7, "text": "Hi"}), Some((400, "Bad Request: chat not found"))),
        ("{bot}/sendMessage", to_ada(&json!({"text": " "})), Some((400, "Bad Request: message text is empty"))),
        ("{bot}/sendMessage", to_ada(&json!({"text": "ä".repeat(4096)})), None),
        ("{bot}/sendMessage", to_ada(&json!({"text": "ä".repeat(4097)})), Some((400, "Bad Request: message is too long"))),
        (
            "{bot}/sendMessage",
            to_ada(&json!({"text": "a_b", "parse_mode": "Markdown"})),
            Some((400, "Bad Request: can't parse entities: Can't find end of the entity")),
        ),
        (
            "{bot}/sendMessage",
            to_ada(&json!({"reply_parameters": {"message_id": 999}})),
            Some((400, "Bad Request: message to be replied not found")),
        ),
        (
            "{bot}/sendMessage",
            to_ada(&json!({"business_connection_id": "bc1"})),
            Some((400, "Bad Request: BUSINESS_CONNECTION_INVALID")),
        ),
        ("{bot}/sendPhoto", to_ada(&json!({})), Some((400, "Bad Request: there is no photo in the request"))),
        (
            "{bot}/sendMediaGroup",
            to_ada(&json!({"media": [{"type": "photo", "media": "attach://a"}]})),
            Some((400, "Bad Request: media group must have 2-10 items")),
        ),
        (
            "{bot}/setWebhook",
            json!({"url": "https://x.example/", "secret_token": "with space"}),
            Some((400, "Bad Request: secret token contains unallowed characters")),
        ),
        (
            "{bot}/setWebhook",
            json!({"url": "https://x.example:3000/"}),
            Some((400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")),
        ),
        ("{bot}/getUpdates", json!({}), None),
        ("{bot}/getFile", json!({"file_id": "x"}), Some((400, "Bad Request: invalid file_id"))),
        (
            "{bot}/answerCallbackQuery",
            json!({"callback_query_id": "1"}),
            Some((400, "Bad Request: query is too old and response timeout expired or query ID is invalid")),
        ),
        ("{bot}/setWebhook", json!({"url": "https://x.example/"}), None),
    ] {
        let got = refused(&world, &path.replace("{bot}", &bot), &body).await;
        let expected = expected.map(|(number, description)| (number, description.to_owned()));
        assert_eq!(got, expected, "{path} {body}");
    }
    assert!(refused(&world, &format!("{bot}/getUpdates"), &json!({})).await.unwrap().1.starts_with("Conflict: "));
    assert_eq!(refused(&world, &format!("{bot}/sendMessage"), &to_ada(&json!({"parse_mod": "x"}))).await, None);
    assert_eq!(world.telegram.violations(), ["sendMessage: parse_mod"]);
}

#[test]
fn customers_as_typed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _inside = runtime.enter();
    let telegram = Telegram::new(demo_bot(), Arc::new(SystemClock));
    assert_eq!(telegram.customer(" 5001 ").as_deref(), Some("5001"));
    assert_eq!(telegram.customer("0042").as_deref(), Some("42"));
    for wrong in ["", "0", "-5", "ada", "12345678901234567"] {
        assert_eq!(telegram.customer(wrong), None, "{wrong}");
    }
}
