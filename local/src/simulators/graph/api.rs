//! What the bundle calls: phone numbers, accounts and messages, each request checked as Meta checks it
//! (Meta, WhatsApp Cloud API, "Send messages", "Business phone numbers", "WhatsApp Business Account subscribed apps").

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    Fault, Graph, GraphError, Number, VERSION, events,
    message::{recipient, text},
};
use crate::simulators::locked;

/// How long after a customer's message they may be written to freely.
const WINDOW: Duration = Duration::from_hours(24);
/// Fields of a phone number that may be asked for.
const NUMBER_FIELDS: [&str; 6] =
    ["id", "display_phone_number", "verified_name", "quality_rating", "code_verification_status", "platform_type"];
/// Fields of a WhatsApp Business Account that may be asked for.
const ACCOUNT_FIELDS: [&str; 4] = ["id", "name", "currency", "timezone_id"];

pub(super) fn router(graph: Graph) -> Router {
    Router::new()
        .route("/{version}/{object}", get(read))
        .route("/{version}/{waba}/phone_numbers", get(phone_numbers))
        .route("/{version}/{waba}/subscribed_apps", post(subscribe).get(subscribed))
        .route("/{version}/{number}/messages", post(send))
        .fallback(|| async { unknown_path() })
        .with_state(graph)
}

fn unknown_path() -> GraphError {
    GraphError::code(2500).because("Unknown path components")
}

fn answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=UTF-8")], body.to_string()).into_response()
}

