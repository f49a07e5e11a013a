//! What the documents say of the code's files: that tests which they name are there, and files too.

use std::path::Path;

/// Documents that name tests. A test stands in italics, whole or as far as an ellipsis; a file in backquotes.
const DOCUMENTS: [&str; 2] = ["docs/reliability.md", "docs/architecture.md"];
/// Where tests and code are.
const FOLDERS: [&str; 4] = ["tests", "local", "shared", "functions"];

/// Every source file: its path, and what is in it.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Whether a word looks like the name of a test.
fn is_test(word: &str) -> bool {
    let name = word.strip_suffix('…').unwrap_or(word);
    name.matches('_').count() >= 2 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[test]
fn tests_and_files_that_they_name_are_there() {
    let sources = sources();
    let has_test = |word: &str| {
        let declared = match word.strip_suffix('…') {
            Some(beginning) => format!("fn {beginning}"),
            None => format!("fn {word}("),
        };
        sources.iter().any(|(_, text)| text.contains(&declared))
    };
    let has_file = |name: &str| sources.iter().any(|(path, _)| path.ends_with(&format!("/{name}")));
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document)).unwrap();
        let tests: Vec<&str> = text.split('*').filter(|word| is_test(word)).collect();
        assert!(tests.len() >= 10, "{document} names {} tests", tests.len());
        let missing: Vec<&&str> = tests.iter().filter(|test| !has_test(test)).collect();
        assert!(missing.is_empty(), "{document} names tests that are not there: {missing:?}");
        let files = text.split('`').filter(|word| {
            Path::new(word).extension().is_some_and(|extension| extension == "rs") && !word.contains(char::is_whitespace)
        });
        let missing: Vec<&str> = files.filter(|file| !has_file(file)).collect();
        assert!(missing.is_empty(), "{document} names files that are not there: {missing:?}");
    }
}
