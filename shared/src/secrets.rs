//! The bundle's one secret: loaded when first needed, kept for a few minutes, loaded anew when something presented to us
//! does not match it, so that a rotated secret works within seconds.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient, SharedInterceptor, timeout::TimeoutConfig};
use http::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{
    aws::{
        self,
        sender::{Sender, Service, Signer},
    },
    clock::Clock,
    model::time::Timestamp,
    seal::{SealError, Vault},
    telemetry,
};

/// Secrets Manager's name in its address and in signatures.
const SERVICE: &str = "secretsmanager";

/// How long a loaded secret is used without looking again.
const KEEP: Duration = Duration::from_mins(5);
/// How often, at most, a mismatch or a failure makes us look again. Wrong passwords must not become calls to AWS.
const RELOAD_EVERY: Duration = Duration::from_secs(10);

/// Why there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Secrets Manager did not answer, or refused.
    #[error("the secret could not be loaded: {0}")]
    Unavailable(String),
    /// The secret is not the JSON object that it should be.
    #[error("the secret is not a JSON object of the expected fields (line {line}, column {column})")]
    Malformed {
        /// Line of the fault in the secret's text.
        line: usize,
        /// Column of it.
        column: usize,
    },
    /// Its `encryption_key` is unusable.
    #[error("the secret's encryption_key is unusable")]
    Key(#[source] SealError),
}

/// Fields of the secret as they are stored.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    pipedrive_client_id: String,
    #[serde(default = "empty")]
    pipedrive_client_secret: SecretString,
    #[serde(default = "empty")]
    meta_app_secret: SecretString,
    #[serde(default = "empty")]
    meta_verify_token: SecretString,
    encryption_key: SecretString,
}

fn empty() -> SecretString {
    SecretString::from("")
}

/// The secret. A field that the owner has not filled in yet is empty, and never matches anything.
pub struct Secrets {
    /// The Pipedrive app's client id: not secret, but kept with its partner.
    pub pipedrive_client_id: String,
    /// Its client secret: Basic password of the manifest calls, signs the iframes' JWTs.
    pub pipedrive_client_secret: SecretString,
    /// The Meta app's secret: signs WhatsApp's and Messenger's webhooks.
    pub meta_app_secret: SecretString,
    /// What Meta must say in the webhook handshake.
    pub meta_verify_token: SecretString,
    /// Seals and opens what lies in the table.
    pub vault: Vault,
}

impl Secrets {
    /// Reads the secret's JSON.
    pub fn parse(json: &str) -> Result<Self, SecretsError> {
        let stored: Stored =
            serde_json::from_str(json).map_err(|e| SecretsError::Malformed { line: e.line(), column: e.column() })?;
        Ok(Self {
            pipedrive_client_id: stored.pipedrive_client_id,
            pipedrive_client_secret: stored.pipedrive_client_secret,
            meta_app_secret: stored.meta_app_secret,
            meta_verify_token: stored.meta_verify_token,
            vault: Vault::parse(stored.encryption_key.expose_secret()).map_err(SecretsError::Key)?,
        })
    }
}

/// Where the secret comes from.
#[async_trait]
pub trait SecretSource: Send + Sync {
    /// The secret's text.
    async fn load(&self) -> Result<SecretString, SecretsError>;
}

/// AWS Secrets Manager.
#[derive(Clone)]
pub struct SecretsManager {
    sender: Sender,
    id: String,
}

/// AWS Secrets Manager, "`GetSecretValue`".
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Asked<'a> {
    secret_id: &'a str,
}

/// What it answers, as far as it matters here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    secret_string: Option<SecretString>,
}

/// AWS JSON protocol 1.1, "Error responses".
#[derive(Deserialize)]
struct ErrorBody {
    #[serde(rename = "__type")]
    code: String,
}

/// Why it refused, without the namespace that may stand before it and the address that may stand behind.
fn code(_: u16, body: &[u8]) -> String {
    let said: Option<ErrorBody> = serde_json::from_slice(body).ok();
    said.and_then(|said| said.code.split(':').next()?.rsplit('#').next().map(str::to_owned)).unwrap_or_default()
}

