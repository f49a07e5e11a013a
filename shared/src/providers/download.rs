//! Getting a file that a provider names by an address. Addresses come from outside, so none may lead into a private network;
//! credentials go to the provider's own hosts alone and never along with a redirect; what is larger than asked for is not
//! read to its end.

use std::time::Duration;

use http::{
    StatusCode,
    header::{AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION},
};
use percent_encoding::percent_decode_str;
use url::Url;

use super::{
    Fetched, Outside,
    error::{ProviderError, Refusal},
    transport,
};
use crate::http::{client::LazyClient, outside};

/// How long a file may take, all in all.
const TIMEOUT: Duration = Duration::from_secs(40);
/// Redirects followed, each of which is judged like the first address.
const MAX_REDIRECTS: usize = 4;

/// Downloads for one provider.
#[derive(Clone)]
pub(super) struct Downloads {
    http: LazyClient,
    guarded: LazyClient,
    allow_loopback: bool,
    /// The provider's API: it is where the configuration says, also on this machine.
    base: String,
    /// Hosts to which the provider's credentials may go; subdomains of those that begin with a dot.
    trusted: &'static [&'static str],
    timeout: Duration,
}

impl Downloads {
    pub(super) fn new(outside: &Outside, base: &str, trusted: &'static [&'static str]) -> Self {
        Self {
            http: outside.http.clone(),
            guarded: outside.guarded.clone(),
            allow_loopback: outside.allow_loopback_urls,
            base: base.to_owned(),
            trusted,
            timeout: TIMEOUT,
        }
    }

    /// Gets at most `max` bytes from `address`. `authorization` goes along if the host is the provider's.
    pub(super) async fn get(
        &self,
        address: &str,
        authorization: Option<HeaderValue>,
        max: usize,
    ) -> Result<Fetched, ProviderError> {
        let mut address = address.to_owned();
        let mut authorization = authorization;
        for _ in 0..=MAX_REDIRECTS {
            let url = self.judged(&address)?;
            let own = self.is_base(&url);
            let client = if own { &self.http } else { &self.guarded };
            let mut request = client.get(url.clone()).timeout(self.timeout);
            if let Some(value) = authorization.take().filter(|_| own || self.is_trusted(&url)) {
                request = request.header(AUTHORIZATION, value);
            }
            let response = request.send().await.map_err(|error| transport::failure(&error).nothing_at_stake())?;
            if !response.status().is_redirection() {
                return read(response, max).await;
            }
            let next = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = next.and_then(|next| url.join(next).ok()).ok_or_else(|| gone("redirect"))?;
            address = next.into();
        }
        Err(gone("too_many_redirects"))
    }

    fn judged(&self, address: &str) -> Result<Url, ProviderError> {
        if let Some(url) = Url::parse(address).ok().filter(|url| self.is_base(url)) {
            return Ok(url);
        }
        outside::check_url(address, self.allow_loopback).map_err(|_| gone("address_refused"))
    }

    fn is_base(&self, url: &Url) -> bool {
        Url::parse(&self.base).is_ok_and(|base| base.origin() == url.origin())
    }

    fn is_trusted(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        url.scheme() == "https"
            && self.trusted.iter().any(|name| if name.starts_with('.') { host.ends_with(name) } else { host == *name })
    }
}

async fn read(response: reqwest::Response, max: usize) -> Result<Fetched, ProviderError> {
    let (status, headers) = (response.status(), response.headers().clone());
    if !status.is_success() {
        return Err(refused(status, &headers));
    }
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()).and_then(|value| value.parse::<usize>().ok());
    if length.is_some_and(|length| length > max) {
        return Err(too_large(max));
    }
    let body = transport::body(response, max).await.map_err(|_| transient("connection_lost"))?.ok_or_else(|| too_large(max))?;
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    Ok(Fetched {
        bytes: body,
        mime: text(CONTENT_TYPE).map(|mime| mime.trim().to_owned()).filter(|mime| !mime.is_empty()),
        name: text(CONTENT_DISPOSITION).and_then(file_name),
    })
}

fn refused(status: StatusCode, headers: &HeaderMap) -> ProviderError {
    let code = format!("http_{}", status.as_u16());
    match status.as_u16() {
        429 => {
            ProviderError::RateLimited { code, retry_after: transport::retry_after(headers).unwrap_or(Duration::from_secs(30)) }
        }
        401 | 403 => ProviderError::Refused {
            refusal: Refusal::Unauthorized,
            code,
            message: "The provider does not let the file be fetched.".to_owned(),
        },
        400..=499 if status.as_u16() != 408 => gone(&code),
        _ => ProviderError::Transient { code },
    }
}

/// What a file is whose address leads nowhere.
fn gone(code: &str) -> ProviderError {
    ProviderError::Refused {
        refusal: Refusal::NotFound,
        code: code.to_owned(),
        message: "The provider does not have the file any more.".to_owned(),
    }
}

/// What a file is that is larger than we take.
pub(super) fn too_large(max: usize) -> ProviderError {
    ProviderError::Refused {
        refusal: Refusal::Invalid,
        code: "file_too_large".to_owned(),
        message: format!("The file is larger than {} MB.", max / 1_000_000),
    }
}

