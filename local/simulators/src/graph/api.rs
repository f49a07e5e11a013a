//! What the bundle calls: phone numbers, accounts and messages, each request checked as Meta checks it
//! (Meta, WhatsApp Cloud API, "Send messages", "Business phone numbers", "WhatsApp Business Account subscribed apps").

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, RawQuery, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use lambda_http::tower::ServiceExt;
use serde_json::{Map, Value, json};

use super::{
    Fault, Graph, GraphError, Number, Taken, VERSION, events, media,
    message::{self, Content},
    templates,
};
use crate::{locked, meta};

/// How long after a customer's message they may be written to freely.
const WINDOW: Duration = Duration::from_hours(24);
/// Fields of a phone number that may be asked for.
const NUMBER_FIELDS: [&str; 6] =
    ["id", "display_phone_number", "verified_name", "quality_rating", "code_verification_status", "platform_type"];
/// Fields of a WhatsApp Business Account that may be asked for.
const ACCOUNT_FIELDS: [&str; 4] = ["id", "name", "currency", "timezone_id"];

pub(super) fn router(graph: Graph) -> Router {
    Router::new()
        .route("/{version}/{object}", get(read).delete(media::delete))
        .route("/{version}/{waba}/phone_numbers", get(phone_numbers))
        .route("/{version}/{waba}/subscribed_apps", post(subscribe).get(subscribed).delete(unsubscribe))
        .route("/{version}/{waba}/message_templates", get(templates::list))
        .route("/{version}/{number}/messages", post(send))
        .route("/{version}/{number}/media", post(media::upload).layer(DefaultBodyLimit::max(media::MAX_FORM)))
        .route(media::FILES, get(media::download))
        .fallback(|| async { unknown_path() })
        .with_state(graph)
}

/// The same beside Meta's other products at one address: what is not of a number, account or file here is `others`'.
pub(super) fn router_beside(graph: Graph, others: Router) -> Router {
    let own = router(graph.clone());
    Router::new().fallback(move |request: Request| {
        let router = if graph.serves(request.uri().path()) { own.clone() } else { others.clone() };
        async move { router.oneshot(request).await }
    })
}

fn unknown_path() -> GraphError {
    GraphError::code(2500).because("Unknown path components")
}

pub(super) fn answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body.to_string()).into_response()
}

/// The bearer token; every call has one, in the header, where it gets into no log.
pub(super) fn token(version: &str, headers: &HeaderMap) -> Result<String, GraphError> {
    if version != VERSION {
        return Err(unknown_path());
    }
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.strip_prefix("Bearer ").map(str::to_owned).ok_or_else(|| GraphError::code(190))
}

/// A JSON object in a body that says that it is one.
fn object(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, GraphError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().unwrap_or_default().trim() != "application/json" {
        return Err(GraphError::parameter("Invalid parameter").because("the body is not declared as JSON"));
    }
    serde_json::from_slice(body).map_err(|_| GraphError::parameter("Invalid parameter").because("the body is no JSON object"))
}

impl Graph {
    /// Whether a path leads to something here.
    fn serves(&self, path: &str) -> bool {
        let object = path.split('/').nth(2).unwrap_or_default();
        let state = locked(&self.0.state);
        path == media::FILES
            || state.media.contains_key(object)
            || state.numbers.values().any(|number| number.id == object || number.waba_id == object)
    }

    /// Whether any number has this token.
    fn known_token(&self, token: &str) -> Result<(), GraphError> {
        let known = locked(&self.0.state).numbers.values().any(|number| number.token == token);
        if known { Ok(()) } else { Err(GraphError::code(190)) }
    }

    pub(super) fn number(&self, id: &str, token: &str) -> Result<Number, GraphError> {
        self.known_token(token)?;
        let number = locked(&self.0.state).numbers.get(id).filter(|number| number.token == token).cloned();
        number.ok_or_else(|| GraphError::unknown_object(id))
    }

    /// The numbers of an account that the token may use.
    pub(super) fn account(&self, waba: &str, token: &str) -> Result<Vec<Number>, GraphError> {
        self.known_token(token)?;
        let may = |number: &&Number| number.waba_id == waba && number.token == token;
        let numbers: Vec<Number> = locked(&self.0.state).numbers.values().filter(may).cloned().collect();
        if numbers.is_empty() { Err(GraphError::unknown_object(waba)) } else { Ok(numbers) }
    }
}

