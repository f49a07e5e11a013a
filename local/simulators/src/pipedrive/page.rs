//! The pages: Pipedrive's Messaging inbox and its records as one sees them, and the endpoints that they read and write.

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{InboxError, InboxFile, PipedriveSim, acts::Act, api::json as answer, frame, world::World};

/// Nothing from elsewhere but pictures, and no inline script.
const POLICY: &str =
    "default-src 'self'; img-src 'self' http: https: data:; media-src http: https:; base-uri 'none'; object-src 'none'";

pub(super) fn router() -> Router<PipedriveSim> {
    let text = |kind, text| get(move || async move { asset(kind, text) });
    Router::new()
        .route("/", text("text/html; charset=utf-8", include_str!("page/index.html")))
        .route("/style.css", text("text/css; charset=utf-8", include_str!("page/style.css")))
        .route("/inbox.js", text("text/javascript; charset=utf-8", include_str!("page/inbox.js")))
        .route("/consent.js", text("text/javascript; charset=utf-8", include_str!("page/consent.js")))
        .route("/records", text("text/html; charset=utf-8", include_str!("page/records.html")))
        .route("/records.css", text("text/css; charset=utf-8", include_str!("page/records.css")))
        .route("/records-hands.js", text("text/javascript; charset=utf-8", include_str!("page/records-hands.js")))
        .route("/records.js", text("text/javascript; charset=utf-8", include_str!("page/records.js")))
        .route("/home", get(home))
        .route("/inbox.json", get(inbox))
        .route("/records.json", get(records))
        .route("/file", get(file))
        .route("/sim/act", post(act))
        .route("/sim/send", post(send))
        .route("/sim/load-more", post(load_more))
        .route("/sim/remove-channel", post(remove_channel))
        .route("/sim/uninstall", post(uninstall))
        .route("/sim/open-app", get(open_app))
        .merge(frame::router())
}

pub(super) fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}

/// The page that asks the user to let the app in.
pub(super) fn consent() -> Response {
    asset("text/html; charset=utf-8", include_str!("page/consent.html"))
}

/// `GET /home`: where a salesperson of the company finds chats: in the Messaging inbox if there are channels in it, else on
/// the records.
async fn home(State(sim): State<PipedriveSim>) -> Redirect {
    let world = sim.world();
    let has_channels = world.channels.values().any(|channel| channel.company == world.browser.0);
    Redirect::to(if has_channels { "./" } else { "records" })
}

/// `GET /inbox.json`: all that the page shows.
async fn inbox(State(sim): State<PipedriveSim>) -> Response {
    let world = sim.world();
    let users: Vec<Value> = world
        .companies
        .values()
        .flat_map(|company| company.users.iter().map(move |user| (company, user)))
        .map(|(company, user)| {
            let is_here = world.browser == (company.id, user.id);
            json!({"company": company.id, "company_name": company.name, "user": user, "signed_in": is_here})
        })
        .collect();
    let body = json!({
        "app_url": world.app_url, "users": users, "channels": channels(&world), "violations": world.violations,
    });
    answer(StatusCode::OK, &body)
}

/// `GET /records.json?person=8`: the company's persons, and all of that one.
async fn records(State(sim): State<PipedriveSim>, RawQuery(query): RawQuery) -> Response {
    let person = query.as_deref().and_then(|query| query.strip_prefix("person=")).and_then(|id| id.parse().ok());
    let mut view = sim.records_view(person);
    view["account"] = sim.account_view();
    answer(StatusCode::OK, &view)
}

