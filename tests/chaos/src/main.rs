//! `cargo run --release -p chaos`: shows how far it is, and ends in a table.

use std::process::ExitCode;

use chaos::{Report, options::Options, traffic::Posts};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Nothing could be counted; clap ends with the same.
const NO_VERDICT: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let Options { messages, companies, conversations, seed, .. } = options;
    println!("{messages} messages, {conversations} conversations, {companies} companies, seed {seed}\n");
    let bar = ProgressBar::new(messages as u64);
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed_precise}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut tenths = 0;
    let outcome = chaos::run(&options, |progress| {
        let far = format!("{} written, {} delivered, minute {}", progress.written, progress.pushed, progress.minutes);
        // A log has no bar that could move.
        if bar.is_hidden() && progress.pushed * 10 / messages > tenths {
            tenths = progress.pushed * 10 / messages;
            println!("{tenths}0 %: {far}");
        }
        bar.set_position(progress.pushed as u64);
        bar.set_message(far);
    })
    .await;
    bar.finish();
    match outcome {
        Ok(report) => {
            print(&report);
            if report.verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{}", shared::telemetry::chain(&error));
            ExitCode::from(NO_VERDICT)
        }
    }
}

fn print(report: &Report) {
    let Report { verdict, posts: Posts { first, twice, again }, pipedrive: (asked, hit), .. } = report;
    println!("{verdict}");
    println!("webhooks: {first}, {twice} of them twice, and {again} more posts of those that had not been answered 2xx");
    println!("requests to Pipedrive: {asked}, {hit} with a fault");
    let (requests, faults) = &report.table;
    let faults: Vec<String> = faults.iter().map(|(name, count)| format!("{count} {name}")).collect();
    println!("requests to the table: {requests}; {}", faults.join(", "));
    println!(
        "{} minutes in {:.0} s; {} calls of functions died",
        report.progress.minutes,
        report.took.as_secs_f64(),
        report.deaths
    );
}
