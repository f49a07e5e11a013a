//! Sending from the page: text, files past the limit of a function's call, templates, replies, and a failed message again.

use std::time::Duration;

use http::Method;
use local::simulators::{
    graph::{self, Fault},
    whatsapp_number,
};
use pigeonpost_tests::{
    web::{client, send},
    world::{World, phone},
};
use serde_json::{Value, json};

use crate::inbox::desk::{Desk, said, text, write};

/// A PNG's beginning, and much after it: more than a function's call could carry.
fn large_picture() -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.resize(7 * 1024 * 1024, 7);
    bytes
}

/// Uploads as the page does; what the API wants to know of it then.
async fn upload(desk: &Desk<'_>, name: &str, mime: &str, bytes: Vec<u8>) -> Value {
    let ticket = desk.post("uploads", &json!({ "type": mime, "size": bytes.len() })).await;
    let put = client().put(text(&ticket["url"])).header("content-type", text(&ticket["type"])).body(bytes);
    assert_eq!(send(put).await.status, 200);
    json!({ "id": ticket["id"], "name": name })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_and_what_it_answers() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "Is the oak desk still there?").await;
    let path = format!("conversations/{}/messages", desk.id("Ada").await);
    let asked = text(&desk.row("Ada").await["last"]["id"]);
    let sent = desk.post(&path, &json!({"text": "It is.", "reply_to": asked})).await;
    assert_eq!((&sent["status"], &sent["direction"], &sent["text"]), (&json!("sent"), &json!("out"), &json!("It is.")));
    assert_eq!(sent["reply_to"], json!({"message": asked, "quote": "Is the oak desk still there?"}));
    world.settle().await;
    let shown = desk.messages("Ada").await;
    assert_eq!((shown.len(), &shown[1]["status"]), (2, &json!("read")));
    assert_eq!(desk.row("Ada").await["unread"], 0, "who answers has read");
    for (body, field) in [
        (said("  "), "message"),
        (said(&"x".repeat(4097)), "message"),
        (json!({"text": "x", "reply_to": "m_x"}), "reply_to"),
        (json!({"text": 5}), "text"),
    ] {
        let message = desk.call(Method::POST, &path, Some(&body)).await.refused(400, "INVALID_BODY");
        assert!(message.starts_with(&format!("{field}: ")), "{field}: {message}");
    }
    assert_eq!(world.bundle.graph().sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_past_the_limit_of_a_call_and_are_taken_once() {
    let world = World::start().await;
    let (owner, colleague) = (Desk::of_owner(&world).await, Desk::of_colleague(&world).await);
    write(&world, 1, "Ada", "Send me the picture").await;
    let path = format!("conversations/{}/messages", owner.id("Ada").await);
    let bytes = large_picture();
    let file = upload(&owner, "desk.png", "image/png", bytes.clone()).await;

    let body = json!({"text": "Here it is", "files": [file]});
    let stranger = colleague.call(Method::POST, &path, Some(&body)).await.refused(400, "INVALID_BODY");
    assert!(stranger.starts_with("files: "), "another's upload is out of reach: {stranger}");
    let sent = owner.post(&path, &body).await;
    let shown = &sent["files"][0];
    assert_eq!((&shown["name"], &shown["mime"], &shown["size"]), (&json!("desk.png"), &json!("image/png"), &json!(bytes.len())));
    let address = send(client().get(text(&shown["url"]))).await;
    assert_eq!(address.status, 302);
    let fetched = reqwest::get(address.header(http::header::LOCATION)).await.unwrap().bytes().await.unwrap();
    assert_eq!(fetched.len(), bytes.len());
    owner.call(Method::POST, &path, Some(&body)).await.refused(400, "INVALID_BODY");

    for (size, mime) in [(0, "image/png"), (26 * 1024 * 1024, "image/png")] {
        let body = json!({"type": mime, "size": size});
        owner.call(Method::POST, "uploads", Some(&body)).await.refused(400, "INVALID_BODY");
    }
    let ticket = owner.post("uploads", &json!({"type": "image/png", "size": 5})).await;
    for (bytes, mime) in [(&b"longer"[..], "image/png"), (b"12345", "text/html")] {
        let put = client().put(text(&ticket["url"])).header("content-type", mime).body(bytes);
        assert_eq!(send(put).await.status, 403, "another size or type than was asked for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_reply_window_a_template_is_what_goes() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    world.bundle.graph().set_templates(&whatsapp_number().waba_id, graph::demo_templates());
    // Those that were listed before are forgotten by then.
    world.clock.advance(Duration::from_mins(11));
    write(&world, 1, "Ada", "hello").await;
    let path = format!("conversations/{}/messages", desk.id("Ada").await);
    let templates = desk.get(&format!("channels/{}/templates", world.whatsapp.provider_channel_id)).await;
    let names: Vec<&str> = templates.as_array().unwrap().iter().filter_map(|template| template["name"].as_str()).collect();
    assert_eq!(names, ["order_ready", "how_was_it"], "only what can be sent with texts alone");
    let wanted = templates.as_array().unwrap().iter().find(|template| template["name"] == "how_was_it").unwrap();
    assert_eq!(wanted["gaps"], json!(["first_name", "product"]));

    let template = |values: Value| json!({"template": {"id": wanted["id"], "values": values}});
    let inside = desk.post(&path, &template(json!(["Ada", "desk"]))).await;
    assert_eq!((&inside["content"]["kind"], &inside["content"]["name"]), (&json!("template"), &json!("how_was_it")));
    world.clock.advance(Duration::from_hours(25));
    let desk = Desk::of_owner(&world).await;
    desk.call(Method::POST, &path, Some(&said("hello?"))).await.refused(403, "FORBIDDEN");
    let sent = desk.post(&path, &template(json!([" Ada ", "chair"]))).await;
    assert_eq!(sent["text"], "Hello Ada, are you happy with your chair?");
    for values in [json!([]), json!(["Ada"]), json!(["Ada", " "]), json!(["Ada", "x".repeat(1025)])] {
        desk.call(Method::POST, &path, Some(&template(values))).await.refused(400, "INVALID_BODY");
    }
    let unknown = json!({"template": {"id": "no", "values": []}});
    desk.call(Method::POST, &path, Some(&unknown)).await.refused(400, "INVALID_BODY");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_refused_is_there_and_can_be_sent_again_once() {
    let world = World::start().await;
    let desk = Desk::of_owner(&world).await;
    write(&world, 1, "Ada", "hello").await;
    let path = format!("conversations/{}/messages", desk.id("Ada").await);
    let file = upload(&desk, "note.txt", "text/plain", b"a note".to_vec()).await;
    world.bundle.graph().fail_next(Fault::Code(131_026));
    let failed = desk.post(&path, &json!({"text": "Here", "files": [file]})).await;
    assert_eq!(failed["status"], "failed");
    assert!(!text(&failed["failure"]["text"]).is_empty());

    let retry = format!("messages/{}/retry", text(&failed["id"]));
    let again = desk.post(&retry, &json!({})).await;
    assert_eq!((&again["status"], &again["retry_of"], &again["text"]), (&json!("sent"), &failed["id"], &json!("Here")));
    assert_eq!(again["files"][0]["name"], "note.txt");
    desk.call(Method::POST, &retry, Some(&json!({}))).await.refused(403, "FORBIDDEN");
    let other = format!("messages/{}/retry", text(&again["id"]));
    desk.call(Method::POST, &other, Some(&json!({}))).await.refused(403, "FORBIDDEN");
    world.settle().await;
    let messages = desk.messages("Ada").await;
    assert_eq!(messages[1]["retried_as"], again["id"]);
    let arrived = world.bundle.graph().phones().chat(&phone(1)).unwrap();
    assert_eq!(arrived.lines.iter().filter(|line| !line.own && line.text.contains("Here")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_press_at_once_do_not_double_it() {
    let world = World::start().await;
    let (owner, colleague) = (Desk::of_owner(&world).await, Desk::of_colleague(&world).await);
    write(&world, 1, "Ada", "hello").await;
    let path = format!("conversations/{}/messages", owner.id("Ada").await);
    world.bundle.graph().fail_next(Fault::Code(131_026));
    let failed = owner.post(&path, &said("Did you get this?")).await;
    assert_eq!(failed["status"], "failed");
    let before = world.bundle.graph().sent().len();
    let retry = format!("messages/{}/retry", text(&failed["id"]));
    let nothing = json!({});
    let press = async |desk: &Desk<'_>| desk.call(Method::POST, &retry, Some(&nothing)).await;
    let (one, other) = tokio::join!(press(&owner), press(&colleague));
    // Whoever comes second hears of the same message, or that there is nothing left to be sent again.
    let sent: Vec<_> = [&one, &other]
        .into_iter()
        .filter(|answer| answer.status == 200)
        .map(|answer| answer.json()["data"]["id"].clone())
        .collect();
    assert!(!sent.is_empty() && sent.iter().all(|id| *id == sent[0] && id.is_string()), "{sent:?}");
    assert!([&one, &other].iter().all(|answer| matches!(answer.status, 200 | 403 | 404)), "{} {}", one.status, other.status);
    assert_eq!(world.bundle.graph().sent().len(), before + 1);
}
