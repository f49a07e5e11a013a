//! OAuth's `state`: proves that the browser which comes back from Pipedrive is the one that we sent there (RFC 6749,
//! section 10.12). A random number goes into a cookie; its hash, an end of life and our signature go into the state.
//! Both also carry how often the way was started over, so that a browser that keeps no cookies is not sent round for ever.

use std::time::Duration;

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac, rand};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;
use secrecy::ExposeSecret;

use super::request;
use crate::{
    model::time::Timestamp,
    seal::{SealError, Vault},
};

/// How long somebody may take to consent.
const LIFETIME: Duration = Duration::from_mins(10);
const COOKIE: &str = "pigeonpost_oauth";
const PURPOSE: &str = "oauth state";

const NONCE: usize = 32;
/// Hash of the nonce, end of life in seconds, number of restarts.
const BODY: usize = 32 + 8 + 1;

/// A way to Pipedrive and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// For the authorize page's address.
    pub state: String,
    /// The `Set-Cookie` header that goes with it.
    pub cookie: String,
}

/// Why a browser that came back is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stray {
    /// Whether it was sent round before.
    pub restarted: bool,
}

/// Starts a journey. `public_url` tells whether the cookie can be kept to TLS.
pub fn start(vault: &Vault, public_url: &str, restarted: bool, now: Timestamp) -> Result<Journey, SealError> {
    let mut nonce = [0_u8; NONCE];
    rand::fill(&mut nonce).map_err(|_| SealError::NoKey)?;
    let mut state = Vec::with_capacity(BODY + 32);
    state.extend_from_slice(hash(&nonce).as_ref());
    state.extend_from_slice(&now.plus(LIFETIME).secs().to_be_bytes());
    state.push(u8::from(restarted));
    let signature = hmac::sign(&key(vault)?, &state);
    state.extend_from_slice(signature.as_ref());
    let value = format!("{}.{}", u8::from(restarted), URL_SAFE_NO_PAD.encode(nonce));
    Ok(Journey { state: URL_SAFE_NO_PAD.encode(state), cookie: set_cookie(&value, LIFETIME.as_secs(), public_url) })
}

/// Ends a journey: whether `state` is of our making, still good, and belongs to the browser that sends these headers.
pub fn finish(vault: &Vault, state: Option<&str>, headers: &HeaderMap, now: Timestamp) -> Result<(), Stray> {
    let (marked, nonce) = match request::cookie(headers, COOKIE).and_then(|value| value.split_once('.')) {
        Some((mark, nonce)) => (mark == "1", URL_SAFE_NO_PAD.decode(nonce).ok()),
        None => (false, None),
    };
    let Some(state) = state.and_then(|state| open(vault, state)) else {
        return Err(Stray { restarted: marked });
    };
    let stray = Stray { restarted: marked || state.restarted };
    let nonce = nonce.ok_or(stray)?;
    let same_browser = verify_slices_are_equal(hash(&nonce).as_ref(), &state.nonce_hash).is_ok();
    if same_browser && now.secs() < state.until { Ok(()) } else { Err(stray) }
}

/// The `Set-Cookie` header that ends the cookie's life.
pub fn forget(public_url: &str) -> String {
    set_cookie("", 0, public_url)
}

struct State {
    nonce_hash: [u8; 32],
    until: i64,
    restarted: bool,
}

fn open(vault: &Vault, text: &str) -> Option<State> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (body, signature) = bytes.split_at_checked(BODY)?;
    hmac::verify(&key(vault).ok()?, body, signature).ok()?;
    let (nonce_hash, rest) = body.split_first_chunk::<32>()?;
    let (until, rest) = rest.split_first_chunk::<8>()?;
    Some(State { nonce_hash: *nonce_hash, until: i64::from_be_bytes(*until), restarted: rest == [1] })
}

fn key(vault: &Vault) -> Result<hmac::Key, SealError> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, vault.derive(PURPOSE)?.expose_secret()))
}

fn hash(nonce: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, nonce)
}

fn set_cookie(value: &str, seconds: u64, public_url: &str) -> String {
    // Lax, because the browser comes back from Pipedrive's site by a link.
    let secure = if public_url.starts_with("https://") { "; Secure" } else { "" };
    format!("{COOKIE}={value}; Path=/oauth; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn vault() -> Vault {
        Vault::parse("0123456789abcdef0123456789abcdef").unwrap()
    }

    fn browser(journey: &Journey) -> HeaderMap {
        let pair = journey.cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(pair).unwrap())])
    }

    #[test]
    fn the_same_browser_comes_back_in_time() {
        let journey = start(&vault(), "https://x", false, NOW).unwrap();
        assert!(journey.cookie.ends_with("; Path=/oauth; Max-Age=600; HttpOnly; SameSite=Lax; Secure"), "{}", journey.cookie);
        let at = |secs| finish(&vault(), Some(&journey.state), &browser(&journey), Timestamp::from_secs(secs));
        assert_eq!(at(599), Ok(()));
        assert_eq!(at(600), Err(Stray { restarted: false }));
    }

    #[test]
    fn others_do_not() {
        let ours = start(&vault(), "http://127.0.0.1:3000", false, NOW).unwrap();
        assert!(!ours.cookie.contains("Secure"));
        let other = start(&vault(), "https://x", false, NOW).unwrap();
        let foreign_vault = Vault::parse("fedcba9876543210fedcba9876543210").unwrap();
        let foreign = start(&foreign_vault, "https://x", false, NOW).unwrap();
        let stray = Err(Stray { restarted: false });
        assert_eq!(finish(&vault(), Some(&ours.state), &browser(&other), NOW), stray, "another browser");
        assert_eq!(finish(&vault(), Some(&ours.state), &HeaderMap::new(), NOW), stray, "no cookie");
        assert_eq!(finish(&vault(), None, &browser(&ours), NOW), stray, "no state");
        assert_eq!(finish(&vault(), Some(&foreign.state), &browser(&foreign), NOW), stray, "signed by another");
        for cut in 0..ours.state.len() {
            assert_eq!(finish(&vault(), Some(&ours.state[..cut]), &browser(&ours), NOW), stray);
        }
    }

    #[test]
    fn either_half_tells_of_a_restart() {
        let journey = start(&vault(), "https://x", true, NOW).unwrap();
        assert_eq!(finish(&vault(), Some(&journey.state), &browser(&journey), NOW), Ok(()));
        let restarted = Err(Stray { restarted: true });
        assert_eq!(finish(&vault(), Some(&journey.state), &HeaderMap::new(), NOW), restarted);
        assert_eq!(finish(&vault(), None, &browser(&journey), NOW), restarted);
    }
}
