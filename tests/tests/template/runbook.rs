//! The runbook: an entry for each alarm, and none for an alarm that is not there. And the words that alarms listen for are words
//! that the functions say.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{bundle, resources};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn each_alarm_has_its_entry() {
    let template = bundle();
    let alarms: BTreeSet<&str> = resources(&template, "AWS::CloudWatch::Alarm").map(|(name, _)| name.as_str()).collect();
    let text = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let entries: Vec<(&str, &str)> = text
        .split("\n### ")
        .skip(1)
        .filter_map(|section| section.split_once('\n'))
        .filter(|(title, _)| title.ends_with("Alarm"))
        .collect();
    assert_eq!(entries.iter().map(|(title, _)| *title).collect::<BTreeSet<_>>(), alarms);
    for (title, body) in entries {
        let body = body.split("\n## ").next().unwrap_or_default();
        for part in ["**What it means.**", "**What to do.**"] {
            assert!(body.contains(part), "{title} does not say {part}");
        }
    }
}

#[test]
fn what_alarms_listen_for_is_said() {
    let mut code = String::new();
    for folder in ["shared/src", "functions"] {
        read(&root().join(folder), &mut code);
    }
    let template = bundle();
    let mut phrases = 0;
    for (name, filter) in resources(&template, "AWS::Logs::MetricFilter") {
        let pattern = filter["Properties"]["FilterPattern"].as_str().unwrap();
        // Phrases stand in quotes; what begins with a brace asks for a field of the line.
        for phrase in pattern.split('"').skip(1).step_by(2).filter(|_| !pattern.starts_with('{')) {
            assert!(code.contains(phrase), "{name}: nothing logs \"{phrase}\"");
            phrases += 1;
        }
    }
    assert!(phrases >= 5);
}

fn read(folder: &Path, code: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
