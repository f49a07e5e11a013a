mod adapter;

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::RawQuery, routing::post};
use http::HeaderMap;
use reqwest::multipart::{Form, Part};
use serde_json::json;
use shared::clock::SystemClock;

use super::*;
use crate::handset::{Deed, GivenFile, Handset};

const TOKEN: &str = "EAATEST";

fn number() -> Number {
    Number {
        id: "300".to_owned(),
        waba_id: "200".to_owned(),
        display: "+1 555-010-0000".to_owned(),
        verified_name: "Acme".to_owned(),
        token: TOKEN.to_owned(),
    }
}

async fn serve() -> (Graph, String) {
    let app = App { secret: "s".to_owned(), verify_token: "v".to_owned() };
    let graph = Graph::new(app, Arc::new(SystemClock));
    graph.add_number(number());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/{VERSION}", listener.local_addr().unwrap());
    let router = graph.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (graph, url)
}

async fn idle(graph: &Graph) {
    tokio::time::timeout(Duration::from_secs(10), async {
        while !graph.webhooks().idle() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the webhooks go out");
}

async fn call(method: http::Method, url: &str, token: &str, body: Option<Value>) -> (u16, Value) {
    let client = reqwest::Client::builder().build().unwrap();
    let mut request = client.request(method, url).bearer_auth(token);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn message(change: impl FnOnce(&mut Value)) -> Value {
    let mut body = json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "15550100001",
        "type": "text", "text": {"body": "Hi", "preview_url": false}});
    change(&mut body);
    body
}

#[tokio::test]
async fn objects_are_shown_to_their_token_alone() {
    let (_, url) = serve().await;
    let (status, number) = call(http::Method::GET, &format!("{url}/300?fields=display_phone_number"), TOKEN, None).await;
    assert_eq!((status, number), (200, json!({"id": "300", "display_phone_number": "+1 555-010-0000"})));
    assert_eq!(call(http::Method::GET, &format!("{url}/200/phone_numbers"), TOKEN, None).await.1["data"][0]["id"], "300");
    let code = |answer: (u16, Value)| (answer.0, answer.1["error"]["code"].clone(), answer.1["error"]["error_subcode"].clone());
    assert_eq!(code(call(http::Method::GET, &format!("{url}/300"), "other", None).await), (401, json!(190), Value::Null));
    assert_eq!(code(call(http::Method::GET, &format!("{url}/301"), TOKEN, None).await), (400, json!(100), json!(33)));
    assert_eq!(code(call(http::Method::GET, &format!("{url}/300?fields=x"), TOKEN, None).await), (400, json!(100), Value::Null));
}

#[tokio::test]
async fn other_products_answer_beside_it() {
    let (graph, _) = serve().await;
    let others = Router::new().fallback(|| async { r#"{"name":"A page"}"# });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/{VERSION}", listener.local_addr().unwrap());
    let router = graph.router_beside(others);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let get = async |path: &str| call(http::Method::GET, &format!("{url}/{path}"), TOKEN, None).await.1;
    assert_eq!(get("300?fields=id").await, json!({"id": "300"}));
    assert_eq!(get("200/phone_numbers?fields=id").await["data"], json!([{"id": "300"}]));
    let media = graph.keep("300", "image/png", Bytes::from_static(b"PNG"), Duration::from_mins(1));
    assert_eq!(get(&media).await["id"], media);
    assert_eq!((get("400").await, get("me/messages").await), (json!({"name": "A page"}), json!({"name": "A page"})));
}

#[tokio::test]
async fn messages_are_checked() {
    let (graph, url) = serve().await;
    let url = format!("{url}/300/messages");
    let code = async |change: fn(&mut Value)| {
        let (_, answer) = call(http::Method::POST, &url, TOKEN, Some(message(change))).await;
        answer["error"]["code"].as_u64()
    };
    assert_eq!(code(|_| ()).await, Some(131_047), "nobody wrote yet");
    graph.customer_writes("15550100001", "Ada", "Hello");
    assert_eq!(code(|_| ()).await, None);
    assert_eq!(code(|b| b["to"] = "abc".into()).await, Some(131_009));
    assert_eq!(code(|b| b["type"] = "fax".into()).await, Some(131_051));
    assert_eq!(code(|b| b["text"]["body"] = "".into()).await, Some(131_008));
    assert_eq!(code(|b| b["text"]["body"] = "ä".repeat(4097).into()).await, Some(100));
    assert_eq!(code(|b| b["text"]["body"] = "ä".repeat(4096).into()).await, None);
    assert_eq!(code(|b| b["extra"] = 1.into()).await, Some(100));
    assert_eq!(code(|b| b["messaging_product"] = "sms".into()).await, Some(100));
    graph.fail_next(Fault::Code(131_056));
    assert_eq!(call(http::Method::POST, &url, TOKEN, Some(message(|_| ()))).await.0, 429);

    let by_user_id = |b: &mut Value| {
        b.as_object_mut().unwrap().remove("to");
        b["recipient"] = "US.915550100001".into();
    };
    let (status, answer) = call(http::Method::POST, &url, TOKEN, Some(message(by_user_id))).await;
    assert_eq!((status, &answer["contacts"][0]["user_id"]), (200, &json!("US.915550100001")));
    let sent = graph.sent();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|message| message.to == "15550100001"), "one person under both names");
}

#[tokio::test]
async fn a_lost_answer_is_no_refusal() {
    let (graph, url) = serve().await;
    graph.customer_writes("15550100001", "Ada", "Hello");
    graph.fail_next(Fault::LostAnswer);
    let client = reqwest::Client::builder().build().unwrap();
    let request = client.post(format!("{url}/300/messages")).bearer_auth(TOKEN).json(&message(|_| ()));
    let outcome = async { request.send().await?.bytes().await }.await;
    assert!(outcome.is_err());
    assert_eq!(graph.sent().len(), 1);
}

#[tokio::test]
async fn webhooks_are_signed_and_come_again() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    let hook = Router::new().route(
        "/",
        post(move |headers: HeaderMap, body: Bytes| async move {
            let expected = meta::signed("s", body.clone()).headers;
            assert_eq!(headers["x-hub-signature-256"], expected["x-hub-signature-256"]);
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["entry"][0]["changes"].as_array().unwrap().len(), 2, "both in one batch");
            // The first try fails.
            if counter.fetch_add(1, Ordering::SeqCst) == 0 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
        })
        .get(|RawQuery(query): RawQuery| async move {
            let query = query.unwrap_or_default();
            let mut pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == "hub.challenge").map(|(_, value)| value.into_owned()).unwrap_or_default()
        }),
    );
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let hook_url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, hook).await });

    let (graph, url) = serve().await;
    assert!(graph.set_callback(&hook_url).await);
    assert_eq!(call(http::Method::POST, &format!("{url}/200/subscribed_apps"), TOKEN, None).await.0, 200);
    graph.webhooks().hold();
    graph.customer_writes("15550100001", "Ada", "one");
    graph.customer_writes("15550100002", "Bea", "two");
    graph.webhooks().release(|events| events.reverse());
    idle(&graph).await;
    assert_eq!((seen.load(Ordering::SeqCst), graph.webhooks().given_up()), (2, 0));
}

