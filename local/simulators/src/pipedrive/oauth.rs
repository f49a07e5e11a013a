//! The OAuth server: a consent page, single-use codes, tokens that run out, refresh tokens that stay or rotate, and
//! revocation (Pipedrive, "OAuth authorization").

use std::{collections::HashMap, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use shared::model::{
    ids::{CompanyId, UserId},
    time::Timestamp,
};
use url::{Url, form_urlencoded};
use uuid::Uuid;

use super::{PipedriveSim, Rotation, api::json as answer, page, world::World};

const CODE_LIFE: Duration = Duration::from_mins(5);
const ACCESS_LIFE: Duration = Duration::from_hours(1);
/// A refresh token that isn't used for this long is dead.
const REFRESH_IDLE: Duration = Duration::from_hours(60 * 24);

/// Codes and tokens.
#[derive(Default)]
pub(super) struct Grants {
    codes: HashMap<String, Code>,
    access: HashMap<String, AccessToken>,
    // The one living refresh token of each user.
    refresh: HashMap<(CompanyId, UserId), RefreshToken>,
}

struct Code {
    owner: (CompanyId, UserId),
    redirect_uri: String,
    until: Timestamp,
}

struct AccessToken {
    owner: (CompanyId, UserId),
    until: Timestamp,
}

struct RefreshToken {
    token: String,
    until: Timestamp,
}

fn random(prefix: &str) -> String {
    format!("{prefix}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

impl Grants {
    /// Whose living access token this is.
    pub(super) fn bearer(&self, token: &str, now: Timestamp) -> Option<(CompanyId, UserId)> {
        self.access.get(token).filter(|token| now < token.until).map(|token| token.owner)
    }

    /// Another access token of a user.
    pub(super) fn access(&mut self, owner: (CompanyId, UserId), now: Timestamp) -> String {
        let token = random("v1u:");
        self.access.insert(token.clone(), AccessToken { owner, until: now.plus(ACCESS_LIFE) });
        token
    }

    /// Forgets all that a user granted.
    pub(super) fn forget(&mut self, owner: (CompanyId, UserId)) {
        self.refresh.remove(&owner);
        self.access.retain(|_, token| token.owner != owner);
    }

    fn issue(&mut self, owner: (CompanyId, UserId), refresh: Option<String>, now: Timestamp) -> (String, String) {
        let refresh = refresh.unwrap_or_else(|| random(&format!("{}:{}:", owner.0, owner.1)));
        let access = self.access(owner, now);
        self.refresh.insert(owner, RefreshToken { token: refresh.clone(), until: now.plus(REFRESH_IDLE) });
        (access, refresh)
    }
}

pub(super) fn router() -> Router<PipedriveSim> {
    Router::new().route("/oauth/authorize", get(authorize).post(decide)).route("/oauth/revoke", post(revoke))
}

fn fields(raw: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(raw).into_owned().collect()
}

/// Checks what the app asks consent with, and gives back where the browser goes afterwards.
fn consent_request(sim: &PipedriveSim, query: Option<&str>) -> Result<Url, Box<Response>> {
    let refused = |error: &str| Box::new(answer(StatusCode::BAD_REQUEST, &json!({"error": error})));
    let query = fields(query.unwrap_or_default().as_bytes());
    if query.get("client_id") != Some(&sim.inner.client_id) {
        return Err(refused("Invalid client"));
    }
    let redirect_uri = query.get("redirect_uri").filter(|uri| Some(*uri) == sim.world().callback().as_ref());
    let mut back = redirect_uri.and_then(|uri| Url::parse(uri).ok()).ok_or_else(|| refused("Invalid redirect URL"))?;
    if let Some(state) = query.get("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    Ok(back)
}

async fn authorize(State(sim): State<PipedriveSim>, RawQuery(query): RawQuery) -> Response {
    let back = match consent_request(&sim, query.as_deref()) {
        Ok(back) => back,
        Err(refused) => return *refused,
    };
    if sim.world().settings.auto_consent { consent(&sim, back) } else { page::consent() }
}

/// The consent page's buttons.
async fn decide(State(sim): State<PipedriveSim>, RawQuery(query): RawQuery, body: Bytes) -> Response {
    let mut back = match consent_request(&sim, query.as_deref()) {
        Ok(back) => back,
        Err(refused) => return *refused,
    };
    let form = fields(&body);
    let chosen = form.get("user").and_then(|user| user.split_once(':'));
    if let Some((Ok(company), Ok(user))) = chosen.map(|(company, user)| (company.parse(), user.parse())) {
        sim.sign_in(CompanyId(company), UserId(user));
    }
    if form.get("decision").is_some_and(|decision| decision == "allow") {
        return consent(&sim, back);
    }
    back.query_pairs_mut().append_pair("error", "user_denied");
    redirect(&back)
}

fn consent(sim: &PipedriveSim, mut back: Url) -> Response {
    let now = sim.now();
    let mut world = sim.world();
    let (owner, code) = (world.browser, random(""));
    let redirect_uri = world.callback().unwrap_or_default();
    world.grants.codes.insert(code.clone(), Code { owner, redirect_uri, until: now.plus(CODE_LIFE) });
    back.query_pairs_mut().append_pair("code", &code);
    redirect(&back)
}

fn redirect(to: &Url) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, to.as_str())]).into_response()
}

