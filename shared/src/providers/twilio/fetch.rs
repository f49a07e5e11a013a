//! Getting files (Twilio, "Media resource"). A webhook names each by its address; a file of an older message is named by the
//! message and its position, and looked up in the message's list. Twilio's answer leads on to a signed address elsewhere,
//! which gets no credentials.

use secrecy::SecretSlice;
use serde_json::Value;

use super::{
    account::{Credentials, is_word},
    api::Api,
};
use crate::{
    model::content::FileSource,
    providers::{
        Fetched,
        download::Downloads,
        error::{ProviderError, Refusal},
        lenient,
    },
};

/// Hosts that get the account's credentials, besides the API's own.
pub(super) const TRUSTED: &[&str] = &["api.twilio.com", ".twilio.com"];

/// The file at `position` of a message that Twilio keeps.
pub(super) fn kept(message_sid: &str, position: usize) -> FileSource {
    FileSource(format!("{message_sid}/{position}"))
}

/// Gets a file, at most `max` bytes of it.
pub(super) async fn fetch(
    api: &Api,
    downloads: &Downloads,
    credentials: &SecretSlice<u8>,
    source: &FileSource,
    max: usize,
) -> Result<Fetched, ProviderError> {
    let credentials = Credentials::stored(credentials)?;
    let (address, mime) = match read_kept(&source.0) {
        Some((message, position)) => look_up(api, &credentials, message, position).await?,
        None => (source.0.clone(), None),
    };
    let fetched = downloads.get(&address, Some(credentials.authorization()), max).await?;
    Ok(Fetched { mime: fetched.mime.or(mime), ..fetched })
}

/// Back from [`kept`].
fn read_kept(source: &str) -> Option<(&str, usize)> {
    let (message, position) = source.split_once('/')?;
    Some((message, position.parse().ok()?)).filter(|_| is_word(message))
}

