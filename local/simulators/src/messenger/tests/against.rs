//! The bundle's adapter against the simulator.

use std::{sync::Arc, time::Duration};

use http::Method;
use secrecy::SecretSlice;
use serde_json::json;
use shared::{
    clock::{Clock, SystemClock},
    model::{
        content::{Content, FileKind},
        conversation::Customer,
        ids::{ContactKey, ConversationId, Place, ProviderMessageId},
        message::Direction,
        status::Status,
        time::Timestamp,
    },
    providers::{
        EventKind, InboundMessage, Outgoing, Outside, Provider, ProviderKind, RawWebhook, Registry, WebhookKeys,
        error::ProviderError,
        event::AccountNews,
        outgoing::{OutgoingFile, PartContent, PartId},
    },
    secrets::Secrets,
};

use super::{ADA, SECRET, World};
use crate::{
    handset::{Deed, GivenFile, Handset},
    messenger::{Fault, MessengerError},
};

const MAX: usize = 1_000_000;

/// The adapter with the page's credentials.
struct Side {
    registry: Registry,
    credentials: SecretSlice<u8>,
    secrets: Secrets,
    customer: Customer,
    id: PartId,
}

impl Side {
    fn new(world: &World) -> Self {
        let client = || reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap().into();
        let registry = Registry::new(&Outside {
            http: client(),
            guarded: client(),
            graph_api_url: world.url.clone(),
            telegram_api_url: String::new(),
            twilio_api_url: String::new(),
            allow_loopback_urls: true,
            clock: Arc::new(SystemClock),
        });
        let credentials = json!({"page_id": "400", "page_access_token": "EAATEST"}).to_string();
        let secret = json!({"meta_app_secret": SECRET, "encryption_key": "0123456789abcdef0123456789abcdef"});
        let key = ContactKey::parse(&format!("psid:{ADA}")).unwrap();
        Self {
            registry,
            credentials: SecretSlice::from(credentials.into_bytes()),
            secrets: Secrets::parse(&secret.to_string()).ok().unwrap(),
            customer: Customer::new(vec![key], "Ada L".to_owned()),
            id: ConversationId::new().message(&Place::new(Timestamp::EPOCH, Timestamp::EPOCH, 0)).into(),
        }
    }

    fn adapter(&self) -> &dyn Provider {
        self.registry.get(ProviderKind::Messenger)
    }

    /// What the webhooks say that came since.
    async fn events(&self, world: &World) -> Vec<EventKind> {
        let keys = WebhookKeys { secrets: &self.secrets, credentials: None, now: Timestamp::EPOCH };
        let read = |(headers, body)| {
            let webhook = self.adapter().verify(RawWebhook { url: String::new(), headers, body }, &keys).unwrap();
            self.adapter().parse(&webhook)
        };
        world.webhooks().await.into_iter().flat_map(read).map(|event| event.kind).collect()
    }

    async fn message(&self, world: &World) -> InboundMessage {
        match &self.events(world).await[..] {
            [EventKind::Message(message)] => message.clone(),
            other => panic!("{other:?}"),
        }
    }

    async fn send(&self, content: PartContent<'_>, reply_to: Option<&ProviderMessageId>) -> Result<String, ProviderError> {
        let part = Outgoing {
            id: self.id.clone(),
            to: &self.customer.keys[0],
            customer: &self.customer,
            content,
            reply_to,
            reply_by: None,
            webhook_url: "",
            sent_at: SystemClock.now(),
        };
        let accepted = self.adapter().send(&self.credentials, &part).await?;
        Ok(accepted.provider_ids[0].as_str().to_owned())
    }
}

async fn connected() -> (World, Side) {
    let world = World::new().await;
    let side = Side::new(&world);
    let given = json!({"page_id": "400", "page_access_token": "EAATEST"});
    assert_eq!(side.adapter().check(&given).await.unwrap().id.as_str(), "400");
    side.adapter().subscribe(&side.credentials, "").await.unwrap();
    (world, side)
}

fn given_file(mime: &str, name: &str, voice: bool, bytes: &'static [u8]) -> Deed {
    let caption = String::new();
    Deed::File(GivenFile { name: name.to_owned(), mime: mime.to_owned(), voice, bytes: bytes.into(), caption })
}