fn refused(message: &str) -> Response {
    answer(StatusCode::BAD_REQUEST, &json!({"success": false, "message": message}))
}

/// Whether the request comes from the app: Basic, or both fields in the form.
fn is_app(sim: &PipedriveSim, headers: &HeaderMap, form: &HashMap<String, String>) -> bool {
    let (id, secret) = (&sim.inner.client_id, &sim.inner.client_secret);
    match headers.get(header::AUTHORIZATION) {
        Some(basic) => basic.as_bytes() == format!("Basic {}", STANDARD.encode(format!("{id}:{secret}"))).as_bytes(),
        None => form.get("client_id") == Some(id) && form.get("client_secret") == Some(secret),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(b"application/x-www-form-urlencoded"))
}

/// `POST /oauth/token`.
pub(super) async fn token(State(sim): State<PipedriveSim>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_form(&headers) {
        return refused("Invalid request: content must be application/x-www-form-urlencoded");
    }
    let form = fields(&body);
    if !is_app(&sim, &headers, &form) {
        return refused("Invalid client: client is invalid");
    }
    let now = sim.now();
    let mut world = sim.world();
    let granted = match form.get("grant_type").map(String::as_str) {
        None => Err("Missing parameter: `grant_type`"),
        Some("authorization_code") => exchange(&mut world, &form, now),
        Some("refresh_token") => refresh(&mut world, &form, now),
        Some(_) => Err("Unsupported grant type: `grant_type` is invalid"),
    };
    match granted {
        Err(message) => refused(message),
        Ok((owner, access, refresh)) => {
            let domain = world.companies.get(&owner.0).map_or("api", |company| company.domain.as_str());
            let body = json!({
                "access_token": access, "token_type": "Bearer", "expires_in": ACCESS_LIFE.as_secs() - 1,
                "refresh_token": refresh, "scope": "messengers-integration,base",
                "api_domain": format!("https://{domain}.pipedrive.com"),
            });
            answer(StatusCode::OK, &body)
        }
    }
}

type Granted = Result<((CompanyId, UserId), String, String), &'static str>;

fn exchange(world: &mut World, form: &HashMap<String, String>, now: Timestamp) -> Granted {
    let code = form.get("code").and_then(|code| world.grants.codes.remove(code));
    let code = code.ok_or("Invalid grant: `authorization_code` is invalid")?;
    if now >= code.until {
        return Err("Invalid grant: `authorization_code` has expired");
    }
    if form.get("redirect_uri") != Some(&code.redirect_uri) {
        return Err("Invalid request: `redirect_uri` is invalid");
    }
    world.grants.forget(code.owner);
    let (access, refresh) = world.grants.issue(code.owner, None, now);
    Ok((code.owner, access, refresh))
}

fn refresh(world: &mut World, form: &HashMap<String, String>, now: Timestamp) -> Granted {
    let presented = form.get("refresh_token");
    let found = world.grants.refresh.iter().find(|(_, known)| Some(&known.token) == presented && now < known.until);
    let (owner, token) = found
        .map(|(owner, known)| (*owner, known.token.clone()))
        .ok_or("Invalid grant: `refresh_token` is invalid or it was already exchanged")?;
    let kept = (world.settings.rotation == Rotation::Fixed).then_some(token);
    let (access, refresh) = world.grants.issue(owner, kept, now);
    Ok((owner, access, refresh))
}

/// `POST /oauth/revoke`: a refresh token uninstalls the app for its user, an access token dies alone; an unknown one is
/// fine too (RFC 7009).
async fn revoke(State(sim): State<PipedriveSim>, headers: HeaderMap, body: Bytes) -> Response {
    let form = fields(&body);
    if !is_form(&headers) || !is_app(&sim, &headers, &form) {
        return refused("Invalid client: client is invalid");
    }
    let token = form.get("token").cloned().unwrap_or_default();
    let mut world = sim.world();
    world.grants.access.remove(&token);
    let owner = world.grants.refresh.iter().find(|(_, known)| known.token == token).map(|(owner, _)| *owner);
    if let Some(owner) = owner {
        world.forget_installation(owner);
    }
    StatusCode::OK.into_response()
}
