use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::{
    model::time::Timestamp,
    providers::{EventKind, stub},
    secrets::Secrets,
};

fn telegram() -> Telegram {
    Telegram::new(&stub::outside("http://127.0.0.1:9"))
}

fn sealed(secret: &str) -> SecretSlice<u8> {
    let json = json!({"bot_token": "1:A", "bot_id": "1", "webhook_secret": secret});
    SecretSlice::from(json.to_string().into_bytes())
}

fn verified(credentials: Option<&SecretSlice<u8>>, headers: HeaderMap) -> Result<VerifiedWebhook, WebhookRefused> {
    let Ok(secrets) = Secrets::parse(&json!({"encryption_key": "1:".to_owned() + &"AAAA".repeat(10) + "AAA="}).to_string())
    else {
        panic!("the secret of this test is malformed")
    };
    let keys = WebhookKeys { secrets: &secrets, credentials, now: Timestamp::EPOCH };
    let body = Bytes::from_static(include_bytes!("../../../../tests/fixtures/telegram/text.json"));
    telegram().verify(RawWebhook { url: String::new(), headers, body }, &keys)
}

fn with(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(SECRET_TOKEN, value.parse().unwrap());
    }
    headers
}

#[test]
fn a_webhook_shows_the_secret_exactly() {
    let credentials = sealed("s3cret_A-1");
    let webhook = verified(Some(&credentials), with(&["s3cret_A-1"])).unwrap();
    let events = telegram().parse(&webhook);
    let [Event { account: None, kind: EventKind::Message(message) }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(message.text, "Hello");
    for (values, expected) in [
        (&["s3cret_a-1"][..], WebhookRefused::Mismatch),
        (&["s3cret_A-1 "], WebhookRefused::Mismatch),
        (&["s3cret_A-"], WebhookRefused::Mismatch),
        (&["s3cret_A-11"], WebhookRefused::Mismatch),
        (&[""], WebhookRefused::Malformed),
        (&[], WebhookRefused::Malformed),
        (&["s3cret_A-1", "s3cret_A-1"], WebhookRefused::Malformed),
        (&["wrong", "s3cret_A-1"], WebhookRefused::Malformed),
    ] {
        assert_eq!(verified(Some(&credentials), with(values)).unwrap_err(), expected, "{values:?}");
    }
}

#[test]
fn without_a_secret_nothing_is_believed() {
    for credentials in [sealed(""), SecretSlice::from(b"{}".to_vec()), SecretSlice::from(b"no json".to_vec())] {
        for values in [&["s3cret_A-1"][..], &[""], &[]] {
            assert_eq!(verified(Some(&credentials), with(values)).unwrap_err(), WebhookRefused::NoKey);
        }
    }
    assert_eq!(verified(None, with(&["s3cret_A-1"])).unwrap_err(), WebhookRefused::NoKey);
}
