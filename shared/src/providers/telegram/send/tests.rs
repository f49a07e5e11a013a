use bytes::Bytes;
use futures_util::stream;
use secrecy::SecretSlice;

use super::*;
use crate::{
    http::client::LazyClient,
    model::{content::FileKind, ids::ProviderMessageId},
    providers::stub::{self, Draft, Reply, Seen, Stub},
};

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";

fn bot() -> Bot {
    let json = json!({"bot_token": TOKEN, "bot_id": "110201543", "webhook_secret": "s3cret_A-1"});
    let Ok(bot) = Bot::stored(&SecretSlice::from(json.to_string().into_bytes())) else { panic!("the bot is malformed") };
    bot
}

fn api(url: &str) -> Api {
    Api::new(stub::client(), url.to_owned())
}

fn sent(number: i64) -> Value {
    json!({"message_id": number, "chat": {"id": 5001, "type": "private"}, "date": 1_767_225_600})
}

fn ok(result: &Value) -> Reply {
    Reply::json(200, &json!({"ok": true, "result": result}))
}

fn refused(number: u16, description: &str) -> Reply {
    Reply::json(number, &json!({"ok": false, "error_code": number, "description": description}))
}

async fn text_to(api: &Api, key: &str, reply_to: Option<&str>) -> Result<Accepted, ProviderError> {
    let draft = Draft::new(key);
    let reply_to = reply_to.map(|id| ProviderMessageId::parse(id).unwrap());
    let part = Outgoing { reply_to: reply_to.as_ref(), ..draft.outgoing("Grüße <b>_😀") };
    send(api, &bot(), &part).await
}

async fn files_to(api: &Api, key: &str, files: &[OutgoingFile], caption: Option<&str>) -> Result<Accepted, ProviderError> {
    let draft = Draft::new(key);
    let part = draft.part(PartContent::Files { files: files.iter().collect(), caption });
    send(api, &bot(), &part).await
}

/// A field of a form: name, file name, type, contents.
type Field = (String, Option<String>, Option<String>, Bytes);

async fn form(seen: &Seen) -> Vec<Field> {
    let boundary = multer::parse_boundary(seen.headers["content-type"].to_str().unwrap()).unwrap();
    let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(seen.body.clone()))]);
    let mut form = multer::Multipart::new(body, boundary);
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        let file_name = field.file_name().map(str::to_owned);
        let mime = field.content_type().map(ToString::to_string);
        fields.push((name, file_name, mime, field.bytes().await.unwrap()));
    }
    fields
}

fn value<'a>(fields: &'a [Field], name: &str) -> Option<&'a str> {
    fields.iter().find(|field| field.0 == name).map(|field| std::str::from_utf8(&field.3).unwrap())
}

#[tokio::test]
async fn a_text_goes_out_as_it_is() {
    let stub = Stub::start([ok(&sent(21)), ok(&sent(22)), ok(&sent(23))]).await;
    let accepted = text_to(&api(&stub.url), "chat:5001", None).await.unwrap();
    assert_eq!((accepted.provider_ids[0].as_str(), accepted.moved_to), ("5001:21", None));
    text_to(&api(&stub.url), "chat:5001", Some("5001:12#edit.7")).await.unwrap();
    let accepted = text_to(&api(&stub.url), "business:bc_1:5001", Some("bc_1:5001:12")).await.unwrap();
    assert_eq!(accepted.provider_ids[0].as_str(), "bc_1:5001:23");
    let seen = stub.seen();
    assert_eq!(seen[0].line, format!("POST /bot{TOKEN}/sendMessage"));
    assert_eq!(seen[0].headers["content-type"], "application/json");
    assert_eq!(seen[0].json(), json!({"chat_id": 5001, "text": "Grüße <b>_😀"}), "no parse_mode");
    let reply = json!({"message_id": 12, "allow_sending_without_reply": true});
    assert_eq!(seen[1].json()["reply_parameters"], reply);
    assert_eq!(
        seen[2].json(),
        json!({"chat_id": 5001, "text": "Grüße <b>_😀", "business_connection_id": "bc_1", "reply_parameters": reply})
    );
}

