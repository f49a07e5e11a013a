//! Requests of Pipedrive, of browsers and of companies' programs, as far as they are read before anybody is asked.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use lambda_http::{Body, RequestExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::{
    clock::Clock,
    crm::{
        error::Missing,
        shapes::{Amount, ContactCreate, ContactUpdate, Day, DealCreate, DealUpdate, GivenId, ListCreate},
    },
    http::{self as front, Request, error, form, request, v2::input},
    inbox::page::{answer::Answer, uploads::Wanted},
    media::links,
    model::{
        contact::{ContactRef, Email, Phone},
        cursor::{ConversationCursor, DeadCursor, MessageCursor},
        ids::{ChannelId, ConversationId, KeyId, ListId, MessageId, ParticipantId, Place, ProviderMessageId},
    },
    records::link::{
        create::{NewDeal, NewLead, NewPerson},
        settings::ChangeSettings,
    },
};

use crate::{
    sessions::wait,
    signatures::split,
    world::{Still, secrets},
};

/// A content type, an empty line, a body: as Pipedrive's `postMessage`.
pub(crate) fn form(data: &[u8]) {
    let (kind, body) = split(data);
    let read = wait(form::read(std::str::from_utf8(kind).ok(), Bytes::copy_from_slice(body)));
    if let Ok(read) = read {
        let bytes = read.message.len() + read.files.iter().map(|file| file.bytes.len()).sum::<usize>();
        assert!(bytes <= body.len(), "a form holds no more than it was sent");
    }
}

/// Any text where an id, a cursor or a link of ours belongs. What is one is written as it came.
pub(crate) fn cursors(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let text = text.as_ref();
    if let Ok(cursor) = ConversationCursor::decode(text) {
        assert_eq!(cursor.encode(), text);
    }
    if let Ok(cursor) = MessageCursor::decode(text) {
        assert_eq!(cursor.encode(), text);
    }
    if let Ok(cursor) = DeadCursor::decode(text) {
        assert_eq!(cursor.encode(), text);
    }
    if let Ok(id) = ChannelId::parse(text) {
        assert_eq!((id.as_str(), ChannelId::parse(id.as_str()).map(|id| id.company())), (text, Ok(id.company())));
        id.source_user();
    }
    if let Ok(id) = ConversationId::parse(text) {
        assert_eq!(id.end_user().conversation().as_ref(), Some(&id));
    }
    if let Ok(id) = MessageId::parse(text) {
        assert_eq!(id.conversation().message(&id.place()), id);
    }
    if let Ok(id) = ParticipantId::parse(text) {
        id.conversation();
    }
    if let Ok(place) = Place::parse(text) {
        place.arrived_at();
    }
    if let Ok(id) = KeyId::parse(text) {
        id.company();
    }
    let _ = (ListId::parse(text), ProviderMessageId::parse(text));
    let vault = secrets().vault;
    let _ = links::open(&vault, text, Still.now());
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(data) {
        headers.insert(header::COOKIE, value);
    }
    // The same text as the state and as the cookie that goes with it.
    let _ = front::state::finish(&vault, Some(text), &headers, Still.now());
}

/// Any body to the inbox page's API.
pub(crate) fn page(data: &[u8]) {
    body::<Answer>(data);
    body::<Wanted>(data);
    body::<ChangeSettings>(data);
    body::<NewPerson>(data);
    body::<NewLead>(data);
    body::<NewDeal>(data);
}

/// A body is read or refused, and a refusal quotes nothing of it.
fn body<T: DeserializeOwned>(data: &[u8]) {
    let mut request = Request::new(Body::Binary(data.to_vec()));
    let Err(refused) = request::json::<T>(&mut request, data.len()) else { return };
    let response = error::respond(refused);
    assert_eq!(response.status(), 400);
    let said = String::from_utf8_lossy(response.body()).into_owned();
    let body: Value = serde_json::from_slice(data).unwrap_or_default();
    assert!(!quotes(&said, &body), "{said}");
}

/// Whether `said` has a text of `body` in it that is too long to be there by chance.
fn quotes(said: &str, body: &Value) -> bool {
    match body {
        Value::String(text) => text.len() > 30 && said.contains(text.as_str()),
        Value::Array(values) => values.iter().any(|value| quotes(said, value)),
        Value::Object(fields) => fields.values().any(|value| quotes(said, value)),
        _ => false,
    }
}

/// Any body, path and query to the contacts and deals API.
pub(crate) fn api(data: &[u8]) {
    let _ = input::json::<ContactCreate>(data);
    let _ = input::json::<ContactUpdate>(data);
    let _ = input::json::<DealCreate>(data);
    let _ = input::json::<DealUpdate>(data);
    let _ = input::json::<ListCreate>(data);
    let text = String::from_utf8_lossy(data).into_owned();
    let _ = (ContactRef::parse(&text), GivenId::try_from(text.clone()).map(|id| id.number()));
    let _ = (serde_json::from_slice::<Amount>(data).map(Amount::number), serde_json::from_slice::<Day>(data).is_ok());
    if let Some(email) = Email::parse(&text) {
        assert!(email.is(&email.key()));
    }
    if let Some(phone) = Phone::parse(&text) {
        assert!(phone.is(phone.as_str()) && phone.digits().ends_with(phone.ending()));
    }
    let given: HashMap<String, String> = ["page", "contactId", "contact"].map(|name| (name.to_owned(), text.clone())).into();
    let mut request = Request::new(Body::Empty)
        .with_path_parameters(given.clone())
        .with_query_string_parameters(given.into_iter().map(|(name, value)| (name, vec![value])).collect::<HashMap<_, _>>());
    if let Ok(value) = HeaderValue::from_bytes(data) {
        request.headers_mut().insert("x-developer-mode", value);
    }
    let _ = (input::page(&request), input::id(&request, "contactId"), input::switch(&request, "x-developer-mode"));
    let _ = input::contact(&request, Missing::ContactEmail);
}
