//! Who sits in front of a page of ours. Pipedrive signs a token into an iframe's address (Pipedrive, "Custom UI
//! extensions", verifying a user with a JSON Web Token); it is exchanged for a short session of our own, which the page
//! keeps in memory and sends as a bearer token. Cookies are of no use: browsers keep them from iframes.

use std::{sync::Arc, time::Duration};

use http::HeaderMap;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{number, request};
use crate::{
    inbox::{Caller, error::InboxError, ports::InstallationStore},
    model::{
        ids::{CompanyId, UserId},
        installation::InstallationState,
        time::Timestamp,
    },
    seal::SealError,
    secrets::{SecretCache, Secrets},
};

/// How long a session of ours lasts.
const LIFETIME: Duration = Duration::from_mins(15);
/// How far Pipedrive's clock may be behind ours.
const LEEWAY: Duration = Duration::from_mins(1);
/// What a session of ours is for.
const AUDIENCE: &str = "pigeonpost";
/// Purpose of the key that signs sessions of ours.
const KEY: &str = "session";

const BAD_TOKEN: InboxError = InboxError::Unauthorized("the token is not valid or has expired");
const BAD_SESSION: InboxError = InboxError::Unauthorized("the session is not valid or has expired");

/// A session of ours, as the page gets it.
#[derive(Debug, Clone, Serialize)]
pub struct Session {
    /// The bearer token.
    pub token: String,
    /// Seconds until it stops working.
    pub expires_in: u64,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    company: CompanyId,
    user: UserId,
    exp: i64,
}

/// What an iframe was opened with.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The token that Pipedrive signed.
    pub token: &'a str,
    /// The company in the address beside it, which is not signed.
    pub company: Option<CompanyId>,
    /// The user there.
    pub user: Option<UserId>,
}

/// Exchanges the token that Pipedrive signed for a session of ours, if the app is installed for its user, and if the address
/// names nobody else.
pub async fn open(
    store: &dyn InstallationStore,
    secrets: &SecretCache,
    presented: &Presented<'_>,
    now: Timestamp,
) -> Result<Session, InboxError> {
    let (caller, secrets) = signed_by_pipedrive(secrets, presented.token, now).await?;
    let other = |named: Option<u64>, signed: u64| named.is_some_and(|named| named != signed);
    if other(presented.company.map(|id| id.0), caller.company.0) || other(presented.user.map(|id| id.0), caller.user.0) {
        return Err(BAD_TOKEN);
    }
    match store.installation(caller.company, caller.user).await? {
        Some(installation) if installation.state != InstallationState::Uninstalled => issue(&secrets, caller, now),
        _ => Err(InboxError::Forbidden("the app is not installed for this user".to_owned())),
    }
}

/// The caller whose session of ours is in the headers.
pub async fn caller(headers: &HeaderMap, secrets: &SecretCache, now: Timestamp) -> Result<Caller, InboxError> {
    let token = request::bearer(headers).ok_or(InboxError::Unauthorized("a session is required"))?;
    let secrets = secrets.get().await?;
    let key = secrets.vault.derive(KEY)?;
    let claims: Claims = decode(token, key.expose_secret()).ok_or(BAD_SESSION)?;
    if claims.aud != AUDIENCE || claims.exp <= now.secs() {
        return Err(BAD_SESSION);
    }
    Ok(Caller { company: claims.company, user: claims.user })
}

async fn signed_by_pipedrive(secrets: &SecretCache, token: &str, now: Timestamp) -> Result<(Caller, Arc<Secrets>), InboxError> {
    let known = secrets.get().await?;
    let (claims, secrets) = match claims_of(token, &known) {
        Some(claims) => (claims, known),
        None => match secrets.renewed(&known).await? {
            Some(renewed) => (claims_of(token, &renewed).ok_or(BAD_TOKEN)?, renewed),
            None => return Err(BAD_TOKEN),
        },
    };
    let id = |camel, snake| claims.get(camel).or_else(|| claims.get(snake)).and_then(number::read).ok_or(BAD_TOKEN);
    let caller = Caller { company: CompanyId(id("companyId", "company_id")?), user: UserId(id("userId", "user_id")?) };
    let until = claims.get("exp").and_then(number::read).and_then(|secs| i64::try_from(secs).ok()).ok_or(BAD_TOKEN)?;
    if Timestamp::from_secs(until).plus(LEEWAY) <= now { Err(BAD_TOKEN) } else { Ok((caller, secrets)) }
}

fn claims_of(token: &str, secrets: &Secrets) -> Option<Map<String, Value>> {
    let key = secrets.pipedrive_client_secret.expose_secret();
    // An empty key would let anybody sign.
    if key.is_empty() { None } else { decode(token, key.as_bytes()) }
}

