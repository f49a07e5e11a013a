//! Requests as API Gateway gives them to a function, for tests that call one without the gateway.

use std::collections::HashMap;

use http::{HeaderMap, Method};
use lambda_http::{Body, RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use local::simulators::{CLIENT_ID, CLIENT_SECRET};
use shared::http::{Request, Response};

/// A request with path parameters as (name, value). Its route is the path with their names in the place of their values.
pub fn request(method: Method, path: &str, parameters: &[(&str, &str)], headers: HeaderMap, body: impl Into<Body>) -> Request {
    let segment = |segment: &str| match parameters.iter().find(|(_, value)| *value == segment) {
        Some((name, _)) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    let route = path.split('/').map(segment).collect::<Vec<_>>().join("/");
    let parameters: HashMap<String, String> =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.domain_name = Some("127.0.0.1".to_owned());
    context.route_key = Some(format!("{method} {route}"));
    let mut request = Request::new(body.into());
    *request.method_mut() = method;
    *request.headers_mut() = headers;
    request.with_raw_http_path(path).with_path_parameters(parameters).with_request_context(RequestContext::ApiGatewayV2(context))
}

/// The Basic credentials with which Pipedrive calls.
///
/// # Panics
/// Never: the credentials are plain ASCII.
#[expect(clippy::expect_used, reason = "tests")]
pub fn as_pipedrive() -> HeaderMap {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let value = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().expect("a header value"))])
}

/// The body of a response as JSON; null if it is none.
pub fn json(response: &Response) -> serde_json::Value {
    serde_json::from_slice(response.body()).unwrap_or_default()
}

/// Type of what [`form`] makes.
pub const FORM: &str = "multipart/form-data; boundary=XX";

/// A form; a name may go on with what else belongs into its `Content-Disposition`.
pub fn form(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        let (name, more) = name.split_once(';').unwrap_or((name, ""));
        let more = if more.is_empty() { String::new() } else { format!(";{more}") };
        format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{value}\r\n")
    };
    fields.iter().map(part).collect::<String>() + "--XX--\r\n"
}
