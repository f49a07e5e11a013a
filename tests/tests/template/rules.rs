//! Rules of the house: what checkov and cfn-lint let pass. Each is shown to find what it is for.

use std::collections::BTreeSet;

use local::template::{self, Template};
use serde_json::{Value, json};

use super::{bundle, resources};

/// Policies of AWS's that a role may have: to write its own log and traces. SAM gives the same to each function.
const MANAGED: [&str; 2] = [
    "arn:AWS::Partition:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:AWS::Partition:iam::aws:policy/AWSXRayDaemonWriteAccess",
];

/// Actions of ours that know no resources.
const EVERYWHERE: [&str; 1] = ["dynamodb:ListStreams"];

/// What must ring somebody, as namespace and metric.
const WATCHED: [(&str, &str); 14] = [
    ("Pigeonpost/AWS::StackName", "DeadLetters"),
    ("Pigeonpost/AWS::StackName", "SetAside"),
    ("Pigeonpost/AWS::StackName", "Reconnects"),
    ("Pigeonpost/AWS::StackName", "TokenFailures"),
    ("AWS/Lambda", "IteratorAge"),
    ("AWS/Lambda", "Errors"),
    ("AWS/Lambda", "Throttles"),
    ("AWS/Lambda", "Invocations"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
    ("AWS/ApiGateway", "5xx"),
    ("AWS/ApiGateway", "Count"),
    ("AWS/DynamoDB", "ReadThrottleEvents"),
    ("AWS/DynamoDB", "WriteThrottleEvents"),
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"),
];

/// Everything that is wrong with a template.
fn problems(template: &Value) -> Vec<String> {
    let mut found = Vec::new();
    door(template, &mut found);
    kept(template, &mut found);
    functions(template, &mut found);
    alarms(template, &mut found);
    found
}

fn door(template: &Value, found: &mut Vec<String>) {
    for (name, api) in resources(template, "AWS::Serverless::HttpApi") {
        let properties = &api["Properties"];
        // Closed means that there is none: each page of ours comes from the API's own address.
        if !properties["CorsConfiguration"].is_null() {
            found.push(format!("{name}: lets pages of other sites call it"));
        }
        let limits = ["ThrottlingRateLimit", "ThrottlingBurstLimit"];
        if !limits.iter().all(|limit| properties["DefaultRouteSettings"][limit].is_u64()) {
            found.push(format!("{name}: has no throttling"));
        }
        if properties["AccessLogSettings"]["DestinationArn"].is_null() {
            found.push(format!("{name}: has no access log"));
        }
    }
}

fn kept(template: &Value, found: &mut Vec<String>) {
    for r#type in ["AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SecretsManager::Secret", "AWS::KMS::Key"] {
        for (name, resource) in resources(template, r#type) {
            if !["DeletionPolicy", "UpdateReplacePolicy"].iter().all(|policy| resource[policy] == "Retain") {
                found.push(format!("{name}: goes with the stack"));
            }
        }
    }
    for (name, table) in resources(template, "AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        for (is, what) in [
            (&properties["DeletionProtectionEnabled"], "deletion protection"),
            (&properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], "point-in-time recovery"),
            (&properties["TimeToLiveSpecification"]["Enabled"], "time to live"),
        ] {
            if *is != true {
                found.push(format!("{name}: has no {what}"));
            }
        }
        if properties["SSESpecification"]["KMSMasterKeyId"] != "Key.Arn" {
            found.push(format!("{name}: is not encrypted with the customer's key"));
        }
    }
    for (name, bucket) in resources(template, "AWS::S3::Bucket") {
        let properties = &bucket["Properties"];
        let blocks = properties["PublicAccessBlockConfiguration"].as_object();
        if blocks.is_none_or(|blocks| blocks.len() != 4 || !blocks.values().all(|block| *block == true)) {
            found.push(format!("{name}: can be made public"));
        }
        if properties["LifecycleConfiguration"]["Rules"].as_array().is_none_or(Vec::is_empty) {
            found.push(format!("{name}: keeps everything for ever"));
        }
    }
    for (name, log) in resources(template, "AWS::Logs::LogGroup") {
        if log["Properties"]["RetentionInDays"].is_null() || log["Properties"]["KmsKeyId"] != "Key.Arn" {
            found.push(format!("{name}: has no end, or not the customer's key"));
        }
    }
}

