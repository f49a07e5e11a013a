//! The bundle as one object: everything wired and running. `main` starts one for people, end-to-end tests start one each.

use std::{fs::File, io, net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use aws_sdk_dynamodb::config::Credentials;
use axum::Router;
use serde_json::Value;
use shared::{
    clock::{Clock, SystemClock},
    config::{Config, ConfigError, DeliveryChoice},
    environment::Environment,
    providers::Provider,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time::Instant};

use crate::{
    aws,
    bucket::{BUCKET, BucketError, LocalBucket},
    data::{self, DataError},
    demo,
    dynamodb::{Dynamodb, DynamodbError},
    host::{self, Functions, HostError, Interference, Untouched},
    iam::Roles,
    options::RealWorld,
    schedules::{Scheduled, Schedules},
    secrets::{SECRET_ID, SecretsStub},
    server::Gateway,
    simulators::{self, Simulators, chat::Chat, graph::Graph, pipedrive::PipedriveSim},
    stream::Pump,
    template::{
        self, Template, TemplateError,
        table::{TableDefinition, TableError},
    },
};

/// How long [`Bundle::settle`] waits at most.
const SETTLE: Duration = Duration::from_secs(30);
/// How long [`Bundle::stop`] waits for requests that are under way.
const STOP: Duration = Duration::from_secs(5);
/// How often the table's stream is looked at when it is quiet.
const PUMP_PAUSE: Duration = Duration::from_millis(25);
/// What the functions sign requests to AWS with, id and secret.
const ACCESS_KEY: &str = "local";
/// The table's name.
const TABLE: &str = "pigeonpost";

/// How a bundle is started. [`BundleOptions::default`] is what a test wants.
pub struct BundleOptions {
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Where the table and the bucket are kept. None: in a temporary folder that goes with the bundle.
    pub data: Option<PathBuf>,
    /// Where messages end.
    pub delivery: DeliveryChoice,
    /// The outside world; none: simulators.
    pub world: Option<RealWorld>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When scheduled functions run.
    pub schedules: Schedules,
    /// Whether the table's stream is worked off by itself; otherwise only [`Bundle::settle`] and [`Bundle::pump`] do.
    pub pump: bool,
    /// An adapter that takes the place of the one of its kind.
    pub provider: Option<Arc<dyn Provider>>,
    /// What is between the functions and what is around them.
    pub between: Arc<dyn Interference>,
}

impl Default for BundleOptions {
    fn default() -> Self {
        Self {
            port: 0,
            data: None,
            delivery: DeliveryChoice::Auto,
            world: None,
            clock: Arc::new(SystemClock),
            schedules: Schedules::OnDemand,
            pump: true,
            provider: None,
            between: Arc::new(Untouched),
        }
    }
}

/// Why a bundle does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port can't be had.
    #[error("port {port} on 127.0.0.1 is not free")]
    Port {
        /// Which.
        port: u16,
        /// The system's report.
        #[source]
        source: io::Error,
    },
    /// The data folder can't be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A stub or simulator does not start.
    #[error("a local server does not start")]
    Local(#[source] io::Error),
    /// The embedded table does not start.
    #[error("the embedded DynamoDB does not start")]
    Table(#[source] DynamodbError),
    /// The embedded bucket does not start.
    #[error("the embedded S3 does not start")]
    Bucket(#[source] BucketError),
    /// The template's table can't be made.
    #[error("the template's table cannot be made")]
    TableDefinition(#[source] TableError),
    /// The template can't be run here.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A variable makes no sense.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The template and the functions do not agree.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The bundle refuses the simulated Meta's handshake.
    #[error("the webhook does not answer Meta's handshake")]
    Handshake,
}

/// The bundle did not come to rest in time: something fails again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bundle did not come to rest within {} s", SETTLE.as_secs())]
pub struct Unsettled;

/// A running bundle. Dropping it ends its work at once; [`Bundle::stop`] lets requests end first.
pub struct Bundle {
    url: String,
    environment: Environment,
    roles: Roles,
    secrets: SecretsStub,
    secret: Value,
    simulators: Option<Simulators>,
    dynamodb: Arc<Dynamodb>,
    bucket: LocalBucket,
    pump: Arc<Pump<Dynamodb>>,
    scheduled: Vec<Arc<Scheduled>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    // Last, so that the folder goes when nothing uses it any more.
    _temporary: Option<TempDir>,
    _lock: File,
}

impl Bundle {
    /// Starts one. It answers requests when this returns.
    pub async fn start(options: BundleOptions) -> Result<Self, StartError> {
        let template = Template::parse(template::BUNDLE)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .map_err(|source| StartError::Port { port: options.port, source })?;
        let domain = listener.local_addr().map_err(StartError::Local)?.to_string();
        let url = format!("http://{domain}");

        let (folder, temporary) = data::folder(options.data.as_deref())?;
        let lock = data::lock(&folder)?;
        let simulators = match options.world {
            Some(_) => None,
            None => Some(Simulators::start(&url, options.clock.clone()).await.map_err(StartError::Local)?),
        };
        let secret = data::secret(options.world.as_ref(), &folder)?;
        let secrets = SecretsStub::start(&secret).await.map_err(StartError::Local)?;
        let definition = TableDefinition::from_template(template::BUNDLE).map_err(StartError::TableDefinition)?;
        let dynamodb = Dynamodb::open(&folder.join(data::TABLE_FILE), TABLE, &definition).map_err(StartError::Table)?;
        let dynamodb = Arc::new(dynamodb);
        let bucket = LocalBucket::open(&folder.join(data::BUCKET_FOLDER), ACCESS_KEY, ACCESS_KEY).await;
        let bucket = bucket.map_err(StartError::Bucket)?;
        let settings = settings(&options, &url, simulators.as_ref(), &secrets, &dynamodb, &bucket);
        let config = Config::from_lookup(|name| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone()))?;
        let credentials = Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "local");
        let roles = Roles::new(&template);
        let mut environment = Environment::watched(config, credentials, options.clock.clone(), roles.interceptor());
        if let Some(provider) = options.provider {
            environment = environment.with_provider(provider);
        }

        let Functions { routes, subscribers, scheduled } = host::functions(&template, &environment, &*options.between)?;
        let gateway = Arc::new(Gateway::new(routes, domain, options.clock.clone()));
        let router = simulators
            .as_ref()
            .map_or_else(Router::new, |simulators| simulators::router(simulators).merge(demo::page::router(simulators)));
        let router = router.fallback(move |request| {
            let gateway = gateway.clone();
            async move { gateway.answer(request).await }
        });
        let pump = Arc::new(Pump::new(dynamodb.clone(), subscribers).map_err(StartError::Table)?);

        let (stop, mut stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let until = async move { stopped.wait_for(|stop| *stop).await.map_or((), drop) };
            if let Err(problem) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!(%problem, "the server ended");
            }
        });
        if options.pump {
            let pump = pump.clone();
            tasks.spawn(async move { pump.run(PUMP_PAUSE).await });
        }
        for (function, deployed) in &scheduled {
            let every = match options.schedules {
                Schedules::AsDeployed => *deployed,
                Schedules::Every(interval) => interval,
                Schedules::OnDemand => continue,
            };
            let function = function.clone();
            tasks.spawn(async move { function.run(every).await });
        }
        if let Some(simulators) = &simulators
            && !(simulators.graph.set_callback(&format!("{url}/webhooks/whatsapp")).await
                && simulators.messenger.set_callback(&format!("{url}/webhooks/messenger")).await)
        {
            return Err(StartError::Handshake);
        }
        let scheduled = scheduled.into_iter().map(|(function, _)| function).collect();
        Ok(Self {
            url,
            environment,
            roles,
            secrets,
            secret,
            simulators,
            dynamodb,
            bucket,
            pump,
            scheduled,
            stop,
            tasks,
            _temporary: temporary,
            _lock: lock,
        })
    }

    /// Where it is served: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the functions were built from; its table is the embedded one.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// What the functions asked AWS for, and what their roles did not allow.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The embedded DynamoDB.
    pub fn dynamodb(&self) -> &Dynamodb {
        &self.dynamodb
    }

    /// The secret as the owner wrote it.
    pub fn secret(&self) -> &Value {
        &self.secret
    }

    /// The names of all objects in the embedded bucket.
    pub fn objects(&self) -> io::Result<Vec<String>> {
        self.bucket.objects()
    }

    /// Puts all of AWS that the bundle uses behind one address; 0 takes a free port. Which it is.
    pub async fn serve_aws(&mut self, port: u16) -> Result<String, StartError> {
        let services = aws::Services {
            dynamodb: self.dynamodb.endpoint().to_owned(),
            secrets: self.secrets.url().to_owned(),
            s3: self.bucket.endpoint().to_owned(),
        };
        let (url, task) = aws::serve(port, services).await.map_err(|source| StartError::Port { port, source })?;
        self.tasks.spawn(async move { task.await.unwrap_or_default() });
        Ok(url)
    }

    /// Exchanges the secret in the stub of Secrets Manager.
    pub fn rotate_secret(&mut self, secret: Value) {
        self.secrets.set(&secret);
        self.secret = secret;
    }

    /// The simulators; none with a real world outside.
    pub fn simulators(&self) -> Option<&Simulators> {
        self.simulators.as_ref()
    }

    /// The simulated Pipedrive.
    ///
    /// # Panics
    /// If the bundle was started without simulators.
    pub fn pipedrive(&self) -> &PipedriveSim {
        &self.simulated().pipedrive
    }

    /// The simulated Graph API.
    ///
    /// # Panics
    /// If the bundle was started without simulators.
    pub fn graph(&self) -> &Graph {
        &self.simulated().graph
    }

    /// The simulated company chat.
    ///
    /// # Panics
    /// If the bundle was started without simulators.
    pub fn chat(&self) -> &Chat {
        &self.simulated().chat
    }

    #[expect(clippy::expect_used, reason = "asking for what was switched off is a mistake in a test")]
    fn simulated(&self) -> &Simulators {
        self.simulators.as_ref().expect("this bundle was started without simulators")
    }

    /// Runs a scheduled function once. Whether there is one of that name and it went well.
    pub async fn run_schedule(&self, name: &str) -> bool {
        match self.scheduled.iter().find(|scheduled| scheduled.name() == name) {
            Some(scheduled) => scheduled.run_once().await,
            None => false,
        }
    }

    /// Works off what the table's stream has now, once. How many changes there were.
    pub async fn pump(&self) -> Result<usize, DynamodbError> {
        self.pump.round().await
    }

    /// Waits until nothing is under way: webhooks sent, the stream worked off, the simulators done. What waits for a
    /// later time (a retry, a schedule) is not under way.
    pub async fn settle(&self) -> Result<(), Unsettled> {
        let deadline = Instant::now() + SETTLE;
        let mut quiet = 0;
        // What one part finishes may start another: only a second look that finds nothing either counts.
        while quiet < 2 {
            if Instant::now() > deadline {
                return Err(Unsettled);
            }
            let changes = self.pump.round().await.unwrap_or(1);
            let outside = match &self.simulators {
                Some(simulators) => simulators.idle().await,
                None => true,
            };
            quiet = if changes == 0 && outside { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Ends it: no new requests, those under way get a few seconds.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let server_ended = self.tasks.join_next();
        // Beyond the time, or when another task ended first, the rest ends with the drop.
        let _ = tokio::time::timeout(STOP, server_ended).await;
        self.tasks.shutdown().await;
    }
}

/// The functions' environment variables, as the template would set them.
fn settings(
    options: &BundleOptions,
    url: &str,
    simulators: Option<&Simulators>,
    secrets: &SecretsStub,
    dynamodb: &Dynamodb,
    bucket: &LocalBucket,
) -> Vec<(&'static str, String)> {
    let delivery = match options.delivery {
        DeliveryChoice::Auto => "auto",
        DeliveryChoice::Channels => "channels",
        DeliveryChoice::Records => "records",
    };
    let public_url = options.world.as_ref().and_then(|world| world.public_url.clone());
    let mut settings = vec![
        ("TABLE_NAME", dynamodb.table().to_owned()),
        ("SECRET_ID", SECRET_ID.to_owned()),
        ("PUBLIC_URL", public_url.unwrap_or_else(|| url.to_owned())),
        ("DELIVERY", delivery.to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint().to_owned()),
        ("MEDIA_BUCKET", BUCKET.to_owned()),
        ("AWS_ENDPOINT_URL_S3", bucket.endpoint().to_owned()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.url().to_owned()),
        ("ALLOW_LOOPBACK_URLS", "true".to_owned()),
        // The simulated Pipedrive, and hosts of tests.
        ("FRAME_ANCESTORS", "http://127.0.0.1:*".to_owned()),
    ];
    settings.extend(simulators.map(Simulators::base_urls).into_iter().flatten());
    settings.extend(options.world.iter().flat_map(|world| world.base_urls.clone()));
    settings
}
