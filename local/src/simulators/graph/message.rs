//! Whether the body of a send is a message that Meta takes (Meta, WhatsApp Cloud API, "Send messages", text).

use serde_json::{Map, Value};

use super::GraphError;

/// Longest text, in characters.
const MAX_TEXT: usize = 4096;

/// Who a message goes to, and whether by user id. `to` wins when both are given.
pub(super) fn recipient(fields: &Map<String, Value>) -> Result<(String, bool), GraphError> {
    const KNOWN: [&str; 8] =
        ["messaging_product", "recipient_type", "to", "recipient", "type", "text", "context", "biz_opaque_callback_data"];
    if let Some(unknown) = fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(GraphError::parameter(format!("Unexpected key \"{unknown}\" on param")));
    }
    if fields.get("messaging_product").and_then(Value::as_str) != Some("whatsapp") {
        return Err(GraphError::parameter("The parameter messaging_product is required."));
    }
    if fields.get("recipient_type").is_some_and(|kind| kind != "individual") {
        return Err(GraphError::parameter("Param recipient_type must be one of {INDIVIDUAL}"));
    }
    if fields.get("biz_opaque_callback_data").is_some_and(|data| data.as_str().is_none_or(|data| data.len() > 512)) {
        return Err(GraphError::parameter("Param biz_opaque_callback_data must be at most 512 characters long"));
    }
    if let Some(to) = fields.get("to") {
        let digits = to.as_str().map(|to| to.strip_prefix('+').unwrap_or(to)).unwrap_or_default();
        let valid = (5..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        return if valid {
            Ok((digits.to_owned(), false))
        } else {
            Err(GraphError::code(131_009).because("to is no phone number"))
        };
    }
    let user = fields.get("recipient").ok_or_else(|| GraphError::code(131_008).because("to or recipient is required"))?;
    let valid = user.as_str().and_then(|user| user.split_once('.')).is_some_and(|(country, rest)| {
        country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase()) && !rest.is_empty() && rest.len() <= 132
    });
    match user.as_str() {
        Some(user) if valid => Ok((user.to_owned(), true)),
        _ => Err(GraphError::code(131_009).because("recipient is no user id")),
    }
}

/// What a message says.
pub(super) fn text(fields: &Map<String, Value>) -> Result<&str, GraphError> {
    match fields.get("type").and_then(Value::as_str) {
        None | Some("text") => {}
        Some(_) => return Err(GraphError::code(131_051)),
    }
    let missing = || GraphError::code(131_008).because("text.body is required");
    let text = fields.get("text").and_then(Value::as_object).ok_or_else(missing)?;
    if let Some(unknown) = text.keys().find(|name| !["body", "preview_url"].contains(&name.as_str())) {
        return Err(GraphError::parameter(format!("Unexpected key \"{unknown}\" on param \"text\"")));
    }
    let body = text.get("body").and_then(Value::as_str).filter(|body| !body.is_empty()).ok_or_else(missing)?;
    if body.chars().count() > MAX_TEXT {
        return Err(GraphError::parameter(format!("Param text['body'] must be at most {MAX_TEXT} characters long.")));
    }
    Ok(body)
}
