//! What an invocation of a function costs once the function has had a few: memory and instructions.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::{build::Binary, process::Process, stage::Stage};
use crate::error::BenchError;

/// Invocations before the first that counts. What is made when it is first needed is made by then.
const BEFORE: usize = 5;

/// Bytes that a function occupies after `times` invocations.
pub(crate) async fn memory(binary: &Binary, stage: &mut Stage, times: usize) -> Result<u64, BenchError> {
    let process = invoked(binary, stage, Command::new(&binary.path), times).await?;
    let bytes = process.memory()?;
    process.kill().await?;
    Ok(bytes)
}

/// Instructions of an invocation, by the difference between a process with `times` more of them and one with less.
pub(crate) async fn instructions(binary: &Binary, stage: &mut Stage, valgrind: &Path, times: usize) -> Result<u64, BenchError> {
    let few = counted(binary, stage, valgrind, BEFORE).await?;
    let many = counted(binary, stage, valgrind, BEFORE + times).await?;
    let each = many.checked_sub(few).zip(u64::try_from(times).ok());
    let each = each.and_then(|(more, times)| more.checked_div(times));
    each.ok_or_else(|| BenchError::unexpected(&binary.name, "more invocations took fewer instructions"))
}

/// Where valgrind is, if it is there. The functions' environment has no path to look for it in.
pub(crate) fn valgrind() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join("valgrind")).find(|program| program.is_file())
}

/// All instructions of a process with so many invocations.
async fn counted(binary: &Binary, stage: &mut Stage, valgrind: &Path, invocations: usize) -> Result<u64, BenchError> {
    let failed = || BenchError::failed("read what callgrind counted");
    let folder = tempfile::tempdir().map_err(failed())?;
    let out = folder.path().join("callgrind.out");
    let mut command = Command::new(valgrind);
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", out.display())).arg(&binary.path);
    // Callgrind writes when the process ends by itself.
    invoked(binary, stage, command, invocations).await?.ends().await?;
    let counted = std::fs::read_to_string(&out).map_err(failed())?;
    totals(&counted).ok_or_else(|| BenchError::unexpected("callgrind", "its file has no totals"))
}

/// A process that has had so many invocations, all with the answer that they should have.
async fn invoked(binary: &Binary, stage: &mut Stage, command: Command, invocations: usize) -> Result<Process, BenchError> {
    let scene = stage.scene(&binary.name)?;
    let mut process = Process::start(&binary.name, command, stage.settings(&scene)).await?;
    process.asks().await?;
    for _ in 0..invocations {
        let event = stage.event(&scene).await?;
        let answer = process.invoke(&event).await?;
        if !scene.expects(&answer) {
            return Err(process.unexpected(&format!("another answer than it should be: {answer}")));
        }
    }
    stage.check(&scene).await?;
    Ok(process)
}

/// The instructions in a file of callgrind's (Valgrind, "Callgrind Format Specification").
fn totals(file: &str) -> Option<u64> {
    file.lines().find_map(|line| line.strip_prefix("totals:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrind_says_how_many_there_were() {
        let file = "# callgrind format\nversion: 1\npid: 1\nevents: Ir\nsummary: 12\n\nfn=(1)\n0 12\n\ntotals: 9129837\n";
        assert_eq!(totals(file), Some(9_129_837));
        assert_eq!((totals("events: Ir\n"), totals("totals: many\n")), (None, None));
    }
}
