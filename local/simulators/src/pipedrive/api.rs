//! The API that the app calls: `/users/me`, the Channels API and records, strictly, with Pipedrive's documented refusals.

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{any, delete, get, post},
};
use serde::Serialize;
use serde_json::{Value, json};
use shared::model::{
    ids::{CompanyId, UserId},
    time::Timestamp,
};

use super::{
    PipedriveSim,
    faults::{closed, stand_before, unauthorized},
    oauth, records,
    requests::{CHANNEL_EXPECTED, MESSAGE_EXPECTED, NewChannel, Receive},
    world::{Channel, Conversation, Message, Pushed, World},
};

/// Most bytes of a body. Files are refused by a limit of their own, and this one is above it.
const MAX_BODY: usize = 64 * 1024 * 1024;

pub(super) fn router(sim: &PipedriveSim) -> Router<PipedriveSim> {
    Router::new()
        .route("/oauth/token", post(oauth::token))
        .route("/api/v1/users/me", get(me))
        .route("/api/v1/channels", post(register))
        .route("/api/v1/channels/messages/receive", post(receive))
        .route("/api/v1/channels/{channel}", delete(delete_channel))
        .route("/api/v1/channels/{channel}/conversations/{conversation}", delete(delete_conversation))
        .route("/api/{*records}", any(records::serve).layer(DefaultBodyLimit::max(MAX_BODY)))
        .layer(middleware::from_fn_with_state(sim.clone(), stand_before))
}

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let body = serde_json::to_string(body).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A refusal as the Channels API words it.
pub(super) fn refusal(status: StatusCode, error: &str, code: &str) -> Response {
    let body = json!({
        "success": false, "error": error,
        "error_info": "Please check the reference docs in https://developers.pipedrive.com/docs/api/v1",
        "additional_data": {"code": code},
    });
    json(status, &body)
}

fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "Channel not found.", "NOT_FOUND")
}

fn done() -> Response {
    json(StatusCode::OK, &json!({"success": true}))
}

/// Whose living token comes with the request.
pub(super) fn bearer(world: &World, headers: &HeaderMap, now: Timestamp) -> Option<(CompanyId, UserId)> {
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    world.grants.bearer(token, now)
}

/// Whose token comes with the request, if the company's account is open.
pub(super) fn caller(sim: &PipedriveSim, headers: &HeaderMap) -> Result<(CompanyId, UserId), Box<Response>> {
    let now = sim.now();
    let world = sim.world();
    let caller = bearer(&world, headers, now).ok_or_else(|| Box::new(unauthorized()))?;
    let suspended = world.companies.get(&caller.0).is_none_or(|company| company.suspended);
    if suspended { Err(Box::new(closed())) } else { Ok(caller) }
}

fn body<T: serde::de::DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Option<T> {
    let is_json = headers.get(header::CONTENT_TYPE)?.to_str().ok()?.starts_with("application/json");
    serde_json::from_slice(body).ok().filter(|_| is_json)
}

async fn me(State(sim): State<PipedriveSim>, headers: HeaderMap) -> Response {
    let (company, user) = match caller(&sim, &headers) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let world = sim.world();
    let Some((company, user)) = world.user(company, user) else { return unauthorized() };
    let access = |app: &str| json!({"app": app, "admin": user.admin});
    let data = json!({
        "id": user.id, "name": user.name, "email": "user@example.com", "active_flag": true, "activated": true, "is_you": true,
        "default_currency": "EUR", "locale": "en_GB", "lang": 1, "language": {"language_code": "en", "country_code": "GB"},
        "timezone_name": world.settings.time_zone, "phone": null, "icon_url": null, "role_id": 1,
        "access": [access("sales"), access("global"), access("account_settings")],
        "company_id": company.id, "company_name": company.name, "company_domain": company.domain,
    });
    json(StatusCode::OK, &json!({"success": true, "data": data}))
}

async fn register(State(sim): State<PipedriveSim>, headers: HeaderMap, bytes: Bytes) -> Response {
    let (company, user) = match caller(&sim, &headers) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let Some(new) = body::<NewChannel>(&headers, &bytes) else {
        return refusal(StatusCode::BAD_REQUEST, CHANNEL_EXPECTED, "INVALID_BODY");
    };
    let now = sim.now();
    // As below: whoever sees the channel finds it being read.
    let _job = sim.begin();
    sim.world().violations.extend(records::objection("/channels", &bytes));
    let channel = {
        let mut world = sim.world();
        if !world.user(company, user).is_some_and(|(_, user)| user.admin) {
            return refusal(StatusCode::FORBIDDEN, "Only admins can register channels", "ADMIN_ONLY");
        }
        if world.channels.contains_key(&new.provider_channel_id.0) {
            return refusal(StatusCode::BAD_REQUEST, "Channel already exists", "CHANNEL_ALREADY_EXISTS");
        }
        let channel = Channel {
            id: new.provider_channel_id.0,
            uuid: uuid::Uuid::new_v4().to_string(),
            company,
            user,
            name: new.name.0,
            avatar_url: new.avatar_url.map(|url| url.0),
            provider_type: new.provider_type.as_str().to_owned(),
            template_support: new.template_support,
            created_at: now,
            templates: Vec::new(),
            conversations: std::collections::BTreeMap::new(),
        };
        world.channels.insert(channel.id.clone(), channel.clone());
        channel
    };
    let (reader, id) = (sim.clone(), channel.id.clone());
    sim.later(async move { reader.read_channel(&id).await });
    json(StatusCode::OK, &json!({"success": true, "data": channel_data(&sim, &channel)}))
}

