//! The HTTP side of the client: where a call goes, how its answer is read, and what a refusal means.
//!
//! One call is one request: nothing is repeated here. Answers are read up to one megabyte; no error holds a
//! part of a request or an answer, apart from Pipedrive's own error code.

use reqwest::{
    RequestBuilder, StatusCode,
    header::{CONTENT_TYPE, HeaderMap},
};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Access, error::PipedriveError, limits, price::Call};
use crate::http::client::LazyClient;

/// Longest answer that is read. Pipedrive's are a few kilobytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Pipedrive's API and OAuth server.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) http: LazyClient,
    pub(super) oauth_url: String,
    api_url: Option<String>,
}

/// What came back, whole.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// A client for the OAuth server at `oauth_url` (no slash at the end). API calls go to the company's own address,
    /// or to `api_url` if that is given. `http` brings the timeouts and must not follow redirects.
    pub fn new(http: impl Into<LazyClient>, oauth_url: String, api_url: Option<String>) -> Self {
        Self { http: http.into(), oauth_url, api_url }
    }

    /// The address of `path`, e.g. `/channels`, in version 1 of the company's API.
    pub(super) fn v1(&self, access: &Access, path: &str) -> String {
        let base = self.api_url.as_deref().unwrap_or(&access.api_domain);
        format!("{base}/api/v1{path}")
    }

    /// The address of `path`, e.g. `/persons`, in version 2 of the company's API.
    pub(super) fn v2(&self, access: &Access, path: &str) -> String {
        let base = self.api_url.as_deref().unwrap_or(&access.api_domain);
        format!("{base}/api/v2{path}")
    }

    /// Checks the base URL that a token answer names, and takes the slash off its end. Tokens are sent there, so it must
    /// be a company's address at Pipedrive; when API calls go elsewhere anyway, any http(s) URL will do.
    pub(super) fn checked_api_domain(&self, text: &str) -> Option<String> {
        let base = text.trim().trim_end_matches('/');
        let valid = if self.api_url.is_some() {
            url::Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
        } else {
            base.strip_prefix("https://").and_then(|rest| rest.strip_suffix(".pipedrive.com")).is_some_and(|company| {
                !company.is_empty() && company.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            })
        };
        valid.then(|| base.to_owned())
    }

    /// Sends a request for the installation and reads the answer, whatever its status. It is charged to the access unless
    /// Pipedrive says that it did nothing, or never heard of it.
    pub(super) async fn call(access: &Access, call: Call, request: RequestBuilder) -> Result<Answer, PipedriveError> {
        let result = send(request.bearer_auth(access.token.expose_secret())).await;
        match &result {
            Ok(answer) => {
                if !matches!(answer.status(), 401 | 402 | 429) {
                    access.spend.charge(call);
                }
                access.spend.note(limits::daily(&answer.headers), limits::burst(&answer.headers));
            }
            Err(PipedriveError::Transient { code }) if code == "connect" => {}
            Err(_) => access.spend.charge(call),
        }
        result
    }
}

/// Sends a request and reads the answer, whatever its status.
pub(super) async fn send(request: RequestBuilder) -> Result<Answer, PipedriveError> {
    let mut response = request.send().await.map_err(|e| transport(&e))?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| transport(&e))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(unreadable());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body })
}

/// Only `connect` says for sure that the request never arrived.
fn transport(error: &reqwest::Error) -> PipedriveError {
    let code = match error {
        error if error.is_timeout() => "timeout",
        error if error.is_connect() => "connect",
        _ => "answer",
    };
    PipedriveError::Transient { code: code.to_owned() }
}

/// The answer is not what Pipedrive's contract says.
pub(super) fn unreadable() -> PipedriveError {
    PipedriveError::Transient { code: "answer".to_owned() }
}

impl Answer {
    /// The status.
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the request was accepted.
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// Whether the body says `words` (in lower case) anywhere. Texts are documented, the shape around them is not
    /// always (Pipedrive, OAuth authorization, "Error descriptions").
    pub(super) fn says(&self, words: &str) -> bool {
        String::from_utf8_lossy(&self.body).to_lowercase().contains(words)
    }