/// What the app gets to hear, one change after the other.
async fn listen(graph: &Graph, url: &str) -> Arc<Mutex<Vec<Value>>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let changes = heard.clone();
    let hook = Router::new().route(
        "/",
        post(move |body: Bytes| async move {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let entry = &body["entry"][0];
            locked(&changes).extend(entry["changes"].as_array().unwrap().iter().cloned());
        }),
    );
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    graph.webhooks().send_to(&format!("http://{}/", listener.local_addr().unwrap()));
    tokio::spawn(async move { axum::serve(listener, hook).await });
    assert_eq!(call(http::Method::POST, &format!("{url}/200/subscribed_apps"), TOKEN, None).await.0, 200);
    heard
}

async fn upload(url: &str, token: &str, mime: &str, bytes: &[u8]) -> (u16, Value) {
    let part = Part::bytes(bytes.to_vec()).file_name("file").mime_str(mime).unwrap();
    let form = Form::new().text("messaging_product", "whatsapp").text("type", mime.to_owned()).part("file", part);
    let client = reqwest::Client::builder().build().unwrap();
    let answer = client.post(format!("{url}/300/media")).bearer_auth(token).multipart(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn file(kind: &str, content: Value) -> Value {
    let mut body = message(|body| {
        body.as_object_mut().unwrap().remove("text");
    });
    body["type"] = kind.into();
    body[kind] = content;
    body
}

#[tokio::test]
async fn uploads_are_checked_and_sent() {
    let (graph, url) = serve().await;
    let heard = listen(&graph, &url).await;
    graph.customer_writes("15550100001", "Ada", "Hello");
    assert_eq!(upload(&url, "other", "image/png", b"1").await.0, 401);
    assert_eq!(upload(&url, TOKEN, "image/png", b"").await.0, 400);
    assert_eq!(upload(&url, TOKEN, "application/zip", b"1").await.1["error"]["code"], 100);
    assert_eq!(upload(&url, TOKEN, "image/png", &vec![0; 5 * 1024 * 1024 + 1]).await.0, 400);
    let (_, answer) = upload(&url, TOKEN, "image/png", b"PNG").await;
    let id = answer["id"].as_str().unwrap();
    let send = async |body: Value| call(http::Method::POST, &format!("{url}/300/messages"), TOKEN, Some(body)).await;
    let code = async |body: Value| send(body).await.1["error"]["code"].as_u64();
    assert_eq!(code(file("image", json!({"id": "1"}))).await, Some(100));
    assert_eq!(code(file("image", json!({"id": id, "link": "https://a.example"}))).await, Some(100));
    assert_eq!(code(file("image", json!({"link": "a.png"}))).await, Some(131_009));
    assert_eq!(code(file("image", json!({"id": id, "caption": "x".repeat(1025)}))).await, Some(100));
    assert_eq!(code(file("audio", json!({"id": id, "caption": "x"}))).await, Some(100));
    assert_eq!(code(file("image", json!({"id": id, "caption": "Look"}))).await, None);
    let taken = graph.sent();
    assert_eq!((taken[0].text.as_str(), taken[0].file.as_ref().unwrap().kind.as_str()), ("Look", "image"));
    assert_eq!(graph.file(id).unwrap(), ("image/png".to_owned(), Bytes::from_static(b"PNG")));
    assert_eq!(graph.phones().chat("15550100001").unwrap().lines[1].files[0].mime, "image/png");

    // A picture is no film: Meta finds out later.
    assert_eq!(code(file("video", json!({"id": id}))).await, None);
    idle(&graph).await;
    let failed = locked(&heard).iter().filter(|change| change["value"]["statuses"][0]["errors"][0]["code"] == 131_053).count();
    assert_eq!(failed, 1);
}

#[tokio::test]
async fn linked_documents_are_fetched() {
    let (graph, url) = serve().await;
    let heard = listen(&graph, &url).await;
    graph.customer_writes("15550100001", "Ada", "Hello");
    let files = Router::new().route("/a.zip", axum::routing::get(|| async { ([("content-type", "application/zip")], "ZIP") }));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, files).await });
    for name in ["a.zip", "gone.zip"] {
        let body = file("document", json!({"link": format!("{base}/{name}"), "filename": name}));
        assert_eq!(call(http::Method::POST, &format!("{url}/300/messages"), TOKEN, Some(body)).await.0, 200);
    }
    idle(&graph).await;
    let sent = graph.sent();
    let there = sent[0].file.as_ref().unwrap();
    assert_eq!(graph.file(&there.id).unwrap(), ("application/zip".to_owned(), Bytes::from_static(b"ZIP")));
    let failed: Vec<Value> = locked(&heard)
        .iter()
        .map(|change| change["value"]["statuses"][0].clone())
        .filter(|status| status["status"] == "failed")
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["id"], sent[1].id);
}