#[tokio::test]
async fn a_file_is_uploaded_by_its_method() {
    for (kind, mime, method, field) in [
        (FileKind::Image, "image/jpeg", "sendPhoto", "photo"),
        (FileKind::Image, "image/webp", "sendDocument", "document"),
        (FileKind::Video, "video/mp4", "sendVideo", "video"),
        (FileKind::Audio, "audio/mpeg", "sendAudio", "audio"),
        (FileKind::Voice, "audio/ogg", "sendVoice", "voice"),
        (FileKind::Document, "application/pdf", "sendDocument", "document"),
    ] {
        let stub = Stub::start([ok(&sent(21))]).await;
        let file = stub::file(kind, mime, "Büro \"1\"\r\nx/y.bin", b"bytes");
        let accepted = files_to(&api(&stub.url), "chat:5001", &[file], Some("Schau")).await.unwrap();
        assert_eq!(accepted.provider_ids[0].as_str(), "5001:21");
        let seen = &stub.seen()[0];
        assert_eq!(seen.line, format!("POST /bot{TOKEN}/{method}"));
        let form = form(seen).await;
        assert_eq!((value(&form, "chat_id"), value(&form, "caption"), form.len()), (Some("5001"), Some("Schau"), 3));
        let upload = form.iter().find(|part| part.0 == field).unwrap();
        assert_eq!(upload.1.as_deref(), Some("Büro _1___x_y.bin"), "nothing that ends the header");
        assert_eq!((upload.2.as_deref(), &upload.3[..]), (Some(mime), &b"bytes"[..]));
    }
}

#[tokio::test]
async fn an_album_is_one_call_and_several_messages() {
    let stub = Stub::start([ok(&json!([sent(21), sent(22)]))]).await;
    let files =
        [stub::file(FileKind::Image, "image/png", "a.png", b"png"), stub::file(FileKind::Video, "video/mp4", "b.mp4", b"mp4")];
    let draft = Draft::new("business:bc_1:5001");
    let target = ProviderMessageId::parse("bc_1:5001:12").unwrap();
    let content = PartContent::Files { files: files.iter().collect(), caption: Some("Both") };
    let part = Outgoing { reply_to: Some(&target), ..draft.part(content) };
    let accepted = send(&api(&stub.url), &bot(), &part).await.unwrap();
    let ids: Vec<&str> = accepted.provider_ids.iter().map(ProviderMessageId::as_str).collect();
    assert_eq!(ids, ["bc_1:5001:21", "bc_1:5001:22"]);
    let seen = &stub.seen()[0];
    assert_eq!(seen.line, format!("POST /bot{TOKEN}/sendMediaGroup"));
    let form = form(seen).await;
    let media: Value = serde_json::from_str(value(&form, "media").unwrap()).unwrap();
    assert_eq!(
        media,
        json!([{"type": "photo", "media": "attach://file0", "caption": "Both"}, {"type": "video", "media": "attach://file1"}])
    );
    assert_eq!((value(&form, "file0"), value(&form, "file1")), (Some("png"), Some("mp4")));
    assert_eq!((value(&form, "business_connection_id"), value(&form, "caption")), (Some("bc_1"), None));
    let reply: Value = serde_json::from_str(value(&form, "reply_parameters").unwrap()).unwrap();
    assert_eq!(reply, json!({"message_id": 12, "allow_sending_without_reply": true}));
}

