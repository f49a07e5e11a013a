//! `GET /v2/openapi.json`: the description of the contacts and deals API (OpenAPI 3.1), for anyone. It is put together from
//! the types that bodies are read into and written from, the rows of the error schema, and the table of calls in `operations`.

mod operations;

use std::{collections::BTreeMap, sync::LazyLock};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use shared::http::v2::{
    self,
    error::{ErrorBody, ErrorCode, Row, rows},
};

/// Where it is served.
pub const ROUTE: &str = "GET /v2/openapi.json";

/// The description.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    &TEXT
}

/// Schemas of what comes in and of what goes out, each of its own kind: what may be left out of a request is there, as null,
/// in an answer.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self { requests: settings().for_deserialize().into_generator(), answers: settings().for_serialize().into_generator() }
    }

    fn components(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.extend(self.answers.take_definitions(true));
        all
    }
}

/// A body that a call may have.
type Request = fn(&mut Schemas) -> Schema;
/// A body that an answer has.
type Answer = fn(&mut Schemas) -> Schema;

fn request<T: JsonSchema>(schemas: &mut Schemas) -> Schema {
    schemas.requests.subschema_for::<T>()
}

fn answer<T: JsonSchema>(schemas: &mut Schemas) -> Schema {
    schemas.answers.subschema_for::<v2::Answer<T>>()
}

/// A list, under a name that reads well.
#[derive(JsonSchema)]
#[serde(transparent)]
#[schemars(inline, rename = "{T}s")]
struct All<T>(#[expect(dead_code, reason = "only its schema matters")] Vec<T>);

/// A call, as it is described.
struct Operation {
    /// As the template has it, e.g. `GET /v2/contacts`.
    route: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    body: Option<Request>,
    /// None for a route that is there to say what is missing.
    success: Option<(u16, Answer)>,
    /// Its errors, beside those that every call may have.
    errors: &'static [ErrorCode],
}

/// A parameter in path or query.
struct Parameter {
    name: &'static str,
    place: &'static str,
    about: &'static str,
    schema: fn() -> Value,
}

fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for operation in operations::ALL {
        let Some((method, path)) = operation.route.split_once(' ') else { continue };
        let described = operation.described(&mut schemas, method);
        paths.entry(path).or_default().insert(method.to_lowercase(), described);
    }
    schemas.answers.subschema_for::<ErrorBody>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pigeonpost contacts and deals API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Contacts, deals and segmentation lists of the Pipedrive company that an API key belongs to. \
                Members of a body that are not described are ignored; members of an answer may be added.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"apiKey": []}],
        "tags": [
            {"name": "Contacts", "description": "Persons in Pipedrive."},
            {"name": "Segmentation lists", "description": "Lists of contacts, kept by Pigeonpost."},
            {"name": "Deals", "description": "Deals in Pipedrive, and the pipelines and stages that they move through."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey", "in": "header", "name": v2::KEY_HEADER,
                    "description": "A key that was made in the app's settings in Pipedrive: `pp_…`.",
                },
            },
            "parameters": {
                "DeveloperMode": {
                    "name": v2::DEVELOPER_HEADER, "in": "header",
                    "description": "`true`: the answer is invented, and nothing is read or written. The key is checked all the \
                        same.",
                    "schema": {"type": "string", "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$"},
                },
                "IdempotencyKey": {
                    "name": v2::IDEMPOTENCY_HEADER, "in": "header",
                    "description": "A name of your own for this call. Repeated with the same name and body within 24 hours of \
                        its success, it is not made again and gets the same answer.",
                    "schema": {"type": "string", "pattern": "^[!-~]([ -~]{0,253}[!-~])?$"},
                },
            },
            "headers": {
                "RetryAfter": {
                    "description": "Seconds until the call may succeed.",
                    "required": true,
                    "schema": {"type": "integer", "minimum": 1},
                },
                "IdempotentReplayed": {
                    "description": "`true` if this is the answer to an earlier call of the same name.",
                    "schema": {"type": "string", "enum": ["true"]},
                },
            },
        },
    })
}