fn channel_data(sim: &PipedriveSim, channel: &Channel) -> Value {
    json!({
        "id": channel.uuid, "name": channel.name, "avatar_url": channel.avatar_url, "provider_channel_id": channel.id,
        "marketplace_client_id": sim.inner.client_id, "pd_company_id": channel.company, "pd_user_id": channel.user,
        "created_at": space_and_seconds(channel.created_at), "provider_type": channel.provider_type,
        "template_support": channel.template_support,
    })
}

/// `2026-11-20 09:15:00`, as version 1 of the API writes times.
fn space_and_seconds(at: Timestamp) -> String {
    at.rfc3339()[..19].replace('T', " ")
}

async fn receive(State(sim): State<PipedriveSim>, headers: HeaderMap, bytes: Bytes) -> Response {
    let (company, _) = match caller(&sim, &headers) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let Some(pushed) = body::<Receive>(&headers, &bytes) else {
        return refusal(StatusCode::BAD_REQUEST, MESSAGE_EXPECTED, "INVALID_RECEIVE_MESSAGE_PAYLOAD");
    };
    sim.world().violations.extend(records::objection("/channels/messages/receive", &bytes));
    let echo: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let (channel_id, conversation_id) = (pushed.channel_id.0.clone(), pushed.conversation_id.0.clone());
    let now = sim.now();
    // Whoever sees the message finds what follows from it under way.
    let _job = sim.begin();
    let is_unknown = {
        let mut world = sim.world();
        let Some(channel) = world.channels.get_mut(&channel_id).filter(|channel| channel.company == company) else {
            return not_found();
        };
        let elsewhere =
            channel.conversations.values().any(|c| c.id != conversation_id && c.messages.iter().any(|m| m.id == pushed.id.0));
        let is_unknown = channel.conversations.get(&conversation_id).is_none_or(|c| c.participants.is_empty());
        let conversation =
            channel.conversations.entry(conversation_id.clone()).or_insert_with(|| Conversation::new(&conversation_id));
        if let Some(link) = &pushed.conversation_link {
            conversation.link.clone_from(&link.0);
        }
        let message = Message::from(pushed);
        let is_first = conversation.messages.iter().all(|known| known.id != message.id || known.pushes == 0);
        let first = is_first.then(|| Pushed { id: message.id.clone(), text: message.text.clone(), at: now });
        let elsewhere = elsewhere.then(|| format!("receive: {} is in another conversation already", message.id));
        let fault = conversation.receive(message);
        world.pushed.extend(first);
        world.violations.extend(elsewhere.into_iter().chain(fault));
        is_unknown
    };
    if is_unknown {
        let reader = sim.clone();
        sim.later(async move { reader.read_unknown_conversation(&channel_id, &conversation_id).await });
    }
    json(StatusCode::OK, &json!({"success": true, "data": echo}))
}

async fn delete_channel(State(sim): State<PipedriveSim>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let caller = match caller(&sim, &headers) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let mut world = sim.world();
    match world.channels.get(&id).filter(|channel| channel.company == caller.0) {
        None => not_found(),
        Some(channel) if channel.user != caller.1 => {
            refusal(StatusCode::FORBIDDEN, "Only the app owner can delete channels", "FORBIDDEN_USER_REQUEST")
        }
        Some(_) => {
            world.channels.remove(&id);
            done()
        }
    }
}

async fn delete_conversation(
    State(sim): State<PipedriveSim>,
    Path((channel, conversation)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let caller = match caller(&sim, &headers) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let mut world = sim.world();
    let Some(channel) = world.channels.get_mut(&channel).filter(|channel| channel.company == caller.0) else {
        return not_found();
    };
    if channel.user != caller.1 {
        return refusal(StatusCode::FORBIDDEN, "Only the app owner can delete conversations", "FORBIDDEN_USER_REQUEST");
    }
    match channel.conversations.remove(&conversation) {
        Some(_) => done(),
        None => refusal(StatusCode::NOT_FOUND, "Conversation not found.", "NOT_FOUND"),
    }
}
