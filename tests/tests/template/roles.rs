//! Roles allow what functions need, and nothing else.
//!
//! What a function needs is what it was seen to ask AWS for: `permissions.txt` holds that, as observed over all end-to-end tests
//! (`local::iam`). From three sides it is kept true: a function that asks for more than its role allows is refused, in each of those
//! tests and in `local`; the roles must be the record to the letter, which is looked at here; and `.ci/run` takes the record anew with
//! each run and refuses lines that no test needed. The few ways that only a race takes are listed here, with their reasons.

use std::collections::BTreeSet;

use local::template::{self, Function, Template, roles::Permission};

/// What was observed: function, action, resource.
const RECORD: &str = include_str!("../../permissions.txt");

/// What a function needs on a way that no end-to-end test takes, because only a race leads there, with the way.
const RARE: [(&str, &str, &str, &str); 2] = [
    (
        "deliver",
        "s3:ListBucket",
        "MediaBucket.Arn",
        "a file that is gone when it is to be copied to Pipedrive: S3 says so to those alone who may list",
    ),
    (
        "post-message",
        "dynamodb:GetItem",
        "Table.Arn",
        "a send tells another name of the customer: rename_customer reads the conversation",
    ),
];

fn record() -> BTreeSet<(String, Permission)> {
    let lines = RECORD.lines().map(|line| {
        let [function, action, resource] = line.split(' ').collect::<Vec<_>>().try_into().expect("three words");
        (function.to_owned(), Permission::new(action, resource))
    });
    let rare = RARE.iter().map(|(function, action, resource, _)| ((*function).to_owned(), Permission::new(*action, *resource)));
    lines.chain(rare).collect()
}

/// What Lambda needs of a function's role to give it the stream, and to leave a note of what it gave up.
fn for_its_events(function: &Function) -> BTreeSet<Permission> {
    if function.streams.is_empty() {
        return BTreeSet::new();
    }
    let stream = ["DescribeStream", "GetRecords", "GetShardIterator"];
    let stream = stream.into_iter().map(|action| Permission::new(format!("dynamodb:{action}"), "Table.StreamArn"));
    let rest = [Permission::new("dynamodb:ListStreams", "*"), Permission::new("sqs:SendMessage", "UndeliveredBatches.Arn")];
    stream.chain(rest).collect()
}

/// Where a function's role is not what it needs.
fn differences(functions: &[Function], record: &BTreeSet<(String, Permission)>) -> Vec<String> {
    let mut found = Vec::new();
    for function in functions {
        let name = &function.name;
        let observed = record.iter().filter(|(of, _)| of == name).map(|(_, permission)| permission.clone());
        let needed: BTreeSet<Permission> = observed.chain(for_its_events(function)).collect();
        let granted = &function.role.permissions;
        found.extend(granted.difference(&needed).map(|more| {
            format!("{name}: may {more}, which no test saw it use. Take it away, or add the line to tests/permissions.txt with a test that uses it")
        }));
        found.extend(needed.difference(granted).map(|less| format!("{name}: may not {less}, which it uses")));
    }
    let known = |of: &String| functions.iter().any(|function| function.name == *of);
    found.extend(record.iter().filter(|(of, _)| !known(of)).map(|(of, _)| format!("{of}: is in the record alone")));
    found
}

fn functions() -> Vec<Function> {
    Template::parse(template::BUNDLE).unwrap().functions
}

#[test]
fn roles_are_what_the_functions_use() {
    let found = differences(&functions(), &record());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn one_permission_less_or_more_names_the_function() {
    let (record, functions) = (record(), functions());
    for (at, function) in functions.iter().enumerate() {
        for permission in &function.role.permissions {
            let mut changed = functions.clone();
            changed[at].role.permissions.remove(permission);
            let found = differences(&changed, &record);
            assert_eq!(found, [format!("{}: may not {permission}, which it uses", function.name)]);
        }
        for more in [Permission::new("dynamodb:Scan", "Table.Arn"), Permission::new("s3:GetObject", "MediaBucket.Arn/*")] {
            let mut changed = functions.clone();
            changed[at].role.permissions.insert(more.clone());
            let found = differences(&changed, &record);
            assert!(
                matches!(found.as_slice(), [one] if one.starts_with(&format!("{}: may {more},", function.name))),
                "{found:?}"
            );
        }
    }
}

#[test]
fn the_record_is_in_order() {
    let lines: Vec<&str> = RECORD.lines().collect();
    assert!(lines.is_sorted() && RECORD.ends_with('\n'), "as `LC_ALL=C sort -u` leaves it");
    for (function, action, resource, way) in RARE {
        let line = format!("{function} {action} {resource}");
        assert!(!lines.contains(&line.as_str()), "{line} is not rare: {way}");
    }
}
