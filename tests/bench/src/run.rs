//! A whole run: what was asked for is measured, one after the other, and left in files.

use std::{fs, path::Path, process::Command};

use crate::{
    chart, cost,
    error::BenchError,
    flow, functions, goals, growth, latency,
    options::{Options, Part},
    report::Report,
};

/// Measures what the options ask for.
pub async fn run(options: &Options) -> Result<Report, BenchError> {
    let mut report = Report { circumstances: circumstances(options), ..Report::default() };
    if options.wants(Part::Functions) {
        report.tables.extend(functions::measure(options).await?);
    }
    if options.wants(Part::Latency) {
        report.tables.push(latency::measure(options).await?);
    }
    if options.wants(Part::Flow) {
        report.tables.push(flow::measure(options).await?);
    }
    if options.wants(Part::Growth) {
        report.tables.push(growth::measure(options).await?);
    }
    // Last, because from then on what functions log is counted, which takes time.
    if options.wants(Part::Cost) {
        report.tables.push(cost::measure(options).await?);
    }
    report.goals = goals::of(&report.tables);
    Ok(report)
}

/// Leaves bench.json, bench.md and performance.svg in a folder.
pub fn leave(report: &Report, folder: &Path) -> Result<(), BenchError> {
    let failed = || BenchError::failed(format!("write to {}", folder.display()));
    fs::create_dir_all(folder).map_err(failed())?;
    for (name, text) in [
        ("bench.json", format!("{:#}\n", report.json())),
        ("bench.md", report.to_string()),
        ("performance.svg", chart::draw(report)),
    ] {
        fs::write(folder.join(name), text).map_err(failed())?;
    }
    Ok(())
}

fn circumstances(options: &Options) -> Vec<(&'static str, String)> {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        let output = output.ok().filter(|output| output.status.success());
        output.map_or_else(|| "unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let processor = processor.map_or("unknown processor", |(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let build = if cfg!(debug_assertions) { "debug: its times say nothing" } else { "release" };
    vec![
        ("day", said("date", &["-u", "+%F"])),
        ("commit", said("git", &["describe", "--always", "--dirty"])),
        ("machine", format!("{processor}, {cores} cores, {}", std::env::consts::ARCH)),
        ("compiler", said("rustc", &["--version"])),
        ("build", build.to_owned()),
        ("repetitions", if options.quick { "quick: a tenth" } else { "all" }.to_owned()),
    ]
}
