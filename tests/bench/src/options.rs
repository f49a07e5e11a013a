//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Each function's binary: size, start, memory, instructions. Builds all of them.
    Functions,
    /// Calls of the manifest over the table's own time.
    Latency,
    /// Messages in, delivered and out.
    Flow,
    /// The same calls with ever more in the table.
    Growth,
    /// What operations consume of the table, and what a million messages cost.
    Cost,
}

/// Measures how fast, small and cheap the bundle is. Ends in a table; builds what it needs.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
pub struct Options {
    /// Measure only this. May be given again.
    #[arg(long = "only", value_name = "PART")]
    pub only: Vec<Part>,
    /// Only these functions, where functions are measured. May be given again.
    #[arg(long = "function", value_name = "NAME")]
    pub functions: Vec<String>,
    /// Tenth of the repetitions: shows that everything runs, not how fast.
    #[arg(long)]
    pub quick: bool,
    /// Where to leave bench.json, bench.md and performance.svg.
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    pub out: PathBuf,
}

impl Options {
    /// Whether that part was asked for.
    pub fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }

    /// How often to repeat what would be repeated `times` times.
    pub fn times(&self, times: usize) -> usize {
        if self.quick { (times / 10).max(2) } else { times }
    }
}
