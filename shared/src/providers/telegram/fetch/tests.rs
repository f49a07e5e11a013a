use secrecy::SecretSlice;

use super::*;
use crate::providers::stub::{self, Reply, Stub};

const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";

fn bot() -> Bot {
    let json = json!({"bot_token": TOKEN, "bot_id": "110201543", "webhook_secret": "s3cret_A-1"});
    let Ok(bot) = Bot::stored(&SecretSlice::from(json.to_string().into_bytes())) else { panic!("the bot is malformed") };
    bot
}

fn clients(url: &str) -> (Api, Downloads) {
    (Api::new(stub::client(), url.to_owned()), Downloads::new(&stub::outside(url), url, &[]))
}

fn ok(result: &Value) -> Reply {
    Reply::json(200, &json!({"ok": true, "result": result}))
}

fn refused(number: u16, description: &str) -> Reply {
    Reply::json(number, &json!({"ok": false, "error_code": number, "description": description}))
}

fn path(path: &str) -> Reply {
    ok(&json!({"file_id": "P-l", "file_unique_id": "u2", "file_path": path}))
}

fn bytes(mime: &'static str) -> Reply {
    Reply::Answer(200, vec![("content-type", mime)], "bytes".to_owned())
}

async fn fetch(url: &str, max: usize) -> Result<Fetched, ProviderError> {
    let (api, downloads) = clients(url);
    file(&api, &downloads, &bot(), "P-l", max).await
}

