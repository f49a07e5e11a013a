//! `cargo run --release -p bench`: shows how far it is, and ends in tables.

use std::process::ExitCode;

use bench::{options::Options, run};
use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = run::run(&options).await.and_then(|report| {
        println!("\n{report}");
        run::leave(&report, &options.out).map(|()| report)
    });
    match outcome {
        Ok(report) => {
            let missed = report.goals.iter().filter(|goal| !goal.met()).count();
            println!("\nin {}: bench.md, bench.json, performance.svg. Goals missed: {missed}", options.out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", shared::telemetry::chain(&error));
            ExitCode::FAILURE
        }
    }
}