/// Address and type of a file in a message's list.
async fn look_up(
    api: &Api,
    credentials: &Credentials,
    message: &str,
    position: usize,
) -> Result<(String, Option<String>), ProviderError> {
    let list = api.get(credentials, &credentials.path(&format!("/Messages/{message}/Media.json")), &[]).await?;
    let media = lenient::items(&list, "media_list").get(position).unwrap_or(&Value::Null);
    let uri = lenient::text(media, "/uri").ok_or_else(|| ProviderError::Refused {
        refusal: Refusal::NotFound,
        code: "media_gone".to_owned(),
        message: "Twilio does not have the file any more.".to_owned(),
    })?;
    // Without its ending it is the file itself, not what is known of it.
    let uri = uri.strip_suffix(".json").unwrap_or(uri);
    let address = if uri.starts_with('/') { format!("{}{uri}", api.base()) } else { uri.to_owned() };
    Ok((address, lenient::text(media, "/content_type").map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        clock::SystemClock,
        providers::{
            Outside,
            stub::{self, Reply, Stub},
        },
    };

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";
    const BASIC: &str = "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==";
    const PATH: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages/MM1/Media";

    async fn get(base: &str, source: &str, max: usize) -> Result<Fetched, ProviderError> {
        let outside: Outside = stub::outside(base);
        let credentials =
            json!({"account_sid": "AC00000000000000000000000000000001", "auth_token": TOKEN, "from": "+15005550001"});
        let credentials = SecretSlice::from(credentials.to_string().into_bytes());
        let api = Api::new(outside.http.clone(), base.to_owned(), Arc::new(SystemClock));
        let downloads = Downloads::new(&outside, base, TRUSTED);
        fetch(&api, &downloads, &credentials, &FileSource(source.to_owned()), max).await
    }

    fn location(address: String) -> Reply {
        let address: &'static str = Box::leak(address.into_boxed_str());
        Reply::Answer(307, vec![("location", address)], String::new())
    }

    #[tokio::test]
    async fn a_file_is_fetched_with_credentials_and_its_redirect_without() {
        let elsewhere = Stub::start([Reply::Answer(200, vec![("content-type", "image/jpeg")], "bytes".to_owned())]).await;
        let twilio = Stub::start([location(format!("{}/cdn?signature=1", elsewhere.url))]).await;
        let file = get(&twilio.url, &format!("{}{PATH}/ME1", twilio.url), 5).await.unwrap();
        assert_eq!((&file.bytes[..], file.mime.as_deref()), (&b"bytes"[..], Some("image/jpeg")));
        assert_eq!(twilio.seen()[0].line, format!("GET {PATH}/ME1"));
        assert_eq!(twilio.seen()[0].headers["authorization"], BASIC);
        assert!(!elsewhere.seen()[0].headers.contains_key("authorization"));
    }

    #[tokio::test]
    async fn an_address_that_ran_out_is_asked_for_anew_and_strangers_get_no_credentials() {
        let stranger = Stub::start([Reply::text(200, "x")]).await;
        let twilio = Stub::start([]).await;
        get(&twilio.url, &format!("{}/file", stranger.url), 5).await.unwrap();
        assert!(!stranger.seen()[0].headers.contains_key("authorization"));

        // The address that is kept is the lasting one: each try gets a new signed address from it.
        let elsewhere = Stub::start([Reply::text(403, "expired"), Reply::text(200, "x")]).await;
        let twilio = Stub::start([location(format!("{}/1", elsewhere.url)), location(format!("{}/2", elsewhere.url))]).await;
        let source = format!("{}{PATH}/ME1", twilio.url);
        get(&twilio.url, &source, 5).await.unwrap_err();
        get(&twilio.url, &source, 5).await.unwrap();
        assert_eq!(elsewhere.seen()[1].line, "GET /2");
    }

    #[tokio::test]
    async fn a_file_of_an_older_message_is_looked_up() {
        let list = json!({"media_list": [
            {"sid": "ME1", "content_type": "image/png", "uri": format!("{PATH}/ME1.json")},
            {"sid": "ME2", "content_type": "video/mp4", "uri": format!("{PATH}/ME2.json")},
            {"sid": "ME3", "uri": "//evil.example/ME3.json"},
            {"sid": "ME4"},
        ]});
        let stub = Stub::start([Reply::json(200, &list), Reply::text(200, "film")]).await;
        let source = kept("MM1", 1);
        assert_eq!(source.0, "MM1/1");
        let file = get(&stub.url, &source.0, 5).await.unwrap();
        assert_eq!((&file.bytes[..], file.mime.as_deref()), (&b"film"[..], Some("video/mp4")));
        let lines: Vec<String> = stub.seen().iter().map(|seen| seen.line.clone()).collect();
        assert_eq!(lines, [format!("GET {PATH}.json"), format!("GET {PATH}/ME2")]);
        assert!(stub.seen().iter().all(|seen| seen.headers["authorization"] == BASIC));

        for position in [3, 4] {
            let stub = Stub::start([Reply::json(200, &list)]).await;
            let error = get(&stub.url, &kept("MM1", position).0, 5).await.unwrap_err();
            assert_eq!((error.code(), stub.seen().len()), ("media_gone", 1), "{position}");
        }
        // An address that looks like another host's stays at the API.
        let stub = Stub::start([Reply::json(200, &list), Reply::text(404, "")]).await;
        get(&stub.url, &kept("MM1", 2).0, 5).await.unwrap_err();
        assert_eq!(stub.seen()[1].line, "GET //evil.example/ME3");
    }

    #[tokio::test]
    async fn answers_become_errors_that_hold_no_credentials() {
        for (reply, expected) in [
            (Reply::json(404, &json!({"code": 20_404})), "refused (http_404)"),
            (Reply::text(401, ""), "refused (http_401)"),
            (Reply::text(503, ""), "failed (http_503)"),
            (Reply::text(200, "123456"), "refused (file_too_large)"),
            (location("http://169.254.169.254/latest".to_owned()), "refused (address_refused)"),
        ] {
            let stub = Stub::start([reply]).await;
            let error = get(&stub.url, &format!("{}{PATH}/ME1", stub.url), 5).await.unwrap_err().to_string();
            assert!(error.starts_with(expected) && !error.contains(TOKEN), "{error}");
        }
        let stub = Stub::start([Reply::json(404, &json!({"code": 20_404}))]).await;
        assert_eq!(get(&stub.url, "MM1/0", 5).await.unwrap_err().code(), "20404");
        for source in ["file:///etc/passwd", "../x/0", "MM1/-1", "", "https://169.254.169.254/latest"] {
            let stub = Stub::start([]).await;
            assert_eq!(get(&stub.url, source, 5).await.unwrap_err().code(), "address_refused", "{source}");
            assert_eq!(stub.seen().len(), 0);
        }
    }
}
