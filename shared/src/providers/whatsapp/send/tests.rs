use super::*;
use crate::{
    model::content::FileKind,
    providers::{
        outgoing::PartId,
        stub::{self, Draft, Reply, Seen, Stub},
        whatsapp::{errors, tests::credentials},
    },
};

fn graph(url: &str) -> Graph {
    Graph::new(stub::client(), format!("{url}/v25.0"), errors::of_answer)
}

async fn send_to(url: &str, key: &str) -> Result<Accepted, ProviderError> {
    send(&graph(url), &credentials(), &Draft::new(key).outgoing("Grüße 😀")).await
}

fn accepted() -> Reply {
    let contacts = json!([{"input": "15550100001", "wa_id": "15550100001"}]);
    let messages = json!([{"id": "wamid.OUT1==", "message_status": "accepted"}]);
    Reply::json(200, &json!({"messaging_product": "whatsapp", "contacts": contacts, "messages": messages}))
}

fn uploaded() -> Reply {
    Reply::json(200, &json!({"id": "9000009"}))
}

/// Sends a file and returns what the server saw.
async fn send_file(file: &OutgoingFile, caption: Option<&str>) -> Vec<Seen> {
    let replies = if is_stored(file) { vec![uploaded(), accepted()] } else { vec![accepted()] };
    let stub = Stub::start(replies).await;
    let draft = Draft::new("phone:15550100001");
    let content = PartContent::Files { files: vec![file], caption };
    send(&graph(&stub.url), &credentials(), &draft.part(content)).await.unwrap();
    stub.seen()
}

#[tokio::test]
async fn a_text_goes_out_by_phone_number_or_user_id() {
    let stub = Stub::start([accepted(), accepted()]).await;
    let sent = send_to(&stub.url, "phone:15550100001").await.unwrap();
    assert_eq!((sent.provider_ids.len(), sent.provider_ids[0].as_str()), (1, "wamid.OUT1=="));
    send_to(&stub.url, "user:US.1000000000000001").await.unwrap();
    let seen = stub.seen();
    assert_eq!(seen[0].line, "POST /v25.0/3000000001/messages");
    assert_eq!(seen[0].headers["authorization"], "Bearer EAATESTTOKEN");
    assert_eq!(
        seen[0].json(),
        json!({
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "15550100001",
            "type": "text",
            "text": {"body": "Grüße 😀", "preview_url": false},
            "biz_opaque_callback_data": stub::message_id().as_str(),
        })
    );
    assert_eq!(seen[1].json()["recipient"], "US.1000000000000001");
    assert_eq!(seen[1].json().get("to"), None);
}

#[tokio::test]
async fn answers_quote_and_parts_are_told_apart() {
    let stub = Stub::start([accepted()]).await;
    let (draft, target) = (Draft::new("phone:15550100001"), ProviderMessageId::parse("wamid.IN1=").unwrap());
    let id = PartId { message: stub::message_id(), part: 2 };
    let part = Outgoing { id, reply_to: Some(&target), ..draft.outgoing("Yes") };
    send(&graph(&stub.url), &credentials(), &part).await.unwrap();
    let body = stub.seen()[0].json();
    assert_eq!(body["context"], json!({"message_id": "wamid.IN1="}));
    assert_eq!(body["biz_opaque_callback_data"], format!("{}.2", stub::message_id()));
}

#[tokio::test]
async fn files_are_stored_at_meta_first() {
    let seen = send_file(&stub::file(FileKind::Image, "image/jpeg", "a.jpg", b"JPEG"), Some("Look")).await;
    assert_eq!(seen[0].line, "POST /v25.0/3000000001/media");
    assert_eq!(seen[0].headers["authorization"], "Bearer EAATESTTOKEN");
    let form = String::from_utf8(seen[0].body.clone()).unwrap();
    let boundary = form.lines().next().unwrap();
    let parts: Vec<&str> = form.split(boundary).map(str::trim).filter(|part| !matches!(*part, "" | "--")).collect();
    assert_eq!(
        parts,
        [
            "Content-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp",
            "Content-Disposition: form-data; name=\"type\"\r\n\r\nimage/jpeg",
            "Content-Disposition: form-data; name=\"file\"; filename=\"file\"\r\nContent-Type: image/jpeg\r\n\r\nJPEG",
        ]
    );
    let body = seen[1].json();
    assert_eq!((&body["type"], &body["image"]), (&json!("image"), &json!({"id": "9000009", "caption": "Look"})));
}

