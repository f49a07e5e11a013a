//! What every call to a provider has in common: what a broken one means for the message, how long it asks to wait, and how
//! much of an answer is read.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header::RETRY_AFTER};

use super::error::{ProviderError, Refusal};
use crate::http::outside;

/// Longest wait that is believed.
const MAX_WAIT: Duration = Duration::from_hours(24);

/// What a call that brought no answer means. A connection that never came about carried nothing; after that, nobody knows.
pub(super) fn failure(error: &reqwest::Error) -> ProviderError {
    if outside::is_refused_address(error) {
        return ProviderError::Refused {
            refusal: Refusal::Invalid,
            code: "address_refused".to_owned(),
            message: "The address leads into a private network.".to_owned(),
        };
    }
    if error.is_connect() || error.is_builder() {
        return ProviderError::Transient { code: "connect".to_owned() };
    }
    let code = if error.is_timeout() { "timeout" } else { "connection_lost" };
    ProviderError::Uncertain { code: code.to_owned() }
}

/// The answer's body, or `None` if it is longer than `max` bytes.
pub(super) async fn body(mut response: reqwest::Response, max: usize) -> Result<Option<Bytes>, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > max {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body.freeze()))
}

/// The `Retry-After` header in seconds, within one second and a day.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(believable(Duration::from_secs(seconds)))
}

/// A wait within one second and a day.
pub(super) fn believable(wait: Duration) -> Duration {
    wait.clamp(Duration::from_secs(1), MAX_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_kept_within_reason() {
        let wait = |value: &str| retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]));
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("0"), Some(Duration::from_secs(1)));
        assert_eq!(wait("99999999"), Some(MAX_WAIT));
        assert_eq!((wait("soon"), wait("-1"), retry_after(&HeaderMap::new())), (None, None, None));
    }
}