async fn read(
    State(graph): State<Graph>,
    Path((version, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GraphError> {
    let token = token(&version, &headers)?;
    if let Ok(number) = graph.number(&id, &token) {
        return Ok(answer(&pick(&described(&number), &NUMBER_FIELDS, query.as_deref())?));
    }
    if graph.medium(&id).is_some() {
        return graph.resolved(&id, &token, query.as_deref(), &headers);
    }
    let numbers = graph.account(&id, &token)?;
    let account = json!({"id": id, "name": numbers[0].verified_name, "currency": "EUR", "timezone_id": "1"});
    Ok(answer(&pick(&account, &ACCOUNT_FIELDS, query.as_deref())?))
}

fn described(number: &Number) -> Value {
    json!({
        "id": number.id, "display_phone_number": number.display, "verified_name": number.verified_name,
        "quality_rating": "GREEN", "code_verification_status": "VERIFIED", "platform_type": "CLOUD_API",
    })
}

/// The fields asked for; the id is always among them.
pub(super) fn pick(object: &Value, known: &[&str], query: Option<&str>) -> Result<Value, GraphError> {
    let asked = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).find(|(name, _)| name == "fields");
    let Some((_, fields)) = asked else { return Ok(object.clone()) };
    let mut picked = json!({"id": object["id"]});
    for field in fields.split(',').map(str::trim) {
        if !known.contains(&field) {
            return Err(GraphError::parameter(format!("Tried accessing nonexisting field ({field})")));
        }
        picked[field] = object[field].clone();
    }
    Ok(picked)
}

async fn phone_numbers(
    State(graph): State<Graph>,
    Path((version, waba)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, GraphError> {
    let numbers = graph.account(&waba, &token(&version, &headers)?)?;
    let data =
        numbers.iter().map(|number| pick(&described(number), &NUMBER_FIELDS, query.as_deref())).collect::<Result<Vec<_>, _>>()?;
    Ok(answer(&json!({"data": data, "paging": {"cursors": {"before": "QVFI", "after": "QVFI"}}})))
}

async fn subscribe(
    State(graph): State<Graph>,
    Path((version, waba)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, GraphError> {
    graph.account(&waba, &token(&version, &headers)?)?;
    let fields = if body.is_empty() { Map::new() } else { object(&headers, &body)? };
    match (fields.get("override_callback_uri").and_then(Value::as_str), fields.get("verify_token").and_then(Value::as_str)) {
        (None, None) => {}
        (Some(url), Some(token)) => {
            if !meta::handshake(url, token).await {
                return Err(GraphError::parameter("Callback verification failed"));
            }
            graph.0.webhooks.send_to(url);
        }
        _ => return Err(GraphError::parameter("override_callback_uri and verify_token belong together")),
    }
    locked(&graph.0.state).subscribed.insert(waba);
    Ok(answer(&json!({"success": true})))
}

async fn unsubscribe(
    State(graph): State<Graph>,
    Path((version, waba)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, GraphError> {
    graph.account(&waba, &token(&version, &headers)?)?;
    locked(&graph.0.state).subscribed.remove(&waba);
    Ok(answer(&json!({"success": true})))
}

async fn subscribed(
    State(graph): State<Graph>,
    Path((version, waba)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, GraphError> {
    graph.account(&waba, &token(&version, &headers)?)?;
    let app = json!({"whatsapp_business_api_data": {"id": "1", "name": "Pigeonpost"}});
    let apps: Vec<Value> = if locked(&graph.0.state).subscribed.contains(&waba) { vec![app] } else { Vec::new() };
    Ok(answer(&json!({ "data": apps })))
}

async fn send(
    State(graph): State<Graph>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, GraphError> {
    let number = graph.number(&number, &token(&version, &headers)?)?;
    let fields = object(&headers, &body)?;
    let content = message::content(&fields)?;
    let (to, by_user_id) = message::recipient(&fields)?;
    let answers = message::context(&fields)?;
    let fault = locked(&graph.0.state).faults.pop_front();
    match fault {
        Some(Fault::Code(code)) => return Err(GraphError::code(code)),
        Some(Fault::Html(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            return Ok((status, [(header::CONTENT_TYPE, "text/html")], "<html><body>Sorry</body></html>").into_response());
        }
        Some(Fault::Later(_) | Fault::LostAnswer) | None => {}
    }
    // A customer is one person under both names.
    let customer = graph.known_as(&to);
    let taken = graph.checked(&number, &customer, content)?;
    let callback_data = fields.get("biz_opaque_callback_data").and_then(Value::as_str).map(str::to_owned);
    let later = if let Some(Fault::Later(code)) = fault { Some(code) } else { None };
    let sent = graph.accept(&number, &customer, Taken { answers, callback_data, later, ..taken });
    if fault == Some(Fault::LostAnswer) {
        let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection is gone")) });
        return Ok(Body::from_stream(broken).into_response());
    }
    let contact = if by_user_id { json!({"input": to, "user_id": to}) } else { json!({"input": to, "wa_id": sent.to}) };
    Ok(answer(&json!({
        "messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": sent.id, "message_status": "accepted"}],
    })))
}

impl Graph {
    /// What a message comes to, if it may be sent now.
    fn checked(&self, number: &Number, customer: &str, content: Content) -> Result<Taken, GraphError> {
        if let Content::Template(given) = content {
            return Ok(Taken { text: self.filled(&number.waba_id, &given)?, template: Some(given), ..Taken::default() });
        }
        let written = self.0.phones.last_written(customer);
        if written.is_none_or(|at| self.0.clock.now() > at.plus(WINDOW)) {
            let details =
                "Message failed to send because more than 24 hours have passed since the customer last replied to this number.";
            return Err(GraphError::code(131_047).because(details));
        }
        match content {
            Content::Text(text) => Ok(Taken { text, ..Taken::default() }),
            Content::File(file) => {
                if let message::Source::Id(id) = &file.source
                    && self.medium(id).is_none_or(|medium| medium.number != number.id)
                {
                    return Err(GraphError::parameter("Invalid parameter").because("there is no media with this id"));
                }
                Ok(Taken { text: file.caption.clone(), file: Some(file), ..Taken::default() })
            }
            Content::Template(_) => Err(GraphError::code(131_051)),
        }
    }

    /// The name under which a customer's phone is kept, given either of their names.
    fn known_as(&self, to: &str) -> String {
        let digits: String = to.chars().filter(char::is_ascii_digit).collect();
        let chats = self.0.phones.chats();
        let same = chats.iter().find(|chat| chat.customer == to || events::user_id(&chat.customer) == to);
        same.map(|chat| chat.customer.clone()).unwrap_or(if to.contains('.') { to.to_owned() } else { digits })
    }
}
