//! What runs at GitHub in somebody's fork is the same each time: one toolchain, named in one place, and actions by their commits.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every line of every workflow.
fn lines() -> Vec<String> {
    let files = std::fs::read_dir(root().join(".github/workflows")).unwrap().map(|file| file.unwrap().path());
    files.flat_map(|file| std::fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn the_toolchain_is_the_one_that_release_names() {
    let lines = lines();
    let named: Vec<&String> =
        lines.iter().filter(|line| line.contains("rustup toolchain") || line.contains("rustup default")).collect();
    assert!(named.len() >= 4, "{named:?}");
    assert!(named.iter().all(|line| line.contains("\"$(cat release/toolchain)\"")), "{named:?}");
    let toolchain = text("release/toolchain");
    let numbers: Vec<u32> = toolchain.trim().split('.').map(|part| part.parse().unwrap()).collect();
    let manifest = text("Cargo.toml");
    let least = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    let least: Vec<u32> = least.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(numbers.len() == 3 && numbers >= least, "{toolchain} is a whole version, and not older than Cargo.toml asks for");
}

#[test]
fn actions_are_named_by_their_commits() {
    let lines = lines();
    let uses: Vec<&str> = lines.iter().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: ")).collect();
    let others: Vec<&&str> = uses.iter().filter(|used| !used.starts_with("./")).collect();
    assert!(others.len() >= 3, "{others:?}");
    for used in others {
        let commit = used.split_once('@').and_then(|(_, commit)| commit.split_once(" # v"));
        assert!(commit.is_some_and(|(sha, _)| sha.len() == 40 && sha.bytes().all(|b| b.is_ascii_hexdigit())), "{used}");
    }
}