impl SecretsManager {
    /// Reads the secret `id` (name or ARN), of the region's Secrets Manager or the one at `endpoint`. Requests go by a client that is
    /// shared with others, and pass by `watch`, if there is one.
    pub fn new(
        id: String,
        region: String,
        endpoint: Option<&str>,
        credentials: Credentials,
        client: SharedHttpClient,
        watch: Option<SharedInterceptor>,
        timeouts: TimeoutConfig,
    ) -> Self {
        let address = endpoint.map_or_else(|| aws::endpoint(SERVICE, &region), str::to_owned);
        let service = Service { name: "Secrets Manager", origin: &address, code, timeouts };
        let sender = Sender::signing(service, Signer { credentials, region, service: SERVICE }, client, watch);
        Self { sender, id }
    }
}

#[async_trait]
impl SecretSource for SecretsManager {
    async fn load(&self) -> Result<SecretString, SecretsError> {
        let unavailable = |error: &dyn std::error::Error| SecretsError::Unavailable(telemetry::chain(error));
        let request = http::Request::builder()
            .method(Method::POST)
            .uri("/")
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.1")
            .header("x-amz-target", "secretsmanager.GetSecretValue");
        let body = serde_json::to_vec(&Asked { secret_id: &self.id }).map_err(|error| unavailable(&error))?;
        let answer = self.sender.send(request, body).await.map_err(|error| unavailable(&error))?;
        // Its error would say what stands at the fault, which may be the secret.
        let told: Option<Told> = answer.body.bytes().and_then(|body| serde_json::from_slice(body).ok());
        let told = told.ok_or_else(|| SecretsError::Unavailable("the answer cannot be read".to_owned()))?;
        told.secret_string.ok_or_else(|| SecretsError::Unavailable("it holds no text".to_owned()))
    }
}

/// A secret that was loaded.
struct Loaded {
    at: Timestamp,
    /// When it was last tried to load it, with or without success.
    tried_at: Timestamp,
    secrets: Arc<Secrets>,
}

/// The secret as functions use it.
pub struct SecretCache {
    source: Box<dyn SecretSource>,
    clock: Arc<dyn Clock>,
    // Held while loading: callers at the same time wait for one load.
    loaded: Mutex<Option<Loaded>>,
}

