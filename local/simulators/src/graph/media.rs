//! Meta's media store (Meta, WhatsApp Cloud API, "Media"): what a form brings gets an id; an id leads to an address for five
//! minutes; what lies there is given for the token alone.

use std::time::Duration;

use aws_lc_rs::digest;
use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use multer::Multipart;
use serde_json::{Value, json};
use shared::model::time::Timestamp;

use super::{
    Graph, GraphError, Number, VERSION,
    api::{answer, token},
};
use crate::{locked, meta::signature};

/// Where files lie; the real ones at lookaside.fbsbx.com.
pub(super) const FILES: &str = "/whatsapp_business/attachments/";
/// How long an address leads to its file.
const ADDRESS_LIFE: Duration = Duration::from_mins(5);
/// How long a customer's file is kept.
pub(super) const RECEIVED_LIFE: Duration = Duration::from_hours(7 * 24);
/// How long an uploaded file is kept.
pub(super) const UPLOADED_LIFE: Duration = Duration::from_hours(30 * 24);
/// How long Meta waits for a file that it fetches itself.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

const MB: usize = 1024 * 1024;
/// The largest file, with room for its form.
pub(super) const MAX_FORM: usize = 101 * MB;

const DOCUMENT_TYPES: [&str; 8] = [
    "text/plain",
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
];

/// A file in the store.
#[derive(Debug, Clone)]
pub(super) struct Medium {
    pub(super) number: String,
    pub(super) mime: String,
    pub(super) bytes: Bytes,
    pub(super) until: Timestamp,
}

/// Whether a message of `kind` may hold a file of that type.
pub(super) fn fits(kind: &str, mime: &str) -> bool {
    match kind {
        "image" => matches!(mime, "image/jpeg" | "image/png"),
        "video" => matches!(mime, "video/mp4" | "video/3gpp"),
        "audio" => matches!(mime, "audio/aac" | "audio/amr" | "audio/mpeg" | "audio/mp4" | "audio/ogg"),
        "sticker" => mime == "image/webp",
        _ => true,
    }
}

/// The largest file of a type that the store takes; none if it takes no such type.
fn max_size(mime: &str) -> Option<usize> {
    if DOCUMENT_TYPES.contains(&mime) {
        return Some(100 * MB);
    }
    match mime {
        "image/jpeg" | "image/png" => Some(5 * MB),
        "image/webp" => Some(500 * 1024),
        _ if fits("audio", mime) || fits("video", mime) => Some(16 * MB),
        _ => None,
    }
}

fn essence(mime: &str) -> &str {
    mime.split(';').next().unwrap_or_default().trim()
}

impl Graph {
    /// Keeps a file of a number. Its id.
    pub(super) fn keep(&self, number: &str, mime: &str, bytes: Bytes, life: Duration) -> String {
        let id = (uuid::Uuid::new_v4().as_u64_pair().0 % 9_000_000_000_000_000 + 1_000_000_000_000_000).to_string();
        let until = self.0.clock.now().plus(life);
        let medium = Medium { number: number.to_owned(), mime: mime.to_owned(), bytes, until };
        locked(&self.0.state).media.insert(id.clone(), medium);
        id
    }

    /// A file that has not run out.
    pub(super) fn medium(&self, id: &str) -> Option<Medium> {
        let now = self.0.clock.now();
        locked(&self.0.state).media.get(id).filter(|medium| medium.until > now).cloned()
    }

    /// Whether the token may use the number that the file belongs to.
    fn owned(&self, id: &str, token: &str) -> Result<(Number, Medium), GraphError> {
        let medium = self.medium(id).ok_or_else(|| GraphError::unknown_object(id))?;
        Ok((self.number(&medium.number, token)?, medium))
    }

    /// What an id leads to (`GET /{media}`).
    pub(super) fn resolved(
        &self,
        id: &str,
        token: &str,
        query: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Response, GraphError> {
        let (number, medium) = self.owned(id, token)?;
        if parameter(query, "phone_number_id").is_some_and(|asked| asked != number.id) {
            return Err(GraphError::unknown_object(id));
        }
        let until = self.0.clock.now().plus(ADDRESS_LIFE).secs();
        let hash = signature(&self.0.app.secret, format!("{id}.{until}").as_bytes());
        Ok(answer(&json!({
            "messaging_product": "whatsapp",
            "url": format!("{}{FILES}?mid={id}&ext={until}&hash={hash}", self.base(headers)),
            "mime_type": medium.mime,
            "sha256": sha256(&medium.bytes),
            "file_size": medium.bytes.len(),
            "id": id,
        })))
    }

    /// Where the API is served: as it was told, else as this request found it.
    pub(super) fn base(&self, headers: &HeaderMap) -> String {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        locked(&self.0.state).url.clone().unwrap_or_else(|| format!("http://{host}"))
    }

    /// Gets a file that a message names by an address. None if it is not there.
    pub(super) async fn get_linked(&self, link: &str) -> Option<(String, Bytes)> {
        let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).build().ok()?;
        let answer = client.get(link).send().await.ok().filter(|answer| answer.status().is_success())?;
        let mime = answer.headers().get(header::CONTENT_TYPE).and_then(|mime| mime.to_str().ok()).unwrap_or_default();
        let mime = essence(mime).to_owned();
        Some((mime, answer.bytes().await.ok()?))
    }

