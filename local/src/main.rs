//! `cargo run -p local`: starts the bundle, makes the demo company, and runs until it is told to stop.

use std::{process::ExitCode, sync::Arc};

use local::{
    bundle::{Bundle, BundleOptions},
    demo,
    options::{HELP, Options, RealWorld},
    schedules::Schedules,
};
use shared::clock::SystemClock;
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

/// The command line or the environment makes no sense.
const USAGE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    // What people read comes on standard output, what functions log on standard error.
    // The emulator warns of each condition that does not hold; those are the store's daily bread.
    let filter = Targets::new().with_default(LevelFilter::INFO).with_target("dynoxide", LevelFilter::ERROR);
    let lines = fmt::layer().with_target(false).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) if options.help => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\n\n{HELP}");
            return ExitCode::from(USAGE);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the functions' settings come from here, as from the template on AWS")]
    let world = match (!options.simulators).then(|| RealWorld::from_lookup(|name| std::env::var(name).ok())).transpose() {
        Ok(world) => world,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(USAGE);
        }
    };
    match run(options, world).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}", with_causes(&*problem));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options, world: Option<RealWorld>) -> Result<(), Box<dyn std::error::Error>> {
    // From here on, so that a start that takes long can be stopped too.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let simulated = world.is_none();
    let aws_port = options.aws_port;
    let start = async {
        println!("starting the table and the functions");
        let mut bundle = Bundle::start(BundleOptions {
            port: options.port,
            data: options.data,
            delivery: options.delivery,
            world,
            clock: Arc::new(SystemClock),
            schedules: Schedules::AsDeployed,
            pump: true,
            provider: None,
            ..BundleOptions::default()
        })
        .await?;
        if simulated {
            demo::set_up(&bundle, |step| println!("{step}")).await?;
            if let Some(key) = bundle.simulators().and_then(|simulators| simulators.api_key.get()) {
                println!("API key of the demo company: {key}");
            }
        } else {
            println!("to upload to Pipedrive: {}/manifest.json; to install: {}/oauth/install", bundle.url(), bundle.url());
        }
        if let Some(port) = aws_port {
            println!("AWS_ENDPOINT_URL={}", bundle.serve_aws(port).await?);
        }
        Ok::<_, Box<dyn std::error::Error>>(bundle)
    };
    let bundle = tokio::select! {
        bundle = start => bundle?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    println!("table: AWS_ENDPOINT_URL_DYNAMODB={} TABLE_NAME={}", bundle.dynamodb().endpoint(), bundle.dynamodb().table());
    println!("ready: {}", bundle.url());
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    println!("stopping");
    bundle.stop().await;
    Ok(())
}

/// An error and what led to it, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