/// The bearer token; every call has one, in the header, where it gets into no log.
fn token(version: &str, headers: &HeaderMap) -> Result<String, GraphError> {
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
    /// Whether any number has this token.
    fn known_token(&self, token: &str) -> Result<(), GraphError> {
        let known = locked(&self.0.state).numbers.values().any(|number| number.token == token);
        if known { Ok(()) } else { Err(GraphError::code(190)) }
    }

    fn number(&self, id: &str, token: &str) -> Result<Number, GraphError> {
        self.known_token(token)?;
        let number = locked(&self.0.state).numbers.get(id).filter(|number| number.token == token).cloned();
        number.ok_or_else(|| GraphError::unknown_object(id))
    }

    /// The numbers of an account that the token may use.
    fn account(&self, waba: &str, token: &str) -> Result<Vec<Number>, GraphError> {
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
fn pick(object: &Value, known: &[&str], query: Option<&str>) -> Result<Value, GraphError> {
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
            if !events::handshake(url, token).await {
                return Err(GraphError::parameter("Callback verification failed"));
            }
            graph.0.webhooks.send_to(url);
        }
        _ => return Err(GraphError::parameter("override_callback_uri and verify_token belong together")),
    }
    locked(&graph.0.state).subscribed.insert(waba);
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
    let (to, by_user_id) = recipient(&fields)?;
    let text = text(&fields)?;
    let fault = locked(&graph.0.state).faults.pop_front();
    match fault {
        Some(Fault::Code(code)) => return Err(GraphError::code(code)),
        Some(Fault::Html(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            return Ok((status, [(header::CONTENT_TYPE, "text/html")], "<html><body>Sorry</body></html>").into_response());
        }
        Some(Fault::LostAnswer) | None => {}
    }
    // A customer is one person under both names.
    let customer = graph.known_as(&to);
    let written = graph.0.phones.last_written(&customer);
    if written.is_none_or(|at| graph.0.clock.now() > at.plus(WINDOW)) {
        let details =
            "Message failed to send because more than 24 hours have passed since the customer last replied to this number.";
        return Err(GraphError::code(131_047).because(details));
    }
    let callback_data = fields.get("biz_opaque_callback_data").and_then(Value::as_str).map(str::to_owned);
    let sent = graph.accept(&number, &customer, text, callback_data);
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
    /// The name under which a customer's phone is kept, given either of their names.
    fn known_as(&self, to: &str) -> String {
        let digits: String = to.chars().filter(char::is_ascii_digit).collect();
        let chats = self.0.phones.chats();
        let same = chats.iter().find(|chat| chat.customer == to || events::user_id(&chat.customer) == to);
        same.map(|chat| chat.customer.clone()).unwrap_or(if to.contains('.') { to.to_owned() } else { digits })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::clock::SystemClock;

    use super::*;
    use crate::simulators::graph::App;

    const TOKEN: &str = "EAATEST";

    async fn serve() -> (Graph, String) {
        let app = App { secret: "s".to_owned(), verify_token: "v".to_owned() };
        let graph = Graph::new(app, Arc::new(SystemClock));
        graph.add_number(Number {
            id: "300".to_owned(),
            waba_id: "200".to_owned(),
            display: "+1 555-010-0000".to_owned(),
            verified_name: "Acme".to_owned(),
            token: TOKEN.to_owned(),
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/{VERSION}", listener.local_addr().unwrap());
        let router = graph.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        (graph, url)
    }

    async fn call(method: http::Method, url: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let client = reqwest::Client::builder().build().unwrap();
        let mut request = client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    fn message(change: impl FnOnce(&mut Value)) -> Value {
        let mut body = json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "15550100001",
            "type": "text", "text": {"body": "Hi", "preview_url": false}});
        change(&mut body);
        body
    }

    #[tokio::test]
    async fn objects_are_shown_to_their_token_alone() {
        let (_, url) = serve().await;
        let (status, number) = call(http::Method::GET, &format!("{url}/300?fields=display_phone_number"), TOKEN, None).await;
        assert_eq!((status, number), (200, json!({"id": "300", "display_phone_number": "+1 555-010-0000"})));
        assert_eq!(call(http::Method::GET, &format!("{url}/200/phone_numbers"), TOKEN, None).await.1["data"][0]["id"], "300");
        let code =
            |answer: (u16, Value)| (answer.0, answer.1["error"]["code"].clone(), answer.1["error"]["error_subcode"].clone());
        assert_eq!(code(call(http::Method::GET, &format!("{url}/300"), "other", None).await), (401, json!(190), Value::Null));
        assert_eq!(code(call(http::Method::GET, &format!("{url}/301"), TOKEN, None).await), (400, json!(100), json!(33)));
        assert_eq!(
            code(call(http::Method::GET, &format!("{url}/300?fields=x"), TOKEN, None).await),
            (400, json!(100), Value::Null)
        );
    }

    #[tokio::test]
    async fn messages_are_checked() {
        let (graph, url) = serve().await;
        let url = format!("{url}/300/messages");
        let code = async |change: fn(&mut Value)| {
            let (_, answer) = call(http::Method::POST, &url, TOKEN, Some(message(change))).await;
            answer["error"]["code"].as_u64()
        };
        assert_eq!(code(|_| ()).await, Some(131_047), "nobody wrote yet");
        graph.customer_writes("15550100001", "Ada", "Hello");
        assert_eq!(code(|_| ()).await, None);
        assert_eq!(code(|b| b["to"] = "abc".into()).await, Some(131_009));
        assert_eq!(code(|b| b["type"] = "fax".into()).await, Some(131_051));
        assert_eq!(code(|b| b["text"]["body"] = "".into()).await, Some(131_008));
        assert_eq!(code(|b| b["text"]["body"] = "ä".repeat(4097).into()).await, Some(100));
        assert_eq!(code(|b| b["text"]["body"] = "ä".repeat(4096).into()).await, None);
        assert_eq!(code(|b| b["extra"] = 1.into()).await, Some(100));
        assert_eq!(code(|b| b["messaging_product"] = "sms".into()).await, Some(100));
        graph.fail_next(Fault::Code(131_056));
        assert_eq!(call(http::Method::POST, &url, TOKEN, Some(message(|_| ()))).await.0, 429);

        let by_user_id = |b: &mut Value| {
            b.as_object_mut().unwrap().remove("to");
            b["recipient"] = "US.915550100001".into();
        };
        let (status, answer) = call(http::Method::POST, &url, TOKEN, Some(message(by_user_id))).await;
        assert_eq!((status, &answer["contacts"][0]["user_id"]), (200, &json!("US.915550100001")));
        let sent = graph.sent();
        assert_eq!(sent.len(), 3);
        assert!(sent.iter().all(|message| message.to == "15550100001"), "one person under both names");
    }

    #[tokio::test]
    async fn a_lost_answer_is_no_refusal() {
        let (graph, url) = serve().await;
        graph.customer_writes("15550100001", "Ada", "Hello");
        graph.fail_next(Fault::LostAnswer);
        let client = reqwest::Client::builder().build().unwrap();
        let request = client.post(format!("{url}/300/messages")).bearer_auth(TOKEN).json(&message(|_| ()));
        let outcome = async { request.send().await?.bytes().await }.await;
        assert!(outcome.is_err());
        assert_eq!(graph.sent().len(), 1);
    }

    #[tokio::test]
    async fn webhooks_are_signed_and_come_again() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let seen = Arc::new(AtomicUsize::new(0));
        let counter = seen.clone();
        let hook = Router::new().route(
            "/",
            post(move |headers: HeaderMap, body: Bytes| async move {
                let expected = events::signed("s", body.clone()).headers;
                assert_eq!(headers["x-hub-signature-256"], expected["x-hub-signature-256"]);
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body["entry"][0]["changes"].as_array().unwrap().len(), 2, "both in one batch");
                // The first try fails.
                if counter.fetch_add(1, Ordering::SeqCst) == 0 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
            })
            .get(|RawQuery(query): RawQuery| async move {
                let query = query.unwrap_or_default();
                let mut pairs = url::form_urlencoded::parse(query.as_bytes());
                pairs.find(|(name, _)| name == "hub.challenge").map(|(_, value)| value.into_owned()).unwrap_or_default()
            }),
        );
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let hook_url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, hook).await });

        let (graph, url) = serve().await;
        assert!(graph.set_callback(&hook_url).await);
        assert_eq!(call(http::Method::POST, &format!("{url}/200/subscribed_apps"), TOKEN, None).await.0, 200);
        graph.webhooks().hold();
        graph.customer_writes("15550100001", "Ada", "one");
        graph.customer_writes("15550100002", "Bea", "two");
        graph.webhooks().release(|events| events.reverse());
        tokio::time::timeout(Duration::from_secs(10), async {
            while !graph.webhooks().idle() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        assert_eq!((seen.load(Ordering::SeqCst), graph.webhooks().given_up()), (2, 0));
    }
}
