//! The HTTP API in front of the functions. A request becomes the very event that API Gateway would pass on (payload format
//! 2.0) and goes through `lambda_http`'s own conversion, so that a function sees on one machine what it sees on Lambda.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use lambda_http::{
    aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpRequestContext},
    request::LambdaRequest,
};
use shared::{
    clock::Clock,
    http::{HttpFunction, Request as FunctionRequest},
};

use crate::template::routes::{Parameters, Routes, decoded};

/// The most that an HTTP API takes in a body.
const GATEWAY_LIMIT: usize = 10 * 1024 * 1024;
/// The most that Lambda takes in an event, in which a binary body counts as base64. Less some room for the rest of it.
const EVENT_LIMIT: usize = 6 * 1024 * 1024 - 64 * 1024;
/// When an HTTP API stops waiting for its function.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The routes of the template with the functions behind them.
pub struct Gateway {
    routes: Routes<Arc<dyn HttpFunction>>,
    domain: String,
    clock: Arc<dyn Clock>,
}

impl Gateway {
    /// A gateway at `domain` (host and port).
    pub fn new(routes: Routes<Arc<dyn HttpFunction>>, domain: String, clock: Arc<dyn Clock>) -> Self {
        Self { routes, domain, clock }
    }

    /// Answers a request.
    pub async fn answer(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let Some((route, parameters, function)) = self.routes.find(&parts.method, parts.uri.path()) else {
            return said(StatusCode::NOT_FOUND, "Not Found");
        };
        let Ok(body) = to_bytes(body, GATEWAY_LIMIT).await else {
            return said(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        let binary = !is_text(&parts.headers, &body);
        if (if binary { body.len().div_ceil(3) * 4 } else { body.len() }) > EVENT_LIMIT {
            return said(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        }
        let route_key = format!("{} {}", route.method.as_ref().map_or("ANY", Method::as_str), route.pattern);
        let event = self.event(&parts, &body, binary, parameters, route_key);
        let function = function.clone();
        // On a task of its own, a panic ends this request alone, and a caller who leaves does not cut the function short:
        // as on Lambda.
        let call = tokio::spawn(async move { function.call(FunctionRequest::from(LambdaRequest::ApiGatewayV2(event))).await });
        match tokio::time::timeout(TIMEOUT, call).await {
            Ok(Ok(response)) => outward(response),
            Ok(Err(_)) => said(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"),
            Err(_) => said(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
        }
    }

    fn event(
        &self,
        parts: &Parts,
        body: &Bytes,
        binary: bool,
        parameters: Parameters,
        route_key: String,
    ) -> ApiGatewayV2httpRequest {
        // An HTTP API passes its path decoded, and only up to a question mark that was encoded in it.
        let path = decoded(parts.uri.path());
        let path = path.split('?').next().unwrap_or_default().to_owned();
        let agent = parts.headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());

        let mut context = ApiGatewayV2httpRequestContext::default();
        context.account_id = Some("123456789012".to_owned());
        context.apiid = Some("local".to_owned());
        context.domain_name = Some(self.domain.clone());
        context.domain_prefix = Some("local".to_owned());
        context.request_id = Some(uuid::Uuid::new_v4().simple().to_string());
        context.route_key = Some(route_key.clone());
        context.stage = Some("$default".to_owned());
        context.time_epoch = self.clock.now().millis();
        context.http.method = parts.method.clone();
        context.http.path = Some(path.clone());
        context.http.protocol = Some("HTTP/1.1".to_owned());
        context.http.source_ip = Some("127.0.0.1".to_owned());
        context.http.user_agent = agent.map(str::to_owned);

        let mut event = ApiGatewayV2httpRequest::default();
        event.version = Some("2.0".to_owned());
        event.route_key = Some(route_key);
        event.raw_path = Some(path);
        event.raw_query_string = Some(parts.uri.query().unwrap_or_default().to_owned());
        event.path_parameters = parameters;
        event.headers = self.headers(&parts.headers);
        event.cookies = cookies(&parts.headers);
        event.request_context = context;
        event.is_base64_encoded = binary;
        event.body = match (body.is_empty(), binary) {
            (true, _) => None,
            (false, true) => Some(STANDARD.encode(body)),
            (false, false) => Some(String::from_utf8_lossy(body).into_owned()),
        };
        event
    }

    /// As API Gateway passes headers: its own host, repeated ones joined by commas, cookies apart from the others.
    fn headers(&self, headers: &HeaderMap) -> HeaderMap {
        let mut passed = HeaderMap::new();
        for name in headers.keys().filter(|name| **name != header::COOKIE) {
            let values: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
            if let Ok(value) = HeaderValue::from_bytes(&values.join(&b","[..])) {
                passed.insert(name.clone(), value);
            }
        }
        if let Ok(host) = HeaderValue::from_str(&self.domain) {
            passed.insert(header::HOST, host);
        }
        passed.insert("x-forwarded-proto", HeaderValue::from_static("http"));
        passed
    }
}

fn cookies(headers: &HeaderMap) -> Option<Vec<String>> {
    let cookies: Vec<String> = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';').map(|cookie| cookie.trim().to_owned()))
        .collect();
    (!cookies.is_empty()).then_some(cookies)
}

/// Whether API Gateway passes such a body as text; everything else it passes as base64.
fn is_text(headers: &HeaderMap, body: &[u8]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/plain");
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let textual = essence.starts_with("text/")
        || matches!(essence.as_str(), "application/json" | "application/javascript" | "application/xml");
    textual && std::str::from_utf8(body).is_ok()
}

fn outward(response: shared::http::Response) -> Response {
    let (parts, body) = response.into_parts();
    let body = match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    };
    Response::from_parts(parts, body)
}

/// An answer of the gateway itself.
fn said(status: StatusCode, message: &str) -> Response {
    let body = serde_json::json!({ "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use lambda_http::{RequestExt, request::RequestContext};
    use serde_json::{Value, json};
    use shared::clock::SystemClock;

    use super::*;
    use crate::template::{Route, routes::Pattern};

    /// Tells what it saw.
    struct Echo;

    #[async_trait]
    impl HttpFunction for Echo {
        async fn call(&self, request: FunctionRequest) -> shared::http::Response {
            let RequestContext::ApiGatewayV2(context) = request.request_context() else { panic!() };
            let header = |name: &str| request.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
            let seen = json!({
                "method": request.method().as_str(),
                "parameter": request.path_parameters().first("name"),
                "query": request.query_string_parameters().all("q"),
                "raw_path": request.raw_http_path(),
                "domain": context.domain_name,
                "host": header("host"),
                "cookie": header("cookie"),
                "body": match request.body() {
                    lambda_http::Body::Text(text) => json!({"text": text}),
                    lambda_http::Body::Binary(bytes) => json!({"binary": bytes}),
                    _ => Value::Null,
                },
            });
            assert_ne!(seen["parameter"], "panic", "asked to");
            shared::http::Response::new(lambda_http::Body::Text(seen.to_string()))
        }
    }

    fn gateway() -> Gateway {
        let mut routes: Routes<Arc<dyn HttpFunction>> = Routes::default();
        for method in ["GET", "HEAD", "POST"] {
            let route = Route { method: Some(method.parse().unwrap()), pattern: Pattern::parse("/things/{name}").unwrap() };
            routes.add(route, Arc::new(Echo));
        }
        Gateway::new(routes, "127.0.0.1:3000".to_owned(), Arc::new(SystemClock))
    }

    async fn call(request: http::request::Builder, body: impl Into<Body>) -> (StatusCode, Value) {
        let response = gateway().answer(request.body(body.into()).unwrap()).await;
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_function_sees_what_lambda_would_show_it() {
        let request = Request::get("/things/a%2Fb%20c?q=1&q=x%26y")
            .header("host", "evil.example:1")
            .header("cookie", "a=1; b=2")
            .header("cookie", "c=3");
        let (status, seen) = call(request, "").await;
        assert_eq!(status, StatusCode::OK);
        let expected = json!({
            "method": "GET", "parameter": "a/b c", "query": ["1", "x&y"], "raw_path": "/things/a/b c",
            "domain": "127.0.0.1:3000", "host": "127.0.0.1:3000", "cookie": "a=1; b=2; c=3", "body": null,
        });
        assert_eq!(seen, expected);
    }

    #[tokio::test]
    async fn bodies_are_text_or_binary_as_at_the_gateway() {
        let post = |kind: &str| Request::post("/things/x").header("content-type", kind);
        assert_eq!(call(post("application/json; charset=utf-8"), "{}").await.1["body"], json!({"text": "{}"}));
        assert_eq!(call(post("multipart/form-data; boundary=x"), "--").await.1["body"], json!({"binary": [45, 45]}));
        assert_eq!(call(post("text/plain"), vec![0xff_u8]).await.1["body"], json!({"binary": [255]}));
    }

    #[tokio::test]
    async fn what_the_gateway_answers_itself() {
        assert_eq!(call(Request::get("/other"), "").await, (StatusCode::NOT_FOUND, json!({"message": "Not Found"})));
        assert_eq!(call(Request::delete("/things/x"), "").await.0, StatusCode::NOT_FOUND);
        let large = vec![0_u8; EVENT_LIMIT / 4 * 3 + 3];
        let post = Request::post("/things/x").header("content-type", "application/octet-stream");
        assert_eq!(call(post, large).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(call(Request::post("/things/x"), vec![0_u8; GATEWAY_LIMIT + 1]).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        let (status, body) = call(Request::get("/things/panic"), "").await;
        assert_eq!((status, body), (StatusCode::INTERNAL_SERVER_ERROR, json!({"message": "Internal Server Error"})));
    }
}
