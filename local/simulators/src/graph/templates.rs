//! Approved templates: the list, and whether a message fills one in as it must be (Meta, WhatsApp Business Management API,
//! "Message templates").

use axum::{
    extract::{Path, RawQuery, State},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::HeaderMap;
use serde_json::{Value, json};

use super::{
    Graph, GraphError, VERSION,
    api::{answer, pick, token},
};
use crate::locked;

const FIELDS: [&str; 7] = ["id", "name", "language", "status", "category", "components", "parameter_format"];
/// How many are listed when nobody says.
const PAGE: usize = 25;

/// Templates that a shop would have: by number, by name, with a picture, refused.
pub fn demo_templates() -> Vec<Value> {
    let template = |id: u32, name: &str, status: &str, format: &str, components: Value| {
        json!({
            "id": id.to_string(), "name": name, "language": "en_US", "status": status, "category": "UTILITY",
            "parameter_format": format, "components": components,
        })
    };
    vec![
        template(
            700_001,
            "order_ready",
            "APPROVED",
            "POSITIONAL",
            json!([
                {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"},
                {"type": "BODY", "text": "Hi {{1}}, your order {{2}} is ready to be picked up."},
                {"type": "FOOTER", "text": "Demo Company"},
                {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Thanks"}]},
            ]),
        ),
        template(
            700_002,
            "how_was_it",
            "APPROVED",
            "NAMED",
            json!([{"type": "BODY", "text": "Hello {{first_name}}, are you happy with your {{product}}?"}]),
        ),
        template(
            700_003,
            "new_arrivals",
            "APPROVED",
            "POSITIONAL",
            json!([{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Look what came in, {{1}}!"}]),
        ),
        template(700_004, "too_pushy", "REJECTED", "POSITIONAL", json!([{"type": "BODY", "text": "Buy now!"}])),
    ]
}

impl Graph {
    /// Sets the templates of a WhatsApp Business Account. None unless told.
    pub fn set_templates(&self, waba: &str, templates: Vec<Value>) {
        locked(&self.0.state).templates.insert(waba.to_owned(), templates);
    }

    /// What a message says that fills in a template of the account.
    pub(super) fn filled(&self, waba: &str, given: &Value) -> Result<String, GraphError> {
        let member = |pointer| given.pointer(pointer).and_then(Value::as_str);
        let (Some(name), Some(language)) = (member("/name"), member("/language/code")) else {
            return Err(GraphError::code(131_008).because("template.name and template.language.code are required"));
        };
        let templates = locked(&self.0.state).templates.get(waba).cloned().unwrap_or_default();
        let wanted =
            |template: &&Value| template["name"] == name && template["language"] == language && template["status"] == "APPROVED";
        let template = templates.iter().find(wanted).ok_or_else(|| GraphError::code(132_001))?;
        let mut lines = Vec::new();
        for component in template["components"].as_array().into_iter().flatten() {
            let kind = component["type"].as_str().unwrap_or_default().to_ascii_lowercase();
            let parameters = parameters(given, &kind)?;
            match component["text"].as_str() {
                Some(text) => lines.push(fill(text, &parameters, template["parameter_format"] == "NAMED")?),
                None if kind == "header" && parameters.len() != 1 => return Err(GraphError::code(132_012)),
                None => {}
            }
        }
        Ok(lines.join("\n"))
    }
}

/// What a message gives for a component.
fn parameters(given: &Value, kind: &str) -> Result<Vec<Value>, GraphError> {
    let components = match given.get("components") {
        None => return Ok(Vec::new()),
        Some(components) => components.as_array().ok_or_else(|| GraphError::parameter("components must be an array"))?,
    };
    let component = components.iter().find(|component| component["type"] == kind);
    Ok(component.and_then(|component| component["parameters"].as_array()).cloned().unwrap_or_default())
}

/// The text with its gaps filled: each of them, and with nothing left over.
fn fill(text: &str, parameters: &[Value], named: bool) -> Result<String, GraphError> {
    let mut filled = text.to_owned();
    for (place, parameter) in parameters.iter().enumerate() {
        let value =
            parameter["text"].as_str().filter(|_| parameter["type"] == "text").ok_or_else(|| GraphError::code(132_012))?;
        if value.is_empty() || value.contains(['\n', '\t']) || value.contains("     ") {
            return Err(GraphError::code(132_018).because("Param text cannot have new-line/tab characters"));
        }
        let gap = match parameter["parameter_name"].as_str() {
            Some(name) if named => format!("{{{{{name}}}}}"),
            None if !named => format!("{{{{{}}}}}", place + 1),
            _ => return Err(GraphError::code(132_000)),
        };
        if !filled.contains(&gap) {
            return Err(GraphError::code(132_000));
        }
        filled = filled.replace(&gap, value);
    }
    if text.matches("{{").count() > 0 && parameters.is_empty() || filled.contains("{{") {
        return Err(GraphError::code(132_000));
    }
    Ok(filled)
}

/// `GET /{waba}/message_templates`, by pages.
pub(super) async fn list(
    State(graph): State<Graph>,
    Path((version, waba)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GraphError> {
    let token = token(&version, &headers)?;
    graph.account(&waba, &token)?;
    let pairs = url::form_urlencoded::parse(query.as_deref().unwrap_or_default().as_bytes());
    let (mut limit, mut from, mut status) = (PAGE, 0, None);
    for (name, value) in pairs {
        let invalid = || GraphError::parameter(format!("Param {name} is not valid"));
        match &*name {
            "limit" => limit = value.parse().ok().filter(|limit| (1..=1000).contains(limit)).ok_or_else(invalid)?,
            "after" => from = place(&value).ok_or_else(invalid)?,
            "status" => status = Some(value.into_owned()),
            "fields" | "name" | "language" => {}
            _ => return Err(GraphError::parameter(format!("Unexpected param {name}"))),
        }
    }
    let all = locked(&graph.0.state).templates.get(&waba).cloned().unwrap_or_default();
    let wanted = |template: &&Value| status.as_ref().is_none_or(|status| template["status"] == status.as_str());
    let all: Vec<&Value> = all.iter().filter(wanted).collect();
    let page = all.iter().skip(from).take(limit).map(|template| pick(template, &FIELDS, query.as_deref()));
    let data = page.collect::<Result<Vec<_>, _>>()?;
    let after = cursor(from + data.len());
    let mut paging = json!({"cursors": {"before": cursor(from), "after": after}});
    if from + data.len() < all.len() {
        let base = graph.base(&headers);
        paging["next"] =
            format!("{base}/{VERSION}/{waba}/message_templates?access_token={token}&limit={limit}&after={after}").into();
    }
    Ok(answer(&json!({"data": data, "paging": paging})))
}

fn cursor(place: usize) -> String {
    STANDARD.encode(format!("at {place}"))
}

fn place(cursor: &str) -> Option<usize> {
    String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?.strip_prefix("at ")?.parse().ok()
}
