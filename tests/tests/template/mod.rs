//! What must be true of `template.yaml` and no other tool looks at: rules of the house, roles that fit what functions do, and an
//! entry in the runbook for each alarm.

mod roles;
mod rules;
mod runbook;

use local::template;
use serde_json::Value;

/// The template, without the tags of its functions.
fn bundle() -> Value {
    template::document(template::BUNDLE).unwrap()
}

/// The resources of a type, with their names.
fn resources<'a>(template: &'a Value, r#type: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let all = template["Resources"].as_object().into_iter().flatten();
    all.filter(move |(_, resource)| resource["Type"] == r#type)
}
