//! The Standard Webhooks scheme, version 1.0.0, symmetric (`v1`): HMAC-SHA256 over `<id>.<timestamp>.<raw body>` under a
//! secret of 24 to 64 bytes, several signatures beside each other while a secret is being replaced.
//!
//! Own code because the scheme's Rust library brings a second set of cryptography and its own clock.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;

use crate::{model::time::Timestamp, providers::WebhookRefused};

pub(super) const ID: &str = "webhook-id";
pub(super) const TIMESTAMP: &str = "webhook-timestamp";
pub(super) const SIGNATURE: &str = "webhook-signature";

/// How far a webhook's timestamp may be from our clock, in seconds: an older one may be a replay.
const TOLERANCE_SECS: u64 = 5 * 60;

/// The secret of one chat. Has no `Debug`, so that it can't be logged.
pub(super) struct SigningSecret(hmac::Key);

impl SigningSecret {
    /// Reads `whsec_<base64>`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        (24..=64).contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        format!("v1,{}", STANDARD.encode(self.content(id, &at.secs().to_string(), body).sign()))
    }

    /// Checks the three headers against the raw body, in constant time for each signature.
    pub(super) fn verify(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), WebhookRefused> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(WebhookRefused::Malformed);
        let (id, timestamp, signatures) = (header(ID)?, header(TIMESTAMP)?, header(SIGNATURE)?);
        let at: i64 = timestamp.parse().map_err(|_| WebhookRefused::Malformed)?;
        if id.is_empty() {
            return Err(WebhookRefused::Malformed);
        }
        if at.abs_diff(now.secs()) > TOLERANCE_SECS {
            return Err(WebhookRefused::Stale);
        }
        // Signatures of other versions are for others.
        let given: Vec<Vec<u8>> = signatures
            .split_ascii_whitespace()
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .collect();
        if given.is_empty() {
            return Err(WebhookRefused::Malformed);
        }
        let expected = self.content(id, timestamp, body).sign();
        let matches = |given: &Vec<u8>| aws_lc_rs::constant_time::verify_slices_are_equal(given, expected.as_ref()).is_ok();
        if given.iter().any(matches) { Ok(()) } else { Err(WebhookRefused::Mismatch) }
    }

    fn content(&self, id: &str, timestamp: &str, body: &[u8]) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            context.update(part);
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 32 bytes 0 to 31.
    const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const BODY: &[u8] = include_bytes!("../../../../tests/fixtures/custom/signed.json");
    const GOOD: &str = "v1,kS68UbmpMRwOPzVAZEdJ8kr4fPG3SQYx45tAZiifuL4=";
    const AT: i64 = 1_767_225_600;

    fn verify(id: &str, timestamp: &str, signature: &str, now: i64) -> Result<(), WebhookRefused> {
        let headers = [(ID, id), (TIMESTAMP, timestamp), (SIGNATURE, signature)]
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
        SigningSecret::parse(SECRET).unwrap().verify(&HeaderMap::from_iter(headers), BODY, Timestamp::from_secs(now))
    }

    #[test]
    fn signs_as_documented() {
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(secret.sign("evt_1", Timestamp::from_secs(AT), BODY), GOOD);
        let docs = include_str!("../../../../docs/custom-provider.md");
        let body = std::str::from_utf8(BODY).unwrap();
        for part in [SECRET, GOOD, body, "evt_1", &AT.to_string()] {
            assert!(docs.contains(part), "the documentation shows {part}");
        }
    }

    #[test]
    fn one_right_signature_of_several_is_enough() {
        let wrong = "v1,AAAAUbmpMRwOPzVAZEdJ8kr4fPG3SQYx45tAZiifuL4=";
        let at = AT.to_string();
        assert_eq!(verify("evt_1", &at, GOOD, AT), Ok(()));
        assert_eq!(verify("evt_1", &at, &format!("{wrong} {GOOD}"), AT), Ok(()));
        assert_eq!(verify("evt_1", &at, &format!("v1a,AAAA {GOOD} v1,?"), AT), Ok(()));
        assert_eq!(verify("evt_1", &at, wrong, AT), Err(WebhookRefused::Mismatch));
        assert_eq!(verify("evt_2", &at, GOOD, AT), Err(WebhookRefused::Mismatch));
        assert_eq!(verify("evt_1", &(AT + 1).to_string(), GOOD, AT), Err(WebhookRefused::Mismatch));
        assert_eq!(verify("evt_1", &at, "v1,AAAA", AT), Err(WebhookRefused::Mismatch));
    }

    #[test]
    fn other_forms_are_refused() {
        use WebhookRefused::{Malformed, Stale};
        let at = AT.to_string();
        for signature in ["", "v1", "v2,AAAA", "v1a,AAAA", "kS68", "v1,?", GOOD.strip_prefix("v1,").unwrap()] {
            assert_eq!(verify("evt_1", &at, signature, AT), Err(Malformed), "{signature}");
        }
        assert_eq!(verify("", &at, GOOD, AT), Err(Malformed));
        assert_eq!(verify("evt_1", "now", GOOD, AT), Err(Malformed));
        assert_eq!(verify("evt_1", &at, GOOD, AT + 300), Ok(()));
        assert_eq!(verify("evt_1", &at, GOOD, AT + 301), Err(Stale));
        assert_eq!(verify("evt_1", &at, GOOD, AT - 301), Err(Stale));
        assert_eq!(verify("evt_1", "-9223372036854775808", GOOD, AT), Err(Stale));
        let secret = SigningSecret::parse(SECRET).unwrap();
        assert_eq!(secret.verify(&HeaderMap::new(), BODY, Timestamp::from_secs(AT)), Err(Malformed));
    }

    #[test]
    fn secrets_have_a_prefix_and_24_to_64_bytes() {
        let secret = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for (text, valid) in [
            (secret(24), true),
            (secret(64), true),
            (secret(23), false),
            (secret(65), false),
            (SECRET.replace("whsec_", ""), false),
            ("whsec_".to_owned(), false),
            ("whsec_!!!!".to_owned(), false),
        ] {
            assert_eq!(SigningSecret::parse(&text).is_some(), valid, "{text}");
        }
    }
}
