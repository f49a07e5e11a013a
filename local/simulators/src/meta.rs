//! How Meta proves itself to a webhook: the handshake when its address is entered, and the signature of each request
//! (Meta, Graph API, Webhooks, "Getting Started").

use aws_lc_rs::hmac;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use super::webhooks::Post;

/// Asks an address to prove that it knows the verify token.
pub(super) async fn handshake(url: &str, verify_token: &str) -> bool {
    let challenge = uuid::Uuid::new_v4().as_u64_pair().0.to_string();
    let asked = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap_or_default()
        .get(url)
        .query(&[("hub.mode", "subscribe"), ("hub.challenge", &challenge), ("hub.verify_token", verify_token)]);
    let Ok(answer) = asked.send().await else { return false };
    answer.status().is_success() && answer.text().await.is_ok_and(|text| text == challenge)
}

/// A webhook with that body, signed.
pub(super) fn signed(app_secret: &str, body: Bytes) -> Post {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(signature) = HeaderValue::from_str(&format!("sha256={}", signature(app_secret, &body))) {
        headers.insert("x-hub-signature-256", signature);
    }
    Post { headers, body }
}

/// The HMAC-SHA256 of something, in hexadecimal digits.
pub(super) fn signature(secret: &str, bytes: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), bytes);
    tag.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