    /// The body as JSON of a known shape.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, PipedriveError> {
        serde_json::from_slice(&self.body).map_err(|_| unreadable())
    }

    /// Pipedrive's error code: `additional_data.code`, or `code` as capped features have it. Empty unless it is one word.
    pub(super) fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let code = body.pointer("/additional_data/code").or_else(|| body.get("code")).and_then(Value::as_str).unwrap_or("");
        let is_word = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if is_word { code.to_owned() } else { String::new() }
    }

    /// The body of an accepted request as JSON of a known shape.
    pub(super) fn data<T: DeserializeOwned>(&self) -> Result<T, PipedriveError> {
        if self.is_success() { self.json() } else { Err(self.error()) }
    }

    /// Takes the answer of a call whose result doesn't matter: done, or the error that [`Answer::error`] makes of it.
    pub(super) fn accepted(&self) -> Result<(), PipedriveError> {
        if !self.is_success() {
            return Err(self.error());
        }
        // A page that some proxy put in between must not count as an accepted message.
        let refused = || self.json::<Value>().map_or(true, |body| body.get("success") == Some(&Value::Bool(false)));
        if self.status != StatusCode::NO_CONTENT && refused() { Err(unreadable()) } else { Ok(()) }
    }

    /// What the refusal means, by status and documented texts (Pipedrive, HTTP status codes; Channels).
    ///
    /// A 403 with an HTML page comes from the firewall in front of the API, which blocks those who go on after 429
    /// (Pipedrive, Rate limiting): it passes, so it counts as [`PipedriveError::RateLimited`].
    pub(super) fn error(&self) -> PipedriveError {
        let code = self.code();
        match self.status() {
            401 => PipedriveError::Unauthorized,
            402 => PipedriveError::AccountClosed,
            403 if code == "ADMIN_ONLY" => PipedriveError::AdminOnly,
            403 if self.is_html() => PipedriveError::RateLimited { retry_after: limits::retry_after(&self.headers) },
            403 => PipedriveError::Forbidden { code },
            404 => PipedriveError::NotFound,
            status @ (405 | 410) => PipedriveError::Gone { status },
            429 => limits::refusal(&self.headers),
            // Too slow, too early: both pass.
            status @ (408 | 425) => PipedriveError::Transient { code: format!("http_{status}") },
            status @ 400..=499 => PipedriveError::Invalid { status, code },
            status => PipedriveError::Transient { code: format!("http_{status}") },
        }
    }

    /// Whether an app's scopes leave the call out, which is also how a retired API may show.
    pub(super) fn is_scope_mismatch(&self) -> bool {
        self.status() == 403 && self.says("scope and url mismatch")
    }

    fn is_html(&self) -> bool {
        let typed =
            self.headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().trim_ascii_start().starts_with(b"text/html"));
        typed || self.body.trim_ascii_start().starts_with(b"<")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pipedrive::testing::{access, stub};

    async fn error_of(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> PipedriveError {
        let stub = stub(status, headers, body).await;
        Client::call(&access("https://acme.pipedrive.com"), Call::Me, stub.http.get(&stub.url)).await.unwrap().error()
    }

    fn transient(code: &str) -> PipedriveError {
        PipedriveError::Transient { code: code.to_owned() }
    }

    #[tokio::test]
    async fn every_refusal_has_its_meaning() {
        let gateway = r#"{"success":false,"error":"unauthorized access","errorCode":401,"error_info":"x"}"#;
        let admin = r#"{"success":false,"error":"Only admins can register channels","additional_data":{"code":"ADMIN_ONLY"}}"#;
        let capped = r#"{"success":false,"code":"feature_capping_deals_limit"}"#;
        let invalid = r#"{"success":false,"error":"Expected","additional_data":{"code":"INVALID_BODY"}}"#;
        let wordy = r#"{"additional_data":{"code":"the message was: hello"}}"#;
        let html = "<!DOCTYPE html><title>Attention Required!</title>";
        let forbidden = |code: &str| PipedriveError::Forbidden { code: code.to_owned() };
        let refused = |status, code: &str| PipedriveError::Invalid { status, code: code.to_owned() };
        for (status, body, expected) in [
            (400, invalid, refused(400, "INVALID_BODY")),
            (400, wordy, refused(400, "")),
            (401, gateway, PipedriveError::Unauthorized),
            (402, "", PipedriveError::AccountClosed),
            (403, admin, PipedriveError::AdminOnly),
            (403, capped, forbidden("feature_capping_deals_limit")),
            (403, "", forbidden("")),
            (403, html, PipedriveError::RateLimited { retry_after: None }),
            (404, "not json", PipedriveError::NotFound),
            (405, "", PipedriveError::Gone { status: 405 }),
            (408, "", transient("http_408")),
            (410, "", PipedriveError::Gone { status: 410 }),
            (415, "", refused(415, "")),
            (429, "", PipedriveError::RateLimited { retry_after: None }),
            (302, "", transient("http_302")),
            (500, html, transient("http_500")),
            (501, "", transient("http_501")),
            (503, "", transient("http_503")),
        ] {
            assert_eq!(error_of(status, &[], body).await, expected, "{status} {body}");
        }
    }

    #[tokio::test]
    async fn limits_tell_a_burst_from_an_empty_budget() {
        let spent = PipedriveError::BudgetSpent { probe_after: Duration::from_mins(30) };
        let burst = PipedriveError::RateLimited { retry_after: Some(Duration::from_secs(2)) };
        assert_eq!(error_of(429, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "2")], "").await, burst);
        assert_eq!(error_of(429, &[("x-daily-ratelimit-token-remaining", "0")], "{}").await, spent);
    }

    #[tokio::test]
    async fn what_pipedrive_did_is_charged() {
        let left = [("x-daily-ratelimit-token-remaining", "41"), ("x-ratelimit-remaining", "9")];
        for (status, tokens) in [(200, 20), (404, 20), (500, 20), (400, 20), (403, 20), (401, 0), (402, 0), (429, 0)] {
            let stub = stub(status, &left, "{}").await;
            let access = access(&stub.url);
            Client::call(&access, Call::SearchPersons, stub.http.get(&stub.url)).await.unwrap();
            let tally = access.spend.tally();
            assert_eq!((tally.tokens(), tally.daily.map(|daily| daily.remaining)), (tokens, Some(41)), "{status}");
            assert_eq!(tally.burst.map(|burst| burst.remaining), Some(9));
        }
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let access = access(&url);
        let http = reqwest::Client::builder().build().unwrap();
        let ask = || http.get(&url).timeout(Duration::from_millis(50));
        Client::call(&access, Call::CreateNote, ask()).await.unwrap_err();
        assert_eq!(access.spend.take().tokens(), 10, "it may have come about");
        drop(silent);
        Client::call(&access, Call::CreateNote, ask()).await.unwrap_err();
        assert_eq!(access.spend.take().tokens(), 0, "it never arrived");
    }

    #[tokio::test]
    async fn only_pipedrives_own_yes_counts() {
        for (status, body, expected) in [
            (200, r#"{"success":true}"#, Ok(())),
            (204, "", Ok(())),
            (200, "<html>maintenance</html>", Err(unreadable())),
            (200, r#"{"success":false}"#, Err(unreadable())),
        ] {
            let stub = stub(status, &[], body).await;
            let answer = Client::call(&access(&stub.url), Call::Me, stub.http.get(&stub.url)).await.unwrap();
            assert_eq!(answer.accepted(), expected, "{status} {body}");
        }
    }

    #[tokio::test]
    async fn endless_answers_silence_and_closed_doors_are_passing_faults() {
        let long = "x".repeat(MAX_ANSWER_BYTES + 1);
        let stub = stub(200, &[], long).await;
        assert_eq!(send(stub.http.get(&stub.url)).await.unwrap_err(), unreadable());

        // A listener that never accepts: the connection comes about, the answer never does.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let patience = Duration::from_millis(50);
        assert_eq!(send(stub.http.get(&url).timeout(patience)).await.unwrap_err(), transient("timeout"));
        drop(silent);
        assert_eq!(send(stub.http.get(&url)).await.unwrap_err(), transient("connect"));
    }

    #[test]
    fn tokens_travel_to_pipedrive_alone() {
        let client =
            |api: Option<&str>| Client::new(reqwest::Client::builder().build().unwrap(), String::new(), api.map(Into::into));
        let strict = client(None);
        assert_eq!(
            strict.checked_api_domain("https://acme-1a2b.pipedrive.com/").as_deref(),
            Some("https://acme-1a2b.pipedrive.com")
        );
        for wrong in [
            "http://acme.pipedrive.com",
            "https://pipedrive.com",
            "https://.pipedrive.com",
            "https://a.b.pipedrive.com",
            "https://evil.example/.pipedrive.com",
            "https://evil.example#.pipedrive.com",
            "https://user@acme.pipedrive.com",
            "https://acme.pipedrive.com:8443",
            "https://acme.pipedrive.com.evil.example",
            "https://169.254.169.254",
            "",
        ] {
            assert_eq!(strict.checked_api_domain(wrong), None, "{wrong}");
        }
        let redirected = client(Some("http://127.0.0.1:9"));
        assert_eq!(redirected.checked_api_domain("http://127.0.0.1:9/").as_deref(), Some("http://127.0.0.1:9"));
        assert_eq!(redirected.checked_api_domain("ftp://x"), None);
        assert_eq!(redirected.v1(&access("https://acme.pipedrive.com"), "/channels"), "http://127.0.0.1:9/api/v1/channels");
        assert_eq!(strict.v1(&access("https://acme.pipedrive.com"), "/channels"), "https://acme.pipedrive.com/api/v1/channels");
    }
}
