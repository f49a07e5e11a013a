//! The chat is as strict as the documentation, and what it posts is as the schema says.

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use shared::clock::{Clock, SystemClock};

use super::*;
use crate::{
    clock::AdjustableClock,
    handset::{Deed, GivenFile, Handset, Unsupported},
};

const OURS: &str = "m_0123456789abcdef0123456789abcdef01234567";
const PDF: &[u8] = b"%PDF-1.7";

fn message() -> Value {
    json!({"version": 1, "type": "message", "id": OURS, "to": {"id": "customer-7", "name": "Ada"}, "text": "Hi",
        "sent_at": "2026-11-20T09:16:00.000Z"})
}

fn with(field: &str, value: Value) -> Value {
    let mut message = message();
    message[field] = value;
    message
}

fn pdf(url: &str) -> Value {
    json!({"url": url, "type": "application/pdf", "name": "offer.pdf", "size": PDF.len(), "kind": "document"})
}

fn signed(body: &Value, id: &str, now: Timestamp) -> (HeaderMap, Bytes) {
    let body = Bytes::from(body.to_string());
    (signature::headers(SIGNING_SECRET, id, now, &body), body)
}

/// A chat that is served, and its address.
async fn served(clock: Arc<dyn Clock>) -> (Chat, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let chat = Chat::new(&url, clock);
    let router = chat.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    // Nobody listens there, so that what is queued can be waited for but never goes out.
    chat.set_webhook("http://127.0.0.1:9");
    (chat, url)
}

/// Posts to the chat's `send_url`; status and body of the answer.
async fn post(chat: &Chat, url: &str, body: &Value, id: &str) -> (u16, Value) {
    let (headers, body) = signed(body, id, chat.0.clock.now());
    let answer = chat.0.http.post(format!("{url}/send")).headers(headers).body(body).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

/// The events that `chat` posts while `deeds` are done.
fn posted(chat: &Chat, deeds: impl FnOnce()) -> Vec<Value> {
    chat.webhooks().hold();
    deeds();
    let mut posted = Vec::new();
    chat.webhooks().release(|events| posted.append(events));
    posted
}

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../../../../docs/custom-provider.schema.json")).unwrap();
    let root = json!({"$schema": schema["$schema"], "$ref": "#/$defs/toPigeonpost", "$defs": schema["$defs"]});
    jsonschema::options().should_validate_formats(true).build(&root).unwrap()
}

#[tokio::test]
async fn sends_are_checked_and_taken_once() {
    let (chat, url) = served(Arc::new(SystemClock)).await;
    let status = async |body: &Value, id: &str| post(&chat, &url, body, id).await.0;
    assert_eq!(status(&json!({"version": 1, "type": "ping"}), "x").await, 204);
    assert_eq!(status(&message(), OURS).await, 200);
    assert_eq!(status(&message(), OURS).await, 200);
    assert_eq!(chat.sent().len(), 1, "a repetition is the same message");
    assert!(chat.violations().is_empty());

    assert_eq!(status(&message(), "m_2").await, 400, "webhook-id and id differ");
    let file = |field: &str, wrong: Value| {
        let mut file = pdf("https://bundle.example/media/1");
        file[field] = wrong;
        json!([file])
    };
    for (field, wrong) in [
        ("version", json!(2)),
        ("type", json!("fax")),
        ("id", json!("m_1")),
        ("part", json!(1)),
        ("to", json!({"id": "customer-7"})),
        ("text", json!("")),
        ("text", Value::Null),
        ("text", json!("x".repeat(8193))),
        ("sent_at", json!("now")),
        ("reply_to", json!("two words")),
        ("files", json!([])),
        ("files", json!(vec![pdf("https://bundle.example/media/1"); 11])),
        ("files", file("url", json!("/media/1"))),
        ("files", file("type", json!(""))),
        ("files", file("name", Value::Null)),
        ("files", file("kind", json!("gif"))),
        ("files", file("size", json!(25_000_001))),
        ("template", json!({"id": "unknown", "values": []})),
    ] {
        let before = chat.violations().len();
        let body = with(field, wrong);
        assert_eq!(status(&body, body["id"].as_str().unwrap_or(OURS)).await, 400, "{body}");
        assert_eq!(chat.violations().len(), before + 1);
    }
    let (mut headers, body) = signed(&message(), OURS, SystemClock.now());
    headers.insert("webhook-signature", "v1,AAAA".parse().unwrap());
    let answer = chat.0.http.post(format!("{url}/send")).headers(headers).body(body).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    chat.fail_next(Fault::Status(503));
    assert_eq!(status(&message(), OURS).await, 503);
}

