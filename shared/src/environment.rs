//! Wires the clients that a function asks for, and only those: a function that never calls out builds no HTTP client, and has
//! none in its binary.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedHttpClient, SharedInterceptor, timeout::TimeoutConfig,
};
use futures_util::future::{BoxFuture, join_all};

use crate::{
    aws::connector::shared_client,
    clock::{Clock, SystemClock},
    config::{Config, ConfigError},
    http::{client::LazyClient, outside},
    media::s3::S3Bucket,
    pipedrive::client::Client as Pipedrive,
    providers::{Outside, Provider, Registry},
    secrets::{SecretCache, SecretsManager},
    store::Table,
};

/// How long a connection to an API may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an API may take to answer, all in all: longer than they do, shorter than whoever waits for us may wait.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// Sent with every call, as Pipedrive and Meta advise.
const USER_AGENT: &str = concat!("pigeonpost/", env!("CARGO_PKG_VERSION"));

/// Longest that a function's start waits for its connections. What takes longer is left to the first call.
const WARM_UP: Duration = Duration::from_secs(2);

/// Configuration and clock, and how to build clients from them. A client is built when it is first asked for.
#[derive(Clone)]
pub struct Environment {
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    credentials: Credentials,
    watch: Option<SharedInterceptor>,
    aws: Arc<OnceLock<SharedHttpClient>>,
    table: Arc<OnceLock<Table>>,
    secrets: Arc<OnceLock<Arc<SecretCache>>>,
    /// Whether the secret is one that somebody gave, instead of the function's own.
    secrets_given: bool,
    /// What can be done before the first call, by what was asked for.
    before_first_call: Arc<Mutex<Vec<BoxFuture<'static, ()>>>>,
    provider: Option<Arc<dyn Provider>>,
    patience: Duration,
}

impl Environment {
    /// From the process's environment variables, as Lambda sets them.
    pub fn from_process() -> Result<Self, ConfigError> {
        Ok(Self::new(Config::from_env()?, credentials_of_role(), Arc::new(SystemClock)))
    }

    /// From given settings. The credentials are those of the role; in one process with the embedded table, any.
    pub fn new(config: Config, credentials: Credentials, clock: Arc<dyn Clock>) -> Self {
        Self::build(config, credentials, clock, None)
    }

    /// The same, with every request to AWS passing by `watch`.
    pub fn watched(config: Config, credentials: Credentials, clock: Arc<dyn Clock>, watch: SharedInterceptor) -> Self {
        Self::build(config, credentials, clock, Some(watch))
    }

    fn build(config: Config, credentials: Credentials, clock: Arc<dyn Clock>, watch: Option<SharedInterceptor>) -> Self {
        Self {
            config: Arc::new(config),
            clock,
            credentials,
            watch,
            aws: Arc::default(),
            table: Arc::default(),
            secrets: Arc::default(),
            secrets_given: false,
            before_first_call: Arc::default(),
            provider: None,
            patience: CALL_TIMEOUT,
        }
    }

    /// The same, with another way to the table: tests count and break requests there.
    #[must_use]
    pub fn with_table(mut self, table: Table) -> Self {
        self.table = Arc::new(OnceLock::from(table));
        self
    }

