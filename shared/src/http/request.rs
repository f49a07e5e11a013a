//! Reads requests: typed ids from the path, limits from the query, bodies within a size, who is asking from headers.

use bytes::Bytes;
use http::{HeaderMap, header};
use lambda_http::{Body, RequestExt, request::RequestContext};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::Request;
use crate::{inbox::error::InboxError, model::ids::InvalidId};

/// Entries on a page when the caller does not say (Pipedrive's default).
const DEFAULT_LIMIT: usize = 30;
/// Most entries on a page. Pipedrive names no maximum, so more is cut to this rather than refused.
const MAX_LIMIT: usize = 100;

/// A body that is larger than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is too large")]
pub struct TooLarge;

/// The id in the path's `{name}`. One of the wrong shape is as unknown as any other: no such `what`.
pub fn path_id<T: TryFrom<String, Error = InvalidId>>(
    request: &Request,
    name: &str,
    what: &'static str,
) -> Result<T, InboxError> {
    let id = path_parameter(request, name).and_then(|text| T::try_from(text).ok());
    id.ok_or(InboxError::NotFound(what))
}

/// The path's `{name}`, percent-decoded; none if the route has none or it is not UTF-8.
pub fn path_parameter(request: &Request, name: &str) -> Option<String> {
    let parameters = request.path_parameters_ref()?;
    percent_decode_str(parameters.first(name)?).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// The request's path, as it was called.
pub fn path(request: &Request) -> &str {
    match request.raw_http_path() {
        "" => request.uri().path(),
        path => path,
    }
}

/// The route that the gateway took, as the template writes it: `GET /v2/contacts/{contact}`. Empty without a gateway.
pub fn route(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.as_deref().unwrap_or_default(),
        _ => "",
    }
}

/// The query's `name`, decoded; the first if there are several.
pub fn query(request: &Request, name: &str) -> Option<String> {
    request.query_string_parameters_ref()?.first(name).map(str::to_owned)
}

/// The query's `name` as the number of entries on a page: 30 if absent, otherwise cut to 1..=100.
pub fn limit(request: &Request, name: &'static str) -> Result<usize, InboxError> {
    let Some(text) = query(request, name).filter(|text| !text.is_empty()) else {
        return Ok(DEFAULT_LIMIT);
    };
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.as_str()),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InboxError::BadRequest { parameter: name, problem: "must be a whole number".to_owned() });
    }
    let number = if negative { 0 } else { digits.parse().unwrap_or(usize::MAX) };
    Ok(number.clamp(1, MAX_LIMIT))
}

/// The body, byte for byte, if it has at most `max` bytes. It can be taken once.
pub fn take_body(request: &mut Request, max: usize) -> Result<Bytes, TooLarge> {
    let bytes = match std::mem::take(request.body_mut()) {
        Body::Text(text) => Bytes::from(text),
        Body::Binary(bytes) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    if bytes.len() > max { Err(TooLarge) } else { Ok(bytes) }
}

/// The body as JSON of at most `max` bytes. A fault names the field, and never quotes what was in it.
pub fn json<T: DeserializeOwned>(request: &mut Request, max: usize) -> Result<T, InboxError> {
    let body =
        take_body(request, max).map_err(|TooLarge| InboxError::invalid_body("body", format!("is larger than {max} bytes")))?;
    let mut reader = serde_json::Deserializer::from_slice(&body);
    let read: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| fault(&error))?;
    reader.end().map_err(|_| InboxError::invalid_body("body", "is not JSON"))?;
    Ok(read)
}

fn fault(error: &serde_path_to_error::Error<serde_json::Error>) -> InboxError {
    if !error.inner().is_data() {
        return InboxError::invalid_body("body", "is not JSON");
    }
    let path = Some(error.path().to_string()).filter(|path| path != ".");
    // The message's own words are serde's, and the name in them is of a field of ours.
    let message = error.inner().to_string();
    if let Some((missing, _)) = message.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
        let field = path.map_or_else(|| missing.to_owned(), |path| format!("{path}.{missing}"));
        return InboxError::invalid_body(field, "is missing");
    }
    InboxError::invalid_body(path.unwrap_or_else(|| "body".to_owned()), "is not of the expected kind")
}

/// The bearer token, if there is one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

