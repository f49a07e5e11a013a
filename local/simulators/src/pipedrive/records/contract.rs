//! Requests against Pipedrive's own API descriptions, where `PIGEONPOST_CONTRACTS` names a folder that has them
//! (`pipedrive-api-v1.yaml`, `pipedrive-api-v2.yaml`). Without one, the reading code beside this is the only judge.

use std::{path::Path, sync::OnceLock};

use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{Action, Kind, answer::Refusal, answer::Version};

/// Parameters that came after the descriptions were written (Pipedrive, changelog).
const NEWER: [&str; 4] = ["deal_id", "include_labels", "include_option_labels", "updated_since"];

struct Contracts {
    v1: Value,
    v2: Value,
}

fn contracts() -> Option<&'static Contracts> {
    static CONTRACTS: OnceLock<Option<Contracts>> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "says where the contracts lie, if anywhere; no setting of the bundle")]
    let load = || {
        let folder = std::env::var("PIGEONPOST_CONTRACTS").ok()?;
        let read = |name: &str| {
            let yaml = std::fs::read_to_string(Path::new(&folder).join(name)).ok()?;
            serde_saphyr::from_str(&yaml).ok()
        };
        Some(Contracts { v1: read("pipedrive-api-v1.yaml")?, v2: read("pipedrive-api-v2.yaml")? })
    };
    CONTRACTS.get_or_init(load).as_ref()
}

/// What Pipedrive describes for a call, if it does.
fn operation(kind: Kind, action: Action) -> Option<&'static Value> {
    let contracts = contracts()?;
    let (version, collection) = kind.place();
    let (path, method) = match action {
        Action::List => (format!("/{collection}"), "get"),
        Action::Create => (format!("/{collection}"), "post"),
        Action::Search => (format!("/{collection}/search"), "get"),
        Action::Get => (format!("/{collection}/{{id}}"), "get"),
        Action::Update => (format!("/{collection}/{{id}}"), kind.update_method()),
        Action::Delete => (format!("/{collection}/{{id}}"), "delete"),
    };
    let described = if version == Version::V1 { &contracts.v1 } else { &contracts.v2 };
    described["paths"][path].get(method.to_ascii_lowercase())
}

/// Refuses a request that the description does not allow.
pub(super) fn check(kind: Kind, action: Action, query: &str, body: &[u8]) -> Result<(), Refusal> {
    let Some(operation) = operation(kind, action) else { return Ok(()) };
    check_query(operation, query)?;
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if schema.is_null() {
        return Ok(());
    }
    let mut schema = schema.clone();
    correct(kind, action, &mut schema);
    let body: Value = serde_json::from_slice(body).map_err(|_| Refusal::invalid("body", "is not JSON"))?;
    fits_schema(&schema, &body)
}

/// The same for a form, whose file stands there as an empty text.
pub(super) fn check_form(kind: Kind, action: Action, form: &Value) -> Result<(), Refusal> {
    let Some(operation) = operation(kind, action) else { return Ok(()) };
    let schema = &operation["requestBody"]["content"]["multipart/form-data"]["schema"];
    fits_schema(schema, form)
}

