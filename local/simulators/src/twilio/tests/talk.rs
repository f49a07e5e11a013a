//! Talks between customers and the bundle's adapter.

use shared::{
    model::{
        content::{Content, FileKind},
        message::Direction,
    },
    providers::{InboundMessage, outgoing::OutgoingFile},
};

use super::*;
use crate::{
    handset::{Deed, GivenFile, Handset, Unsupported},
    phones::Behaviour,
};

const SMS: &str = "+15550100001";
const WHATSAPP: &str = "whatsapp:+15550100001";

fn messages(events: &[EventKind]) -> Vec<&InboundMessage> {
    events.iter().filter_map(|kind| if let EventKind::Message(message) = kind { Some(message) } else { None }).collect()
}

/// Status, failure and our own id of each.
fn statuses(events: &[EventKind]) -> Vec<(Status, Option<&str>, Option<String>)> {
    let updates = events.iter().filter_map(|kind| if let EventKind::Status(update) = kind { Some(update) } else { None });
    updates
        .map(|update| {
            let failure = update.failure.as_ref().map(|reason| reason.code.as_str());
            (update.status, failure, update.message.as_ref().map(ToString::to_string))
        })
        .collect()
}

fn picture() -> GivenFile {
    GivenFile {
        name: "cat.png".to_owned(),
        mime: "image/png".to_owned(),
        voice: false,
        bytes: Bytes::from_static(b"picture"),
        caption: "Look".to_owned(),
    }
}

#[tokio::test]
async fn a_customer_writes_and_gets_an_answer() {
    let world = World::connected().await;
    let number = &world.twilio.numbers()[0];
    assert_eq!(number.sms_url, format!("{}#rc=3&rp=4xx,5xx,ct,rt", world.webhook_url()));
    world.twilio.customer_writes(SMS, "Ada", "Grüße & 1+1 😀");
    let events = world.events().await;
    let [message] = messages(&events)[..] else { panic!("{events:?}") };
    assert_eq!((message.text.as_str(), message.customer.phone.as_deref()), ("Grüße & 1+1 😀", Some(SMS)));

    let (id, sent) = world.send(message.customer.keys[0].as_str(), PartContent::Text("Hello")).await;
    let kept = world.twilio.message(&sent.unwrap()).unwrap();
    assert_eq!((kept.from.as_str(), kept.to.as_str(), kept.body.as_str()), (NUMBER, SMS, "Hello"));
    let events = world.events().await;
    let id = Some(id.to_string());
    assert_eq!(statuses(&events), [(Status::Sent, None, id.clone()), (Status::Delivered, None, id)]);
    let lines = world.twilio.phones().chat(SMS).unwrap().lines;
    assert_eq!((lines.len(), lines[1].text.as_str(), lines[1].status), (2, "Hello", Status::Delivered));
}

#[tokio::test]
async fn files_go_both_ways() {
    let world = World::connected().await;
    world.twilio.does(SMS, "Ada", &Deed::File(picture())).unwrap();
    let events = world.events().await;
    let [message] = messages(&events)[..] else { panic!("{events:?}") };
    assert_eq!((message.text.as_str(), message.files[0].kind), ("Look", FileKind::Image));
    let fetched = world.provider().fetch(&world.credentials(), &message.files[0].source, 100).await.unwrap();
    assert_eq!((&fetched.bytes[..], fetched.mime.as_deref()), (&b"picture"[..], Some("image/png")));

    let files = serve(
        Router::new()
            .route("/a.pdf", axum::routing::get(|| async { ([(http::header::CONTENT_TYPE, "application/pdf")], "document") })),
    )
    .await;
    let file = |name: &str| OutgoingFile {
        name: name.to_owned(),
        mime: "application/pdf".to_owned(),
        kind: FileKind::Document,
        bytes: Bytes::from_static(b"document"),
        link: format!("{files}/{name}"),
    };
    let (good, gone) = (file("a.pdf"), file("b.pdf"));
    let content = PartContent::Files { files: vec![&good, &good], caption: Some("Two") };
    let (_, sent) = world.send("phone:15550100001", content).await;
    world.settled().await;
    let line = world.twilio.phones().chat(SMS).unwrap().lines.pop().unwrap();
    assert_eq!((line.id.as_str(), line.text.as_str(), line.files.len()), (sent.unwrap().as_str(), "Two", 2));
    let shown = world.twilio.file(&line.files[1].id).unwrap();
    assert_eq!(shown, ("application/pdf".to_owned(), Bytes::from_static(b"document")));

    let before = world.events().await.len();
    world.send("phone:15550100001", PartContent::Files { files: vec![&gone], caption: None }).await.1.unwrap();
    let events = world.events().await;
    assert!(matches!(statuses(&events[before..])[..], [(Status::Failed, Some("media_failed"), Some(_))]));
}

