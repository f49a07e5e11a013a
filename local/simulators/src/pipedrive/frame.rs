//! The app in its frame: the page around the app's pages, and the tokens that Pipedrive signs for it.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    PipedriveSim,
    api::json as answer,
    page::{asset, read},
};

pub(super) fn router() -> Router<PipedriveSim> {
    let file = |kind, text| get(move || async move { asset(kind, text) });
    Router::new()
        .route("/app", file("text/html; charset=utf-8", include_str!("page/frame.html")))
        .route("/frame.css", file("text/css; charset=utf-8", include_str!("page/frame.css")))
        .route("/frame.js", file("text/javascript; charset=utf-8", include_str!("page/frame.js")))
        .route("/frame.json", get(who))
        .route("/sim/token", post(token))
}

/// `GET /frame.json`: who is signed in, and where the app is.
async fn who(State(sim): State<PipedriveSim>) -> Response {
    let world = sim.world();
    let (company, user) = world.browser;
    answer(StatusCode::OK, &json!({"app_url": world.app_url, "company": company, "user": user}))
}

/// `POST /sim/token`: what Pipedrive writes into the frame's address, and gives it later by `get_signed_token`.
async fn token(State(sim): State<PipedriveSim>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = read::<Value>(&headers, &body) {
        return *refused;
    }
    let (company, user) = sim.world().browser;
    match sim.iframe_token(company, user) {
        Ok(token) => answer(StatusCode::OK, &json!({ "token": token })),
        Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "the token can't be signed"})),
    }
}
