//! The functions' release binaries, made by cargo while it is watched.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

use crate::{error::BenchError, progress::Progress};

/// Longest that cargo may be silent: the largest function takes minutes on a slow machine, all their dependencies more.
const SILENCE: Duration = Duration::from_mins(30);

/// A function's executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    /// Its package.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
}

/// The repository's folder.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Builds packages together and tells `progress` of each one that is finished. Their executables, in the order of `packages`.
pub(crate) async fn build(packages: &[String], progress: &Progress) -> Result<Vec<Binary>, BenchError> {
    let failed = || BenchError::failed("run cargo");
    // It has words for people on standard error: kept from the bar, and shown if it fails.
    let words = tempfile::NamedTempFile::new().map_err(failed())?;
    let mut cargo = Command::new(cargo())
        .args(["build", "--release", "--locked", "--message-format=json-render-diagnostics"])
        .args(packages.iter().flat_map(|package| ["-p", package]))
        .current_dir(repository())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(words.reopen().map_err(failed())?)
        .kill_on_drop(true)
        .spawn()
        .map_err(failed())?;
    let mut built: Vec<Binary> = Vec::new();
    if let Some(messages) = cargo.stdout.take() {
        let mut messages = BufReader::new(messages).lines();
        let silent = || BenchError::unexpected("cargo build", format!("it was silent for {} minutes", SILENCE.as_secs() / 60));
        while let Some(line) = timeout(SILENCE, messages.next_line()).await.map_err(|_| silent())?.map_err(failed())? {
            if let Some(binary) = executable(&line) {
                progress.at(&binary.name);
                progress.done();
                built.push(binary);
            }
        }
    }
    if !cargo.wait().await.map_err(failed())?.success() {
        let words = std::fs::read_to_string(words.path()).map_err(failed())?;
        return Err(BenchError::unexpected("cargo build", format!("it failed\n{words}")));
    }
    let of = |name: &String| built.iter().find(|binary| binary.name == *name).cloned();
    packages
        .iter()
        .map(|name| of(name).ok_or_else(|| BenchError::unexpected("cargo build", format!("it made no executable {name}"))))
        .collect()
}

/// The cargo that runs this, or the one on the path.
#[expect(clippy::disallowed_methods, reason = "cargo's own variable, no setting of the bundle")]
fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// What a line of cargo's says was finished, if that is a program.
fn executable(line: &str) -> Option<Binary> {
    let message: Value = serde_json::from_str(line).ok()?;
    let is_program = message["target"]["kind"].as_array()?.iter().any(|kind| kind == "bin");
    let (name, path) = (message["target"]["name"].as_str()?, message["executable"].as_str()?);
    (is_program && message["reason"] == "compiler-artifact").then(|| Binary { name: name.to_owned(), path: path.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_cargos_messages() {
        let program = r#"{"reason":"compiler-artifact","package_id":"p","target":{"kind":["bin"],"crate_types":["bin"],
            "name":"floor"},"executable":"/target/release/floor","fresh":true}"#;
        assert_eq!(executable(program), Some(Binary { name: "floor".to_owned(), path: "/target/release/floor".into() }));
        for other in [
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"floor"},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"kind":["test"],"name":"floor"},"executable":"/target/floor-0"}"#,
            r#"{"reason":"build-script-executed","package_id":"p"}"#,
            r#"{"reason":"build-finished","success":true}"#,
            "words",
        ] {
            assert_eq!(executable(other), None, "{other}");
        }
    }
}