#[tokio::test]
async fn who_opts_out_is_not_written_to() {
    let world = World::connected().await;
    world.twilio.customer_writes(SMS, "", " stop ");
    assert_eq!(world.send("phone:15550100001", PartContent::Text("x")).await.1, Err("21610".to_owned()));
    world.twilio.customer_writes(SMS, "", "START");
    world.twilio.customer_writes(SMS, "", "help");
    assert!(world.send("phone:15550100001", PartContent::Text("x")).await.1.is_ok());
    let events = world.events().await;
    let notices: Vec<&str> = messages(&events)
        .iter()
        .filter_map(|message| if let Some(Content::Notice { what }) = &message.content { Some(what.as_str()) } else { None })
        .collect();
    assert_eq!(notices, ["opted_out", "opted_in", "asked_for_help"]);
}

#[tokio::test]
async fn whatsapp_has_places_answers_reads_and_a_window() {
    let world = World::connected().await;
    let (_, sent) = world.send("whatsapp:15550100001", PartContent::Text("Hello?")).await;
    let events = world.events().await;
    assert!(matches!(statuses(&events)[..], [(Status::Failed, Some("window_closed"), Some(_))]), "{events:?}");
    let place = Deed::Location { latitude: 52.5, longitude: 13.4, name: "Office".to_owned() };
    world.twilio.does(WHATSAPP, "Ada", &place).unwrap();
    world.twilio.does(WHATSAPP, "Ada", &Deed::Reply("Yes".to_owned())).unwrap();
    let events = world.events().await;
    let [location, reply] = messages(&events)[..] else { panic!("{events:?}") };
    assert!(matches!(&location.content, Some(Content::Location { name: Some(name), .. }) if name == "Office"));
    assert_eq!((location.customer.name.as_str(), location.reply_by.is_some()), ("Ada", true));
    assert_eq!(reply.reply_to.as_ref().map(|reply| reply.id.to_string()), sent.ok());

    let before = events.len();
    world.send("whatsapp:15550100001", PartContent::Text("Hello")).await.1.unwrap();
    let events = world.events().await;
    let told: Vec<Status> = statuses(&events[before..]).iter().map(|(status, ..)| *status).collect();
    assert_eq!(told, [Status::Sent, Status::Delivered, Status::Read]);
}

