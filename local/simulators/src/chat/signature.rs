//! Standard Webhooks, version 1.0.0, as the chat's side does it.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header};
use shared::model::time::Timestamp;

/// How old a request may be.
const TOLERANCE: Duration = Duration::from_mins(5);

fn key(secret: &str) -> hmac::Key {
    let bytes = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap_or_default();
    hmac::Key::new(hmac::HMAC_SHA256, &bytes)
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

/// The headers of a request.
pub(super) fn headers(secret: &str, id: &str, at: Timestamp, body: &[u8]) -> HeaderMap {
    let timestamp = at.secs().to_string();
    let signature = STANDARD.encode(hmac::sign(&key(secret), &content(id, &timestamp, body)));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in
        [("webhook-id", id.to_owned()), ("webhook-timestamp", timestamp), ("webhook-signature", format!("v1,{signature}"))]
    {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers
}

/// Whether a request is signed with the secret, and lately.
pub(super) fn matches(secret: &str, headers: &HeaderMap, now: Timestamp, body: &[u8]) -> bool {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let Ok(at) = timestamp.parse::<i64>().map(Timestamp::from_secs) else { return false };
    if now.since(at) > TOLERANCE || at.since(now) > TOLERANCE {
        return false;
    }
    let (key, content) = (key(secret), content(id, timestamp, body));
    header("webhook-signature")
        .split(' ')
        .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
        .any(|tag| hmac::verify(&key, &content, &tag).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_documentation() {
        let secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let body =
            br#"{"version":1,"events":[{"type":"message","id":"msg-1","from":{"id":"customer-7","name":"Ada"},"text":"Hello"}]}"#;
        let at = Timestamp::from_secs(1_767_225_600);
        let headers = headers(secret, "evt_1", at, body);
        assert_eq!(headers["webhook-signature"], "v1,kS68UbmpMRwOPzVAZEdJ8kr4fPG3SQYx45tAZiifuL4=");
        assert!(matches(secret, &headers, at, body));
        assert!(!matches(secret, &headers, at, &body[1..]));
        assert!(!matches(secret, &headers, at.plus(TOLERANCE * 2), body));
    }
}
