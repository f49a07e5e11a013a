//! Every function's release binary beside one that does nothing: how large it is, how it starts, what an invocation costs.

mod aws;
mod build;
mod process;
mod runtime_api;
mod stage;
mod start;
mod warm;
mod weigh;

use std::{fs, io::Write, path::Path, time::Duration};

use flate2::{Compression, write::DeflateEncoder};

pub use self::weigh::{Weighed, weigh};
use self::{
    aws::Aws,
    build::{Binary, repository},
    stage::{CONVERSATIONS, FLOOR, MESSAGES, Stage},
    start::Start,
};
use crate::{
    error::BenchError,
    options::Options,
    progress::Progress,
    report::{Cell, Row, Table},
};

/// Starts of each function, and of the floor in between.
const STARTS: usize = 40;
/// Starts of each function with TLS, and without.
const HELLOS: usize = 20;
/// Invocations before memory is looked at, and those whose instructions are counted.
const INVOCATIONS: usize = 20;

/// What a binary weighs, in bytes.
struct Size {
    binary: f64,
    /// As the package that is deployed holds it.
    packed: f64,
}

/// How a function starts. Medians.
struct Starts {
    own: Start,
    /// The floor's starts in between.
    floor: Start,
    /// See [`start::hello`].
    hello: Option<f64>,
}

/// What it takes to serve invocations.
struct Work {
    /// In bytes.
    memory: f64,
    /// None: there is no valgrind.
    instructions: Option<f64>,
}

/// Builds and measures the functions that the options name, or all.
pub async fn measure(options: &Options) -> Result<Vec<Table>, BenchError> {
    let binaries = built(&names(options)?).await?;
    let sizes = each("functions: size", &binaries, async |binary| size(binary)).await?;
    let aws = Aws::start().await?;
    let floor = binaries.first().ok_or_else(|| BenchError::unexpected(FLOOR, "there is none"))?;
    let starts = each("functions: start", &binaries, async |binary| starts(binary, floor, &aws, options).await).await?;
    let mut stage = Stage::set().await?;
    let valgrind = warm::valgrind();
    let work = each("functions: work", &binaries, async |binary| work(binary, &mut stage, valgrind.as_deref(), options).await);
    let work = work.await?;
    let rows = binaries.iter().zip(sizes).zip(starts).zip(work);
    Ok(tables(
        &rows.map(|(((binary, size), starts), work)| (binary.name.as_str(), size, starts, work)).collect::<Vec<_>>(),
        valgrind.is_some(),
    ))
}

