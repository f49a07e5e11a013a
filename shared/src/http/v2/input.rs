//! Reads what a call sends: its body as JSON of a known shape, its parameters. A fault names the member and what it should be,
//! and never quotes what was in it.

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::{
    crm::{
        error::{CrmError, Missing},
        shapes::{GivenId, Object},
    },
    http::{Request, request},
    model::contact::ContactRef,
};

/// Largest body, in bytes.
pub const MAX_BODY: usize = 64 * 1024;
/// Highest number of a page.
pub const MAX_PAGE: usize = 9_999;

/// The body, byte for byte.
pub fn take_body(request: &mut Request) -> Result<Bytes, CrmError> {
    request::take_body(request, MAX_BODY)
        .map_err(|request::TooLarge| CrmError::InvalidInput(format!("The body is larger than {MAX_BODY} bytes.")))
}

/// The body as JSON of a known shape.
pub fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, CrmError> {
    if body.trim_ascii().is_empty() {
        return Err(CrmError::MissingBody);
    }
    let not_json = || CrmError::InvalidInput("Invalid JSON body.".to_owned());
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Object(read) = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        if error.inner().is_data() { fault(&error.path().to_string(), &error.inner().to_string()) } else { not_json() }
    })?;
    reader.end().map_err(|_| not_json())?;
    Ok(read)
}

/// A fault at `path`, in the schema's words. The message is serde's, or one of our own shapes'.
fn fault(path: &str, message: &str) -> CrmError {
    // serde adds where in the text it was.
    let message = message.rfind(" at line ").map_or(message, |end| &message[..end]);
    let within = |name: &str| if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    if let Some((name, _)) = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        return CrmError::invalid(&within(name), "is required");
    }
    // What was found instead may be a value of the caller's; what was expected is a type.
    let problem = match message.rsplit_once("expected ") {
        Some((_, "a map")) => "must be an object".to_owned(),
        Some((_, expected)) => format!("must be {expected}"),
        None => message.to_owned(),
    };
    if path == "." { CrmError::InvalidInput(format!("The body {problem}.")) } else { CrmError::invalid(path, &problem) }
}

/// The contact in the path's `{contact}`. Without one the call names nobody; one that can be no contact's is not found.
pub fn contact(request: &Request, missing: Missing) -> Result<ContactRef, CrmError> {
    let text = named(request, "contact", missing)?;
    ContactRef::parse(&text).ok_or(CrmError::ContactNotFound)
}

/// The path's `{name}`, without which the call names nothing.
pub fn named(request: &Request, name: &str, missing: Missing) -> Result<String, CrmError> {
    let text = request::path_parameter(request, name).map(|text| text.trim().to_owned());
    text.filter(|text| !text.is_empty()).ok_or(CrmError::InvalidParams(missing))
}

/// The query's `page`: 0 if absent.
pub fn page(request: &Request) -> Result<usize, CrmError> {
    let Some(text) = request::query(request, "page") else { return Ok(0) };
    let page = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    page.filter(|page| *page <= MAX_PAGE).ok_or_else(|| CrmError::invalid("page", "must be a whole number from 0 to 9999"))
}

/// The query's `name` as an id, if it is there.
pub fn id(request: &Request, name: &str) -> Result<Option<GivenId>, CrmError> {
    let given = request::query(request, name);
    given.map(|text| GivenId::try_from(text).map_err(|problem| CrmError::invalid(name, problem))).transpose()
}

/// A header that is `true` or `false`, or absent, which is `false`.
pub fn switch(request: &Request, name: &str) -> Result<bool, CrmError> {
    match header(request, name).map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(CrmError::invalid(name, "must be true or false")),
    }
}

/// A header's text, if it is there. One that is no text is as good as empty.
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name).map(|value| value.to_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::shapes::{ContactCreate, DealCreate, ListCreate};

    fn said<T: DeserializeOwned + std::fmt::Debug>(body: &str) -> String {
        match json::<T>(body.as_bytes()) {
            Err(CrmError::InvalidInput(said)) => said,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn faults_name_the_member_and_quote_nothing() {
        for (body, expected) in [
            ("{", "Invalid JSON body."),
            ("{} {}", "\"email\" is required"),
            ("hunter2", "Invalid JSON body."),
            ("[\"a@b.co\"]", "The body must be an object."),
            ("\"hunter2\"", "The body must be an object."),
            ("{}", "\"email\" is required"),
            (r#"{"email":7}"#, "\"email\" must be a string"),
            (r#"{"email":null}"#, "\"email\" must be a string"),
            (r#"{"email":"hunter2"}"#, "\"email\" must be a valid email"),
            (r#"{"email":"expected hunter2"}"#, "\"email\" must be a valid email"),
            (r#"{"email":"a@b.co","attributes":"hunter2"}"#, "\"attributes\" must be an object"),
            (r#"{"email":"a@b.co","attributes":["hunter2"]}"#, "\"attributes\" must be an object"),
            (r#"{"email":"a@b.co","attributes":{"name":{"hunter2":1}}}"#, "\"attributes.name\" must be a string"),
            (
                r#"{"email":"a@b.co","attributes":{"phone":"hunter2"}}"#,
                "\"attributes.phone\" must be a valid phone number of 6 to 15 digits",
            ),
            (r#"{"email":"a@b.co","attributes":{"phone":true}}"#, "\"attributes.phone\" must be a string or a whole number"),
            (r#"{"email":"a@b.co","origin":{"hunter2":2}}"#, "\"origin.hunter2\" must be a string"),
            (r#"{"email":"a@b.co","origin":"hunter2"}"#, "\"origin\" must be an object"),
            (
                r#"{"email":"a@b.co","conversationId":"hunter2"}"#,
                "\"conversationId\" must be the id of a conversation of this company",
            ),
        ] {
            assert_eq!(said::<ContactCreate>(body), expected, "{body}");
        }
        for (body, expected) in [
            (r#"{"contactId":1,"pipelineId":2}"#, "\"stageId\" is required"),
            (r#"{"contactId":"","pipelineId":2,"stageId":3}"#, "\"contactId\" must be an id"),
            (r#"{"contactId":[],"pipelineId":2,"stageId":3}"#, "\"contactId\" must be a string or a whole number"),
            (
                r#"{"contactId":1,"pipelineId":2,"stageId":3,"attributes":{"pb_closingDate":"soon"}}"#,
                "\"attributes.pb_closingDate\" must be a date like 2026-12-24",
            ),
        ] {
            assert_eq!(said::<DealCreate>(body), expected, "{body}");
        }
        assert_eq!(said::<ListCreate>(r#"{"name":" "}"#), "\"name\" must not be empty");
        for empty in ["", " \n"] {
            assert!(matches!(json::<ListCreate>(empty.as_bytes()), Err(CrmError::MissingBody)), "{empty:?}");
        }
    }
}