#[tokio::test]
async fn the_address_is_asked_for_each_time() {
    let stub = Stub::start([
        path("photos/file_1.jpg"),
        bytes("application/octet-stream"),
        path("voice notes/ä#1?.oga"),
        bytes("audio/ogg"),
    ])
    .await;
    let first = fetch(&stub.url, 5).await.unwrap();
    assert_eq!((&first.bytes[..], first.mime), (&b"bytes"[..], None), "the message's own type stays");
    let second = fetch(&stub.url, 5).await.unwrap();
    assert_eq!(second.mime.as_deref(), Some("audio/ogg"));
    let seen = stub.seen();
    assert_eq!(seen[0].line, format!("POST /bot{TOKEN}/getFile"));
    assert_eq!(seen[0].json(), json!({"file_id": "P-l"}));
    assert_eq!(seen[1].line, format!("GET /file/bot{TOKEN}/photos/file_1.jpg"));
    assert_eq!(seen[3].line, format!("GET /file/bot{TOKEN}/voice%20notes/%C3%A4%231%3F.oga"));
    assert!(!seen[1].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_redirect_takes_no_token_along() {
    let stranger = Stub::start([Reply::text(200, "bytes")]).await;
    let location: &'static str = Box::leak(format!("{}/cdn", stranger.url).into_boxed_str());
    let stub = Stub::start([path("a.bin"), Reply::Answer(302, vec![("location", location)], String::new())]).await;
    fetch(&stub.url, 5).await.unwrap();
    let seen = &stranger.seen()[0];
    assert_eq!(seen.line, "GET /cdn");
    assert!(seen.headers.values().all(|value| !value.to_str().unwrap_or_default().contains("AAHdq")), "{:?}", seen.headers);
}

#[tokio::test]
async fn paths_that_lead_elsewhere_are_not_followed() {
    for odd in ["", "/etc/passwd", "../getMe", "a/../../getMe", "a//b", "."] {
        let stub = Stub::start([path(odd)]).await;
        let error = fetch(&stub.url, 5).await.unwrap_err();
        assert_eq!((error.code(), stub.seen().len()), ("no_file_path", 1), "{odd}");
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_said() {
    let too_big = "refused (file_too_large): The file is too large for Telegram: bots may fetch files of 20 MB";
    let cases = [
        (vec![refused(400, "Bad Request: file is too big")], too_big),
        (vec![ok(&json!({"file_path": "a", "file_size": 6}))], "refused (file_too_large)"),
        (vec![path("a"), Reply::text(200, "123456")], "refused (file_too_large)"),
        (vec![refused(400, "Bad Request: invalid file_id")], "refused (file_gone)"),
        (vec![refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")], "failed (file_unavailable)"),
        (vec![refused(401, "Unauthorized")], "refused (401)"),
        (vec![refused(500, "Internal Server Error")], "failed (500)"),
        (vec![refused(429, "Too Many Requests: retry after 3")], "rate limited (429)"),
        (vec![path("a"), Reply::text(404, "")], "refused (http_404)"),
        (vec![Reply::Never], "failed (timeout)"),
        (vec![ok(&json!({}))], "refused (no_file_path)"),
    ];
    for (replies, expected) in cases {
        let stub = Stub::start(replies).await;
        let error = fetch(&stub.url, 5).await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!format!("{error:?}").contains("AAHdq"), "{error:?}");
    }
}

#[tokio::test]
async fn a_customers_face_is_the_largest_picture() {
    let customer = ContactKey::parse("chat:5001").unwrap();
    let sizes = json!([{"file_id": "s", "width": 160, "height": 160}, {"file_id": "b", "width": 640, "height": 640}]);
    let photos = json!({"total_count": 3, "photos": [sizes]});
    let stub = Stub::start([ok(&photos), path("photos/b.jpg"), bytes("image/jpeg")]).await;
    let (api, downloads) = clients(&stub.url);
    let found = profile(&api, &downloads, &bot(), &customer).await.unwrap();
    assert_eq!((found.name, &found.avatar.unwrap().bytes[..]), (None, &b"bytes"[..]));
    let seen = stub.seen();
    assert_eq!(seen[0].line, format!("POST /bot{TOKEN}/getUserProfilePhotos"));
    assert_eq!(seen[0].json(), json!({"user_id": 5001, "limit": 1}));
    assert_eq!(seen[1].json(), json!({"file_id": "b"}));

    let chat = json!({"id": 5001, "first_name": "Ada", "last_name": "L", "photo": {"small_file_id": "x", "big_file_id": "y"}});
    let none = json!({"total_count": 0, "photos": []});
    let stub = Stub::start([ok(&none), ok(&chat), path("photos/y.jpg"), bytes("image/jpeg")]).await;
    let (api, downloads) = clients(&stub.url);
    let found = profile(&api, &downloads, &bot(), &customer).await.unwrap();
    assert_eq!((found.name.as_deref(), found.avatar.is_some()), (Some("Ada L"), true));
    assert_eq!(stub.seen()[2].json(), json!({"file_id": "y"}));
}

#[tokio::test]
async fn a_hidden_face_is_no_failure() {
    let customer = ContactKey::parse("business:bc_1:5001").unwrap();
    let not_found = || refused(400, "Bad Request: user not found");
    let photos = || ok(&json!({"photos": [[{"file_id": "b"}]]}));
    for replies in [
        vec![not_found(), not_found()],
        vec![ok(&json!({"total_count": 0})), ok(&json!({"id": 5001}))],
        vec![photos(), refused(400, "Bad Request: invalid file_id")],
    ] {
        let stub = Stub::start(replies).await;
        let (api, downloads) = clients(&stub.url);
        let found = profile(&api, &downloads, &bot(), &customer).await.unwrap();
        assert!(found.avatar.is_none());
    }
    for (reply, expected) in [(refused(401, "Unauthorized"), "refused (401)"), (Reply::Never, "failed (timeout)")] {
        let stub = Stub::start([reply]).await;
        let (api, downloads) = clients(&stub.url);
        let error = profile(&api, &downloads, &bot(), &customer).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    let (api, downloads) = clients("http://127.0.0.1:9");
    let stranger = ContactKey::parse("phone:1").unwrap();
    assert!(profile(&api, &downloads, &bot(), &stranger).await.unwrap().avatar.is_none());
}