/// The functions that were asked for.
fn names(options: &Options) -> Result<Vec<String>, BenchError> {
    let failed = || BenchError::failed("list the functions");
    let folders = fs::read_dir(repository().join("functions")).map_err(failed())?;
    let mut names = folders
        .map(|folder| Ok(folder.map_err(failed())?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<String>, _>>()?;
    names.sort();
    if let Some(unknown) = options.functions.iter().find(|name| !names.contains(name)) {
        return Err(BenchError::unexpected(format!("--function {unknown}"), "there is no such function"));
    }
    names.retain(|name| options.functions.is_empty() || options.functions.contains(name));
    Ok(names)
}

/// The floor's executable, then the functions'.
async fn built(names: &[String]) -> Result<Vec<Binary>, BenchError> {
    let progress = Progress::of("functions: build", names.len() + 1);
    // By itself, so that its dependencies are no larger than it asks for.
    let mut binaries = build::build(&[FLOOR.to_owned()], &progress).await?;
    binaries.extend(build::build(names, &progress).await?);
    Ok(binaries)
}

/// Measures something of each binary in turn.
async fn each<T>(
    what: &str,
    binaries: &[Binary],
    mut measure: impl AsyncFnMut(&Binary) -> Result<T, BenchError>,
) -> Result<Vec<T>, BenchError> {
    let progress = Progress::of(what, binaries.len());
    let mut measured = Vec::with_capacity(binaries.len());
    for binary in binaries {
        progress.at(&binary.name);
        measured.push(measure(binary).await?);
        progress.done();
    }
    Ok(measured)
}

fn size(binary: &Binary) -> Result<Size, BenchError> {
    let failed = || BenchError::failed(format!("pack {}", binary.path.display()));
    let bytes = fs::read(&binary.path).map_err(failed())?;
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&bytes).map_err(failed())?;
    let packed = packed.finish().map_err(failed())?;
    Ok(Size { binary: number(bytes.len() as u64), packed: number(packed.len() as u64) })
}

async fn starts(binary: &Binary, floor: &Binary, aws: &Aws, options: &Options) -> Result<Starts, BenchError> {
    let (mut own, mut between) = (Vec::new(), Vec::new());
    for _ in 0..options.times(STARTS) {
        between.push(start::init(floor, aws).await?);
        own.push(start::init(binary, aws).await?);
    }
    let hello = start::hello(binary, options.times(HELLOS)).await?;
    Ok(Starts { own: middle(&own), floor: middle(&between), hello })
}

async fn work(binary: &Binary, stage: &mut Stage, valgrind: Option<&Path>, options: &Options) -> Result<Work, BenchError> {
    let times = options.times(INVOCATIONS);
    let memory = number(warm::memory(binary, stage, times).await?);
    let instructions = match valgrind {
        Some(valgrind) => Some(number(warm::instructions(binary, stage, valgrind, times).await?)),
        None => None,
    };
    Ok(Work { memory, instructions })
}

fn tables(measured: &[(&str, Size, Starts, Work)], counts: bool) -> Vec<Table> {
    let valgrind = if counts { "" } else { " There is no valgrind here, so instructions were not counted." };
    let row = |(name, size, starts, work): &(&str, Size, Starts, Work)| Row {
        name: (*name).to_owned(),
        cells: vec![
            Cell::Number(size.binary / 1e6, 2),
            Cell::Number(size.packed / 1e6, 2),
            Cell::Number(starts.own.wall, 2),
            Cell::Number(starts.own.wall / starts.floor.wall, 2),
            Cell::Number(starts.own.cpu, 2),
            Cell::Number(starts.own.cpu / starts.floor.cpu, 2),
            starts.hello.map_or(Cell::None, |hello| Cell::Number(hello, 2)),
            Cell::Number(work.memory / 1e6, 1),
            work.instructions.map_or(Cell::None, |instructions| Cell::Number(instructions / 1e3, 0)),
        ],
    };
    let functions = Table {
        name: "functions",
        title: "Functions",
        about: format!(
            "Each function's release binary; `floor` is Lambda's runtime with an empty answer. Zip: deflated at level 9. Init: from exec \
             to the first question for an invocation, with connections and secret, beside an AWS on this machine that answers at once \
             without TLS; median of starts that take turns with the floor's. ClientHello: what a first \
             word by TLS takes of the processor more than one without, at the table and at the secret; the TLS configuration is made \
             either way, as part of init; none for those that do not connect. Memory after warm invocations, instructions of a \
             warm one by callgrind: the manifest's endpoints, `provider-webhook` (another message each time) and `deliver` on a table \
             with {CONVERSATIONS} conversations of {MESSAGES} messages, the others by their sample events, of which most end early on an empty table.{valgrind}"
        ),
        of: "function",
        columns: vec![
            "binary MB",
            "zip MB",
            "init ms",
            "init / floor",
            "init CPU ms",
            "init CPU / floor",
            "ClientHello CPU ms",
            "RSS MB",
            "k instructions",
        ],
        rows: measured.iter().map(row).collect(),
    };
    vec![functions.clone(), over_the_floor(&functions)]
}

/// What is not yet beside its floor.
fn over_the_floor(functions: &Table) -> Table {
    let columns = vec!["binary MB", "zip MB", "RSS MB", "k instructions"];
    let over = |row: &Row, column: &&'static str| {
        let ratio = functions.figure(&row.name, column).zip(functions.figure(FLOOR, column));
        ratio.map_or(Cell::None, |(figure, floor)| Cell::Number(figure / floor, 2))
    };
    let rows = functions.rows.iter();
    let rows = rows.map(|row| Row { name: row.name.clone(), cells: columns.iter().map(|column| over(row, column)).collect() });
    Table {
        name: "functions over the floor",
        title: "Functions over the floor",
        about: "The same figures, each over the floor's.".to_owned(),
        of: "function",
        rows: rows.collect(),
        columns,
    }
}

/// The medians of some starts.
fn middle(starts: &[Start]) -> Start {
    Start {
        wall: median(starts.iter().map(|start| start.wall).collect()),
        cpu: median(starts.iter().map(|start| start.cpu).collect()),
    }
}

/// The value in the middle; of two, the larger one. Zero of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(name: &str, factor: f64) -> (&str, Size, Starts, Work) {
        let start = |factor: f64| Start { wall: 2.0 * factor, cpu: factor };
        let starts = Starts { own: start(factor), floor: start(1.0), hello: (factor > 1.0).then_some(0.5) };
        let work = Work { memory: 4e6 * factor, instructions: Some(1e5 * factor) };
        (name, Size { binary: 2e6 * factor, packed: 1e6 * factor }, starts, work)
    }

    #[test]
    fn figures_stand_beside_the_floors() {
        let tables = tables(&[figures(FLOOR, 1.0), figures("deliver", 3.0)], true);
        let of = |table: usize, column| tables[table].figure("deliver", column);
        assert_eq!((of(0, "binary MB"), of(1, "binary MB")), (Some(6.0), Some(3.0)));
        assert_eq!((of(0, "init ms"), of(0, "init / floor"), of(0, "init CPU / floor")), (Some(6.0), Some(3.0), Some(3.0)));
        assert_eq!((of(0, "k instructions"), of(1, "k instructions")), (Some(300.0), Some(3.0)));
        assert_eq!((of(0, "ClientHello CPU ms"), tables[0].figure(FLOOR, "ClientHello CPU ms")), (Some(0.5), None));
        for table in &tables {
            assert!(table.rows.iter().all(|row| row.cells.len() == table.columns.len()));
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![2.0, 1.0]), median(Vec::new())), (2.0, 2.0, 0.0));
    }
}