#[tokio::test]
async fn each_kind_has_its_members() {
    let spoken: &[u8] = b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01\x01";
    let cases = [
        (stub::file(FileKind::Video, "video/mp4", "a.mp4", b"1"), "video", json!({"id": "9000009", "caption": "Look"})),
        (stub::file(FileKind::Audio, "audio/mpeg", "a.mp3", b"1"), "audio", json!({"id": "9000009"})),
        (
            stub::file(FileKind::Voice, "audio/ogg; codecs=opus", "v.ogg", spoken),
            "audio",
            json!({"id": "9000009", "voice": true}),
        ),
        (stub::file(FileKind::Sticker, "image/webp", "s.webp", b"1"), "sticker", json!({"id": "9000009"})),
        (
            stub::file(FileKind::Document, "application/pdf", "offer ä.pdf", b"1"),
            "document",
            json!({"id": "9000009", "caption": "Look", "filename": "offer ä.pdf"}),
        ),
        (
            stub::file(FileKind::Image, "image/gif", "a.gif", b"1"),
            "document",
            json!({"link": "https://bundle.example/media/a.gif", "caption": "Look", "filename": "a.gif"}),
        ),
        (
            // Stereo, which does not play as audio.
            stub::file(FileKind::Audio, "audio/ogg", "a.ogg", b"OggS"),
            "document",
            json!({"link": "https://bundle.example/media/a.ogg", "caption": "Look", "filename": "a.ogg"}),
        ),
        (
            stub::file(FileKind::Document, "", "a", b"1"),
            "document",
            json!({"link": "https://bundle.example/media/a", "caption": "Look", "filename": "a"}),
        ),
    ];
    for (file, kind, content) in cases {
        let body = send_file(&file, Some("Look")).await.last().unwrap().json();
        assert_eq!((&body["type"], &body[kind]), (&json!(kind), &content));
    }
}

#[tokio::test]
async fn an_upload_that_fails_sent_nothing() {
    let cases = [
        (Reply::text(502, "<html>"), "failed (http_502), nothing was sent"),
        (Reply::json(200, &json!({})), "failed (no_media_id), nothing was sent"),
        (Reply::json(400, &json!({"error": {"code": 131_053}})), "refused (131053): WhatsApp could not process the file."),
        (Reply::json(400, &json!({"error": {"code": 190}})), "refused (190): "),
    ];
    let (draft, file) = (Draft::new("phone:1"), stub::file(FileKind::Image, "image/png", "a.png", b"1"));
    let part = draft.part(PartContent::Files { files: vec![&file], caption: None });
    for (reply, expected) in cases {
        let stub = Stub::start([reply]).await;
        let error = send(&graph(&stub.url), &credentials(), &part).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(stub.seen().len(), 1, "the message itself never left");
    }
    let error = send(&graph(&stub::hangs_up().await), &credentials(), &part).await.unwrap_err();
    assert_eq!(error.to_string(), "failed (connection_lost), nothing was sent");
}

#[tokio::test]
async fn answers_become_errors() {
    let cases = [
        (Reply::json(400, &json!({"error": {"code": 131_047}})), "refused (131047): The customer's last message"),
        (Reply::json(400, &json!({"error": {"code": 131_056}})), "rate limited (131056)"),
        (Reply::json(500, &json!({"error": {"code": 131_000}})), "failed (131000), nothing was sent"),
        (Reply::text(502, "<html>"), "outcome unknown (http_502)"),
        (Reply::text(200, "not json"), "outcome unknown (unreadable_answer)"),
        (Reply::json(200, &json!({"messages": []})), "outcome unknown (no_message_id)"),
    ];
    for (reply, expected) in cases {
        let stub = Stub::start([reply]).await;
        let error = send_to(&stub.url, "phone:1").await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(stub.seen().len(), 1, "never repeated");
    }
    let stub = Stub::start([]).await;
    let error = send_to(&stub.url, "chat:1").await.unwrap_err();
    assert_eq!((error.code(), stub.seen().len()), ("unknown_recipient", 0));
}

#[tokio::test]
async fn a_broken_call_is_uncertain_only_once_it_left() {
    let closed = stub::closed_port().await;
    let error = send_to(&closed, "phone:1").await.unwrap_err().to_string();
    assert_eq!(error, "failed (connect), nothing was sent");
    let stub = Stub::start([Reply::Never]).await;
    let error = send_to(&stub.url, "phone:1").await.unwrap_err().to_string();
    assert_eq!(error, "outcome unknown (timeout)");
    let hangs_up = stub::hangs_up().await;
    let error = send_to(&hangs_up, "phone:1").await.unwrap_err().to_string();
    assert_eq!(error, "outcome unknown (connection_lost)");
}