/// The cookie `name`, if there is one.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use http::HeaderValue;
    use serde::Deserialize;

    use super::*;
    use crate::model::ids::{ChannelId, CompanyId};

    fn with_path(value: &str) -> Request {
        Request::default().with_path_parameters(HashMap::from([("id".to_owned(), value.to_owned())]))
    }

    fn with_query(value: &str) -> Request {
        Request::default().with_query_string_parameters(HashMap::from([("limit".to_owned(), value.to_owned())]))
    }

    #[test]
    fn ids_are_decoded_and_misshapen_ones_unknown() {
        let id = ChannelId::new(CompanyId(7));
        assert_eq!(path_id::<ChannelId>(&with_path(id.as_str()), "id", "channel").unwrap(), id);
        let encoded = id.as_str().replace('_', "%5F");
        assert_eq!(path_id::<ChannelId>(&with_path(&encoded), "id", "channel").unwrap(), id);
        for text in ["", "ch_7", "%ff", "cv_0000000000000000", "%"] {
            let error = path_id::<ChannelId>(&with_path(text), "id", "channel").unwrap_err();
            assert!(matches!(error, InboxError::NotFound("channel")), "{text}");
        }
        assert!(path_id::<ChannelId>(&Request::default(), "id", "channel").is_err());
    }

    #[test]
    fn limits_are_cut_and_nonsense_named() {
        for (text, expected) in
            [("", 30), ("1", 1), ("0", 1), ("-5", 1), ("100", 100), ("101", 100), ("99999999999999999999999999", 100)]
        {
            assert_eq!(limit(&with_query(text), "limit").unwrap(), expected, "{text}");
        }
        assert_eq!(limit(&Request::default(), "limit").unwrap(), 30);
        for text in ["ten", "1.5", "-", "1e2", " 5", "٣"] {
            let error = limit(&with_query(text), "limit").unwrap_err();
            assert!(matches!(error, InboxError::BadRequest { parameter: "limit", .. }), "{text}");
        }
    }

    #[test]
    fn bodies_have_a_size() {
        let request = |body: Body| Request::new(body);
        assert_eq!(take_body(&mut request(Body::from("abc")), 3).unwrap(), "abc");
        assert_eq!(take_body(&mut request(Body::from(vec![0, 255])), 3).unwrap(), vec![0, 255]);
        assert_eq!(take_body(&mut request(Body::Empty), 3).unwrap(), "");
        assert_eq!(take_body(&mut request(Body::from("abcd")), 3), Err(TooLarge));
    }

    #[derive(Debug, Deserialize)]
    struct Outer {
        #[expect(dead_code, reason = "only its presence matters")]
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only its presence matters")]
        count: u32,
    }

    #[test]
    fn a_fault_in_json_names_the_field_and_quotes_nothing() {
        for (body, expected) in [
            (r#"{"inner":{"count":1}}"#, None),
            (r#"{"inner":{"count":"hunter2"}}"#, Some("inner.count: is not of the expected kind")),
            (r#"{"inner":{}}"#, Some("inner.count: is missing")),
            ("{}", Some("inner: is missing")),
            ("[]", Some("body: is not of the expected kind")),
            ("\"hunter2\"", Some("body: is not of the expected kind")),
            ("", Some("body: is not JSON")),
            (r#"{"inner":{"count":1}} x"#, Some("body: is not JSON")),
            (r#"{"inner":{"count":1,"padding":"0123456789012345678901234567890"}}"#, Some("body: is larger than 60 bytes")),
        ] {
            let outcome = json::<Outer>(&mut Request::new(Body::from(body)), 60);
            assert_eq!(outcome.err().map(|error| error.to_string()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn headers_tell_bearer_and_cookies() {
        let headers =
            |name: header::HeaderName, value: &'static str| HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        assert_eq!(bearer(&headers(header::AUTHORIZATION, "bearer  abc")), Some("abc"));
        assert_eq!(bearer(&headers(header::AUTHORIZATION, "Basic abc")), None);
        assert_eq!(bearer(&headers(header::AUTHORIZATION, "Bearer ")), None);
        assert_eq!(cookie(&headers(header::COOKIE, "a=1; ab=2;b=3=4"), "b"), Some("3=4"));
        assert_eq!(cookie(&headers(header::COOKIE, "a=1; ab=2"), "b"), None);
    }
}
