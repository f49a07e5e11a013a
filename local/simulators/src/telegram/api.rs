//! What the bundle calls (Telegram Bot API, "Making requests", "Available methods"). The token stands in the path; a
//! method's result comes in an envelope.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, RawQuery, State},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::{ApiError, Fault, Hook, Telegram, request::Parameters, updates};
use crate::locked;

/// Largest request.
const MAX_BODY: usize = 50 * 1024 * 1024;
/// Largest file that a bot may fetch.
const MAX_FETCHED: usize = 20 * 1024 * 1024;
/// How long a file's path is good.
const PATH_LIFE: Duration = Duration::from_hours(1);
/// Ports that updates are sent to.
const PORTS: [u16; 4] = [443, 80, 88, 8443];

pub(super) fn router(telegram: Telegram) -> Router {
    Router::new()
        .route("/{bot}/{method}", any(call))
        .route("/file/{bot}/{*path}", get(download))
        .fallback(|| async { ApiError::new(404, "Not Found") })
        // What is too large is refused in Telegram's words.
        .layer(DefaultBodyLimit::disable())
        .with_state(telegram)
}

/// A method's result.
pub(super) fn answer(result: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json!({"ok": true, "result": result}).to_string()).into_response()
}

impl Telegram {
    /// Whether the path is that of the bot: what can't be a token leads nowhere.
    fn authorize(&self, bot: &str) -> Result<(), ApiError> {
        let token = bot.strip_prefix("bot").unwrap_or_default();
        let is_token = token.split_once(':').is_some_and(|(id, rest)| id.parse::<u64>().is_ok() && !rest.is_empty());
        if !is_token {
            return Err(ApiError::new(404, "Not Found"));
        }
        if token == self.0.bot.token { Ok(()) } else { Err(ApiError::new(401, "Unauthorized")) }
    }

    /// Does what `work` does, or what goes wrong with it.
    pub(super) fn unless_faulty(
        fault: Option<&Fault>,
        work: impl FnOnce() -> Result<Response, ApiError>,
    ) -> Result<Response, ApiError> {
        match fault {
            None => work(),
            Some(Fault::Refused(number, description)) => Err(ApiError::new(*number, *description)),
            Some(Fault::Upgraded(chat)) => Err(ApiError::upgraded(*chat)),
            Some(Fault::Html(status)) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY);
                Ok((status, [(header::CONTENT_TYPE, "text/html")], "<html><body>Sorry</body></html>").into_response())
            }
            Some(Fault::LostAnswer) => {
                work()?;
                let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection is gone")) });
                Ok(Body::from_stream(broken).into_response())
            }
        }
    }
}

