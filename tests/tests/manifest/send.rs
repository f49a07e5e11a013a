//! `postMessage`: what is sent, in every spelling of the form, and what is not.

use std::time::Duration;

use http::Method;
use lambda_http::Body;
use local::simulators::pipedrive::Recipients;
use pigeonpost_tests::{
    call::{FORM, as_pipedrive, form, json, request},
    world::{World, phone},
};
use shared::{http::HttpFunction, model::status::Status};

use crate::manifest::caller::{Caller, Chat};

/// A field of the form in place of the one that has its name.
fn with<'a>(fields: &[(&'a str, &'a str)], name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut fields = without(fields, name);
    fields.push((name, value));
    fields
}

fn without<'a>(fields: &[(&'a str, &'a str)], name: &str) -> Vec<(&'a str, &'a str)> {
    fields.iter().copied().filter(|(field, _)| *field != name).collect()
}

/// What reached the customers: to whom, and the text.
fn sent(world: &World) -> Vec<(String, String)> {
    world.bundle.graph().sent().into_iter().map(|sent| (sent.to, sent.text)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_in_every_spelling() {
    let world = World::start().await;
    let (ada, _bob) = (Chat::begin(&world, &phone(1), "Ada").await, Chat::begin(&world, &phone(2), "Bob").await);
    let caller = Caller::new(&world);
    let mut expected = Vec::new();
    for spelling in [
        Recipients::Brackets,
        Recipients::Indexed,
        Recipients::Repeated,
        Recipients::Commas,
        Recipients::Json,
        Recipients::Absent,
    ] {
        world.bundle.pipedrive().change(|settings| settings.recipients = spelling);
        let text = format!("{spelling:?}");
        let sim = world.bundle.pipedrive();
        let id = sim.send_from_inbox(&ada.channel, &ada.conversation, &text, Vec::new()).await.unwrap();
        assert!(id.starts_with("m_"), "{id}");
        expected.push((phone(1), text));
    }
    let plain = without(&ada.fields("by hand"), "recipientIds[]");
    let list = format!(" {} , ", ada.customer);
    let json = format!("[\"{}\"]", ada.customer);
    for field in [
        ("recipient_ids", ada.customer.as_str()),
        ("recipient_ids[]", &ada.customer),
        ("recipientIds[7]", &ada.customer),
        ("recipientIds", &list),
        ("recipientIds[]", &json),
        ("recipientIds", ""),
        ("recipientIds", "[]"),
    ] {
        let mut fields = plain.clone();
        fields.push(field);
        caller.post(&ada.channel, &fields).await.done();
        expected.push((phone(1), "by hand".to_owned()));
    }
    assert_eq!(sent(&world), expected);
    world.settle().await;
    let shown = world.shown("Ada");
    assert_eq!(shown.len(), 1 + expected.len(), "each once");
    assert!(shown[1..].iter().all(|message| message.status == Status::Read), "{shown:?}");
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipient_stands_in_for_a_missing_conversation() {
    let world = World::start().await;
    let (ada, bob) = (Chat::begin(&world, &phone(1), "Ada").await, Chat::begin(&world, &phone(2), "Bob").await);
    let caller = Caller::new(&world);
    for chat in [&bob, &ada] {
        let fields = without(&chat.fields("you"), "conversationId");
        let body = caller.post(&chat.channel, &fields).await.done();
        assert_eq!(body["success"], true);
        let id = body["data"]["id"].as_str().unwrap();
        let found = caller.get(&format!("{}/conversations/{}/messages/{id}", chat.channel, chat.conversation)).await.done();
        assert_eq!((&found["message"], &found["sender_id"]), (&"you".into(), &chat.company_side.as_str().into()));
        // An empty field is a missing one.
        caller.post(&chat.channel, &with(&fields, "conversationId", "")).await.done();
    }
    let expected = [2, 2, 1, 1].map(|n| (phone(n), "you".to_owned()));
    assert_eq!(sent(&world), expected);

    let both = format!("{},{}", ada.customer, bob.customer);
    let lost = without(&without(&ada.fields("whom?"), "conversationId"), "recipientIds[]");
    for fields in [lost.clone(), with(&lost, "recipientIds", &both), with(&lost, "recipientIds", &ada.company_side)] {
        caller.post(&ada.channel, &fields).await.names("INVALID_BODY", "conversationId");
    }
    assert_eq!(sent(&world).len(), expected.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_form_is_named() {
    let world = World::start().await;
    let (ada, bob) = (Chat::begin(&world, &phone(1), "Ada").await, Chat::begin(&world, &phone(2), "Bob").await);
    let caller = Caller::new(&world);
    let good = ada.fields("hello back");
    let (limit, long) = ("\u{1f600}".repeat(4096), "\u{e9}".repeat(4097));
    let huge = "x".repeat(4_000_000);
    let twice = [good.clone(), vec![("message", "and again")]].concat();
    let many_files = [good.clone(), vec![("files; filename=\"offer.pdf\"", "%PDF-1.7"); 21]].concat();
    for (field, fields) in [
        ("senderId", with(&good, "senderId", &ada.customer)),
        ("senderId", with(&good, "senderId", "pt_00000000000000000000")),
        ("senderId", with(&good, "senderId", "Ada")),
        ("message", with(&good, "message", "")),
        ("message", with(&good, "message", " \n\t ")),
        ("message", without(&good, "message")),
        ("message", with(&good, "message", &long)),
        ("message", with(&good, "message", &huge)),
        ("message", twice),
        ("recipientIds", with(&good, "recipientIds[]", &bob.customer)),
        ("recipientIds", with(&good, "recipientIds[]", "[1]")),
        ("files", many_files),
    ] {
        caller.post(&ada.channel, &fields).await.names("INVALID_BODY", field);
    }

    let whole = form(&good);
    for (content_type, body) in [
        ("application/json", "{\"message\":\"hello\"}"),
        ("application/x-www-form-urlencoded", "message=hello"),
        ("multipart/form-data", &whole),
        ("multipart/form-data; boundary=YY", &whole),
        (FORM, &whole[..whole.len() - 10]),
        (FORM, ""),
        (FORM, "no form at all"),
    ] {
        caller.post_raw(&ada.channel, content_type, body.to_owned()).await.names("INVALID_BODY", "body");
    }
    let path = format!("{}/messages", ada.channel);
    caller.call(Method::POST, &path, as_pipedrive(), whole.clone()).await.names("INVALID_BODY", "body");
    for conversation in ["cv_0000000000000000", "nonsense"] {
        let fields = with(&good, "conversationId", conversation);
        caller.post(&ada.channel, &fields).await.refused(404, "NOT_FOUND");
    }
    for channel in ["ch_1001_00000000000000000000", "nonsense"] {
        caller.post(channel, &good).await.refused(404, "NOT_FOUND");
    }
    assert_eq!(sent(&world), [], "nothing of that reached a customer");

    // What is not known is no fault, and the longest text is not too long.
    let more = [good.clone(), vec![("templateId", "t"), ("surprise[]", "!"), ("recipientIdsX", "?")]].concat();
    caller.post(&ada.channel, &more).await.done();
    caller.post(&ada.channel, &with(&good, "message", &limit)).await.done();
    assert_eq!(sent(&world), [(phone(1), "hello back".to_owned()), (phone(1), limit)]);
}

/// The gateway takes no more than 6 MB and says so in its own words, in AWS as here. What it let through would be refused
/// as the contract has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_six_megabytes_is_refused() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let body =
        form(&[ada.fields("hello"), vec![("files; filename=\"film.mp4\"", "x".repeat(6 * 1024 * 1024).as_str())]].concat());

    let mut headers = as_pipedrive();
    headers.insert(http::header::CONTENT_TYPE, FORM.parse().unwrap());
    let function = post_message::Function::new(world.bundle.environment());
    let path = format!("/api/channels/{}/messages", ada.channel);
    let parameters = [("providerChannelId", ada.channel.as_str())];
    let answer = function.call(request(Method::POST, &path, &parameters, headers.clone(), Body::from(body.clone()))).await;
    let said = json(&answer);
    assert_eq!((answer.status().as_u16(), &said["data"]["code"]), (400, &"INVALID_BODY".into()));
    assert!(said["data"]["message"].as_str().unwrap().starts_with("body: "), "{said}");

    let client = reqwest::Client::builder().build().unwrap();
    let answer = client.post(format!("{}{path}", world.bundle.url())).headers(headers).body(body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 413);
    assert_eq!(answer.headers()[http::header::CONTENT_TYPE], "application/json");
    assert_eq!(sent(&world), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_the_customer_has_to_write_first() {
    let world = World::start().await;
    let ada = Chat::begin(&world, &phone(1), "Ada").await;
    let caller = Caller::new(&world);
    caller.post(&ada.channel, &ada.fields("in time")).await.done();
    world.clock.advance(Duration::from_hours(24) + Duration::from_mins(1));
    caller.post(&ada.channel, &ada.fields("too late")).await.refused(403, "FORBIDDEN");
    world.bundle.graph().customer_writes(&phone(1), "Ada", "still there?");
    world.settle().await;
    caller.post(&ada.channel, &ada.fields("yes")).await.done();
    assert_eq!(sent(&world).into_iter().map(|(_, text)| text).collect::<Vec<_>>(), ["in time", "yes"]);
}