fn functions(template: &Value, found: &mut Vec<String>) {
    let globals = &template["Globals"]["Function"];
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let own = |property: &str| [&function["Properties"][property], &globals[property]].into_iter().find(|own| !own.is_null());
        if own("Tracing").is_none_or(|tracing| tracing != "Active") {
            found.push(format!("{name}: is not traced"));
        }
        for (event, source) in function["Properties"]["Events"].as_object().into_iter().flatten() {
            let properties = &source["Properties"];
            match source["Type"].as_str().unwrap_or_default() {
                // The gateway gives up after 30 seconds; what the function does later, nobody hears.
                "HttpApi" if own("Timeout").and_then(Value::as_u64).is_none_or(|timeout| timeout > 29) => {
                    found.push(format!("{name}: may work longer than its caller waits"));
                }
                "DynamoDB" => {
                    for (is, what) in [
                        (properties["FunctionResponseTypes"] == json!(["ReportBatchItemFailures"]), "repeats what worked"),
                        (properties["BisectBatchOnFunctionError"] == true, "does not look for the bad one of a batch"),
                        (properties["MaximumRetryAttempts"].as_u64().is_some_and(|n| n < 10), "repeats a batch for a day"),
                        (!properties["DestinationConfig"]["OnFailure"].is_null(), "gives up without a note"),
                    ] {
                        if !is {
                            found.push(format!("{name}: its stream {event} {what}"));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    let text = serde_json::to_string(template).unwrap();
    match Template::parse(&text) {
        Ok(parsed) => parsed.functions.iter().for_each(|function| role(function, found)),
        Err(problem) => found.push(problem.to_string()),
    }
}

fn role(function: &template::Function, found: &mut Vec<String>) {
    let name = &function.name;
    for managed in function.role.managed.iter().filter(|managed| !MANAGED.contains(&managed.as_str())) {
        found.push(format!("{name}: has the policy {managed}, which is not ours"));
    }
    for permission in &function.role.permissions {
        let everywhere = permission.resource == "*" && !EVERYWHERE.contains(&permission.action.as_str());
        if permission.action.contains('*') || everywhere {
            found.push(format!("{name}: may too much: {permission}"));
        }
    }
}

fn alarms(template: &Value, found: &mut Vec<String>) {
    let mut watched = BTreeSet::new();
    for (name, alarm) in resources(template, "AWS::CloudWatch::Alarm") {
        let properties = &alarm["Properties"];
        if properties["AlarmActions"] != json!(["Alarms"]) {
            found.push(format!("{name}: rings nowhere"));
        }
        let many = properties["Metrics"].as_array().into_iter().flatten();
        let many = many.map(|metric| &metric["MetricStat"]["Metric"]).filter(|metric| !metric.is_null());
        for metric in std::iter::once(properties).filter(|one| !one["MetricName"].is_null()).chain(many) {
            let text = |field: &str| metric[field].as_str().unwrap_or_default().replace("${", "").replace('}', "");
            let of = metric["Dimensions"][0]["Value"].as_str().unwrap_or_default().to_owned();
            watched.insert((text("Namespace"), text("MetricName"), of));
        }
    }
    for (namespace, metric) in WATCHED {
        if !watched.iter().any(|(watched, name, _)| (watched.as_str(), name.as_str()) == (namespace, metric)) {
            found.push(format!("no alarm watches {metric} of {namespace}"));
        }
    }
    for (name, function) in resources(template, "AWS::Serverless::Function") {
        let sources: Vec<&Value> =
            function["Properties"]["Events"].as_object().into_iter().flat_map(|all| all.values()).collect();
        let is = |r#type: &str| sources.iter().any(|source| source["Type"] == r#type);
        let wanted: &[&str] = match (is("DynamoDB"), is("ScheduleV2") || is("Schedule")) {
            (true, _) => &["Errors", "Throttles", "IteratorAge"],
            (_, true) => &["Errors", "Throttles"],
            _ => &[],
        };
        for metric in wanted {
            if !watched.contains(&("AWS/Lambda".to_owned(), (*metric).to_owned(), name.clone())) {
                found.push(format!("{name}: no alarm watches its {metric}"));
            }
        }
    }
}

#[test]
fn the_template_keeps_the_rules() {
    assert_eq!(problems(&bundle()), Vec::<String>::new());
}

#[test]
fn each_rule_finds_what_it_is_for() {
    let resource = |name: &str, rest: &str| format!("/Resources/{name}/{rest}");
    let properties = |name: &str, rest: &str| resource(name, &format!("Properties/{rest}"));
    let deliver = |rest: &str| properties("Deliver", &format!("Events/Table/Properties/{rest}"));
    let cases = [
        (properties("Api", "CorsConfiguration"), json!({"AllowOrigins": ["*"]}), "Api: lets pages of other sites"),
        (properties("Api", "DefaultRouteSettings"), json!({}), "Api: has no throttling"),
        (properties("Api", "AccessLogSettings"), json!(null), "Api: has no access log"),
        (resource("Table", "DeletionPolicy"), json!("Delete"), "Table: goes with the stack"),
        (resource("Secret", "UpdateReplacePolicy"), json!(null), "Secret: goes with the stack"),
        (properties("Table", "DeletionProtectionEnabled"), json!(false), "Table: has no deletion protection"),
        (properties("Table", "PointInTimeRecoverySpecification"), json!({}), "Table: has no point-in-time"),
        (properties("Table", "SSESpecification"), json!({"SSEEnabled": true}), "Table: is not encrypted"),
        (properties("MediaBucket", "PublicAccessBlockConfiguration/BlockPublicAcls"), json!(false), "MediaBucket: can be made"),
        (properties("MediaBucket", "LifecycleConfiguration"), json!(null), "MediaBucket: keeps everything"),
        (properties("FunctionLogs", "RetentionInDays"), json!(null), "FunctionLogs: has no end"),
        ("/Globals/Function/Tracing".to_owned(), json!("PassThrough"), "Media: is not traced"),
        (properties("Channels", "Timeout"), json!(60), "Channels: may work longer"),
        (deliver("FunctionResponseTypes"), json!(null), "Deliver: its stream Table repeats what worked"),
        (deliver("BisectBatchOnFunctionError"), json!(false), "Deliver: its stream Table does not look"),
        (deliver("MaximumRetryAttempts"), json!(null), "Deliver: its stream Table repeats a batch"),
        (deliver("DestinationConfig"), json!(null), "Deliver: its stream Table gives up"),
        (
            properties("Manifest", "Policies"),
            json!(["AmazonDynamoDBFullAccess"]),
            "manifest: has the policy AmazonDynamoDBFullAccess",
        ),
        (
            properties("DeliverRole", "ManagedPolicyArns/0"),
            json!("arn:aws:iam::aws:policy/AmazonS3FullAccess"),
            "deliver: has the",
        ),
        (properties("Session", "Policies/0/Statement/0/Action"), json!("dynamodb:*"), "session: may too much"),
        (properties("Session", "Policies/0/Statement/0/Resource"), json!("*"), "session: may too much"),
        (properties("DeadLettersAlarm", "AlarmActions"), json!([]), "DeadLettersAlarm: rings nowhere"),
        (resource("DeadLettersAlarm", "Type"), json!("X"), "no alarm watches DeadLetters"),
        (resource("Api5xxAlarm", "Type"), json!("X"), "no alarm watches 5xx"),
        (resource("DeliveryLagAlarm", "Type"), json!("X"), "Deliver: no alarm watches its IteratorAge"),
        (resource("BackgroundErrorsAlarm", "Type"), json!("X"), "KeepTokens: no alarm watches its Errors"),
    ];
    for (pointer, value, expected) in cases {
        let mut template = bundle();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        match template.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is not in the template")) {
            Value::Array(values) => values[field.parse::<usize>().unwrap()] = value,
            parent => parent[field] = value,
        }
        let found = problems(&template);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "{pointer}: {found:?}");
    }
}