fn issue(secrets: &Secrets, caller: Caller, now: Timestamp) -> Result<Session, InboxError> {
    let claims = Claims { aud: AUDIENCE.to_owned(), company: caller.company, user: caller.user, exp: now.plus(LIFETIME).secs() };
    let key = secrets.vault.derive(KEY)?;
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(key.expose_secret()))
        .map_err(|_| SealError::NoKey)?;
    Ok(Session { token, expires_in: LIFETIME.as_secs() })
}

/// The claims if the signature is right, by HMAC-SHA-256 and nothing else. Their times are left to the caller, who has the
/// clock.
fn decode<T: DeserializeOwned>(token: &str, key: &[u8]) -> Option<T> {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    jsonwebtoken::decode(token, &DecodingKey::from_secret(key), &rules).ok().map(|token| token.claims)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use http::{HeaderValue, header::AUTHORIZATION};
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::{
        clock::SystemClock,
        secrets::{SecretSource, SecretsError},
    };

    const SECRET: &str = "client secret";
    const NOW: Timestamp = Timestamp::EPOCH;

    struct Source(&'static str);

    #[async_trait]
    impl SecretSource for Source {
        async fn load(&self) -> Result<SecretString, SecretsError> {
            let stored = json!({ "pipedrive_client_secret": self.0, "encryption_key": "0123456789abcdef0123456789abcdef" });
            Ok(SecretString::from(stored.to_string()))
        }
    }

    fn cache(secret: &'static str) -> SecretCache {
        SecretCache::new(Box::new(Source(secret)), Arc::new(SystemClock))
    }

    fn sign(algorithm: Algorithm, claims: &Value, key: &str) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    }

    fn unsigned(claims: &Value) -> String {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({ "alg": "none", "typ": "JWT" })), part(claims))
    }

    #[tokio::test]
    async fn pipedrives_token_tells_the_caller() {
        let later = NOW.secs() + 300;
        let good = json!({ "userId": 5, "companyId": "7", "exp": later });
        let caller = Some(Caller { company: CompanyId(7), user: UserId(5) });
        for (what, token, expected) in [
            ("camel", sign(Algorithm::HS256, &good, SECRET), caller),
            ("snake", sign(Algorithm::HS256, &json!({ "user_id": "5", "company_id": 7, "exp": later }), SECRET), caller),
            (
                "with an audience",
                { sign(Algorithm::HS256, &json!({ "userId": 5, "companyId": 7, "exp": later, "aud": "x" }), SECRET) },
                caller,
            ),
            ("other key", sign(Algorithm::HS256, &good, "other"), None),
            ("other algorithm", sign(Algorithm::HS512, &good, SECRET), None),
            ("unsigned", unsigned(&good), None),
            ("no exp", sign(Algorithm::HS256, &json!({ "userId": 5, "companyId": 7 }), SECRET), None),
            ("no user", sign(Algorithm::HS256, &json!({ "companyId": 7, "exp": later }), SECRET), None),
            ("no token", String::new(), None),
        ] {
            let outcome = signed_by_pipedrive(&cache(SECRET), &token, NOW).await;
            assert_eq!(outcome.ok().map(|(caller, _)| caller), expected, "{what}");
        }
        let empty = signed_by_pipedrive(&cache(""), &sign(Algorithm::HS256, &good, ""), NOW).await;
        assert!(empty.is_err(), "an empty secret signs nothing");
    }

    #[tokio::test]
    async fn pipedrives_token_expires() {
        let claims = json!({ "userId": 5, "companyId": 7, "exp": 1_000 });
        let token = sign(Algorithm::HS256, &claims, SECRET);
        let at = async |secs| signed_by_pipedrive(&cache(SECRET), &token, Timestamp::from_secs(secs)).await.is_ok();
        assert!(at(999).await && at(1_059).await, "within the leeway");
        assert!(!at(1_060).await);
    }

    #[tokio::test]
    async fn a_session_of_ours_lasts_a_quarter_of_an_hour() {
        let secrets = cache(SECRET);
        let caller_in = Caller { company: CompanyId(7), user: UserId(5) };
        let session = issue(&secrets.get().await.unwrap(), caller_in, NOW).unwrap();
        assert_eq!(session.expires_in, 900);
        let headers =
            |token: &str| HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {token}")).unwrap())]);
        let at = async |token: &str, secs| caller(&headers(token), &secrets, Timestamp::from_secs(secs)).await.ok();
        assert_eq!(at(&session.token, 899).await, Some(caller_in));
        assert_eq!(at(&session.token, 900).await, None);
        let foreign = sign(Algorithm::HS256, &json!({ "aud": AUDIENCE, "company": 7, "user": 5, "exp": 900 }), SECRET);
        assert_eq!(at(&foreign, 1).await, None, "Pipedrive's key opens no session");
        assert!(caller(&HeaderMap::new(), &secrets, NOW).await.is_err());
    }
}