#[tokio::test]
async fn text_messages_have_nothing_else() {
    let world = World::new().await;
    let huge = GivenFile { bytes: vec![0; 5 * 1024 * 1024 + 1].into(), ..picture() };
    for deed in [
        Deed::Location { latitude: 1.0, longitude: 1.0, name: String::new() },
        Deed::Reply("x".to_owned()),
        Deed::Reaction("👍".to_owned()),
        Deed::Edit("x".to_owned()),
        Deed::Delete,
        Deed::File(huge),
    ] {
        assert_eq!(world.twilio.does(SMS, "", &deed), Err(Unsupported), "{deed:?}");
    }
    assert_eq!(world.twilio.does(WHATSAPP, "", &Deed::Reply("to nothing".to_owned())), Err(Unsupported));
    for (typed, customer) in [
        ("+1 (555) 010-0001", Some(SMS)),
        ("15550100001", Some(SMS)),
        ("whatsapp:15550100001", Some(WHATSAPP)),
        ("0555", None),
        ("Ada", None),
    ] {
        assert_eq!(world.twilio.customer(typed).as_deref(), customer, "{typed}");
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_at_once_or_later() {
    let world = World::connected().await;
    world.twilio.customer_writes(SMS, "", "Hi");
    let text = || PartContent::Text("Hello");
    for (fault, code) in [
        (Fault::Code(20_003), "20003"),
        (Fault::Code(20_429), "20429"),
        (Fault::Code(20_500), "20500"),
        (Fault::Html(502), "http_502"),
    ] {
        world.twilio.fail_next(fault);
        assert_eq!(world.send("phone:15550100001", text()).await.1, Err(code.to_owned()), "{fault:?}");
    }
    assert_eq!(world.twilio.sent().len(), 0);

    world.twilio.fail_next(Fault::LostAnswer);
    let (id, sent) = world.send("phone:15550100001", text()).await;
    assert!(sent.is_err());
    let events = world.events().await;
    assert_eq!(statuses(&events)[0].2, Some(id.to_string()), "a status finds the message all the same");

    for (prepare, failure) in [
        (Box::new(|twilio: &Twilio| twilio.fail_next(Fault::Later(30_007))) as Box<dyn Fn(&Twilio)>, "filtered"),
        (Box::new(|twilio: &Twilio| twilio.phones().set_behaviour(SMS, Behaviour::Fails)), "unreachable"),
    ] {
        prepare(&world.twilio);
        world.send("phone:15550100001", text()).await.1.unwrap();
        let events = world.events().await;
        assert_eq!(statuses(&events).last().unwrap().1, Some(failure));
    }
}

#[tokio::test]
async fn what_was_written_before_is_there() {
    let world = World::new().await;
    for position in 0..130 {
        world.twilio.customer_writes(SMS, "", &format!("{position}"));
    }
    world.twilio.does(SMS, "", &Deed::File(picture())).unwrap();
    world.send("phone:15550100001", PartContent::Text("Hello")).await.1.unwrap();
    world.twilio.customer_writes(WHATSAPP, "Ada", "another sender's");
    world.settled().await;
    assert!(messages(&world.events().await).is_empty(), "the number's messages go nowhere yet");

    let (mut cursor, mut found, mut pages) = (None, Vec::new(), 0);
    loop {
        let page = world.provider().history(&world.credentials(), cursor.as_deref()).await.unwrap();
        found.extend(page.messages);
        pages += 1;
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let count = |direction| found.iter().filter(|message| message.direction == direction).count();
    assert_eq!((count(Direction::In), count(Direction::Out), pages), (131, 1, 3));
    let ids: std::collections::BTreeSet<&str> = found.iter().map(|message| message.provider_id.as_str()).collect();
    assert_eq!(ids.len(), 132, "none twice");
    let file = found.iter().find_map(|message| message.files.first()).unwrap();
    let fetched = world.provider().fetch(&world.credentials(), &file.source, 100).await.unwrap();
    assert_eq!((&fetched.bytes[..], fetched.mime.as_deref()), (&b"picture"[..], Some("image/png")));
}

#[tokio::test]
async fn a_channel_is_disconnected_and_a_suspended_account_is_not_connected() {
    let world = World::connected().await;
    world.provider().unsubscribe(&world.credentials(), &[]).await.unwrap();
    assert_eq!(world.twilio.numbers()[0].sms_url, "");
    world.twilio.set_account_status("suspended");
    let error = world.provider().check(&world.twilio.credentials()).await.unwrap_err();
    assert_eq!(error.for_people(), "credentials.account_sid is of an account that Twilio has suspended");
    assert_eq!(world.send("phone:15550100001", PartContent::Text("x")).await.1, Err("20005".to_owned()));
    world.twilio.set_auth_token("another");
    let mut credentials = world.twilio.credentials();
    credentials["auth_token"] = AUTH_TOKEN.into();
    let error = world.provider().check(&credentials).await.unwrap_err();
    assert_eq!(error.for_people(), "credentials.auth_token is not accepted by Twilio for this account SID");
}

#[tokio::test]
async fn webhooks_are_held_back_and_sent_twice_one_by_one() {
    let world = World::connected().await;
    world.twilio.webhooks().hold();
    world.twilio.customer_writes(SMS, "", "one");
    world.twilio.customer_writes(SMS, "", "two");
    world.twilio.webhooks().release(|events| events.reverse());
    let texts = |events: &[EventKind]| messages(events).iter().map(|m| m.text.clone()).collect::<Vec<_>>();
    assert_eq!(texts(&world.events().await), ["two", "one"]);
    world.twilio.webhooks().send_twice(1);
    world.twilio.customer_writes(SMS, "", "three");
    assert_eq!(texts(&world.events().await), ["two", "one", "three", "three"]);
    let url = world.webhook_url();
    let fields = json!({"MessageSid": "SM1", "From": SMS, "Body": "by hand"});
    assert_eq!(world.twilio.send_webhook(&url, &fields).await, Some(StatusCode::OK));
    assert_eq!(texts(&world.events().await).last().map(String::as_str), Some("by hand"));
}
