//! The page of the bundle on one machine: Pipedrive's simulated inbox, and beside it a customer's phone to play with. Also the
//! demo company's API key, for whoever tries the examples of docs/contacts-api.md.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Provider;
use crate::simulators::{Simulators, chat::Chat, graph::Graph, phones::Behaviour};

/// No inline script, nothing from elsewhere.
const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; form-action 'none'; frame-ancestors 'none'";
/// Longest text that a customer writes here, in characters.
const MAX_TEXT: usize = 4096;

/// The page's routes: `/`, and what it loads and calls under `/sim/`.
pub fn router(simulators: &Simulators) -> Router {
    let phones = Phones { graph: simulators.graph.clone(), chat: simulators.chat.clone() };
    let key = simulators.api_key.clone();
    let file = |kind, text| get(move || async move { asset(kind, text) });
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("page/index.html")))
        .route("/sim/style.css", file("text/css; charset=utf-8", include_str!("page/style.css")))
        .route("/sim/phone.js", file("text/javascript; charset=utf-8", include_str!("page/phone.js")))
        .route("/sim/api-key", get(move || async move { api_key(key.get()) }))
        .route("/sim/phones", get(show).post(play))
        .with_state(Arc::new(phones))
}

struct Phones {
    graph: Graph,
    chat: Chat,
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

/// `GET /sim/api-key`: the key, as text.
fn api_key(key: Option<&String>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-store")];
    match key {
        Some(key) => (headers, key.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body.to_string()).into_response()
}

/// `GET /sim/phones`: all customers with their chats.
async fn show(State(phones): State<Arc<Phones>>) -> Response {
    let providers = json!([
        {"id": Provider::Whatsapp, "name": "WhatsApp", "chats": phones.graph.phones().chats()},
        {"id": Provider::Custom, "name": "Website chat", "chats": phones.chat.phones().chats()},
    ]);
    answer(StatusCode::OK, &json!({ "providers": providers }))
}

/// What the page sends: a message of a customer, or what their phone does from now on.
#[derive(Deserialize)]
struct Play {
    provider: Provider,
    customer: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    behaviour: Option<Behaviour>,
}

/// `POST /sim/phones`. As JSON, which other sites cannot send without asking first.
async fn play(State(phones): State<Arc<Phones>>, headers: HeaderMap, body: Bytes) -> Response {
    let refused = |problem: &str| answer(StatusCode::BAD_REQUEST, &json!({ "error": problem }));
    if !headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        return refused("the body must be JSON");
    }
    let Ok(play) = serde_json::from_slice::<Play>(&body) else { return refused("the body is not as expected") };
    let Some(customer) = customer(play.provider, &play.customer) else {
        return refused("this is no phone number, user id or visitor id");
    };
    if let Some(behaviour) = play.behaviour {
        match play.provider {
            Provider::Whatsapp => phones.graph.phones().set_behaviour(&customer, behaviour),
            Provider::Custom => phones.chat.phones().set_behaviour(&customer, behaviour),
        }
    }
    if let Some(text) = &play.text {
        if text.trim().is_empty() || text.chars().count() > MAX_TEXT {
            return refused("a message has 1 to 4096 characters");
        }
        let name = if play.name.trim().is_empty() { &customer } else { play.name.trim() };
        match play.provider {
            Provider::Whatsapp => phones.graph.customer_writes(&customer, name, text),
            Provider::Custom => phones.chat.customer_writes(&customer, name, text),
        };
    }
    answer(StatusCode::OK, &json!({ "customer": customer }))
}

/// The name under which the provider knows a customer, as somebody may type it.
fn customer(provider: Provider, typed: &str) -> Option<String> {
    let typed = typed.trim();
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    match provider {
        Provider::Whatsapp => {
            let user_id = typed.split_once('.').is_some_and(|(country, id)| {
                country.len() == 2
                    && !id.is_empty()
                    && typed.len() <= 64
                    && typed.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
            });
            let number = (5..=15).contains(&digits.len()) && typed.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
            if user_id { Some(typed.to_owned()) } else { number.then_some(digits) }
        }
        Provider::Custom => {
            let valid = (1..=64).contains(&typed.len()) && typed.bytes().all(|b| b.is_ascii_graphic());
            valid.then(|| typed.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_as_typed() {
        let whatsapp = |typed| customer(Provider::Whatsapp, typed);
        assert_eq!(whatsapp(" +1 (555) 010-0001 ").as_deref(), Some("15550100001"));
        assert_eq!(whatsapp("US.1000").as_deref(), Some("US.1000"));
        assert_eq!((whatsapp("Ada"), whatsapp(""), whatsapp("12")), (None, None, None));
        assert_eq!(customer(Provider::Custom, "visitor-1").as_deref(), Some("visitor-1"));
        assert_eq!(customer(Provider::Custom, "two words"), None);
    }
}
