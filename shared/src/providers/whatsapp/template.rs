//! Approved templates: reading the list, and filling one in (Meta, WhatsApp Business Management API, "Message templates";
//! WhatsApp Cloud API, "Send message templates"). Our templates are texts with gaps; those that need more than text, such
//! as a picture in the header, are listed and can't be sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::connect::Credentials;
use crate::{
    model::template::{FilledTemplate, Template},
    providers::{
        error::ProviderError,
        lenient::{id, items, text},
        meta::Graph,
        outgoing::unsendable,
    },
};

const FIELDS: &str = "id,name,language,status,category,components,parameter_format";
/// A hundred templates each; an account has at most 6000 templates, in practice a few dozen.
const MAX_PAGES: usize = 20;
/// Blanks in a row that Meta refuses in what fills a gap, as it does line breaks and tabs.
const TOO_MANY_BLANKS: &str = "     ";

/// What sending a template takes besides its name and language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Data {
    /// Whether its gaps have names, not numbers.
    named: bool,
    /// How many of its gaps are in the header. The others are in the body.
    header_gaps: usize,
    /// What it needs besides text; none if text is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    needs: Option<String>,
}

impl Data {
    fn of(template: &Template) -> Self {
        serde_json::from_value(template.data.clone()).unwrap_or_default()
    }
}

/// Every approved template of the business account.
pub(super) async fn list(graph: &Graph, credentials: &Credentials) -> Result<Vec<Template>, ProviderError> {
    let query = [("fields", FIELDS), ("status", "APPROVED"), ("limit", "100")];
    let path = [credentials.waba_id.as_str(), "message_templates"];
    let listed = graph.read_all(&credentials.access_token, &path, &query, MAX_PAGES).await;
    Ok(listed.map_err(ProviderError::nothing_at_stake)?.iter().filter_map(read).collect())
}

/// A template, unless it is not approved or Meta keeps its text to itself (some that hold a code to log in).
fn read(item: &Value) -> Option<Template> {
    if text(item, "/status").is_some_and(|status| status != "APPROVED") {
        return None;
    }
    let components = items(item, "components");
    let words = |kind| components.iter().find(|component| is(component, kind)).and_then(|component| text(component, "/text"));
    let (header, body, footer) = (words("HEADER"), words("BODY")?, words("FOOTER"));
    let mut template = Template {
        id: id(item, "/id")?,
        name: text(item, "/name")?.to_owned(),
        language: text(item, "/language")?.to_owned(),
        content: header.unwrap_or_default().to_owned(),
        data: Value::Null,
    };
    let header_gaps = template.gaps().len();
    template.content = header.into_iter().chain([body]).chain(footer).collect::<Vec<_>>().join("\n");
    let named = match text(item, "/parameter_format") {
        Some(format) => format.eq_ignore_ascii_case("NAMED"),
        None => template.gaps().iter().any(|gap| gap.parse::<u32>().is_err()),
    };
    let needs = components.iter().find_map(needed).map(str::to_owned);
    template.data = serde_json::to_value(Data { named, header_gaps, needs }).ok()?;
    Some(template)
}

fn is(component: &Value, kind: &str) -> bool {
    text(component, "/type").is_some_and(|given| given.eq_ignore_ascii_case(kind))
}

/// What of a component can't be filled from text.
fn needed(component: &Value) -> Option<&'static str> {
    let format = text(component, "/format").unwrap_or("TEXT").to_ascii_uppercase();
    match text(component, "/type").unwrap_or_default().to_ascii_uppercase().as_str() {
        "BODY" | "FOOTER" => None,
        "HEADER" => match format.as_str() {
            "TEXT" => None,
            "IMAGE" => Some("a picture in its header"),
            "VIDEO" | "GIF" => Some("a video in its header"),
            "DOCUMENT" => Some("a document in its header"),
            "LOCATION" => Some("a place in its header"),
            _ => Some("something special in its header"),
        },
        "BUTTONS" => items(component, "buttons").iter().find_map(needed_by_button),
        _ => Some("more than text"),
    }
}

fn needed_by_button(button: &Value) -> Option<&'static str> {
    match text(button, "/type").unwrap_or_default().to_ascii_uppercase().as_str() {
        "QUICK_REPLY" | "PHONE_NUMBER" | "VOICE_CALL" | "REQUEST_CONTACT_INFO" => None,
        "URL" if !text(button, "/url").unwrap_or_default().contains("{{") => None,
        "URL" => Some("a part of the address behind its button"),
        _ => Some("something special for its button"),
    }
}

/// Whether text alone is enough to send it.
pub(super) fn is_fillable(template: &Template) -> bool {
    Data::of(template).needs.is_none()
}

/// The `template` of a message.
pub(super) fn body(filled: &FilledTemplate) -> Result<Value, ProviderError> {
    let template = &filled.template;
    let data = Data::of(template);
    if let Some(needs) = &data.needs {
        return Err(unsendable("message", format_args!("is a template that needs {needs}, which can't be given here")));
    }
    let gaps = template.gaps();
    if gaps.len() != filled.values.len() || data.header_gaps > gaps.len() {
        return Err(unsendable("message", "does not fill the gaps of its template"));
    }
    let (header, rest) = gaps.split_at(data.header_gaps);
    let (header_values, rest_values) = filled.values.split_at(data.header_gaps);
    let mut components = Vec::new();
    for (kind, gaps, values) in [("header", header, header_values), ("body", rest, rest_values)] {
        let parameters = parameters(gaps, values, data.named)?;
        if !parameters.is_empty() {
            components.push(json!({"type": kind, "parameters": parameters}));
        }
    }
    let mut body = json!({"name": template.name, "language": {"code": template.language}});
    if !components.is_empty() {
        body["components"] = components.into();
    }
    Ok(body)
}

/// What fills the gaps of one component: in the order of their numbers, or by their names, each once.
fn parameters(gaps: &[String], values: &[String], named: bool) -> Result<Vec<Value>, ProviderError> {
    let mut order: Vec<&str> = Vec::new();
    let mut filled: BTreeMap<&str, &str> = BTreeMap::new();
    for (gap, value) in gaps.iter().zip(values) {
        let value = value.trim();
        if value.is_empty() || value.contains(['\n', '\r', '\t']) || value.contains(TOO_MANY_BLANKS) {
            return Err(unsendable("message", "has a line break, a tab or a row of blanks where its template has a gap"));
        }
        match filled.insert(gap, value) {
            None => order.push(gap),
            Some(before) if before == value => {}
            Some(_) => return Err(unsendable("message", format_args!("fills {{{{{gap}}}}} of its template in two ways"))),
        }
    }
    if !named {
        order.sort_by_key(|gap| gap.parse::<u32>().unwrap_or(u32::MAX));
    }
    let parameter = |gap: &&str| {
        let mut parameter = json!({"type": "text", "text": filled.get(gap)});
        if named {
            parameter["parameter_name"] = (*gap).into();
        }
        parameter
    };
    Ok(order.iter().map(parameter).collect())
}

#[cfg(test)]
mod tests;