#[tokio::test]
async fn files_are_given_to_the_token_while_they_last() {
    let (graph, url) = serve().await;
    let given = GivenFile {
        name: "v.ogg".to_owned(),
        mime: "audio/ogg; codecs=opus".to_owned(),
        voice: true,
        bytes: Bytes::from_static(b"OggS"),
        caption: String::new(),
    };
    graph.customer_sends("15550100001", "Ada", &given);
    let id = graph.phones().chat("15550100001").unwrap().lines[0].files[0].id.clone();
    let resolve = async |query: &str| call(http::Method::GET, &format!("{url}/{id}{query}"), TOKEN, None).await;
    assert_eq!(resolve("?phone_number_id=301").await.0, 400);
    let (status, found) = resolve("?phone_number_id=300").await;
    assert_eq!((status, &found["mime_type"], &found["file_size"]), (200, &json!("audio/ogg; codecs=opus"), &json!(4)));
    let client = reqwest::Client::builder().build().unwrap();
    let get = async |token: &str| {
        let address = found["url"].as_str().unwrap();
        client.get(address).bearer_auth(token).send().await.unwrap()
    };
    assert_eq!(get("other").await.status(), 401);
    assert_eq!(&get(TOKEN).await.bytes().await.unwrap()[..], b"OggS");
    graph.expire_addresses(1);
    assert_eq!((get(TOKEN).await.status().as_u16(), get(TOKEN).await.status().as_u16()), (404, 200));
    let forged = found["url"].as_str().unwrap().replace("ext=", "ext=9");
    assert_eq!(client.get(forged).bearer_auth(TOKEN).send().await.unwrap().status(), 404);
    assert_eq!(call(http::Method::DELETE, &format!("{url}/{id}"), TOKEN, None).await.0, 200);
    assert_eq!(resolve("").await.1["error"]["error_subcode"], 33);
}