#[tokio::test]
async fn all_that_customers_do_is_understood() {
    let (world, side) = connected().await;
    let does = |deed: Deed| world.messenger.does(ADA, "Ada L", &deed).unwrap();
    let mid = does(Deed::Text("Hi".to_owned()));
    let text = side.message(&world).await;
    assert_eq!((text.provider_id.as_str(), text.text.as_str(), text.direction), (mid.as_str(), "Hi", Direction::In));
    assert_eq!(text.customer.keys, side.customer.keys);
    assert!(text.reply_by.is_some());
    does(Deed::Location { latitude: 60.17, longitude: 24.94, name: "Office".to_owned() });
    assert!(matches!(side.message(&world).await.content, Some(Content::Location { .. })));

    let answer = world.messenger.page_writes(ADA, "Hello");
    let echo = side.message(&world).await;
    assert_eq!((echo.provider_id.as_str(), echo.direction), (answer.as_str(), Direction::Out));
    does(Deed::Reply("Yes".to_owned()));
    let reply = side.message(&world).await;
    assert_eq!(reply.reply_to.map(|reply| reply.id.as_str().to_owned()), Some(answer.clone()));
    for (emoji, said) in [("❤", "Reacted ❤"), ("", "Removed a reaction")] {
        assert_eq!(does(Deed::Reaction(emoji.to_owned())), answer);
        let reaction = side.message(&world).await;
        assert_eq!((reaction.text.as_str(), reaction.reply_to.unwrap().id.as_str()), (said, answer.as_str()));
    }
    let mine = does(Deed::Edit("No".to_owned()));
    let events = side.events(&world).await;
    assert!(matches!(&events[..], [EventKind::Edit(edit)] if edit.target.as_str() == mine && edit.message.text == "No"));
    assert_eq!(does(Deed::Delete), mine);
    let events = side.events(&world).await;
    assert!(matches!(&events[..], [EventKind::Deletion(deletion)] if deletion.target.as_str() == mine), "{events:?}");
    world.messenger.customer_presses(ADA, "Ada L", "Get started");
    assert_eq!(side.message(&world).await.text, "Get started");
    world.messenger.enforce("400", "block");
    let events = side.events(&world).await;
    assert!(matches!(&events[..], [EventKind::Account(AccountNews::Suspended { .. })]));
}

#[tokio::test]
async fn files_are_fetched_also_when_their_links_have_expired() {
    let (world, side) = connected().await;
    for (mime, name, voice, kind) in [
        ("image/png", "a b.png", false, FileKind::Image),
        ("audio/mp4", "x", true, FileKind::Voice),
        ("application/pdf", "Offer ä.pdf", false, FileKind::Document),
    ] {
        world.messenger.does(ADA, "Ada L", &given_file(mime, name, voice, b"bytes")).unwrap();
        let message = side.message(&world).await;
        assert_eq!(message.files[0].kind, kind);
        for _ in 0..2 {
            let file = side.adapter().fetch(&side.credentials, &message.files[0].source, MAX).await.unwrap();
            assert_eq!((&file.bytes[..], file.mime.as_deref()), (&b"bytes"[..], Some(mime)));
            world.messenger.expire_links();
        }
        let too_large = side.adapter().fetch(&side.credentials, &message.files[0].source, 4).await.unwrap_err();
        assert_eq!(too_large.code(), "file_too_large");
    }
}