async fn call(
    State(telegram): State<Telegram>,
    Path((bot, method)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    telegram.authorize(&bot)?;
    if body.len() > MAX_BODY {
        return Err(ApiError::new(413, "Request Entity Too Large"));
    }
    let parameters = Parameters::read(&headers, query.as_deref(), body).await?;
    // Telegram does not care how a method's name is written.
    match method.to_ascii_lowercase().as_str() {
        "getme" => Ok(answer(&updates::bot_user(&telegram.0.bot))),
        "setwebhook" => telegram.set_webhook(&parameters),
        "getwebhookinfo" => Ok(answer(&telegram.webhook_info())),
        "deletewebhook" => {
            locked(&telegram.0.state).hook = None;
            Ok(answer(&json!(true)))
        }
        "getupdates" => telegram.get_updates(),
        "getfile" => telegram.get_file(&parameters),
        "getchat" => telegram.get_chat(&parameters),
        "getuserprofilephotos" => telegram.get_pictures(&parameters),
        "answercallbackquery" => telegram.answer_button(&parameters),
        _ => telegram.send(&method, &parameters),
    }
}

impl Telegram {
    fn set_webhook(&self, parameters: &Parameters) -> Result<Response, ApiError> {
        let address = parameters.text("url").unwrap_or_default();
        if address.is_empty() {
            locked(&self.0.state).hook = None;
            return Ok(answer(&json!(true)));
        }
        check_address(address)?;
        let secret = parameters.text("secret_token").map(str::to_owned);
        let allowed = |secret: &String| {
            (1..=256).contains(&secret.len()) && secret.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if secret.as_ref().is_some_and(|secret| !allowed(secret)) {
            return Err(ApiError::bad("secret token contains unallowed characters"));
        }
        let kinds = parameters.structure("allowed_updates")?;
        let kinds = kinds.as_ref().and_then(Value::as_array).into_iter().flatten();
        let kinds = kinds.filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
        locked(&self.0.state).hook = Some(Hook { url: address.to_owned(), secret, kinds });
        self.0.webhooks.send_to(address);
        Ok(answer(&json!(true)))
    }

    fn webhook_info(&self) -> Value {
        let state = locked(&self.0.state);
        let mut info = json!({"url": "", "has_custom_certificate": false, "pending_update_count": 0});
        if let Some(hook) = &state.hook {
            info["url"] = hook.url.clone().into();
            info["max_connections"] = 40.into();
            info["allowed_updates"] = json!(hook.kinds);
        }
        info
    }

    fn get_updates(&self) -> Result<Response, ApiError> {
        if locked(&self.0.state).hook.is_some() {
            let reason = "Conflict: can't use getUpdates method while webhook is active; \
                          use deleteWebhook to delete the webhook first";
            return Err(ApiError::new(409, reason));
        }
        Ok(answer(&json!([])))
    }

    fn get_file(&self, parameters: &Parameters) -> Result<Response, ApiError> {
        let id = parameters.text("file_id").ok_or_else(|| ApiError::bad("file_id not specified"))?;
        let file = self.stored(id).ok_or_else(|| ApiError::bad("invalid file_id"))?;
        if file.bytes.len() > MAX_FETCHED {
            return Err(ApiError::bad("file is too big"));
        }
        let fault = locked(&self.0.state).fetch_faults.pop_front();
        Self::unless_faulty(fault.as_ref(), || {
            let mut state = locked(&self.0.state);
            let path = format!("files/file_{}.bin", state.next());
            state.paths.insert(path.clone(), (id.to_owned(), self.0.clock.now().plus(PATH_LIFE)));
            Ok(answer(&json!({"file_id": id, "file_unique_id": "u", "file_size": file.bytes.len(), "file_path": path})))
        })
    }

    fn get_chat(&self, parameters: &Parameters) -> Result<Response, ApiError> {
        let state = locked(&self.0.state);
        let id = parameters.number("chat_id").ok_or_else(|| ApiError::bad("chat_id is empty"))?;
        let user = state.people.get(&id).ok_or_else(|| ApiError::bad("chat not found"))?;
        let mut chat = updates::chat(user);
        if let Some(picture) = state.pictures.get(&id) {
            chat["photo"] = json!({"small_file_id": picture, "small_file_unique_id": "s", "big_file_id": picture,
                "big_file_unique_id": "b"});
        }
        Ok(answer(&chat))
    }

    fn get_pictures(&self, parameters: &Parameters) -> Result<Response, ApiError> {
        let state = locked(&self.0.state);
        let id = parameters.number("user_id").filter(|id| state.people.contains_key(id));
        let id = id.ok_or_else(|| ApiError::bad("user not found"))?;
        let sizes = |picture: &String| {
            let size = |side: u32| json!({"file_id": picture, "file_unique_id": "p", "width": side, "height": side});
            json!([size(160), size(320), size(640)])
        };
        let photos: Vec<Value> = state.pictures.get(&id).map(sizes).into_iter().collect();
        Ok(answer(&json!({"total_count": photos.len(), "photos": photos})))
    }

    fn answer_button(&self, parameters: &Parameters) -> Result<Response, ApiError> {
        let known = parameters.text("callback_query_id").is_some_and(|id| locked(&self.0.state).buttons.remove(id));
        if known {
            return Ok(answer(&json!(true)));
        }
        Err(ApiError::bad("query is too old and response timeout expired or query ID is invalid"))
    }
}

/// Updates go to https alone, on four ports; this machine is let off both.
fn check_address(address: &str) -> Result<(), ApiError> {
    let url = url::Url::parse(address).map_err(|_| ApiError::bad("bad webhook: invalid webhook URL specified"))?;
    if matches!(url.host_str(), Some("127.0.0.1" | "localhost")) {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(ApiError::bad("bad webhook: An HTTPS URL must be provided for webhook"));
    }
    if url.port_or_known_default().is_some_and(|port| PORTS.contains(&port)) {
        return Ok(());
    }
    Err(ApiError::bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"))
}

/// A file's contents, of which this server knows no type.
async fn download(State(telegram): State<Telegram>, Path((bot, path)): Path<(String, String)>) -> Result<Response, ApiError> {
    telegram.authorize(&bot)?;
    let state = locked(&telegram.0.state);
    let (id, until) = state.paths.get(&path).ok_or_else(|| ApiError::new(404, "Not Found"))?;
    if *until < telegram.0.clock.now() {
        return Err(ApiError::new(404, "Not Found"));
    }
    let file = state.files.get(id).ok_or_else(|| ApiError::new(404, "Not Found"))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], file.bytes.clone()).into_response())
}
