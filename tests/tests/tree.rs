//! No test of the workspace is left out: crates without tests are not built as tests, and the files here are modules by name, so
//! that somebody could write a test that never runs.

use std::path::{Path, PathBuf};

/// What makes a function a test, written so that this file doesn't find itself.
const MARKS: [&str; 2] = [concat!("#[", "test]"), concat!("#[tokio::", "test")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The Rust files in a folder and below.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn holds_a_test(path: &Path) -> bool {
    let text = text(path);
    MARKS.iter().any(|mark| text.contains(mark))
}

/// Whether a target's section of a crate's Cargo.toml says that it has no tests.
fn switched_off(manifest: &str, section: &str) -> bool {
    let body = manifest.split(section).nth(1).unwrap_or_default();
    body.split("\n[").next().unwrap_or_default().contains("\ntest = false")
}

#[test]
fn crates_whose_tests_are_switched_off_have_none() {
    let functions = std::fs::read_dir(root().join("functions")).unwrap().map(|entry| entry.unwrap().path());
    let others = ["local", "ops", "shared", "tests", "tests/fuzz", "tests/model"].map(|name| root().join(name));
    let mut off = 0;
    for folder in functions.chain(others) {
        let manifest = text(&folder.join("Cargo.toml"));
        let (library, program) = (switched_off(&manifest, "[lib]"), switched_off(&manifest, "[[bin]]"));
        off += usize::from(library) + usize::from(program);
        for path in sources(&folder.join("src")) {
            let silent = if path.ends_with("src/main.rs") { program } else { library };
            assert!(
                !(silent && holds_a_test(&path)),
                "{}: its tests never run, see `test = false` in Cargo.toml",
                path.display()
            );
        }
    }
    assert!(off > 20, "this test reads Cargo.toml rightly");
}

#[test]
fn each_file_of_tests_is_run() {
    let folder = root().join("tests/tests");
    let (together, manifest) = (text(&folder.join("all.rs")), text(&root().join("tests/Cargo.toml")));
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let run = manifest.contains(&format!("[[test]]\nname = \"{name}\"")) || together.contains(&format!("\nmod {name};"));
        assert!(run, "{name} is neither a module of all.rs nor a test in tests/Cargo.toml");
    }
}