    /// The same, with another source of the secret.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Arc<SecretCache>) -> Self {
        (self.secrets, self.secrets_given) = (Arc::new(OnceLock::from(secrets)), true);
        self
    }

    /// The same for one function of several in a process: it loads the secret for itself, as each Lambda function does.
    #[must_use]
    pub fn as_one_function(&self) -> Self {
        let mut own = self.clone();
        own.before_first_call = Arc::default();
        if !self.secrets_given {
            own.secrets = Arc::default();
        }
        own
    }

    /// The same, with another adapter in the place of the one of its kind.
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<dyn Provider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// The same, with another time that APIs have to answer in: tests of lost answers would wait for them otherwise.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Makes connections that the function will need and loads its secret, while the function starts: Lambda gives a start more of
    /// the processor than the calls after it. What fails here fails again where it is needed, and is reported there.
    pub async fn warm_up(&self) {
        let work = std::mem::take(&mut *self.before_first_call.lock().unwrap_or_else(PoisonError::into_inner));
        // Either way the function serves.
        let _ = tokio::time::timeout(WARM_UP, join_all(work)).await;
    }

    fn before_first_call(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.before_first_call.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(work));
    }

    /// The table.
    pub fn table(&self) -> Arc<Table> {
        let table = self.table.get_or_init(|| {
            let table = self.build_table();
            let warm = table.clone();
            self.before_first_call(async move { warm.connect().await });
            table
        });
        Arc::new(table.clone())
    }

    /// The way to AWS, which is in no function that has no use for it.
    fn aws(&self) -> SharedHttpClient {
        self.aws.get_or_init(|| shared_client(self.config.aws_roots)).clone()
    }

    fn build_table(&self) -> Table {
        let mut dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.config.region.clone()))
            .http_client(self.aws())
            .timeout_config(aws_timeouts())
            .credentials_provider(self.credentials.clone());
        if let Some(endpoint) = &self.config.dynamodb_endpoint {
            dynamodb = dynamodb.endpoint_url(endpoint);
        }
        if let Some(watch) = &self.watch {
            dynamodb.push_interceptor(watch.clone());
        }
        Table::new(aws_sdk_dynamodb::Client::from_conf(dynamodb.build()), self.config.table.clone())
    }

    /// The secret, loaded when first needed.
    pub fn secrets(&self) -> Arc<SecretCache> {
        let secrets = self.secrets.get_or_init(|| {
            let secrets = Arc::new(SecretCache::new(Box::new(self.build_secrets_manager()), self.clock.clone()));
            let warm = secrets.clone();
            self.before_first_call(async move { drop(warm.get().await) });
            secrets
        });
        secrets.clone()
    }

    fn build_secrets_manager(&self) -> SecretsManager {
        SecretsManager::new(
            self.config.secret_id.clone(),
            self.config.region.clone(),
            self.config.secrets_endpoint.as_deref(),
            self.credentials.clone(),
            self.aws(),
            self.watch.clone(),
            aws_timeouts(),
        )
    }

    /// The bucket.
    ///
    /// # Panics
    ///
    /// At start-up, if `MEDIA_BUCKET` is not set, or does not make an address with the endpoint.
    #[expect(clippy::expect_used, reason = "start-up: a function that asks for the bucket can't do without")]
    pub fn bucket(&self) -> Arc<S3Bucket> {
        let name = self.config.media_bucket.clone().expect("MEDIA_BUCKET is set");
        let endpoint = self.config.s3_endpoint.as_deref();
        let (connector, watch) = (self.aws(), self.watch.clone());
        let bucket = S3Bucket::new(name, self.config.region.clone(), endpoint, &self.credentials, connector, watch);
        Arc::new(bucket.expect("MEDIA_BUCKET and the endpoint make an address"))
    }

    /// Pipedrive's API and OAuth server.
    pub fn pipedrive(&self) -> Arc<Pipedrive> {
        let patience = self.patience;
        Arc::new(Pipedrive::new(
            LazyClient::new(move || http_client(patience)),
            self.config.pipedrive_oauth_url.clone(),
            self.config.pipedrive_api_url.clone(),
        ))
    }

    /// The providers.
    pub fn providers(&self) -> Registry {
        let (allow_loopback_urls, patience) = (self.config.allow_loopback_urls, self.patience);
        let registry = Registry::new(&Outside {
            http: LazyClient::new(move || http_client(patience)),
            guarded: LazyClient::new(move || outside::guarded_client(allow_loopback_urls, CONNECT_TIMEOUT, patience, USER_AGENT)),
            graph_api_url: self.config.graph_api_url.clone(),
            telegram_api_url: self.config.telegram_api_url.clone(),
            twilio_api_url: self.config.twilio_api_url.clone(),
            allow_loopback_urls,
            clock: self.clock.clone(),
        });
        match &self.provider {
            Some(provider) => registry.with(provider.clone()),
            None => registry,
        }
    }
}

/// A request to AWS that hangs is sent again, within what a function's caller waits.
fn aws_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(4))
        .build()
}

/// A client with timeouts that follows no redirects and no proxies: credentials go where they were meant to go.
#[expect(clippy::expect_used, reason = "start-up: without TLS there is nothing to run")]
fn http_client(patience: Duration) -> reqwest::Client {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(patience)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(USER_AGENT)
        .build()
        .expect("the TLS stack starts")
}

/// The role's credentials. Lambda sets them for the life of the sandbox, so no provider chain is needed.
#[expect(clippy::disallowed_methods, reason = "AWS's own variables, not settings of the bundle")]
fn credentials_of_role() -> Credentials {
    let var = |name: &str| std::env::var(name).unwrap_or_default();
    let session = Some(var("AWS_SESSION_TOKEN")).filter(|token| !token.is_empty());
    Credentials::new(var("AWS_ACCESS_KEY_ID"), var("AWS_SECRET_ACCESS_KEY"), session, None, "lambda")
}

#[cfg(test)]
mod tests {
    use tokio::{
        net::TcpListener,
        time::{Instant, timeout},
    };

    use super::*;

    fn at(port: u16) -> Environment {
        let settings = [
            ("TABLE_NAME", "t".to_owned()),
            ("SECRET_ID", "s".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
        ];
        let of = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let credentials = Credentials::new("id", "key", None, None, "tests");
        Environment::new(Config::from_lookup(of).unwrap(), credentials, Arc::new(SystemClock))
    }

    #[tokio::test]
    async fn a_start_connects_for_what_was_asked_for_and_waits_no_longer_than_it_may() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let environment = at(listener.local_addr().unwrap().port());
        environment.warm_up().await;
        let nobody = timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err(), "nothing was asked for");

        let (_table, _secrets) = (environment.table(), environment.secrets());
        let begun = Instant::now();
        // Connections are taken, and nothing is ever said on them.
        let both = timeout(WARM_UP, async { (listener.accept().await.unwrap(), listener.accept().await.unwrap()) });
        let (both, ()) = tokio::join!(both, environment.warm_up());
        assert!(both.is_ok(), "one for the table, one for the secret");
        assert!(begun.elapsed() < WARM_UP * 2, "{:?}", begun.elapsed());
        let begun = Instant::now();
        environment.warm_up().await;
        assert!(begun.elapsed() < WARM_UP / 2, "once is enough");
    }

    #[tokio::test]
    async fn a_start_goes_on_where_nobody_listens() {
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let environment = at(port);
        let secrets = environment.secrets();
        environment.warm_up().await;
        assert!(secrets.get().await.is_err(), "what failed is tried again, and reported where it is needed");
    }
}
