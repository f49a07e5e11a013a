//! What `template.yaml` says about the bundle: which functions there are, and what starts each of them. `local` takes its
//! routes, schedules and stream subscribers from here, so that what runs on one machine is what is deployed.
//!
//! The short tags (`!Ref`, `!Sub`, …) lose their tag and keep their content: nothing read here depends on them.

pub mod filter;
pub mod roles;
pub mod routes;
pub mod table;

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use serde::Deserialize;
use serde_json::Value;

use self::{filter::Filter, roles::Role, routes::Pattern};

/// The template of this bundle, as it was when this program was built.
pub const BUNDLE: &str = include_str!("../../../template.yaml");

/// Something in the template can't be run on one machine.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// It is not YAML of a template's shape.
    #[error("the template cannot be read: {0}")]
    Malformed(String),
    /// A function's property has a form that `local` does not know.
    #[error("{function}: {problem}")]
    Function {
        /// The function's logical id.
        function: String,
        /// What is wrong.
        problem: String,
    },
}

/// Memory of a function that names none, in MB (AWS Lambda Developer Guide, "Configure Lambda function memory").
const LAMBDA_MEMORY: u32 = 128;

/// The bundle.
#[derive(Debug)]
pub struct Template {
    /// Its functions, by logical id.
    pub functions: Vec<Function>,
}

/// A Lambda function.
#[derive(Debug, Clone, PartialEq)]
pub struct Function {
    /// Its name in the template.
    pub logical_id: String,
    /// The crate in `functions/` that it is built from.
    pub name: String,
    /// The HTTP API's routes that lead to it.
    pub routes: Vec<Route>,
    /// How often it runs by itself.
    pub schedules: Vec<Duration>,
    /// What of the table's stream it is given.
    pub streams: Vec<Subscription>,
    /// Names of its environment variables, with those that all functions have.
    pub variables: Vec<String>,
    /// What it may do.
    pub role: Role,
    /// Its memory, in MB.
    pub memory: u32,
}

/// A route of the HTTP API.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// None: any method.
    pub method: Option<Method>,
    /// The path.
    pub pattern: Pattern,
}

/// An event source mapping from the table's stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// A record passes if it matches one of these, or if there are none.
    pub filters: Vec<Filter>,
    /// Most records in one call.
    pub batch_size: usize,
    /// How often a batch that fails is given again; none: until it works.
    pub max_retries: Option<u32>,
}

/// A template's text as a value. The short tags lose their tag and keep their content.
pub fn document(yaml: &str) -> Result<Value, TemplateError> {
    // Otherwise the `N` of a numeric attribute reads as YAML 1.1's "no".
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|e| TemplateError::Malformed(e.to_string()))
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Globals", default)]
    globals: Value,
    #[serde(rename = "Resources")]
    resources: BTreeMap<String, Resource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    r#type: String,
    #[serde(default)]
    properties: Value,
    #[serde(default)]
    metadata: Value,
}