/// `GET /file?7`: a file of the company that is looked at, to be saved and never shown here.
async fn file(State(sim): State<PipedriveSim>, RawQuery(query): RawQuery) -> Response {
    let company = sim.world().browser.0;
    let id: Option<u64> = query.and_then(|query| query.parse().ok());
    match sim.files(company).into_iter().find(|file| Some(file.id) == id && !file.is_deleted) {
        Some(file) => {
            let name = utf8_percent_encode(&file.name, NON_ALPHANUMERIC);
            let headers = [
                (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
                (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{name}")),
            ];
            (headers, file.content).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn act(State(sim): State<PipedriveSim>, headers: HeaderMap, body: Bytes) -> Response {
    match read::<Act>(&headers, &body).map(|act| sim.act(act)) {
        Ok(Ok(done)) => answer(StatusCode::OK, &json!({"done": done})),
        Ok(Err(error)) => answer(StatusCode::CONFLICT, &json!({"error": error})),
        Err(refused) => *refused,
    }
}

/// The channels of the company that is looked at, conversations with the newest message first.
fn channels(world: &World) -> Vec<Value> {
    let channels = world.channels.values().filter(|channel| channel.company == world.browser.0);
    let rows = channels.map(|channel| {
        let mut conversations: Vec<_> = channel.conversations.values().collect();
        conversations.sort_by_key(|c| std::cmp::Reverse(c.messages.last().map(|m| m.at)));
        json!({
            "id": channel.id, "name": channel.name, "provider_type": channel.provider_type,
            "avatar_url": channel.avatar_url, "templates": channel.templates, "conversations": conversations,
        })
    });
    rows.collect()
}

#[derive(Deserialize)]
struct Send {
    channel: String,
    conversation: String,
    text: String,
    #[serde(default)]
    files: Vec<SendFile>,
}

#[derive(Deserialize)]
struct SendFile {
    name: String,
    #[serde(rename = "type")]
    mime: String,
    /// Base64.
    data: String,
}

#[derive(Deserialize)]
struct Which {
    channel: String,
    #[serde(default)]
    conversation: String,
}

/// Reads a form that the page sent as JSON. Other sites can't send that without asking first.
pub(super) fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Box<Response>> {
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/json"));
    let unfit = || Box::new(answer(StatusCode::BAD_REQUEST, &json!({"error": "not the expected JSON"})));
    serde_json::from_slice(body).ok().filter(|_| is_json).ok_or_else(unfit)
}

fn outcome(result: Result<Value, InboxError>) -> Response {
    match result {
        Ok(body) => answer(StatusCode::OK, &body),
        Err(error) => answer(StatusCode::BAD_GATEWAY, &json!({"error": error.to_string()})),
    }
}

async fn send(State(sim): State<PipedriveSim>, headers: HeaderMap, body: Bytes) -> Response {
    let form: Send = match read(&headers, &body) {
        Ok(form) => form,
        Err(refused) => return *refused,
    };
    let file = |file: SendFile| {
        let mime = if file.mime.is_empty() { "application/octet-stream".to_owned() } else { file.mime };
        Some(InboxFile { name: file.name, mime, bytes: STANDARD.decode(file.data).ok()? })
    };
    let Some(files) = form.files.into_iter().map(file).collect() else {
        return answer(StatusCode::BAD_REQUEST, &json!({"error": "a file is not base64"}));
    };
    let sent = sim.send_from_inbox(&form.channel, &form.conversation, &form.text, files).await;
    outcome(sent.map(|id| json!({"id": id})))
}

async fn load_more(State(sim): State<PipedriveSim>, headers: HeaderMap, body: Bytes) -> Response {
    match read::<Which>(&headers, &body) {
        Ok(which) => outcome(sim.load_more(&which.channel, &which.conversation).await.map(|more| json!({"more": more}))),
        Err(refused) => *refused,
    }
}

async fn remove_channel(State(sim): State<PipedriveSim>, headers: HeaderMap, body: Bytes) -> Response {
    match read::<Which>(&headers, &body) {
        Ok(which) => outcome(sim.remove_channel(&which.channel).await.map(|()| json!({}))),
        Err(refused) => *refused,
    }
}

async fn uninstall(State(sim): State<PipedriveSim>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = read::<Value>(&headers, &body) {
        return *refused;
    }
    let (company, user) = sim.world().browser;
    outcome(sim.uninstall(company, user).await.map(|status| json!({"status": status})))
}

/// `GET /sim/open-app`: to the app's settings page as Pipedrive opens it, signed token included.
async fn open_app(State(sim): State<PipedriveSim>) -> Response {
    let (app, (company, user)) = {
        let world = sim.world();
        (world.app_url.clone(), world.browser)
    };
    let (Some(app), Ok(token)) = (app, sim.iframe_token(company, user)) else {
        return outcome(Err(InboxError::NoApp));
    };
    Redirect::to(&format!("{app}/setup?userId={user}&companyId={company}&id=1&theme=light&token={token}")).into_response()
}