    /// Lets a file run out, as it does after its time.
    pub fn expire(&self, media: &str) {
        locked(&self.0.state).media.remove(media);
    }

    /// Lets the next `count` addresses of files be dead when they are used.
    pub fn expire_addresses(&self, count: usize) {
        locked(&self.0.state).dead_addresses = count;
    }
}

fn parameter(query: Option<&str>, wanted: &str) -> Option<String> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// `POST /{number}/media`
pub(super) async fn upload(
    State(graph): State<Graph>,
    Path((version, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, GraphError> {
    let number = graph.number(&number, &token(&version, &headers)?)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let invalid = |why: &str| GraphError::parameter("Invalid parameter").because(why);
    let boundary = multer::parse_boundary(kind).map_err(|_| invalid("the body is no form"))?;
    let mut form = Multipart::new(stream::once(async move { Ok::<_, std::convert::Infallible>(body) }), boundary);
    let (mut product, mut stated, mut file) = (None, None, None);
    while let Some(field) = form.next_field().await.map_err(|_| invalid("the form is broken"))? {
        match field.name().unwrap_or_default() {
            "messaging_product" => product = field.text().await.ok(),
            "type" => stated = field.text().await.ok(),
            "file" if field.file_name().is_some() => {
                let mime = field.content_type().map(|mime| mime.essence_str().to_owned()).unwrap_or_default();
                file = Some((mime, field.bytes().await.map_err(|_| invalid("the file is cut"))?));
            }
            other => return Err(GraphError::parameter(format!("Unexpected key \"{other}\" on param"))),
        }
    }
    if product.as_deref() != Some("whatsapp") {
        return Err(GraphError::parameter("The parameter messaging_product is required."));
    }
    let stated = stated.ok_or_else(|| GraphError::parameter("The parameter type is required."))?;
    let (mime, bytes) = file.ok_or_else(|| GraphError::parameter("The parameter file is required."))?;
    let Some(max) = max_size(&mime).filter(|_| essence(&stated) == mime) else {
        let problem = "Param file must be a file with one of the following types: audio/aac, audio/mp4, audio/mpeg, …";
        return Err(GraphError::parameter(format!("{problem} Received file of type '{mime}'.")));
    };
    if bytes.is_empty() || bytes.len() > max {
        return Err(invalid("the file is empty or too large for its type"));
    }
    let id = graph.keep(&number.id, &mime, bytes, UPLOADED_LIFE);
    Ok(answer(&json!({ "id": id })))
}

/// `DELETE /{media}`
pub(super) async fn delete(
    State(graph): State<Graph>,
    Path((version, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, GraphError> {
    graph.owned(&id, &token(&version, &headers)?)?;
    graph.expire(&id);
    Ok(answer(&json!({"success": true})))
}

/// A file itself, at the address that its id led to.
pub(super) async fn download(State(graph): State<Graph>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.as_deref();
    let asked = |name| parameter(query, name).unwrap_or_default();
    let (id, until) = (asked("mid"), asked("ext"));
    let Ok((_, medium)) = token(VERSION, &headers).and_then(|token| graph.owned(&id, &token)) else {
        return (StatusCode::UNAUTHORIZED, [(header::CONTENT_TYPE, "text/html")], "<html>Log in</html>").into_response();
    };
    let genuine = asked("hash") == signature(&graph.0.app.secret, format!("{id}.{until}").as_bytes());
    let alive = until.parse().is_ok_and(|until: i64| graph.0.clock.now().secs() < until);
    let killed = {
        let mut state = locked(&graph.0.state);
        let killed = state.dead_addresses > 0;
        state.dead_addresses = state.dead_addresses.saturating_sub(1);
        killed
    };
    if !genuine || !alive || killed {
        return StatusCode::NOT_FOUND.into_response();
    }
    ([(header::CONTENT_TYPE, medium.mime)], medium.bytes).into_response()
}

/// A file as webhooks describe it.
pub(super) fn described(id: &str, mime: &str, bytes: &[u8]) -> Value {
    json!({"id": id, "mime_type": mime, "sha256": sha256(bytes)})
}

fn sha256(bytes: &[u8]) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, bytes))
}