#[tokio::test]
async fn what_is_sent_arrives_and_is_reported() {
    let (world, side) = connected().await;
    let mid = world.messenger.customer_writes(ADA, "Ada L", "Hi");
    side.message(&world).await;
    let answered = ProviderMessageId::parse(&mid).unwrap();
    let sent = side.send(PartContent::Text("Grüße 😀"), Some(&answered)).await.unwrap();
    let [of_phone] = &world.messenger.sent()[..] else { panic!("sent once") };
    assert_eq!((of_phone.text.as_str(), of_phone.reply_to.as_deref()), ("Grüße 😀", Some(mid.as_str())));
    let events = side.events(&world).await;
    let [EventKind::Status(echo), EventKind::Status(delivery), EventKind::Receipt(read)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((echo.provider_id.as_str(), echo.status, echo.message.as_ref()), (sent.as_str(), Status::Sent, Some(&side.id)));
    assert_eq!((delivery.provider_id.as_str(), delivery.status), (sent.as_str(), Status::Delivered));
    assert_eq!((&read.customer, read.status, read.up_to), (&side.customer.keys[0], Status::Read, of_phone.at));

    let file = OutgoingFile {
        name: "Angebot ä.pdf".to_owned(),
        mime: "application/pdf".to_owned(),
        kind: FileKind::Document,
        bytes: "%PDF".into(),
        link: String::new(),
    };
    side.send(PartContent::Files { files: vec![&file], caption: None }, None).await.unwrap();
    let id = world.messenger.sent()[1].file.clone().unwrap();
    assert_eq!(world.messenger.file(&id), Some(("application/pdf".to_owned(), "%PDF".into())));
    let line = world.messenger.phones().chat(ADA).unwrap().lines.pop().unwrap();
    assert_eq!(line.files[0].name, "Angebot ä.pdf");
    assert!(side.events(&world).await.iter().all(|event| !matches!(event, EventKind::Message(_))), "no echo is doubled");
}

#[tokio::test]
async fn refusals_are_understood() {
    let (world, side) = connected().await;
    let send = async || side.send(PartContent::Text("Hi"), None).await.map_err(|error| error.to_string());
    assert!(send().await.unwrap_err().starts_with("refused (100.2018001)"));
    world.messenger.customer_writes(ADA, "Ada L", "Hi");
    world.messenger.fail_next(Fault::Refused(MessengerError::code(613, None).wait(3)));
    let busy = side.send(PartContent::Text("Hi"), None).await.unwrap_err();
    assert!(matches!(busy, ProviderError::RateLimited { retry_after, .. } if retry_after == Duration::from_mins(3)));
    world.messenger.fail_next(Fault::LostAnswer);
    assert!(send().await.unwrap_err().starts_with("outcome unknown"));
    assert_eq!(world.messenger.sent().len(), 1, "and not sent again");
    world.clock.advance(Duration::from_hours(25));
    assert!(send().await.unwrap_err().starts_with("refused (10.2018278)"));
}

#[tokio::test]
async fn people_and_the_past_are_told() {
    let world = World::new().await;
    let side = Side::new(&world);
    for customer in 7001..7024 {
        world.messenger.customer_writes(&customer.to_string(), &format!("Customer {customer}"), "Hi");
    }
    for n in 0..25 {
        world.messenger.page_writes(ADA, &n.to_string());
    }
    world.messenger.does(ADA, "Ada L", &given_file("image/png", "a.png", false, b"png")).unwrap();
    let (mut messages, mut cursor, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let page = side.adapter().history(&side.credentials, cursor.as_deref()).await.unwrap();
        messages.extend(page.messages);
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((pages, messages.len()), (3, 22 + 20), "of each conversation the 20 newest");
    let [newest, ..] = &messages[..] else { panic!("nothing") };
    assert_eq!((newest.customer.name.as_str(), newest.name_known, newest.direction), ("Ada L", true, Direction::In));
    let file = side.adapter().fetch(&side.credentials, &newest.files[0].source, MAX).await.unwrap();
    assert_eq!(&file.bytes[..], b"png");
    assert_eq!(messages.iter().filter(|message| message.direction == Direction::Out).count(), 19);

    let profile = side.adapter().profile(&side.credentials, &side.customer.keys[0]).await.unwrap();
    assert_eq!(profile.name.as_deref(), Some("Ada L"));
    assert_eq!(&profile.avatar.unwrap().bytes[..], ProviderKind::Messenger.icon());
    world.messenger.hide_profile(ADA);
    let hidden = side.adapter().profile(&side.credentials, &side.customer.keys[0]).await.unwrap();
    assert!(hidden.name.is_none() && hidden.avatar.is_none());
}

#[tokio::test]
async fn an_ended_subscription_is_silent() {
    let (world, side) = connected().await;
    side.adapter().unsubscribe(&side.credentials, &[]).await.unwrap();
    side.adapter().unsubscribe(&side.credentials, &[]).await.unwrap();
    world.messenger.customer_writes(ADA, "Ada L", "Hi");
    assert_eq!(side.events(&world).await, []);
    let (_, apps) = world.call(Method::GET, "/400/subscribed_apps", "EAATEST", None).await;
    assert_eq!(apps, json!({"data": []}));
}