/// What the description has against a body that is posted to `path` of version 1, if anything. Null counts as left out: the
/// descriptions have none, and Pipedrive has always taken it there.
pub(in super::super) fn objection(path: &str, body: &[u8]) -> Option<String> {
    let schema = &contracts()?.v1["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let body = without_nulls(&serde_json::from_slice(body).unwrap_or_default());
    fits_schema(schema, &body).err().map(|refusal| format!("{path}: {refusal}"))
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().filter(|(_, v)| !v.is_null()).map(|(name, v)| (name.clone(), without_nulls(v))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn fits_schema(schema: &Value, body: &Value) -> Result<(), Refusal> {
    let validator = jsonschema::validator_for(&strict(schema)).map_err(|e| Refusal::invalid("contract", &e.to_string()))?;
    match validator.iter_errors(body).next() {
        Some(fault) => Err(Refusal::invalid(&fault.instance_path().to_string(), &fault.to_string())),
        None => Ok(()),
    }
}

fn check_query(operation: &Value, query: &str) -> Result<(), Refusal> {
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let given: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    for parameter in parameters.iter().filter(|p| p["in"] == "query" && p["required"] == true) {
        if given.iter().all(|(name, _)| parameter["name"] != name.as_str()) {
            return Err(Refusal::invalid(parameter["name"].as_str().unwrap_or_default(), "is required"));
        }
    }
    for (name, value) in given.iter().filter(|(name, _)| !NEWER.contains(&name.as_str())) {
        let Some(parameter) = parameters.iter().find(|p| p["in"] == "query" && p["name"] == name.as_str()) else {
            return Err(Refusal::invalid(name, "is not in the contract"));
        };
        if !fits(&parameter["schema"], value) {
            return Err(Refusal::invalid(name, "is not what the contract says"));
        }
    }
    Ok(())
}

/// Lists of words are described as one word.
fn fits(schema: &Value, value: &str) -> bool {
    let is_typed = match schema["type"].as_str() {
        Some("integer") => value.parse::<i64>().is_ok(),
        Some("boolean") => matches!(value, "true" | "false"),
        _ => true,
    };
    let is_listed = |word: &str| schema["enum"].as_array().is_none_or(|words| words.iter().any(|w| plain(w) == word));
    is_typed && value.split(',').all(is_listed)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Puts right what Pipedrive has put right since (changelog of 2026-01-30), or never meant: a person has no title.
fn correct(kind: Kind, action: Action, schema: &mut Value) {
    if kind != Kind::Persons {
        return;
    }
    schema["required"] = if action == Action::Create { json!(["name"]) } else { json!([]) };
    schema["properties"]["custom_fields"] = json!({"type": "object", "additionalProperties": true});
    for list in ["emails", "phones"] {
        schema["properties"][list]["items"]["properties"]["label"] = json!({"type": "string"});
    }
}

/// A schema of `OpenAPI` 3.0 as JSON Schema that knows no other members than the described ones.
pub(super) fn strict(schema: &Value) -> Value {
    let Value::Object(members) = schema else { return schema.clone() };
    let mut strict: Map<String, Value> = members.iter().map(|(name, value)| (name.clone(), inner(name, value))).collect();
    if members.get("nullable") == Some(&Value::Bool(true)) {
        strict.insert("type".to_owned(), json!([members["type"], "null"]));
    }
    if members.contains_key("properties") && !members.contains_key("additionalProperties") {
        strict.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    Value::Object(strict)
}

fn inner(name: &str, value: &Value) -> Value {
    match (name, value) {
        ("properties", Value::Object(properties)) => properties.iter().map(|(n, v)| (n.clone(), strict(v))).collect(),
        ("items", schema) => strict(schema),
        // Each part of an allOf sees the members of the others.
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use shared::model::{
        ids::{CompanyId, UserId},
        time::Timestamp,
    };

    use super::{
        super::{super::Settings, Ask, Records},
        *,
    };
    use crate::pipedrive::User;

    fn data_of(schema: &Value) -> Option<&Value> {
        let own = schema.pointer("/properties/data");
        own.or_else(|| schema["allOf"].as_array()?.iter().find_map(data_of))
    }

    /// Some members are in the description's example alone.
    fn allow_example(schema: &mut Value, example: &Value) {
        if let Some(first) = example.get(0) {
            allow_example(&mut schema["items"], first);
        } else if let (Some(known), Some(shown)) =
            (schema.pointer_mut("/properties").and_then(Value::as_object_mut), example.as_object())
        {
            for name in shown.keys() {
                known.entry(name.clone()).or_insert(json!({}));
            }
        }
    }

    #[test]
    fn answers_are_what_pipedrive_describes() {
        if contracts().is_none() {
            eprintln!("skipped: PIGEONPOST_CONTRACTS names no folder with Pipedrive's contracts");
            return;
        }
        let (now, settings) = (Timestamp::from_secs(1_795_166_163), Settings::default());
        let users = [User { id: UserId(11), name: "Ada Admin".to_owned(), admin: true }];
        let mut records = Records::new(now);
        let person = r#"{"name":"Ada Lovelace","emails":[{"value":"a@b.c"}],"phones":[{"value":"+15550100001"}]}"#;
        let webhook = r#"{"name":"x","subscription_url":"https://x.example","event_action":"*","event_object":"person"}"#;
        let deal = r#"{"title":"First","person_id":1,"value":7,"status":"lost","lost_reason":"price"}"#;
        for (kind, action, id, query, body) in [
            (Kind::Persons, Action::Create, None, "", person),
            (Kind::Persons, Action::Update, Some("1"), "", r#"{"org_id":1}"#),
            (Kind::Persons, Action::Get, Some("1"), "", ""),
            (Kind::Persons, Action::List, None, "limit=5&owner_id=11", ""),
            (Kind::Persons, Action::Search, None, "term=ada&fields=name,email", ""),
            (Kind::Deals, Action::Create, None, "", deal),
            (Kind::Deals, Action::Update, Some("1"), "", r#"{"status":"won"}"#),
            (Kind::Deals, Action::Get, Some("1"), "", ""),
            (Kind::Deals, Action::List, None, "status=open,won", ""),
            (Kind::Pipelines, Action::List, None, "", ""),
            (Kind::Pipelines, Action::Get, Some("1"), "", ""),
            (Kind::Stages, Action::List, None, "pipeline_id=1", ""),
            (Kind::Stages, Action::Get, Some("1"), "", ""),
            (Kind::Notes, Action::Create, None, "", r#"{"content":"Hi","deal_id":1,"person_id":1,"org_id":1}"#),
            (Kind::Notes, Action::Update, Some("1"), "", r#"{"content":"Hi","pinned_to_deal_flag":1}"#),
            (Kind::Notes, Action::Get, Some("1"), "", ""),
            (Kind::Notes, Action::List, None, "person_id=1&start=0&limit=5&sort=add_time%20DESC", ""),
            (Kind::Notes, Action::Delete, Some("1"), "", ""),
            (Kind::Leads, Action::Create, None, "", r#"{"title":"First","person_id":1,"value":{"amount":7,"currency":"EUR"}}"#),
            (Kind::Leads, Action::List, None, "person_id=1&sort=title", ""),
            (Kind::Webhooks, Action::Create, None, "", webhook),
            (Kind::Webhooks, Action::List, None, "", ""),
        ] {
            records.organizations.insert(1, "Acme".to_owned());
            records.index.count_request();
            assert_eq!(check(kind, action, query, body.as_bytes()), Ok(()), "{kind:?} {action:?}");
            let (company, user) = (CompanyId(1001), UserId(11));
            let body = body.as_bytes();
            let ask = Ask { id, query, body, form: None, company, user, users: &users, settings: &settings, now };
            let answer = records.answer(kind, action, &ask).unwrap();
            let responses = &operation(kind, action).unwrap()["responses"];
            let described = responses.get("200").or_else(|| responses.get("201")).unwrap();
            let described = &described["content"]["application/json"];
            let mut schema = strict(data_of(&described["schema"]).unwrap());
            allow_example(&mut schema, &described["example"]["data"]);
            let validator = jsonschema::validator_for(&schema).unwrap();
            // The descriptions call nothing null that is only not there.
            let faults: Vec<_> = validator.iter_errors(&without_nulls(&answer["data"])).map(|e| e.to_string()).collect();
            assert!(faults.is_empty(), "{kind:?} {action:?}: {faults:?}");
            assert!(!validator.is_valid(&json!("unheard")), "the contract tells good from bad");
        }
        let form = |name: &str, value: Value| json!({"file": "", name: value});
        assert_eq!(check_form(Kind::Files, Action::Create, &form("person_id", json!(1))), Ok(()));
        assert!(check_form(Kind::Files, Action::Create, &form("person_id", json!("one"))).is_err());
        assert!(check_form(Kind::Files, Action::Create, &form("person", json!(1))).is_err());
        assert!(objection("/channels", br#"{"name":"Sales","provider_channel_id":"ch","avatar_url":null}"#).is_none());
        assert!(objection("/channels", br#"{"name":"Sales","provider_channel_id":7}"#).is_some());
        for (kind, action, query, body) in [
            (Kind::Persons, Action::Create, "", r#"{"name":"Ada","email":"a@b.c"}"#),
            (Kind::Deals, Action::Create, "", r#"{"title":"First","value":"7"}"#),
            (Kind::Persons, Action::Search, "fields=phone", ""),
            (Kind::Persons, Action::List, "sort_by=name", ""),
            (Kind::Deals, Action::List, "person=1", ""),
            (Kind::Notes, Action::Create, "", r#"{"content":7,"person_id":1}"#),
            (Kind::Leads, Action::Create, "", r#"{"title":"First","personId":1}"#),
            (Kind::Webhooks, Action::Create, "", r#"{"name":"x","subscription_url":"https://x.example","event_action":"added"}"#),
        ] {
            assert!(check(kind, action, query, body.as_bytes()).is_err(), "{kind:?} {action:?} {query} {body}");
        }
    }
}