impl SecretCache {
    /// Nothing is loaded yet.
    pub fn new(source: Box<dyn SecretSource>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, loaded: Mutex::new(None) }
    }

    /// The secret, at most five minutes old.
    pub async fn get(&self) -> Result<Arc<Secrets>, SecretsError> {
        self.get_younger_than(KEEP).await
    }

    /// The secret after something did not match `seen`: loaded anew, but at most every ten seconds. None if it was not
    /// loaded again since `seen`.
    pub async fn renewed(&self, seen: &Arc<Secrets>) -> Result<Option<Arc<Secrets>>, SecretsError> {
        let now = self.get_younger_than(RELOAD_EVERY).await?;
        Ok((!Arc::ptr_eq(&now, seen)).then_some(now))
    }

    async fn get_younger_than(&self, max_age: Duration) -> Result<Arc<Secrets>, SecretsError> {
        let mut loaded = self.loaded.lock().await;
        let now = self.clock.now();
        if let Some(known) = &*loaded
            && (now.since(known.at) < max_age || now.since(known.tried_at) < RELOAD_EVERY)
        {
            return Ok(known.secrets.clone());
        }
        let fresh = match self.source.load().await {
            Ok(text) => Secrets::parse(text.expose_secret()),
            Err(error) => Err(error),
        };
        match (fresh, &mut *loaded) {
            (Ok(fresh), _) => {
                let secrets = Arc::new(fresh);
                *loaded = Some(Loaded { at: now, tried_at: now, secrets: secrets.clone() });
                Ok(secrets)
            }
            // An old secret serves better than none while Secrets Manager is away.
            (Err(error), Some(known)) => {
                telemetry::log_error("the secret could not be loaded again", &error);
                known.tried_at = now;
                Ok(known.secrets.clone())
            }
            (Err(error), None) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex as StdMutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    };

    use super::*;
    use crate::{
        aws::{connector::shared_client, stand_in::StandIn},
        config::AwsRoots,
    };

    /// Tells what it was told to, and counts how often.
    #[derive(Default)]
    struct Owner {
        token: StdMutex<Option<&'static str>>,
        loads: AtomicUsize,
        seconds: AtomicU64,
    }

    struct Source(Arc<Owner>);

    #[async_trait]
    impl SecretSource for Source {
        async fn load(&self) -> Result<SecretString, SecretsError> {
            self.0.loads.fetch_add(1, Ordering::SeqCst);
            let token = self.0.token.lock().unwrap().ok_or_else(|| SecretsError::Unavailable("away".to_owned()))?;
            let key = "0123456789abcdef0123456789abcdef";
            Ok(SecretString::from(format!(r#"{{"meta_verify_token":"{token}","encryption_key":"{key}"}}"#)))
        }
    }

    struct Time(Arc<Owner>);

    impl Clock for Time {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH.plus(Duration::from_secs(self.0.seconds.load(Ordering::SeqCst)))
        }
    }

    impl Owner {
        fn cache(self: &Arc<Self>) -> SecretCache {
            SecretCache::new(Box::new(Source(self.clone())), Arc::new(Time(self.clone())))
        }

        fn says(&self, token: Option<&'static str>) {
            *self.token.lock().unwrap() = token;
        }

        fn pass(&self, seconds: u64) {
            self.seconds.fetch_add(seconds, Ordering::SeqCst);
        }

        fn loads(&self) -> usize {
            self.loads.load(Ordering::SeqCst)
        }
    }

    fn token(secrets: &Secrets) -> &str {
        secrets.meta_verify_token.expose_secret()
    }

    #[tokio::test]
    async fn it_is_kept_for_five_minutes() {
        let owner = Arc::new(Owner::default());
        let cache = owner.cache();
        assert!(cache.get().await.is_err());
        owner.says(Some("first"));
        assert_eq!((token(&cache.get().await.unwrap()), owner.loads()), ("first", 2), "a failure is not kept");
        owner.says(Some("second"));
        owner.pass(299);
        assert_eq!((token(&cache.get().await.unwrap()), owner.loads()), ("first", 2));
        owner.pass(1);
        assert_eq!((token(&cache.get().await.unwrap()), owner.loads()), ("second", 3));
    }

    #[tokio::test]
    async fn a_mismatch_loads_it_anew_every_ten_seconds_at_most() {
        let owner = Arc::new(Owner::default());
        owner.says(Some("first"));
        let cache = owner.cache();
        let first = cache.get().await.unwrap();
        owner.says(Some("second"));
        owner.pass(9);
        assert!(cache.renewed(&first).await.unwrap().is_none());
        assert_eq!(owner.loads(), 1);
        owner.pass(1);
        let second = cache.renewed(&first).await.unwrap().unwrap();
        assert_eq!((token(&second), owner.loads()), ("second", 2));
        for _ in 0..3 {
            assert!(cache.renewed(&second).await.unwrap().is_none());
            assert_eq!(token(&cache.renewed(&first).await.unwrap().unwrap()), "second", "who saw the old one gets it");
        }
        assert_eq!(owner.loads(), 2);
    }

    #[tokio::test]
    async fn an_old_one_serves_while_there_is_no_other() {
        let owner = Arc::new(Owner::default());
        owner.says(Some("first"));
        let cache = owner.cache();
        cache.get().await.unwrap();
        owner.says(None);
        owner.pass(300);
        for _ in 0..3 {
            assert_eq!((token(&cache.get().await.unwrap()), owner.loads()), ("first", 2), "not asked for with each request");
        }
        owner.pass(9);
        cache.get().await.unwrap();
        assert_eq!(owner.loads(), 2);
        owner.says(Some("second"));
        owner.pass(1);
        assert_eq!((token(&cache.get().await.unwrap()), owner.loads()), ("second", 3), "but soon again");
    }

    #[tokio::test]
    async fn wrong_passwords_do_not_become_calls_while_it_cannot_be_loaded() {
        let owner = Arc::new(Owner::default());
        owner.says(Some("first"));
        let cache = owner.cache();
        let first = cache.get().await.unwrap();
        owner.says(None);
        owner.pass(60);
        for _ in 0..3 {
            assert!(cache.renewed(&first).await.unwrap().is_none());
        }
        assert_eq!(owner.loads(), 2, "tried once more, and then not for ten seconds");
        owner.pass(10);
        assert!(cache.renewed(&first).await.unwrap().is_none());
        assert_eq!(owner.loads(), 3);
    }

    /// A Secrets Manager that answers these one after the other.
    async fn answering(answers: &[(u16, &'static str)]) -> (SecretsManager, StandIn) {
        let service = StandIn::answering(answers).await;
        let manager = SecretsManager::new(
            "pigeonpost".to_owned(),
            "eu-central-1".to_owned(),
            Some(&service.url),
            Credentials::new("id", "key", Some("token".to_owned()), None, "tests"),
            shared_client(AwsRoots::Amazon),
            None,
            TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build(),
        );
        (manager, service)
    }

    #[tokio::test]
    async fn it_is_asked_for_with_a_signature_and_again_if_need_be() {
        let (manager, service) = answering(&[
            (500, r#"{"__type":"InternalServiceError"}"#),
            (400, r#"{"__type":"com.amazonaws.secretsmanager#ThrottlingException:https://aws.amazon.com/","Message":"slowly"}"#),
            (200, r#"{"Name":"pigeonpost","SecretString":"{}","CreatedDate":1.0}"#),
        ])
        .await;
        assert_eq!(manager.load().await.unwrap().expose_secret(), "{}");
        let requests = service.requests();
        assert_eq!(requests.len(), 3);
        for (head, body) in &requests {
            assert_eq!(
                (&head.method, head.uri.path(), body.as_ref()),
                (&Method::POST, "/", br#"{"SecretId":"pigeonpost"}"#.as_slice())
            );
            let said = |name| head.headers[name].to_str().unwrap();
            assert_eq!((said("x-amz-target"), said("x-amz-security-token")), ("secretsmanager.GetSecretValue", "token"));
            assert_eq!(said("content-type"), "application/x-amz-json-1.1");
            let signature = said("authorization");
            assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=id/"), "{signature}");
            assert!(signature.contains("/eu-central-1/secretsmanager/aws4_request, "), "{signature}");
            assert!(signature.contains("host;x-amz-date;x-amz-security-token;x-amz-target"), "{signature}");
        }
    }

    #[tokio::test]
    async fn what_it_does_not_give_is_told_without_its_words() {
        let denied = r#"{"__type":"AccessDeniedException","Message":"User arn:aws:iam::123456789012 may not"}"#;
        let (manager, service) =
            answering(&[(400, denied), (200, r#"{"SecretBinary":"aGlkZGVu"}"#), (200, "hidden"), (400, "")]).await;
        let mut errors = Vec::new();
        for _ in 0..4 {
            errors.push(manager.load().await.unwrap_err().to_string());
        }
        assert_eq!(
            errors,
            [
                "the secret could not be loaded: Secrets Manager answered 400 AccessDeniedException",
                "the secret could not be loaded: it holds no text",
                "the secret could not be loaded: the answer cannot be read",
                "the secret could not be loaded: Secrets Manager answered 400 ",
            ]
        );
        assert_eq!(service.requests().len(), 4, "it would refuse it again");
    }

    /// What is logged.
    #[derive(Clone, Default)]
    struct Log(Arc<StdMutex<Vec<u8>>>);

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn it_is_in_no_log_of_any_level() {
        let (manager, _) = answering(&[(200, r#"{"SecretString":"hidden"}"#)]).await;
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
        let logging = tracing::subscriber::set_default(subscriber.finish());
        assert_eq!(manager.load().await.unwrap().expose_secret(), "hidden");
        drop(logging);
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(log.contains("Answer {"), "the answer is traced: {log}");
        assert!(!log.contains("hidden") && !log.contains("104, 105, 100"), "{log}");
    }
}
