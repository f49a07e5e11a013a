//! Basic authentication of Pipedrive's calls: the app's client id and secret (Pipedrive, "Messaging app extension",
//! authorization of the manifest's endpoints), or what a webhook was made with. Compared in constant time; a secret rotated a
//! moment ago is loaded anew.

use std::sync::Arc;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    inbox::error::InboxError,
    secrets::{SecretCache, Secrets},
};

const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// What a caller says to be.
pub struct Presented {
    id: String,
    secret: SecretString,
}

/// Lets Pipedrive in. Returns the secret that its credentials match.
pub async fn pipedrive(headers: &HeaderMap, secrets: &SecretCache) -> Result<Arc<Secrets>, InboxError> {
    const REFUSED: InboxError = InboxError::Unauthorized("wrong client id or client secret");
    let presented = presented(headers).ok_or(REFUSED)?;
    let known = secrets.get().await?;
    if matches(&presented, &known) {
        return Ok(known);
    }
    let renewed = secrets.renewed(&known).await?;
    renewed.filter(|renewed| matches(&presented, renewed)).ok_or(REFUSED)
}

/// What the headers hold, if they hold anything.
pub fn presented(headers: &HeaderMap) -> Option<Presented> {
    let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(LENIENT.decode(rest.trim()).ok()?).ok()?;
    let (id, secret) = plain.split_once(':')?;
    Some(Presented { id: id.to_owned(), secret: SecretString::from(secret) })
}

fn matches(presented: &Presented, secrets: &Secrets) -> bool {
    presented.is(&secrets.pipedrive_client_id, &secrets.pipedrive_client_secret)
}

impl Presented {
    /// Whether it is this pair. What is empty matches nothing.
    pub fn is(&self, id: &str, secret: &SecretString) -> bool {
        let configured = !id.is_empty() && !secret.expose_secret().is_empty();
        // Both are compared whatever the first says, and as digests, so that time tells neither which is wrong nor its length.
        let id = same(id, &self.id);
        let secret = same(secret.expose_secret(), self.secret.expose_secret());
        configured & id & secret
    }
}

/// Whether two texts are the same, in a time that depends on neither.
pub fn same(one: &str, other: &str) -> bool {
    let hash = |text: &str| digest::digest(&digest::SHA256, text.as_bytes());
    verify_slices_are_equal(hash(one).as_ref(), hash(other).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use http::HeaderValue;

    use super::*;
    use crate::{
        clock::Clock,
        model::time::Timestamp,
        secrets::{SecretSource, SecretsError},
    };

    /// The secret as it is stored, and how often it was loaded.
    type Stored = Arc<Mutex<(String, u32)>>;

    struct Source(Stored);

    #[async_trait]
    impl SecretSource for Source {
        async fn load(&self) -> Result<SecretString, SecretsError> {
            let mut state = self.0.lock().unwrap();
            state.1 += 1;
            Ok(SecretString::from(state.0.clone()))
        }
    }

    struct Hands(Mutex<Timestamp>);

    impl Clock for Hands {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    fn stored(id: &str, secret: &str) -> String {
        serde_json::json!({
            "pipedrive_client_id": id, "pipedrive_client_secret": secret, "encryption_key": "0123456789abcdef0123456789abcdef",
        })
        .to_string()
    }

    fn cache(id: &str, secret: &str) -> (SecretCache, Stored, Arc<Hands>) {
        let state = Arc::new(Mutex::new((stored(id, secret), 0)));
        let clock = Arc::new(Hands(Mutex::new(Timestamp::from_secs(1_000))));
        (SecretCache::new(Box::new(Source(state.clone())), clock.clone()), state, clock)
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(value).unwrap())])
    }

    fn basic(scheme: &str, plain: &str) -> HeaderMap {
        headers(&format!("{scheme} {}", BASE64.encode(plain)))
    }

    #[tokio::test]
    async fn only_the_pair_gets_in() {
        let (secrets, ..) = cache("id", "s:e cret");
        for (headers, let_in) in [
            (basic("Basic", "id:s:e cret"), true),
            (basic("bASIC", "id:s:e cret"), true),
            (headers(&format!("Basic  {}", BASE64.encode("id:s:e cret").trim_end_matches('='))), true),
            (basic("Bearer", "id:s:e cret"), false),
            (basic("Basic", "id:s:e cre"), false),
            (basic("Basic", "id:"), false),
            (basic("Basic", ":s:e cret"), false),
            (basic("Basic", "ID:s:e cret"), false),
            (basic("Basic", "id"), false),
            (headers("Basic"), false),
            (headers("Basic !!!"), false),
            (HeaderMap::new(), false),
        ] {
            let outcome = pipedrive(&headers, &secrets).await;
            assert_eq!(outcome.is_ok(), let_in, "{headers:?}");
            assert!(outcome.is_ok() || matches!(outcome, Err(InboxError::Unauthorized(_))));
        }
    }

    #[tokio::test]
    async fn what_is_not_configured_matches_nothing() {
        for (id, secret) in [("", ""), ("id", ""), ("", "secret")] {
            let (secrets, ..) = cache(id, secret);
            assert!(pipedrive(&basic("Basic", &format!("{id}:{secret}")), &secrets).await.is_err());
        }
    }

    #[tokio::test]
    async fn a_rotated_secret_is_loaded_once() {
        let (secrets, state, clock) = cache("id", "old");
        assert!(pipedrive(&basic("Basic", "id:old"), &secrets).await.is_ok());
        state.lock().unwrap().0 = stored("id", "new");
        *clock.0.lock().unwrap() = Timestamp::from_secs(1_011);
        assert!(pipedrive(&basic("Basic", "id:new"), &secrets).await.is_ok());
        assert!(pipedrive(&basic("Basic", "id:old"), &secrets).await.is_err());
        assert!(pipedrive(&basic("Basic", "id:wrong"), &secrets).await.is_err());
        assert_eq!(state.lock().unwrap().1, 2, "wrong passwords are not calls to AWS");
    }
}
