//! Responses and the headers that each kind carries. JSON is never cached or sniffed; pages run no script but our own
//! and are framed by Pipedrive alone.

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
    },
};
use lambda_http::Body;
use serde::Serialize;

use super::Response;

/// What a page may load, and who may show it in a frame: Pipedrive shows an app's pages in iframes on the company's own
/// subdomain.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors https://*.pipedrive.com";

/// Pipedrive on any company's own subdomain.
const PIPEDRIVE: &str = "https://*.pipedrive.com";

#[derive(Serialize)]
struct Success<T> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
}

/// 200 with `{"success":true,"data":…}`.
pub fn data<T: Serialize>(data: T) -> Response {
    ok(&Success { success: true, data: Some(data) })
}

/// 200 with `{"success":true}`.
pub fn success() -> Response {
    ok(&Success::<()> { success: true, data: None })
}

/// 200 with `body` as it is.
pub fn ok<T: Serialize>(body: &T) -> Response {
    json(StatusCode::OK, body)
}

/// `body` as JSON that nobody keeps.
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => with_body(status, "application/json", "no-store", Body::Text(text)),
        Err(error) => {
            tracing::error!(%error, "a response could not be written");
            with_body(StatusCode::INTERNAL_SERVER_ERROR, "application/json", "no-store", Body::Text("{}".to_owned()))
        }
    }
}

/// Plain text, byte for byte.
pub fn text(status: StatusCode, text: String) -> Response {
    with_body(status, "text/plain; charset=utf-8", "no-store", Body::Text(text))
}

/// An HTML page. It is not kept, since its address may hold a token.
pub fn html(status: StatusCode, html: String) -> Response {
    let mut response = with_body(status, "text/html; charset=utf-8", "no-store", Body::Text(html));
    set(&mut response, CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set(&mut response, REFERRER_POLICY, "no-referrer");
    response
}

/// Who may frame a page of the app, and where the files are that it shows.
#[derive(Debug, Clone, Copy)]
pub struct Framing<'a> {
    /// Origin of the bucket: files are shown from there and uploaded to there.
    pub files: &'a str,
    /// Sources of `frame-ancestors`; Pipedrive's, if none are set.
    pub ancestors: Option<&'a str>,
}

/// A page of the app, in Pipedrive's frame. It is not kept, since its address may hold a token.
pub fn app_page(html: &str, framing: &Framing<'_>) -> Response {
    let Framing { files, ancestors } = framing;
    let ancestors = ancestors.unwrap_or(PIPEDRIVE);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {files}; img-src 'self' data: blob: {files}; \
         media-src 'self' blob: {files}; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    );
    let mut response = with_body(StatusCode::OK, "text/html; charset=utf-8", "no-store", Body::Text(html.to_owned()));
    set(&mut response, CONTENT_SECURITY_POLICY, &policy);
    set(&mut response, REFERRER_POLICY, "no-referrer");
    response
}

/// 302 to `location`, setting `cookie` on the way.
pub fn redirect(location: &str, cookie: Option<&str>) -> Response {
    let mut response = with_body(StatusCode::FOUND, "text/plain; charset=utf-8", "no-store", Body::Empty);
    set(&mut response, LOCATION, location);
    set(&mut response, REFERRER_POLICY, "no-referrer");
    if let Some(cookie) = cookie {
        set(&mut response, SET_COOKIE, cookie);
    }
    response
}

/// Any other body. Never sniffed for another type than it says.
pub fn with_body(status: StatusCode, content_type: &str, cache_control: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, CONTENT_TYPE, content_type);
    set(&mut response, CACHE_CONTROL, cache_control);
    set(&mut response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// Sets a header. A value that no header can hold is left out: none of ours is one.
pub fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_marked_as_such_and_not_kept() {
        let response = data(serde_json::json!({ "id": "m_1" }));
        assert_eq!(response.body(), &Body::from(r#"{"success":true,"data":{"id":"m_1"}}"#));
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(success().body(), &Body::from(r#"{"success":true}"#));
    }

    #[test]
    fn pages_are_framed_by_pipedrive_alone() {
        let response = html(StatusCode::OK, "<p>".to_owned());
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';") && policy.ends_with("frame-ancestors https://*.pipedrive.com"));
        assert!(!policy.contains("unsafe"));
        assert_eq!(response.headers()[REFERRER_POLICY], "no-referrer");
    }

    #[test]
    fn pages_of_the_app_show_files_and_run_no_other_script() {
        let policy = |ancestors| {
            let response = app_page("<p>", &Framing { files: "https://b.example", ancestors });
            assert_eq!(response.headers()[REFERRER_POLICY], "no-referrer");
            response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned()
        };
        let (deployed, local) = (policy(None), policy(Some("http://127.0.0.1:*")));
        assert!(deployed.ends_with("; frame-ancestors https://*.pipedrive.com") && local.ends_with("s http://127.0.0.1:*"));
        assert!(deployed.contains("script-src 'self';") && deployed.contains("img-src 'self' data: blob: https://b.example;"));
        assert!(!deployed.contains("unsafe"));
    }

    #[test]
    fn a_redirect_carries_its_cookie() {
        let response = redirect("https://example.com/?a=1", Some("a=b"));
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(
            (&response.headers()[LOCATION], &response.headers()[SET_COOKIE]),
            (&HeaderValue::from_static("https://example.com/?a=1"), &HeaderValue::from_static("a=b"))
        );
    }
}
