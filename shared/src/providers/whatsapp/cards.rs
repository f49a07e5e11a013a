//! Address cards, orders and filled-in forms, as lines of text.

use serde_json::Value;

use crate::{
    model::content::Person,
    providers::lenient::{id, items, text},
};

/// Somebody on an address card; none if the card says nothing.
pub(super) fn person(contact: &Value) -> Option<Person> {
    let vcard = text(contact, "/vcard").unwrap_or_default();
    let name = ["/name/formatted_name", "/name/first_name", "/org/company"].into_iter().find_map(|part| text(contact, part));
    let name = name.or_else(|| of_vcard(vcard, "FN")).unwrap_or_default().trim().to_owned();
    let all = |list, members: &[&str]| -> Vec<String> {
        let first = |item| members.iter().find_map(|member| id(item, member));
        items(contact, list).iter().filter_map(first).collect()
    };
    let mut phones = all("phones", &["/phone", "/wa_id"]);
    if phones.is_empty() {
        phones.extend(of_vcard(vcard, "TEL").map(str::to_owned));
    }
    let person = Person { name, phones, emails: all("emails", &["/email"]) };
    (person != Person::default()).then_some(person)
}

/// The first value of a property of a vCard (RFC 6350), whatever its parameters.
fn of_vcard<'a>(vcard: &'a str, property: &str) -> Option<&'a str> {
    vcard.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let name = name.split(';').next()?.rsplit('.').next()?;
        (name.eq_ignore_ascii_case(property) && !value.trim().is_empty()).then(|| value.trim())
    })
}

/// An address card in a line.
pub(super) fn line(person: &Person) -> String {
    let name = if person.name.is_empty() { "(no name)" } else { &person.name };
    let ways: Vec<&str> = person.phones.iter().chain(&person.emails).map(String::as_str).collect();
    if ways.is_empty() { name.to_owned() } else { format!("{name}: {}", ways.join(", ")) }
}

/// An order: the customer's note, and a line for each product.
pub(super) fn order(message: &Value) -> String {
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

/// A form that the customer filled in (`nfm_reply`): what WhatsApp calls it, and the answers.
pub(super) fn form(reply: &Value) -> Option<String> {
    let name = ["/body", "/name"].into_iter().find_map(|part| text(reply, part))?;
    let answers: Option<Value> = text(reply, "/response_json").and_then(|json| serde_json::from_str(json).ok());
    let answers = answers.as_ref().and_then(Value::as_object).into_iter().flatten();
    // The token is the form's, not the customer's.
    let answers = answers.filter(|(question, _)| *question != "flow_token");
    let lines = answers.filter_map(|(question, answer)| Some(format!("{question}: {}", words(answer)?)));
    Some(std::iter::once(format!("[form] {name}")).chain(lines).collect::<Vec<_>>().join("\n"))
}

fn words(answer: &Value) -> Option<String> {
    match answer {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Number(_) | Value::Bool(_) => Some(answer.to_string()),
        Value::Array(several) => Some(several.iter().filter_map(words).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Object(_) => None,
    }
}