#[tokio::test]
async fn everything_that_is_done_is_an_event_as_described() {
    let chat = Chat::new("https://chat.example.com/sim/chat", Arc::new(SystemClock));
    chat.set_window(Some(Duration::from_hours(24)));
    let does = |deed: Deed| chat.does("customer-7", "Ada", &deed);
    assert_eq!(does(Deed::Reply("Yes".to_owned())), Err(Unsupported), "there is nothing to answer");
    assert_eq!(does(Deed::Edit("Yes".to_owned())), Err(Unsupported));
    let voice = GivenFile {
        name: String::new(),
        mime: "audio/ogg".to_owned(),
        voice: true,
        bytes: Bytes::from_static(b"OggS"),
        caption: String::new(),
    };
    let file = GivenFile {
        name: "offer.pdf".to_owned(),
        mime: "application/pdf".to_owned(),
        voice: false,
        caption: "Look".to_owned(),
        ..voice.clone()
    };
    let place = Deed::Location { latitude: 59.437, longitude: 24.7536, name: "Office".to_owned() };
    let events = posted(&chat, || {
        chat.console_writes("customer-7", "Hello");
        let deeds = [
            Deed::Text("Hi".to_owned()),
            Deed::File(file),
            Deed::File(voice),
            place,
            Deed::Reply("Yes".to_owned()),
            Deed::Reaction("👍".to_owned()),
            Deed::Edit("Yes!".to_owned()),
            Deed::Delete,
        ];
        for deed in deeds {
            does(deed.clone()).unwrap_or_else(|error| panic!("{deed:?}: {error}"));
        }
        chat.read_all("customer-7");
        chat.webhooks().queue(status_event("out-1", Status::Failed));
    });
    let schema = schema();
    for event in &events {
        assert!(schema.is_valid(event), "{event}: {:?}", schema.validate(event));
        let body: Value = serde_json::from_slice(&chat.webhooks().compose(std::slice::from_ref(event)).body).unwrap();
        assert!(schema.is_valid(&body));
    }
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["type"].as_str()).collect();
    let message = "message";
    assert_eq!(kinds, [message, message, message, message, message, message, "reaction", "edit", "delete", "receipt", "status"]);
    let (console, file, voice, reply, reaction) = (&events[0], &events[2], &events[3], &events[5], &events[6]);
    assert_eq!(
        (&file["text"], &file["files"][0]["name"], &file["files"][0]["size"]),
        (&json!("Look"), &json!("offer.pdf"), &json!(4))
    );
    assert_eq!((&voice["files"][0]["kind"], &voice["files"][0].get("name")), (&json!("voice"), &None));
    assert_eq!((&reply["reply_to"], &reaction["reply_to"]), (&console["id"], &console["id"]));
    assert_eq!((&events[7]["id"], &events[8]["id"]), (&reply["id"], &reply["id"]));
    let lines: Vec<String> = chat.phones().chat("customer-7").unwrap().lines.into_iter().map(|line| line.text).collect();
    assert_eq!(lines, ["Hello", "Hi", "Look", "", "📍 Office", "👍"], "the answer was changed and taken back");
}

