//! Webhooks: their fields, and their signature (Twilio, "Webhooks security"). An event is `{"url": …, "fields": {…}}`.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{Kept, Media};
use crate::webhooks::Post;

/// The webhook of an event, signed with the account's token.
pub(super) fn signed(auth_token: &str, event: &Value) -> Post {
    let empty = Map::new();
    let fields = event["fields"].as_object().unwrap_or(&empty);
    let mut pairs: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())).collect();
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    pairs.sort_unstable();
    // What follows the hash sign is for Twilio alone.
    let url = event["url"].as_str().unwrap_or_default();
    let url = url.split('#').next().unwrap_or_default();
    let content = pairs.iter().fold(url.to_owned(), |content, (name, value)| content + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, content.as_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded; charset=UTF-8"));
    for (name, value) in [("x-twilio-signature", signature), ("i-twilio-idempotency-token", uuid::Uuid::new_v4().to_string())] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Post { headers, body: Bytes::from(body) }
}

/// A customer's message. `more` are the fields that only some messages have.
pub(super) fn inbound(url: &str, account: &str, message: &Kept, media: &[(String, Media)], more: &[(&str, String)]) -> Value {
    let mut fields = json!({
        "ToCountry": "US", "ToState": "", "ToCity": "", "ToZip": "", "FromCountry": "US", "FromState": "", "FromCity": "", "FromZip": "",
        "MessageSid": message.sid, "SmsSid": message.sid, "SmsMessageSid": message.sid, "AccountSid": account, "ApiVersion": "2010-04-01",
        "From": message.from, "To": message.to, "Body": message.body, "NumSegments": "1", "SmsStatus": "received",
        "NumMedia": media.len().to_string(),
    });
    for (position, (address, file)) in media.iter().enumerate() {
        fields[format!("MediaUrl{position}")] = address.clone().into();
        fields[format!("MediaContentType{position}")] = file.mime.clone().into();
    }
    for (name, value) in more {
        fields[*name] = value.clone().into();
    }
    json!({"url": url, "fields": fields})
}

/// News of a message that the company sent.
pub(super) fn status(url: &str, account: &str, message: &Kept) -> Value {
    let mut fields = json!({
        "MessageSid": message.sid, "SmsSid": message.sid, "MessageStatus": message.status, "SmsStatus": message.status,
        "AccountSid": account, "From": message.from, "To": message.to, "ApiVersion": "2010-04-01",
    });
    if let Some(service) = &message.service {
        fields["MessagingServiceSid"] = service.clone().into();
    }
    if let Some(code) = message.error {
        fields["ErrorCode"] = code.to_string().into();
        fields["ErrorMessage"] = "".into();
    }
    if message.to.starts_with("whatsapp:") {
        fields["ChannelPrefix"] = "whatsapp".into();
        if matches!(message.status.as_str(), "delivered" | "read" | "undelivered") {
            fields["EventType"] = message.status.to_ascii_uppercase().into();
        }
    } else if message.status == "delivered" {
        fields["RawDlrDoneDate"] = "2601010000".into();
    }
    json!({"url": url, "fields": fields})
}
