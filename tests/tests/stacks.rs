//! What functions are built from: one way to do TLS, one runtime, and nothing that only tests or tools need. Sizes follow from
//! that; those are held by `cargo test -p bench --test weight -- --ignored`.

use std::{collections::BTreeSet, path::Path, process::Command};

use local::host::NAMES;

/// Crates that are in no function, and why.
const UNWANTED: [(&str, &str); 14] = [
    ("aws-config", "region and credentials come from Lambda's environment (docs/adr/0006)"),
    ("aws-sdk-s3", "requests to S3 are few, and signed by a smaller crate (docs/adr/0013)"),
    ("aws-sdk-secretsmanager", "there is one request to it (docs/adr/0014)"),
    ("aws-smithy-http-client", "it brings HTTP/2 and proxies (docs/adr/0014)"),
    ("clap", "a function has no command line"),
    ("dynoxide-rs", "the embedded table is for one machine"),
    ("h2", "nobody whom a function calls needs HTTP/2 (docs/adr/0014)"),
    ("matchers", "filters of logs by regular expressions, which nobody writes here"),
    ("native-tls", "rustls is the TLS stack"),
    ("openssl", "rustls is the TLS stack"),
    ("regex", "nothing here needs it"),
    ("regex-automata", "nothing here needs it"),
    ("ring", "aws-lc-rs is the cryptography"),
    ("rusqlite", "the embedded table is for one machine"),
];
/// Of these there is one version.
const ONCE: [&str; 8] = ["aws-lc-rs", "http", "hyper", "hyper-rustls", "reqwest", "rustls", "tokio", "tower"];
/// Most crates that a function is built from, macros and their like included.
const MOST: usize = 230;

/// Names of a function's crates, as often as there are versions of them.
fn crates(function: &str) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
    cargo.args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--package", function]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: BTreeSet<&str> = text.lines().map(|line| line.trim_end_matches(" (*)")).filter(|line| !line.is_empty()).collect();
    lines.into_iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn functions_are_built_from_what_they_need() {
    let mut seen = BTreeSet::new();
    for function in NAMES {
        let crates = crates(function);
        assert!(crates.iter().any(|name| name == "lambda_runtime"), "{function}: this test reads the tree rightly");
        assert!(crates.len() <= MOST, "{function} is built from {} crates", crates.len());
        for (unwanted, why) in UNWANTED {
            assert!(!crates.iter().any(|name| name == unwanted), "{function} is built from {unwanted}: {why}");
        }
        for once in ONCE {
            let versions = crates.iter().filter(|name| *name == once).count();
            assert!(versions <= 1, "{function} is built from {versions} versions of {once}");
            seen.extend((versions == 1).then_some(once));
        }
    }
    assert_eq!(seen, BTreeSet::from(ONCE), "each of them is in some function");
}
