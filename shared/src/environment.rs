//! Wires the clients that a function asks for, and only those: a function that never calls out builds no HTTP client.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedInterceptor, timeout::TimeoutConfig};

use crate::{
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

/// Configuration, clock and secret, and how to build clients from them.
#[derive(Clone)]
pub struct Environment {
    /// The settings.
    pub config: Arc<Config>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The secret, loaded when first asked for.
    pub secrets: Arc<SecretCache>,
    credentials: Credentials,
    /// Where the secret comes from; none if somebody gave another one.
    manager: Option<SecretsManager>,
    watch: Option<SharedInterceptor>,
    table: Table,
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
        let mut dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .timeout_config(aws_timeouts())
            .credentials_provider(credentials.clone());
        if let Some(endpoint) = &config.dynamodb_endpoint {
            dynamodb = dynamodb.endpoint_url(endpoint);
        }
        if let Some(watch) = &watch {
            dynamodb.push_interceptor(watch.clone());
        }
        let table = Table::new(aws_sdk_dynamodb::Client::from_conf(dynamodb.build()), config.table.clone());
        let mut manager = aws_sdk_secretsmanager::Config::builder()
            .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
            .region(aws_sdk_secretsmanager::config::Region::new(config.region.clone()))
            .timeout_config(aws_timeouts())
            .credentials_provider(credentials.clone());
        if let Some(endpoint) = &config.secrets_endpoint {
            manager = manager.endpoint_url(endpoint);
        }
        if let Some(watch) = &watch {
            manager.push_interceptor(watch.clone());
        }
        let manager = SecretsManager::new(aws_sdk_secretsmanager::Client::from_conf(manager.build()), config.secret_id.clone());
        let secrets = Arc::new(SecretCache::new(Box::new(manager.clone()), clock.clone()));
        Self {
            config: Arc::new(config),
            clock,
            secrets,
            credentials,
            manager: Some(manager),
            watch,
            table,
            provider: None,
            patience: CALL_TIMEOUT,
        }
    }

    /// The same, with another way to the table: tests count and break requests there.
    #[must_use]
    pub fn with_table(mut self, table: Table) -> Self {
        self.table = table;
        self
    }

    /// The same, with another source of the secret.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Arc<SecretCache>) -> Self {
        (self.secrets, self.manager) = (secrets, None);
        self
    }

    /// The same for one function of several in a process: it loads the secret for itself, as each Lambda function does.
    #[must_use]
    pub fn as_one_function(&self) -> Self {
        let mut own = self.clone();
        if let Some(manager) = &self.manager {
            own.secrets = Arc::new(SecretCache::new(Box::new(manager.clone()), self.clock.clone()));
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

    /// The table.
    pub fn table(&self) -> Arc<Table> {
        Arc::new(self.table.clone())
    }

    /// The bucket.
    ///
    /// # Panics
    ///
    /// At start-up, if `MEDIA_BUCKET` is not set.
    #[expect(clippy::expect_used, reason = "start-up: a function that asks for the bucket can't do without")]
    pub fn bucket(&self) -> Arc<S3Bucket> {
        let name = self.config.media_bucket.clone().expect("MEDIA_BUCKET is set");
        let endpoint = self.config.s3_endpoint.as_deref();
        let (region, credentials) = (self.config.region.clone(), self.credentials.clone());
        Arc::new(S3Bucket::watched(name, region, endpoint, credentials, self.watch.clone()))
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
        .connect_timeout(Duration::from_secs(1))
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