#[tokio::test]
async fn a_picture_that_cannot_be_shown_goes_as_a_document() {
    let photo = || stub::file(FileKind::Image, "image/jpeg", "a.jpg", b"jpeg");
    let stub = Stub::start([refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"), ok(&sent(21))]).await;
    files_to(&api(&stub.url), "chat:5001", &[photo()], None).await.unwrap();
    let seen = stub.seen();
    assert!(seen[0].line.ends_with("/sendPhoto") && seen[1].line.ends_with("/sendDocument"));
    assert_eq!(value(&form(&seen[1]).await, "document"), Some("jpeg"));

    let of_one = "Bad Request: failed to send message #1 with the error message \"PHOTO_INVALID_DIMENSIONS\"";
    let stub = Stub::start([refused(400, of_one), ok(&json!([sent(21), sent(22)]))]).await;
    files_to(&api(&stub.url), "chat:5001", &[photo(), photo()], None).await.unwrap();
    let media: Value = serde_json::from_str(value(&form(&stub.seen()[1]).await, "media").unwrap()).unwrap();
    assert_eq!((&media[0]["type"], &media[1]["type"]), (&json!("document"), &json!("document")));

    let twice = [refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"), refused(400, "Bad Request: IMAGE_PROCESS_FAILED")];
    let stub = Stub::start(twice).await;
    let error = files_to(&api(&stub.url), "chat:5001", &[photo()], None).await.unwrap_err();
    assert_eq!((error.code(), stub.seen().len()), (PHOTO_REFUSED, 2));
}

#[tokio::test]
async fn an_upgraded_group_is_followed_once() {
    let upgraded = || {
        Reply::json(
            400,
            &json!({"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
                "parameters": {"migrate_to_chat_id": -100_500}}),
        )
    };
    let stub = Stub::start([upgraded(), ok(&sent(21))]).await;
    let accepted = text_to(&api(&stub.url), "chat:-5", None).await.unwrap();
    assert_eq!(accepted.provider_ids[0].as_str(), "-100500:21");
    assert_eq!(accepted.moved_to.unwrap().as_str(), "chat:-100500");
    assert_eq!(stub.seen()[1].json()["chat_id"], -100_500);
    let stub = Stub::start([upgraded(), upgraded(), ok(&sent(21))]).await;
    let error = text_to(&api(&stub.url), "chat:-5", None).await.unwrap_err();
    assert_eq!((error.code(), stub.seen().len()), ("chat_moved", 2));
}

#[tokio::test]
async fn a_deleted_target_is_no_reason_to_send_nothing() {
    let gone = || refused(400, "Bad Request: message to be replied not found");
    let stub = Stub::start([gone(), ok(&sent(21))]).await;
    text_to(&api(&stub.url), "chat:5001", Some("5001:12")).await.unwrap();
    assert_eq!(stub.seen()[1].json().get("reply_parameters"), None);
    let stub = Stub::start([gone(), ok(&sent(21))]).await;
    let error = text_to(&api(&stub.url), "chat:5001", None).await.unwrap_err();
    assert_eq!((error.code(), stub.seen().len()), (REPLY_GONE, 1));
}

#[tokio::test]
async fn answers_become_errors_and_nothing_is_repeated() {
    let cases = [
        (refused(403, "Forbidden: bot was blocked by the user"), "refused (blocked): The customer has blocked the bot."),
        (refused(400, "Bad Request: chat not found"), "refused (chat_not_found): Telegram does not know this customer"),
        (refused(401, "Unauthorized"), "refused (401): Telegram does not accept the bot's token any more."),
        (refused(429, "Too Many Requests: retry after 14"), "rate limited (429)"),
        (refused(500, "Internal Server Error"), "outcome unknown (500)"),
        (Reply::text(502, "<html>"), "outcome unknown (http_502)"),
        (Reply::text(413, "<html>"), "refused (file_too_large)"),
        (Reply::text(200, "not json"), "outcome unknown (unreadable_answer)"),
        (ok(&json!({"date": 1})), "outcome unknown (no_message_id)"),
        (ok(&json!([])), "outcome unknown (no_message_id)"),
        (Reply::Never, "outcome unknown (timeout)"),
    ];
    for (reply, expected) in cases {
        let stub = Stub::start([reply]).await;
        let error = text_to(&api(&stub.url), "chat:5001", Some("5001:12")).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(stub.seen().len(), 1, "{expected}");
    }
    let stub = Stub::start([]).await;
    for key in ["phone:1", "chat:x"] {
        let error = text_to(&api(&stub.url), key, None).await.unwrap_err();
        assert_eq!((error.code(), stub.seen().len()), ("unknown_recipient", 0));
    }
    let error = text_to(&api(&stub::closed_port().await), "chat:5001", None).await.unwrap_err().to_string();
    assert_eq!(error, "failed (connect), nothing was sent");
    let error = text_to(&api(&stub::hangs_up().await), "chat:5001", None).await.unwrap_err().to_string();
    assert_eq!(error, "outcome unknown (connection_lost)");
}

#[tokio::test]
async fn no_failure_tells_the_token() {
    let impatient = Stub::start([Reply::Never, Reply::text(500, TOKEN)]).await;
    let html = Stub::start([Reply::text(502, TOKEN), Reply::text(404, TOKEN)]).await;
    let echo = Stub::start([refused(400, TOKEN), refused(403, TOKEN)]).await;
    let urls = [
        impatient.url.clone(),
        html.url.clone(),
        echo.url.clone(),
        stub::closed_port().await,
        stub::hangs_up().await,
        "no url".to_owned(),
        "http://name.invalid".to_owned(),
    ];
    for url in urls {
        let http = LazyClient::from(reqwest::Client::builder().timeout(std::time::Duration::from_millis(300)).build().unwrap());
        let api = Api::new(http, url);
        let file = stub::file(FileKind::Document, "application/pdf", "a.pdf", b"x");
        for error in
            [text_to(&api, "chat:5001", None).await.unwrap_err(), files_to(&api, "chat:5001", &[file], None).await.unwrap_err()]
        {
            let told = format!("{error} {error:?} {} {}", error.for_people(), error.code());
            assert!(!told.contains("AAHdq") && !told.contains("110201543"), "{told}");
        }
    }
}