impl Template {
    /// Reads a template's text.
    pub fn parse(yaml: &str) -> Result<Self, TemplateError> {
        let document: Document = serde_saphyr::from_str(yaml).map_err(|e| TemplateError::Malformed(e.to_string()))?;
        let functions = document
            .resources
            .iter()
            .filter(|(_, resource)| resource.r#type == "AWS::Serverless::Function")
            .map(|(id, resource)| {
                function(id, resource, &document).map_err(|problem| TemplateError::Function { function: id.clone(), problem })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { functions })
    }
}

fn function(id: &str, resource: &Resource, document: &Document) -> Result<Function, String> {
    let mut function = Function {
        logical_id: id.to_owned(),
        name: crate_name(resource)?,
        routes: Vec::new(),
        schedules: Vec::new(),
        streams: Vec::new(),
        variables: variables(&document.globals["Function"]).chain(variables(&resource.properties)).collect(),
        role: roles::role(&resource.properties, &document.resources)?,
        memory: memory(&resource.properties).or_else(|| memory(&document.globals["Function"])).unwrap_or(LAMBDA_MEMORY),
    };
    for (name, event) in resource.properties["Events"].as_object().into_iter().flatten() {
        let properties = &event["Properties"];
        let in_event = |problem: String| format!("event {name}: {problem}");
        match event["Type"].as_str().unwrap_or_default() {
            "HttpApi" => function.routes.push(route(properties).map_err(in_event)?),
            "Schedule" => function.schedules.push(rate(&properties["Schedule"]).map_err(in_event)?),
            "ScheduleV2" => function.schedules.push(rate(&properties["ScheduleExpression"]).map_err(in_event)?),
            "DynamoDB" => function.streams.push(subscription(properties).map_err(in_event)?),
            other => return Err(in_event(format!("events of type \"{other}\" are not run on one machine"))),
        }
    }
    Ok(function)
}

/// The binary that cargo-lambda builds; without one, the folder of the code.
fn crate_name(resource: &Resource) -> Result<String, String> {
    let binary = resource.metadata["BuildProperties"]["Binary"].as_str();
    let folder =
        || resource.properties["CodeUri"].as_str()?.trim_end_matches('/').rsplit_once("functions/").map(|(_, name)| name);
    binary.or_else(folder).map(str::to_owned).ok_or_else(|| "names no crate, neither by Binary nor by CodeUri".to_owned())
}

fn memory(properties: &Value) -> Option<u32> {
    properties["MemorySize"].as_u64().and_then(|megabytes| u32::try_from(megabytes).ok())
}

fn variables(properties: &Value) -> impl Iterator<Item = String> {
    properties["Environment"]["Variables"].as_object().into_iter().flat_map(|variables| variables.keys().cloned())
}

fn route(properties: &Value) -> Result<Route, String> {
    let path = properties["Path"].as_str().ok_or("has no Path")?;
    let method = properties["Method"].as_str().ok_or("has no Method")?.to_ascii_uppercase();
    let method = match method.as_str() {
        "ANY" | "*" => None,
        one => Some(Method::from_bytes(one.as_bytes()).map_err(|_| "has no valid Method")?),
    };
    Ok(Route { method, pattern: Pattern::parse(path)? })
}

/// A schedule's `rate(<number> <unit>)`.
fn rate(expression: &Value) -> Result<Duration, String> {
    let text = expression.as_str().unwrap_or_default();
    let (number, unit) = text
        .strip_prefix("rate(")
        .and_then(|rest| rest.strip_suffix(')'))
        .and_then(|rest| rest.trim().split_once(' '))
        .ok_or_else(|| format!("only rate(…) schedules are run on one machine, not \"{text}\""))?;
    let seconds = match unit.trim().trim_end_matches('s') {
        "minute" => 60,
        "hour" => 60 * 60,
        "day" => 24 * 60 * 60,
        _ => return Err(format!("\"{text}\" has no known unit")),
    };
    let number: u64 = number.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("\"{text}\" has no valid number"))?;
    Ok(Duration::from_secs(number * seconds))
}

fn subscription(properties: &Value) -> Result<Subscription, String> {
    let filters = properties["FilterCriteria"]["Filters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|filter| Filter::parse(filter["Pattern"].as_str().unwrap_or_default()))
        .collect::<Result<_, _>>()?;
    // AWS's default is 100 records.
    let batch_size = properties["BatchSize"].as_u64().unwrap_or(100);
    let max_retries = properties["MaximumRetryAttempts"].as_u64().and_then(|n| u32::try_from(n).ok());
    Ok(Subscription { filters, batch_size: usize::try_from(batch_size).unwrap_or(100).max(1), max_retries })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIXTURE: &str = include_str!("../../fixtures/template.yaml");

    #[test]
    fn what_starts_each_function() {
        let template = Template::parse(FIXTURE).unwrap();
        let names: Vec<&str> = template.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["deliver", "get-message-by-id", "keep-tokens", "redeliver"]);
        let [deliver, get, keep, redeliver] = template.functions.as_slice() else { panic!() };

        assert_eq!(deliver.streams.len(), 1);
        assert_eq!((deliver.streams[0].batch_size, deliver.streams[0].max_retries), (25, Some(3)));
        let passes = |shard: &str| {
            let record = serde_json::json!({"dynamodb": {"NewImage": {"due_shard": {"S": shard}}}});
            deliver.streams[0].filters.iter().any(|filter| filter.passes(&record))
        };
        assert!(passes("outbox#3") && !passes("removal#1"));

        let routes: Vec<String> = get.routes.iter().map(|r| format!("{} {}", r.method.as_ref().unwrap(), r.pattern)).collect();
        assert_eq!(
            routes,
            [
                "GET /api/channels/{channel}/messages/{message}",
                "GET /api/channels/{channel}/conversations/{conversation}/messages/{message}"
            ]
        );
        assert_eq!(get.variables, ["TABLE_NAME", "SECRET_ID"]);
        assert_eq!(keep.schedules, [Duration::from_hours(24)]);
        assert_eq!(redeliver.schedules, [Duration::from_mins(1)]);
    }

    #[test]
    fn what_cannot_be_run_is_named() {
        let said = |from: &str, to: &str| Template::parse(&FIXTURE.replace(from, to)).unwrap_err().to_string();
        assert!(said("rate(1 minute)", "cron(* * * * ? *)").starts_with("Redeliver: event Each:"));
        assert!(said("Type: DynamoDB", "Type: SQS").contains("SQS"));
        assert!(said("\"prefix\"", "\"numeric\"").contains("numeric"));
        assert!(said("Resources:", "Things:").contains("cannot be read"));
    }

    #[test]
    fn the_bundle_itself_can_be_run() {
        let template = Template::parse(BUNDLE).unwrap();
        assert!(template.functions.iter().any(|f| !f.streams.is_empty()), "something delivers");
        assert!(template.functions.iter().any(|f| !f.schedules.is_empty()), "something redelivers");
    }
}