#[tokio::test]
async fn templates_are_listed_by_pages_and_filled() {
    let (graph, url) = serve().await;
    graph.set_templates("200", demo_templates());
    let list = async |query: &str| {
        call(http::Method::GET, &format!("{url}/200/message_templates?status=APPROVED&{query}"), TOKEN, None).await.1
    };
    let first = list("fields=id,name&limit=2").await;
    assert_eq!(first["data"], json!([{"id": "700001", "name": "order_ready"}, {"id": "700002", "name": "how_was_it"}]));
    assert!(first["paging"]["next"].as_str().unwrap().contains("access_token="));
    let after = first["paging"]["cursors"]["after"].as_str().unwrap();
    let second = list(&format!("fields=name&limit=2&after={after}")).await;
    assert_eq!((&second["data"][0]["name"], second["paging"].get("next")), (&json!("new_arrivals"), None));
    assert_eq!(list("fields=secrets").await["error"]["code"], 100);

    let text = |text: &str| json!({"type": "text", "text": text});
    let send = async |name: &str, components: Value| {
        let template = json!({"name": name, "language": {"code": "en_US"}, "components": components});
        call(http::Method::POST, &format!("{url}/300/messages"), TOKEN, Some(file("template", template))).await
    };
    let header = json!({"type": "header", "parameters": [text("A-17")]});
    let body =
        |values: &[&str]| json!({"type": "body", "parameters": values.iter().map(|value| text(value)).collect::<Vec<_>>()});
    let (status, _) = send("order_ready", json!([header, body(&["Ada", "A-17"])])).await;
    assert_eq!(status, 200, "also to somebody who never wrote");
    assert_eq!(graph.sent()[0].text, "Order A-17\nHi Ada, your order A-17 is ready to be picked up.\nDemo Company");
    for (name, components, code) in [
        ("order_ready", json!([header, body(&["Ada"])]), 132_000),
        ("order_ready", json!([header, body(&["Ada", "1", "2"])]), 132_000),
        ("order_ready", json!([header, body(&["two\nlines", "1"])]), 132_018),
        ("how_was_it", json!([body(&["Ada", "lamp"])]), 132_000),
        ("new_arrivals", json!([body(&["Ada"])]), 132_012),
        ("too_pushy", json!([]), 132_001),
    ] {
        assert_eq!(send(name, components).await.1["error"]["code"], code, "{name}");
    }
}

