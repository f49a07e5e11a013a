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
    let (code, template) = (code(), bundle());
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

#[test]
fn what_alarms_count_is_counted() {
    let (code, template) = (code(), bundle());
    let filtered: BTreeSet<&str> = resources(&template, "AWS::Logs::MetricFilter")
        .flat_map(|(_, filter)| filter["Properties"]["MetricTransformations"].as_array().unwrap())
        .map(|transformation| transformation["MetricName"].as_str().unwrap())
        .collect();
    let mut own = 0;
    for (name, alarm) in resources(&template, "AWS::CloudWatch::Alarm") {
        let alarm = &alarm["Properties"];
        if !alarm["Namespace"].as_str().is_some_and(|namespace| namespace.starts_with("Pigeonpost/")) {
            continue;
        }
        let metric = alarm["MetricName"].as_str().unwrap();
        // Numbers of the functions' own are sums without dimensions.
        assert!(alarm["Dimensions"].is_null(), "{name}");
        assert!(filtered.contains(metric) || code.contains(&format!("\"{metric}\"")), "{name}: nothing counts {metric}");
        own += 1;
    }
    assert!(own > filtered.len(), "{own}");
}

/// What the functions are made of, without comments and tests: words that stand there alone are said by nobody.
fn code() -> String {
    let mut code = String::new();
    for folder in ["shared/src", "functions"] {
        read(&root().join(folder), &mut code);
    }
    code
}

fn read(folder: &Path, code: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|name| name == "tests" || name == "testing");
        if path.is_dir() && !is_test {
            read(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
            let text = std::fs::read_to_string(path).unwrap();
            let said = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().lines();
            said.filter(|line| !line.trim_start().starts_with("//")).for_each(|line| {
                code.push_str(line);
                code.push('\n');
            });
        }
    }
}