fn transient(code: &str) -> ProviderError {
    ProviderError::Transient { code: code.to_owned() }
}

/// The file's name in a `Content-Disposition` header; the encoded one where both are given (RFC 6266).
fn file_name(disposition: &str) -> Option<String> {
    let parameter = |name: &str| {
        disposition.split(';').find_map(|part| {
            let (key, value) = part.trim().split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
        })
    };
    let encoded = parameter("filename*").and_then(|value| {
        let (_, rest) = value.split_once('\'')?;
        let (_, encoded) = rest.split_once('\'')?;
        Some(percent_decode_str(encoded).decode_utf8_lossy().into_owned())
    });
    encoded.or_else(|| parameter("filename")).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stub::{self, Reply, Stub};

    fn downloads(base: &str, allow_loopback: bool) -> Downloads {
        let trusted = &["files.example.com", ".files.example.com"];
        Downloads {
            http: stub::client(),
            guarded: stub::client(),
            allow_loopback,
            base: base.to_owned(),
            trusted,
            timeout: Duration::from_millis(500),
        }
    }

    fn token() -> HeaderValue {
        HeaderValue::from_static("Bearer CANARY")
    }

    #[tokio::test]
    async fn a_file_comes_with_its_type_and_name() {
        let headers = vec![("content-type", "image/jpeg"), ("content-disposition", "attachment; filename=\"a.jpg\"")];
        let stub = Stub::start([Reply::Answer(200, headers, "bytes".to_owned())]).await;
        let file = downloads(&stub.url, false).get(&format!("{}/f", stub.url), Some(token()), 5).await.unwrap();
        assert_eq!(
            (&file.bytes[..], file.mime.as_deref(), file.name.as_deref()),
            (&b"bytes"[..], Some("image/jpeg"), Some("a.jpg"))
        );
        assert_eq!(stub.seen()[0].headers["authorization"], "Bearer CANARY");
    }

    #[tokio::test]
    async fn credentials_do_not_follow_a_redirect_nor_go_to_strangers() {
        let stranger = Stub::start([Reply::text(200, "ok"), Reply::text(200, "ok")]).await;
        let location: &'static str = Box::leak(format!("{}/cdn", stranger.url).into_boxed_str());
        let own = Stub::start([Reply::Answer(307, vec![("location", location)], String::new())]).await;
        let downloads = downloads(&own.url, true);
        downloads.get(&format!("{}/f", own.url), Some(token()), 5).await.unwrap();
        downloads.get(&format!("{}/f", stranger.url), Some(token()), 5).await.unwrap();
        assert!(stranger.seen().iter().all(|seen| !seen.headers.contains_key("authorization")));
        assert_eq!(stranger.seen().len(), 2);
    }

    #[tokio::test]
    async fn private_addresses_are_not_called_not_even_by_redirect() {
        let inside = Stub::start([Reply::text(200, "secret")]).await;
        let location: &'static str = Box::leak(format!("{}/", inside.url).into_boxed_str());
        let own = Stub::start([Reply::Answer(302, vec![("location", location)], String::new())]).await;
        for address in [format!("{}/f", own.url), "http://169.254.169.254/latest".to_owned(), "file:///etc/passwd".to_owned()] {
            let error = downloads(&own.url, false).get(&address, None, 5).await.unwrap_err();
            assert_eq!(error.code(), "address_refused", "{address}");
        }
        assert_eq!(inside.seen().len(), 0);
    }

    #[tokio::test]
    async fn answers_become_errors() {
        let cases = [
            (Reply::text(404, ""), "refused (http_404)"),
            (Reply::text(410, ""), "refused (http_410)"),
            (Reply::text(401, ""), "refused (http_401)"),
            (Reply::Answer(429, vec![("retry-after", "7")], String::new()), "rate limited (http_429)"),
            (Reply::text(503, ""), "failed (http_503)"),
            (Reply::text(200, "123456"), "refused (file_too_large)"),
            (Reply::Never, "failed (timeout)"),
        ];
        for (reply, expected) in cases {
            let stub = Stub::start([reply]).await;
            let error = downloads(&stub.url, false).get(&stub.url, None, 5).await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn only_the_providers_hosts_are_trusted() {
        let downloads = downloads("https://api.example.com", false);
        for (address, trusted) in [
            ("https://files.example.com/x", true),
            ("https://a.files.example.com/x", true),
            ("http://files.example.com/x", false),
            ("https://evilfiles.example.com/x", false),
            ("https://files.example.com.evil.example/x", false),
        ] {
            assert_eq!(downloads.is_trusted(&Url::parse(address).unwrap()), trusted, "{address}");
        }
        assert!(downloads.is_base(&Url::parse("https://api.example.com/y").unwrap()));
        assert!(!downloads.is_base(&Url::parse("https://api.example.com:444/y").unwrap()));
    }

    #[test]
    fn names_are_read_in_both_forms() {
        assert_eq!(file_name("inline; filename=\"x y.pdf\"").as_deref(), Some("x y.pdf"));
        assert_eq!(file_name("attachment; filename=a; filename*=UTF-8''%C3%A4.pdf").as_deref(), Some("ä.pdf"));
        assert_eq!(file_name("attachment"), None);
    }
}