#[tokio::test]
async fn files_are_kept_both_ways() {
    let (chat, url) = served(Arc::new(SystemClock)).await;
    let given = GivenFile {
        name: "offer.pdf".to_owned(),
        mime: "application/pdf".to_owned(),
        voice: false,
        bytes: Bytes::from_static(PDF),
        caption: String::new(),
    };
    let events = posted(&chat, || drop(chat.does("customer-7", "Ada", &Deed::File(given))));
    let address = events[0]["files"][0]["url"].as_str().unwrap().to_owned();
    let answer = chat.0.http.get(&address).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/pdf");
    assert_eq!(answer.bytes().await.unwrap(), PDF);
    assert_eq!(chat.0.http.get(format!("{url}/files/other")).send().await.unwrap().status(), 404);

    // The company sends it back, and then one that is not there.
    assert_eq!(post(&chat, &url, &with("files", json!([pdf(&address)])), OURS).await.0, 200);
    let second = format!("{OURS}.1");
    let mut gone = with("files", json!([pdf(&format!("{url}/files/gone"))]));
    (gone["id"], gone["part"], gone["text"]) = (second.as_str().into(), 1.into(), "".into());
    assert_eq!(post(&chat, &url, &gone, &second).await.0, 200);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while chat.file(&chat.sent()[0].files[0].id).is_none() || chat.violations().is_empty() {
        assert!(std::time::Instant::now() < deadline, "the files are not fetched");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(chat.file(&chat.sent()[0].files[0].id), Some(("application/pdf".to_owned(), Bytes::from_static(PDF))));
    assert!(
        chat.violations()[0].contains("could not be fetched") && !chat.violations()[0].contains(&url),
        "{:?}",
        chat.violations()
    );
    assert_eq!(chat.phones().chat("customer-7").unwrap().lines[1].files[0].name, "offer.pdf");
}

#[tokio::test]
async fn after_the_window_only_templates_go_out() {
    let clock = Arc::new(AdjustableClock::default());
    let (chat, url) = served(clock.clone()).await;
    chat.set_templates(vec![Template {
        id: "order_ready-en".to_owned(),
        name: "order_ready".to_owned(),
        language: "en".to_owned(),
        content: "Hi {{1}}, order {{2}} is ready.".to_owned(),
    }]);
    let listed = post(&chat, &url, &json!({"version": 1, "type": "templates"}), "x").await;
    let content = "Hi {{1}}, order {{2}} is ready.";
    let expected = json!([{"id": "order_ready-en", "name": "order_ready", "language": "en", "content": content}]);
    assert_eq!(listed, (200, json!({ "templates": expected })));

    chat.set_window(Some(Duration::from_hours(24)));
    chat.customer_writes("customer-7", "Ada", "Hello");
    assert_eq!(post(&chat, &url, &message(), OURS).await.0, 200);
    clock.advance(Duration::from_hours(25));
    let later = |values: Value, text: &str| {
        let mut later = with("template", json!({"id": "order_ready-en", "values": values}));
        (later["id"], later["text"]) = (format!("{OURS}.1").into(), text.into());
        later["part"] = 1.into();
        later
    };
    let id = format!("{OURS}.1");
    let mut plain = later(json!([]), "Hi");
    plain.as_object_mut().unwrap().remove("template");
    assert_eq!(post(&chat, &url, &plain, &id).await.0, 403);
    assert!(chat.violations().is_empty());
    for (values, text) in [
        (json!(["Ada"]), "Hi Ada, order A-17 is ready."),
        (json!(["Ada", "A-17", "x"]), "Hi Ada, order A-17 is ready."),
        (json!(["Ada", "A-18"]), "Hi Ada, order A-17 is ready."),
    ] {
        assert_eq!(post(&chat, &url, &later(values, text), &id).await.0, 400);
    }
    let filled = later(json!(["Ada", "A-17"]), "Hi Ada, order A-17 is ready.");
    assert_eq!(post(&chat, &url, &filled, &id).await.0, 200);
    assert_eq!(chat.sent()[1].template.as_deref(), Some("order_ready-en"));
}
