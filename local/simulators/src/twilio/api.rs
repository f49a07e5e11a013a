//! What the bundle calls (Twilio's REST API, version 2010-04-01): the account, its numbers, messages and their files. Each
//! request is checked as Twilio checks it.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use shared::model::time::Timestamp;
use url::form_urlencoded;

use super::{ACCOUNT_SID, Fault, Kept, Twilio, TwilioError, records, send};
use crate::locked;

/// How long a signed address of a file is good.
const LINK_LIFE: Duration = Duration::from_mins(5);
const PAGE_SIZE: usize = 50;
const MAX_PAGE_SIZE: usize = 1000;

pub(super) fn router(twilio: Twilio) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}", get(account))
        .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers.json", get(numbers))
        .route("/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{number}", post(change_number))
        .route("/2010-04-01/Accounts/{account}/Messages.json", get(list).post(create))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}", get(one))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}/Media.json", get(media_list))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}/Media/{media}", get(media))
        .route("/cdn/{link}", get(download))
        .fallback(|| async { TwilioError::code(20_404) })
        .with_state(twilio)
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json;charset=utf-8")], body.to_string()).into_response()
}

type Fields = Vec<(String, String)>;

/// The fields of a body that says that it is a form.
fn form(headers: &HeaderMap, body: &Bytes) -> Result<Fields, TwilioError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().unwrap_or_default().trim() != "application/x-www-form-urlencoded" {
        return Err(TwilioError::code(20_001));
    }
    Ok(form_urlencoded::parse(body).into_owned().collect())
}

/// The fields of a query, of which only these are known.
fn query(query: Option<String>, known: &[&str]) -> Result<Fields, TwilioError> {
    let fields: Fields = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    if fields.iter().all(|(name, _)| known.contains(&name.as_str())) { Ok(fields) } else { Err(TwilioError::code(20_001)) }
}

fn field<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

impl Twilio {
    /// Whether a call carries the account's credentials, and is about the account.
    fn authorize(&self, account: &str, headers: &HeaderMap) -> Result<(), TwilioError> {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let given = given.strip_prefix("Basic ").and_then(|pair| STANDARD.decode(pair).ok()).unwrap_or_default();
        let state = locked(&self.0.state);
        if given != format!("{ACCOUNT_SID}:{}", state.auth_token).into_bytes() {
            return Err(TwilioError::code(20_003));
        }
        if account == ACCOUNT_SID { Ok(()) } else { Err(TwilioError::code(20_404)) }
    }

    fn kept(&self, sid: &str) -> Result<Kept, TwilioError> {
        self.message(sid).ok_or(TwilioError::code(20_404))
    }
}

async fn account(State(twilio): State<Twilio>, Path(account): Path<String>, headers: HeaderMap) -> Result<Response, TwilioError> {
    let account = account.strip_suffix(".json").ok_or(TwilioError::code(20_404))?;
    twilio.authorize(account, &headers)?;
    let status = locked(&twilio.0.state).account_status.clone();
    let body = json!({"sid": ACCOUNT_SID, "friendly_name": "Demo Company", "status": status, "type": "Full"});
    Ok(answer(StatusCode::OK, &body))
}

