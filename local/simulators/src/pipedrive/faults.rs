//! Things that go wrong at Pipedrive on demand: refusals, lost connections, delays, and an API that is gone.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{
    PipedriveSim,
    api::{json, refusal},
    records::{Action, Kind, Route, TOKENS_LEFT, too_many},
    storm::{Storm, reaches},
};

/// A kind of request that the app makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `POST /oauth/token`.
    Token,
    /// `GET /users/me`.
    Me,
    /// `POST /channels`.
    Register,
    /// `POST /channels/messages/receive`.
    Receive,
    /// `DELETE /channels/{id}`.
    DeleteChannel,
    /// `DELETE /channels/{id}/conversations/{id}`.
    DeleteConversation,
    /// A request for records.
    Records(Kind, Action),
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused with this status and nothing happens. 403 is the firewall's page.
    Answer(u16),
    /// It is refused with this status and an HTML page, as what stands before Pipedrive does it.
    Page(u16),
    /// It is refused with 403, as Pipedrive itself does it, with this code.
    Forbidden(&'static str),
    /// It is refused with 429 and `Retry-After` in seconds.
    RateLimited(u32),
    /// It is refused with 429, because the company's tokens for the day are spent.
    BudgetSpent,
    /// It is never answered, and nothing happens.
    Hang,
    /// The connection breaks and nothing happens.
    Drop,
    /// It is carried out, and the connection breaks before the answer.
    DropAfter,
    /// It is carried out after a while.
    Delay(Duration),
}

/// How an API that is gone answers; which one Pipedrive chose is not documented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// 404.
    NotFound,
    /// 405.
    NotAllowed,
    /// 410.
    Gone,
    /// 501.
    NotImplemented,
    /// 403 "Scope and URL mismatch".
    Scope,
}

impl Call {
    fn of(method: &Method, path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/api/v1/").unwrap_or(path);
        match (method.as_str(), rest.split('/').collect::<Vec<_>>().as_slice()) {
            ("POST", ["", "oauth", "token"]) => Some(Self::Token),
            ("GET", ["users", "me"]) => Some(Self::Me),
            ("POST", ["channels"]) => Some(Self::Register),
            ("POST", ["channels", "messages", "receive"]) => Some(Self::Receive),
            ("DELETE", ["channels", _]) => Some(Self::DeleteChannel),
            ("DELETE", ["channels", _, "conversations", _]) => Some(Self::DeleteConversation),
            _ => Route::of(method, path).map(|route| Self::Records(route.kind, route.action)),
        }
    }

    fn is_of_channels(self) -> bool {
        !matches!(self, Self::Token | Self::Me | Self::Records(..))
    }
}

impl Gone {
    fn answer(self) -> Response {
        match self {
            Self::NotFound => refusal(StatusCode::NOT_FOUND, "Not found", "NOT_FOUND"),
            Self::NotAllowed => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            Self::Gone => StatusCode::GONE.into_response(),
            Self::NotImplemented => StatusCode::NOT_IMPLEMENTED.into_response(),
            Self::Scope => json(
                StatusCode::FORBIDDEN,
                &serde_json::json!({"success": false, "error": "Scope and URL mismatch", "errorCode": 403}),
            ),
        }
    }
}

/// Stands before the API and the token endpoint.
pub(super) async fn stand_before(State(sim): State<PipedriveSim>, request: Request, next: Next) -> Response {
    let Some(call) = Call::of(request.method(), request.uri().path()) else {
        sim.violation(format!("unknown request {} {}", request.method(), request.uri().path()));
        return refusal(StatusCode::NOT_FOUND, "Not found", "NOT_FOUND");
    };
    let (fault, gone) = {
        let mut world = sim.world();
        *world.arrived.entry(call).or_default() += 1;
        let at = world.faults.iter().position(|(c, _)| *c == call);
        let fault = at.and_then(|at| world.faults.remove(at)).map(|(_, fault)| fault);
        let fault = fault.or_else(|| world.storm.as_mut().filter(|_| reaches(call)).and_then(Storm::draw));
        (fault, world.settings.gone.filter(|_| call.is_of_channels()))
    };
    match fault {
        None => {}
        Some(Fault::Answer(status)) => return refused(status),
        Some(Fault::Page(status)) => return page(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)),
        Some(Fault::RateLimited(seconds)) => {
            let mut answer = refused(429);
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            return answer;
        }
        Some(Fault::Forbidden(code)) => {
            let body = serde_json::json!({"success": false, "error": "Forbidden", "code": code, "data": null});
            return json(StatusCode::FORBIDDEN, &body);
        }
        Some(Fault::BudgetSpent) => return too_many(HeaderMap::from_iter([(TOKENS_LEFT, 0.into())])),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Drop) => return broken(),
        Some(Fault::DropAfter) => {
            next.run(request).await;
            return broken();
        }
        Some(Fault::Delay(by)) => tokio::time::sleep(by).await,
    }
    if let Some(gone) = gone {
        return gone.answer();
    }
    match sim.meter(call, request.headers()) {
        Err(refused) => *refused,
        Ok(headers) => {
            let mut answer = next.run(request).await;
            answer.headers_mut().extend(headers);
            answer
        }
    }
}

fn refused(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match status {
        StatusCode::UNAUTHORIZED => unauthorized(),
        StatusCode::PAYMENT_REQUIRED => closed(),
        StatusCode::FORBIDDEN => page(status),
        status => json(status, &serde_json::json!({"success": false, "error": status.canonical_reason()})),
    }
}

fn page(status: StatusCode) -> Response {
    let page = "<!DOCTYPE html><title>Attention Required! | Cloudflare</title>";
    (status, [(header::CONTENT_TYPE, "text/html; charset=UTF-8")], page).into_response()
}

/// The gateway's answer to a token that it doesn't know.
pub(super) fn unauthorized() -> Response {
    let body = serde_json::json!({
        "success": false, "error": "unauthorized access", "errorCode": 401,
        "error_info": "Please check developers.pipedrive.com",
    });
    let mut answer = json(StatusCode::UNAUTHORIZED, &body);
    answer.headers_mut().insert("x-401-by-gw", header::HeaderValue::from_static("true"));
    answer
}

/// The answer to a company whose account isn't open.
pub(super) fn closed() -> Response {
    json(StatusCode::PAYMENT_REQUIRED, &serde_json::json!({"success": false, "error": "Company account is not open"}))
}

/// An answer whose body ends in an error, so that the server closes the connection in the middle of it.
fn broken() -> Response {
    let lost = futures_util::stream::iter([Err::<Vec<u8>, _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset))]);
    Body::from_stream(lost).into_response()
}