impl Operation {
    fn described(&self, schemas: &mut Schemas, method: &str) -> Value {
        let mut parameters: Vec<Value> = self.parameters.iter().map(Parameter::described).collect();
        parameters.push(json!({"$ref": "#/components/parameters/DeveloperMode"}));
        if method == "POST" {
            parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
        }
        let mut described = json!({
            "operationId": self.id, "tags": [self.tag], "summary": self.summary, "parameters": parameters,
            "responses": self.responses(schemas, method),
        });
        if let Some(body) = self.body {
            described["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": body(schemas)}}});
        }
        described
    }

    fn responses(&self, schemas: &mut Schemas, method: &str) -> BTreeMap<String, Value> {
        let mut responses = BTreeMap::new();
        if let Some((status, success)) = self.success {
            let mut response = json!({
                "description": "Done.", "content": {"application/json": {"schema": success(schemas)}},
            });
            if method == "POST" {
                response["headers"] = json!({"Idempotent-Replayed": {"$ref": "#/components/headers/IdempotentReplayed"}});
            }
            responses.insert(status.to_string(), response);
        }
        for (status, rows) in self.errors() {
            let said: Vec<String> = rows.iter().map(|row| format!("`{}`: {}", word(row.code), row.message)).collect();
            let mut codes: Vec<String> = rows.iter().map(|row| word(row.code)).collect();
            codes.dedup();
            let schema = json!({
                "allOf": [{"$ref": "#/components/schemas/Error"}, {"properties": {"errorCode": {"enum": codes}}}],
            });
            let mut response = json!({
                "description": said.join("\n\n"), "content": {"application/json": {"schema": schema}},
            });
            if status == 429 {
                response["headers"] = json!({"Retry-After": {"$ref": "#/components/headers/RetryAfter"}});
            }
            responses.insert(status.to_string(), response);
        }
        responses
    }

    /// Rows of the error schema that the call may answer, by status.
    fn errors(&self) -> BTreeMap<u16, Vec<Row>> {
        let mut errors: BTreeMap<u16, Vec<Row>> = BTreeMap::new();
        for row in rows() {
            let common = matches!(
                row.code,
                ErrorCode::Forbidden | ErrorCode::InvalidInput | ErrorCode::TooManyRequests | ErrorCode::InternalServerError
            );
            let of_body = row.code == ErrorCode::MissingBody && self.body.is_some();
            if common || of_body || self.errors.contains(&row.code) {
                errors.entry(row.status).or_default().push(row);
            }
        }
        errors
    }
}

impl Parameter {
    fn described(&self) -> Value {
        json!({
            "name": self.name, "in": self.place, "required": self.place == "path",
            "description": self.about, "schema": (self.schema)(),
        })
    }
}

/// A code as it is written.
fn word(code: ErrorCode) -> String {
    json!(code).as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every `$ref` in `value`.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| match value {
                Value::String(target) if name == "$ref" => drop(found.insert(target.clone())),
                value => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn references_lead_somewhere_and_nothing_is_unused() {
        let document = document();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        for target in &found {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(found.contains(&format!("#/components/schemas/{name}")), "{name} is not used");
        }
    }

    #[test]
    fn every_row_of_the_schema_is_an_answer_of_some_call() {
        let mut described = BTreeSet::new();
        for operation in operations::ALL {
            described.extend(operation.errors().into_values().flatten().map(|row| row.message));
        }
        assert_eq!(described.len(), rows().len());
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let ids: BTreeSet<&str> = operations::ALL.iter().map(|operation| operation.id).collect();
        assert_eq!(ids.len(), operations::ALL.len());
        for operation in operations::ALL {
            for parameter in operation.parameters.iter().filter(|parameter| parameter.place == "path") {
                assert!(operation.route.contains(&format!("{{{}}}", parameter.name)), "{}", operation.id);
            }
            assert_eq!(
                operation.route.matches('{').count(),
                operation.parameters.iter().filter(|parameter| parameter.place == "path").count(),
                "{}",
                operation.id
            );
        }
    }
}