#[tokio::test]
async fn answers_quote_and_failures_come_later() {
    let (graph, url) = serve().await;
    let heard = listen(&graph, &url).await;
    let asked = graph.customer_writes("15550100001", "Ada", "Shall we?");
    let send = async |body: Value| call(http::Method::POST, &format!("{url}/300/messages"), TOKEN, Some(body)).await.0;
    let mut body = message(|body| body["biz_opaque_callback_data"] = "m_1.2".into());
    body["context"] = json!({"message_id": asked});
    graph.fail_next(Fault::Later(131_049));
    assert_eq!(send(body).await, 200);
    assert_eq!(graph.sent()[0].answers.as_deref(), Some(asked.as_str()));
    assert_eq!(graph.phones().chat("15550100001").unwrap().lines[1].text, "> Shall we?\nHi");
    assert_eq!(send(message(|body| body["context"] = json!({"message_id": 7}))).await, 400);
    idle(&graph).await;
    let heard = locked(&heard);
    let status = &heard.last().unwrap()["value"]["statuses"][0];
    assert_eq!((&status["status"], &status["errors"][0]["code"]), (&json!("failed"), &json!(131_049)));
    assert_eq!(status["biz_opaque_callback_data"], "m_1.2");
}

#[tokio::test]
async fn everything_that_a_customer_does_is_reported() {
    let (graph, url) = serve().await;
    let heard = listen(&graph, &url).await;
    let does = |deed: Deed| graph.does("15550100001", "Ada", &deed);
    assert!(does(Deed::Reaction("👍".to_owned())).is_err(), "to nothing");
    let text = does(Deed::Text("Hello".to_owned())).unwrap();
    let picture = GivenFile {
        name: "a.jpg".to_owned(),
        mime: "image/jpeg".to_owned(),
        voice: false,
        bytes: Bytes::from_static(b"JPEG"),
        caption: "Look".to_owned(),
    };
    does(Deed::Location { latitude: 59.437, longitude: 24.7536, name: "Office".to_owned() }).unwrap();
    does(Deed::Edit("Office, 2nd floor".to_owned())).unwrap();
    let file = does(Deed::File(picture)).unwrap();
    does(Deed::Delete).unwrap();
    let echo = graph.company_writes("15550100001", "Hi Ada");
    does(Deed::Reaction("👍".to_owned())).unwrap();
    does(Deed::Reaction(String::new())).unwrap();
    does(Deed::Reply("Great".to_owned())).unwrap();
    graph.changes_number("15550100001", "15550100009");
    graph.tell_account("200", "account_update", &json!({"event": "ACCOUNT_DELETED"}));
    idle(&graph).await;
    let heard = locked(&heard);
    let types: Vec<&str> = heard.iter().filter_map(|change| change["value"]["messages"][0]["type"].as_str()).collect();
    assert_eq!(types, ["text", "location", "edit", "image", "revoke", "reaction", "reaction", "text", "system"]);
    let message = |place: usize| &heard[place]["value"]["messages"][0];
    assert_eq!(message(0)["id"], text);
    assert_eq!(message(2)["edit"]["message"]["text"]["body"], "Office, 2nd floor");
    assert_eq!((&message(3)["image"]["caption"], &message(3)["id"]), (&json!("Look"), &json!(file)));
    assert_eq!(message(4)["revoke"]["original_message_id"], file);
    assert_eq!((&heard[5]["field"], &heard[5]["value"]["message_echoes"][0]["id"]), (&json!("smb_message_echoes"), &json!(echo)));
    assert_eq!(message(6)["reaction"], json!({"message_id": echo, "emoji": "👍"}));
    assert_eq!(message(7)["reaction"], json!({"message_id": echo}));
    assert_eq!(message(8)["context"]["id"], echo, "a reaction is not what is answered");
    assert_eq!(message(9)["system"]["wa_id"], "15550100009");
    assert_eq!((&heard[10]["field"], heard.len()), (&json!("account_update"), 11));
    assert_eq!(graph.customer(" +1 (555) 010-0001 ").as_deref(), Some("15550100001"));
    assert_eq!(graph.customer("US.1000").as_deref(), Some("US.1000"));
    assert_eq!((graph.customer("Ada"), graph.customer("")), (None, None));
}

#[tokio::test]
async fn an_account_without_a_subscription_hears_nothing() {
    let (graph, url) = serve().await;
    let heard = listen(&graph, &url).await;
    assert_eq!(call(http::Method::DELETE, &format!("{url}/200/subscribed_apps"), TOKEN, None).await.0, 200);
    graph.customer_writes("15550100001", "Ada", "Hello");
    graph.tell_account("200", "account_update", &json!({}));
    idle(&graph).await;
    assert_eq!(locked(&heard).len(), 0);
}
