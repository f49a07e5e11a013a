//! Proof that a request comes from Meta: the signature over the raw bytes of a webhook, and the handshake when its address
//! is entered (Meta, Graph API, Webhooks, "Getting Started"). All comparisons take the same time whatever matches.

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use crate::providers::WebhookRefused;

const SIGNATURE: &str = "x-hub-signature-256";
/// Hexadecimal digits in a SHA-256 signature.
const DIGITS: usize = 64;
/// Longest challenge that is echoed. Meta's have about ten digits.
const MAX_CHALLENGE: usize = 512;

/// Checks `X-Hub-Signature-256: sha256=<hex>`, the HMAC-SHA256 of the raw body under the app secret.
pub(in crate::providers) fn signature(app_secret: &SecretString, headers: &HeaderMap, body: &[u8]) -> Result<(), WebhookRefused> {
    let app_secret = app_secret.expose_secret();
    if app_secret.is_empty() {
        return Err(WebhookRefused::NoKey);
    }
    let given = headers
        .get(SIGNATURE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("sha256="))
        .and_then(from_hex)
        .ok_or(WebhookRefused::Malformed)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, app_secret.as_bytes());
    hmac::verify(&key, body, &given).map_err(|_| WebhookRefused::Mismatch)
}

/// Answers Meta's GET on the webhook address (`hub.mode`, `hub.verify_token`, `hub.challenge`): the challenge, to be sent
/// back byte for byte as plain text. A token that is not configured yet (empty) never matches.
pub fn handshake<'a>(
    mode: Option<&str>,
    verify_token: Option<&str>,
    challenge: Option<&'a str>,
    configured: &SecretString,
) -> Result<&'a str, WebhookRefused> {
    let configured = configured.expose_secret();
    if configured.is_empty() {
        return Err(WebhookRefused::NoKey);
    }
    let (Some("subscribe"), Some(verify_token), Some(challenge)) = (mode, verify_token, challenge) else {
        return Err(WebhookRefused::Malformed);
    };
    if challenge.len() > MAX_CHALLENGE {
        return Err(WebhookRefused::Malformed);
    }
    verify_slices_are_equal(verify_token.as_bytes(), configured.as_bytes()).map_err(|_| WebhookRefused::Mismatch)?;
    Ok(challenge)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if text.len() != DIGITS || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..DIGITS).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "test-app-secret-0123456789abcdef";
    const BODY: &[u8] = br#"{"object":"page","entry":[]}"#;
    const HEX: &str = "b6ee996ccc2079e5c6fad8644870b5d5044b367e2996ec95e040e70ae175d007";

    fn verify(secret: &str, header: Option<&str>, body: &[u8]) -> Result<(), WebhookRefused> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(SIGNATURE, header.parse().unwrap());
        }
        signature(&SecretString::from(secret), &headers, body)
    }

    #[test]
    fn the_signature_is_over_the_raw_bytes() {
        let escaped = br#"{"object":"page","text":"\u00e4\u00f6\u00e5 \/ \ud83d\ude00"}"#;
        let plain = r#"{"object":"page","text":"äöå / 😀"}"#.as_bytes();
        assert_eq!(escaped.len(), 61);
        let vectors: [(&[u8], &str); 4] = [
            (BODY, HEX),
            (escaped, "e792b98823fc20eff8180f0adf5e994ceb0d78177f384e0139df967d34f3f59c"),
            (plain, "531a6c876e91a4bba1a19a08ff07b0a3f4a688b24a4819e01806a71c8a405809"),
            (b"", "2c03c1d245b8d3c614695d630e637ddd29dbf1b3433f71fb3bce5bd368da89c2"),
        ];
        for (body, hex) in vectors {
            assert_eq!(verify(SECRET, Some(&format!("sha256={hex}")), body), Ok(()), "{hex}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        use WebhookRefused::{Malformed, Mismatch, NoKey};
        let flipped = format!("sha256=c{}", &HEX[1..]);
        let cases = [
            (None, Malformed),
            (Some(HEX.to_owned()), Malformed),
            (Some(format!("sha1={HEX}")), Malformed),
            (Some(format!("sha256={}", &HEX[..63])), Malformed),
            (Some(format!("sha256={HEX}00")), Malformed),
            (Some(format!("sha256=g{}", &HEX[1..])), Malformed),
            (Some(format!("sha256=+{}", &HEX[1..])), Malformed),
            (Some("sha256=".to_owned()), Malformed),
            (Some(flipped), Mismatch),
        ];
        for (header, expected) in cases {
            assert_eq!(verify(SECRET, header.as_deref(), BODY), Err(expected), "{header:?}");
        }
        assert_eq!(verify("another", Some(&format!("sha256={HEX}")), BODY), Err(Mismatch));
        assert_eq!(verify("", Some(&format!("sha256={HEX}")), BODY), Err(NoKey));
    }

    #[test]
    fn the_handshake_echoes_the_challenge_for_our_token_alone() {
        use WebhookRefused::{Malformed, Mismatch, NoKey};
        let configured = SecretString::from("our-token");
        let ask = |mode, token, challenge| handshake(mode, token, challenge, &configured);
        assert_eq!(ask(Some("subscribe"), Some("our-token"), Some("1158201444")), Ok("1158201444"));
        assert_eq!(ask(Some("subscribe"), Some("our-token"), Some("<any> text\n")), Ok("<any> text\n"));
        assert_eq!(ask(Some("subscribe"), Some("our-Token"), Some("1")), Err(Mismatch));
        assert_eq!(ask(Some("subscribe"), Some(""), Some("1")), Err(Mismatch));
        assert_eq!(ask(Some("unsubscribe"), Some("our-token"), Some("1")), Err(Malformed));
        assert_eq!(ask(None, Some("our-token"), Some("1")), Err(Malformed));
        assert_eq!(ask(Some("subscribe"), None, Some("1")), Err(Malformed));
        assert_eq!(ask(Some("subscribe"), Some("our-token"), None), Err(Malformed));
        assert_eq!(handshake(Some("subscribe"), Some(""), Some("1"), &SecretString::from("")), Err(NoKey));
    }
}
