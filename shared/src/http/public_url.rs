//! The bundle's own address, as links and callbacks need it. Taken from the configuration or from the gateway's request
//! context, never from the Host header, which the caller writes.

use lambda_http::{RequestExt, request::RequestContext};

use super::Request;
use crate::{config::Config, inbox::error::InboxError};

/// `PUBLIC_URL`, or `https://` and the gateway's domain name. No slash at the end.
pub fn public_url(config: &Config, request: &Request) -> Result<String, InboxError> {
    if let Some(url) = &config.public_url {
        return Ok(url.clone());
    }
    let domain = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.domain_name.as_deref(),
        _ => None,
    };
    domain.filter(|domain| !domain.is_empty()).map(|domain| format!("https://{domain}")).ok_or_else(|| {
        let problem = "the request did not come through the gateway, and PUBLIC_URL is not set".to_owned();
        InboxError::BadRequest { parameter: "requestContext.domainName", problem }
    })
}

#[cfg(test)]
mod tests {
    use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;

    use super::*;

    fn config(public_url: &str) -> Config {
        Config::from_lookup(|name| match name {
            "PUBLIC_URL" => Some(public_url.to_owned()),
            _ => Some("x".to_owned()).filter(|_| matches!(name, "TABLE_NAME" | "SECRET_ID")),
        })
        .unwrap()
    }

    fn request(domain: Option<&str>) -> Request {
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.domain_name = domain.map(str::to_owned);
        let mut request = Request::default().with_request_context(RequestContext::ApiGatewayV2(context));
        request.headers_mut().insert("host", http::HeaderValue::from_static("evil.example"));
        request
    }

    #[test]
    fn configured_or_from_the_gateway_never_from_the_caller() {
        let own = public_url(&config("https://chat.example/"), &request(Some("x.execute-api.example"))).unwrap();
        assert_eq!(own, "https://chat.example");
        let gateway = public_url(&config(""), &request(Some("x.execute-api.example"))).unwrap();
        assert_eq!(gateway, "https://x.execute-api.example");
        assert!(public_url(&config(""), &request(None)).is_err());
        assert!(public_url(&config(""), &Request::default()).is_err());
    }
}
