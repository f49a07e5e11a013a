//! `cargo run -p ops -- …`: reads the command line and the environment, runs one command, and ends with its exit code.

use std::process::ExitCode;

use clap::Parser;
use ops::{Arguments, run, terminal::Terminal};
use shared::environment::Environment;

/// The command line or the environment makes no sense; clap ends with the same.
const USAGE: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let environment = match Environment::from_process() {
        Ok(environment) => environment,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(USAGE);
        }
    };
    let mut terminal = Terminal::new(std::io::stdout(), std::io::stderr());
    match run(arguments, &environment, &mut terminal).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{}", shared::telemetry::chain(&problem));
            ExitCode::FAILURE
        }
    }
}