async fn numbers(
    State(twilio): State<Twilio>,
    Path(account): Path<String>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Result<Response, TwilioError> {
    twilio.authorize(&account, &headers)?;
    let fields = query(asked, &["PhoneNumber", "FriendlyName", "PageSize", "Page", "PageToken"])?;
    let wanted = field(&fields, "PhoneNumber").unwrap_or_default().trim_start_matches('+');
    let state = locked(&twilio.0.state);
    let found: Vec<Value> = state
        .numbers
        .iter()
        .filter(|number| number.number.contains(wanted))
        .map(|number| records::number(ACCOUNT_SID, number))
        .collect();
    Ok(answer(StatusCode::OK, &json!({"incoming_phone_numbers": found, "next_page_uri": null, "page": 0, "page_size": 50})))
}

async fn change_number(
    State(twilio): State<Twilio>,
    Path((account, number)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TwilioError> {
    twilio.authorize(&account, &headers)?;
    let fields = form(&headers, &body)?;
    let sid = number.strip_suffix(".json").ok_or(TwilioError::code(20_404))?;
    let mut state = locked(&twilio.0.state);
    let number = state.numbers.iter_mut().find(|number| number.sid == sid).ok_or(TwilioError::code(20_404))?;
    for (name, value) in fields {
        match name.as_str() {
            "SmsUrl" if value.is_empty() || value.starts_with("http://") || value.starts_with("https://") => {
                number.sms_url = value;
            }
            "SmsUrl" => return Err(TwilioError::code(21_502)),
            "SmsMethod" if matches!(value.as_str(), "GET" | "POST") => number.sms_method = value,
            "SmsApplicationSid" => number.sms_application_sid = value,
            _ => return Err(TwilioError::code(20_001)),
        }
    }
    Ok(answer(StatusCode::OK, &records::number(ACCOUNT_SID, number)))
}

async fn create(
    State(twilio): State<Twilio>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TwilioError> {
    twilio.authorize(&account, &headers)?;
    let fields = form(&headers, &body)?;
    let (draft, fault) = {
        let mut state = locked(&twilio.0.state);
        if state.account_status != "active" {
            return Err(TwilioError::code(20_005));
        }
        (send::read(&fields, &state.numbers, &state.opted_out)?, state.faults.pop_front())
    };
    let later = match fault {
        Some(Fault::Code(code)) => return Err(TwilioError::code(code)),
        Some(Fault::Html(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            return Ok((status, [(header::CONTENT_TYPE, "text/html")], "<html><body>Sorry</body></html>").into_response());
        }
        Some(Fault::Later(code)) => Some(code),
        Some(Fault::LostAnswer) | None => None,
    };
    let message = twilio.accept(draft, later);
    if fault == Some(Fault::LostAnswer) {
        let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection is gone")) });
        return Ok(Body::from_stream(broken).into_response());
    }
    Ok(answer(StatusCode::CREATED, &records::message(ACCOUNT_SID, &message)))
}

async fn one(
    State(twilio): State<Twilio>,
    Path((account, message)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, TwilioError> {
    twilio.authorize(&account, &headers)?;
    let message = twilio.kept(message.strip_suffix(".json").unwrap_or_default())?;
    Ok(answer(StatusCode::OK, &records::message(ACCOUNT_SID, &message)))
}

async fn list(
    State(twilio): State<Twilio>,
    Path(account): Path<String>,
    RawQuery(asked): RawQuery,
    headers: HeaderMap,
) -> Result<Response, TwilioError> {
    twilio.authorize(&account, &headers)?;
    let known = ["To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"];
    let fields = query(asked, &known)?;
    let number = |name| field(&fields, name).map(str::parse::<usize>);
    let (Ok(size), Ok(page)) = (number("PageSize").unwrap_or(Ok(PAGE_SIZE)), number("Page").unwrap_or(Ok(0))) else {
        return Err(TwilioError::code(20_001));
    };
    let size = size.clamp(1, MAX_PAGE_SIZE);
    let day = |at: Timestamp| at.rfc3339().get(..10).map(str::to_owned).unwrap_or_default();
    let wanted = |message: &&Kept| {
        let is = |name, value: &str| field(&fields, name).is_none_or(|wanted| wanted == value);
        let sent = day(message.at);
        is("To", &message.to)
            && is("From", &message.from)
            && is("DateSent", &sent)
            && field(&fields, "DateSent>").is_none_or(|first| sent.as_str() >= first)
            && field(&fields, "DateSent<").is_none_or(|last| sent.as_str() <= last)
    };
    let mut found: Vec<Kept> = locked(&twilio.0.state).messages.iter().filter(wanted).cloned().collect();
    found.sort_by_key(|message| std::cmp::Reverse(message.at));
    let rest = found.get(page * size..).unwrap_or_default();
    let shown: Vec<Value> = rest.iter().take(size).map(|message| records::message(ACCOUNT_SID, message)).collect();
    let next = (rest.len() > size).then(|| {
        let filters = fields.iter().filter(|(name, _)| !matches!(name.as_str(), "Page" | "PageToken" | "PageSize"));
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(filters)
            .append_pair("PageSize", &size.to_string())
            .append_pair("Page", &(page + 1).to_string())
            .append_pair("PageToken", &format!("PA{}", rest[size - 1].sid))
            .finish();
        format!("/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?{query}")
    });
    Ok(answer(StatusCode::OK, &json!({"messages": shown, "next_page_uri": next, "page": page, "page_size": size})))
}

async fn media_list(
    State(twilio): State<Twilio>,
    Path((account, message)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, TwilioError> {
    twilio.authorize(&account, &headers)?;
    let message = twilio.kept(&message)?;
    let state = locked(&twilio.0.state);
    let files = message.media.iter().filter_map(|sid| Some(records::media(ACCOUNT_SID, sid, state.media.get(sid)?)));
    Ok(answer(StatusCode::OK, &json!({"media_list": files.collect::<Vec<_>>(), "next_page_uri": null, "page": 0})))
}

/// With `.json` what is known of a file, without it the way to the file itself.
async fn media(
    State(twilio): State<Twilio>,
    Path((account, message, media)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, TwilioError> {
    twilio.authorize(&account, &headers)?;
    let sid = media.strip_suffix(".json").unwrap_or(&media);
    let mut state = locked(&twilio.0.state);
    let file = state.media.get(sid).filter(|file| file.message == message).cloned().ok_or(TwilioError::code(20_404))?;
    if sid.len() < media.len() {
        return Ok(answer(StatusCode::OK, &records::media(ACCOUNT_SID, sid, &file)));
    }
    let link = uuid::Uuid::new_v4().simple().to_string();
    state.links.insert(link.clone(), (sid.to_owned(), twilio.0.clock.now().plus(LINK_LIFE)));
    let address = format!("{}/cdn/{link}", twilio.0.url);
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, address)]).into_response())
}

/// The store behind Twilio: the address is the credential, and with another one beside it, it refuses.
async fn download(State(twilio): State<Twilio>, Path(link): Path<String>, headers: HeaderMap) -> Response {
    if headers.contains_key(header::AUTHORIZATION) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let now = twilio.0.clock.now();
    let state = locked(&twilio.0.state);
    let found = state.links.get(&link).filter(|(_, until)| *until > now).and_then(|(sid, _)| state.media.get(sid));
    match found {
        Some(file) => ([(header::CONTENT_TYPE, file.mime.clone())], file.bytes.clone()).into_response(),
        None => StatusCode::FORBIDDEN.into_response(),
    }
}
