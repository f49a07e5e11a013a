//! What a message says, as text that a salesperson can read, whatever its type (Meta, WhatsApp Cloud API, Webhooks, Messages).
//! What has no text of its own becomes a placeholder in brackets; a type that Meta invents tomorrow does too.

use serde_json::Value;

use crate::providers::lenient::{id, items, text};

const UNSUPPORTED: &str = "[unsupported message]";

/// The message as text. Never empty.
pub(super) fn summary(message: &Value) -> String {
    let known = match text(message, "/type").unwrap_or_default() {
        "text" => text(message, "/text/body").map(str::to_owned),
        kind @ ("image" | "video" | "sticker") => Some(media(message, kind, kind)),
        "document" => Some(media(message, "document", &document_label(message))),
        "audio" if message.pointer("/audio/voice") != Some(&Value::Bool(true)) => Some(media(message, "audio", "audio")),
        kind @ ("audio" | "voice") => Some(media(message, kind, "voice message")),
        "location" => location(message),
        "contacts" => contacts(message),
        "reaction" => Some(reaction(message)),
        "button" => text(message, "/button/text").map(str::to_owned),
        "interactive" => interactive(message),
        "order" => Some(order(message)),
        "edit" => message.pointer("/edit/message").map(|edited| format!("[edited] {}", summary(edited))),
        "revoke" => Some("[message deleted]".to_owned()),
        _ => None,
    };
    known.unwrap_or_else(|| UNSUPPORTED.to_owned())
}

fn media(message: &Value, kind: &str, label: &str) -> String {
    match text(message, &format!("/{kind}/caption")) {
        Some(caption) => format!("[{label}] {caption}"),
        None => format!("[{label}]"),
    }
}

fn document_label(message: &Value) -> String {
    text(message, "/document/filename").map_or_else(|| "document".to_owned(), |name| format!("document {name}"))
}

fn location(message: &Value) -> Option<String> {
    let coordinate = |pointer| message.pointer(pointer).and_then(Value::as_f64);
    let (latitude, longitude) = (coordinate("/location/latitude")?, coordinate("/location/longitude")?);
    let mut lines = vec!["[location]".to_owned()];
    lines.extend(["/location/name", "/location/address"].into_iter().filter_map(|part| text(message, part)).map(str::to_owned));
    // Google, Maps URLs, "Search".
    lines.push(format!("https://www.google.com/maps/search/?api=1&query={latitude},{longitude}"));
    Some(lines.join("\n"))
}

fn contacts(message: &Value) -> Option<String> {
    let people: Vec<String> = items(message, "contacts").iter().map(person).collect();
    if people.is_empty() { None } else { Some(format!("[contact]\n{}", people.join("\n"))) }
}

fn person(contact: &Value) -> String {
    let name = ["/name/formatted_name", "/name/first_name", "/org/company"].into_iter().find_map(|part| text(contact, part));
    let phones = items(contact, "phones").iter().filter_map(|phone| text(phone, "/phone").or_else(|| text(phone, "/wa_id")));
    let emails = items(contact, "emails").iter().filter_map(|email| text(email, "/email"));
    let ways: Vec<&str> = phones.chain(emails).collect();
    let name = name.unwrap_or("(no name)");
    if ways.is_empty() { name.to_owned() } else { format!("{name}: {}", ways.join(", ")) }
}

fn reaction(message: &Value) -> String {
    match text(message, "/reaction/emoji") {
        Some(emoji) => format!("[reaction {emoji}]"),
        None => "[reaction removed]".to_owned(),
    }
}

fn interactive(message: &Value) -> Option<String> {
    if let Some(title) = text(message, "/interactive/button_reply/title") {
        return Some(title.to_owned());
    }
    if let Some(title) = text(message, "/interactive/list_reply/title") {
        let description = text(message, "/interactive/list_reply/description");
        return Some(description.map_or_else(|| title.to_owned(), |description| format!("{title}\n{description}")));
    }
    let form = ["/interactive/nfm_reply/body", "/interactive/nfm_reply/name"].into_iter().find_map(|part| text(message, part))?;
    Some(format!("[form] {form}"))
}

fn order(message: &Value) -> String {
    let mut lines = vec![match text(message, "/order/text") {
        Some(note) => format!("[order] {note}"),
        None => "[order]".to_owned(),
    }];
    for item in message.get("order").map_or(&[][..], |order| items(order, "product_items")) {
        let product = id(item, "/product_retailer_id").unwrap_or_else(|| "?".to_owned());
        let quantity = id(item, "/quantity").unwrap_or_else(|| "1".to_owned());
        let price = id(item, "/item_price").map(|price| format!(", {price} {}", text(item, "/currency").unwrap_or_default()));
        lines.push(format!("{quantity} × {product}{}", price.as_deref().unwrap_or_default().trim_end()));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_is_readable() {
        let fixture: Value =
            serde_json::from_str(include_str!("../../../../tests/fixtures/whatsapp/message_types.json")).expect("a fixture");
        let rows = fixture.as_array().expect("rows");
        assert!(rows.len() >= 30);
        for row in rows {
            assert_eq!(Some(summary(&row["message"]).as_str()), row["text"].as_str(), "{}", row["message"]);
        }
    }

    #[test]
    fn types_without_their_content_are_unsupported_and_not_lost() {
        for kind in ["text", "location", "contacts", "button", "interactive", "edit", "unsupported", "hologram"] {
            assert_eq!(summary(&json!({"type": kind})), UNSUPPORTED, "{kind}");
            assert_eq!(summary(&json!({"type": kind, kind: "a string"})), UNSUPPORTED, "{kind}");
        }
        assert_eq!(summary(&json!({"text": {"body": "no type"}})), UNSUPPORTED);
    }
}
