//! For tests: `docs/custom-provider.schema.json`, held against fixtures, the documentation and what the adapter sends.

use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../../../docs/custom-provider.schema.json");
const DOCS: &str = include_str!("../../../../docs/custom-provider.md");

fn validator(definition: &str) -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    assert!(schema["$defs"].get(definition).is_some(), "the schema defines {definition}");
    let root = json!({"$schema": schema["$schema"], "$ref": format!("#/$defs/{definition}"), "$defs": schema["$defs"]});
    jsonschema::options().should_validate_formats(true).build(&root).expect("the schema is one")
}

/// Whether a definition of the schema allows `value`.
pub(super) fn accepts(definition: &str, value: &Value) -> bool {
    validator(definition).is_valid(value)
}

/// Fails unless it does.
pub(super) fn check(definition: &str, value: &Value) {
    if let Err(error) = validator(definition).validate(value) {
        panic!("{value} is no {definition}: {error} at {}", error.instance_path());
    }
}

/// The documentation's examples: blocks of JSON behind whose language stands a definition.
fn examples() -> Vec<(&'static str, Value)> {
    let fences = DOCS.split("\n```json ").skip(1);
    let example = |fence: &'static str| {
        let (definition, rest) = fence.split_once('\n').expect("a line");
        let body = rest.split("\n```").next().unwrap_or_default();
        (definition.trim(), serde_json::from_str(body).unwrap_or_else(|error| panic!("{body}: {error}")))
    };
    fences.map(example).collect()
}

#[test]
fn the_schema_is_one() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    let fixture: Value = serde_json::from_str(include_str!("../../../../tests/fixtures/custom/events.json")).unwrap();
    assert!(jsonschema::options().should_validate_formats(true).build(&schema).unwrap().is_valid(&fixture));
}

#[test]
fn the_fixtures_are_as_described() {
    for fixture in [
        include_str!("../../../../tests/fixtures/custom/events.json"),
        include_str!("../../../../tests/fixtures/custom/content.json"),
        include_str!("../../../../tests/fixtures/custom/changes.json"),
        include_str!("../../../../tests/fixtures/custom/signed.json"),
    ] {
        check("toPigeonpost", &serde_json::from_str(fixture).unwrap());
    }
}

#[test]
fn the_documentations_examples_are_as_described_and_are_read() {
    let examples = examples();
    for (definition, example) in &examples {
        check(definition, example);
        if *definition == "toPigeonpost" {
            let read = super::events::read(example.to_string().as_bytes(), false).unwrap();
            read.into_iter().collect::<Result<Vec<_>, _>>().unwrap_or_else(|invalid| panic!("{example}: {invalid}"));
        }
    }
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for definition in ["toPigeonpost", "toChat", "answerToMessage", "answerToTemplates"] {
        assert!(examples.iter().any(|(shown, _)| *shown == definition), "an example of {definition}");
    }
    // Each kind of event and request is shown.
    let shown = examples.iter().flat_map(|(_, example)| match &example["events"] {
        Value::Array(events) => events.clone(),
        _ => vec![example.clone()],
    });
    let shown: std::collections::BTreeSet<String> =
        shown.filter_map(|example| example["type"].as_str().map(str::to_owned)).collect();
    let kinds = schema["$defs"].as_object().unwrap().values().filter_map(|def| def.pointer("/properties/type/const"));
    for kind in kinds {
        assert!(shown.contains(kind.as_str().unwrap()), "an example of {kind}");
    }
}
