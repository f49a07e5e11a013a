//! Proof that a request comes from Twilio (Twilio, "Webhooks security"): HMAC-SHA1 under the account's auth token over the
//! address that Twilio was told, followed by the form's fields, sorted. Comparisons take the same time whatever matches.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::connect::OVERRIDES;
use crate::{
    hex::hex,
    providers::{RawWebhook, WebhookRefused},
};

const SIGNATURE: &str = "x-twilio-signature";
/// The hash of a body that is no form, in the address's query.
const BODY_HASH: &str = "bodySHA256";
/// Bytes of an HMAC-SHA1.
const TAG_BYTES: usize = 20;

/// Checks `X-Twilio-Signature`.
pub(super) fn verify(auth_token: &SecretString, raw: &RawWebhook) -> Result<(), WebhookRefused> {
    let auth_token = auth_token.expose_secret();
    if auth_token.is_empty() {
        return Err(WebhookRefused::NoKey);
    }
    let given = raw
        .headers
        .get(SIGNATURE)
        .and_then(|value| STANDARD.decode(value.as_bytes().trim_ascii()).ok())
        .filter(|tag| tag.len() == TAG_BYTES)
        .ok_or(WebhookRefused::Malformed)?;
    let fields = signed_fields(raw)?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, auth_token.as_bytes());
    let matches = |url: &String| hmac::verify(&key, format!("{url}{fields}").as_bytes(), &given).is_ok();
    if spellings(&raw.url).iter().any(matches) { Ok(()) } else { Err(WebhookRefused::Mismatch) }
}

/// What of the body is signed after the address.
fn signed_fields(raw: &RawWebhook) -> Result<String, WebhookRefused> {
    let hash = body_hash(&raw.url);
    let is_form = match content_type(&raw.headers) {
        Some(kind) => kind == "application/x-www-form-urlencoded",
        None => hash.is_none(),
    };
    if is_form {
        return Ok(sorted(&raw.body));
    }
    // A body that is no form is not signed itself, but its hash in the address is.
    match hash {
        _ if raw.body.is_empty() => {}
        None => return Err(WebhookRefused::Malformed),
        Some(hash) => {
            let expected = hex(digest::digest(&digest::SHA256, &raw.body).as_ref());
            let equal = verify_slices_are_equal(hash.to_ascii_lowercase().as_bytes(), expected.as_bytes());
            equal.map_err(|_| WebhookRefused::Mismatch)?;
        }
    }
    Ok(String::new())
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn body_hash(url: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let (_, hash) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == BODY_HASH)?;
    Some(hash.into_owned())
}

/// Each field's name and value, sorted by name; several values of one name once each, sorted.
fn sorted(body: &[u8]) -> String {
    let mut fields: BTreeMap<Cow<'_, str>, BTreeSet<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body) {
        fields.entry(name).or_default().insert(value);
    }
    let mut out = String::new();
    for (name, values) in &fields {
        for value in values {
            out.push_str(name);
            out.push_str(value);
        }
    }
    out
}

/// The address as Twilio may have signed it: with the standard port and without, and though it should leave the fragment
/// out, with the one that we append.
fn spellings(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    spellings.extend(other_port(url));
    let with_fragment: Vec<String> = spellings.iter().map(|url| format!("{url}{OVERRIDES}")).collect();
    spellings.extend(with_fragment);
    spellings
}

/// The address with its standard port written out if it was left out, and left out if it was written.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let standard = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let bare = Url::parse(url).ok()?.port().is_none();
    match authority.strip_suffix(standard) {
        Some(host) => Some(format!("{scheme}://{host}{path}")),
        None if bare => Some(format!("{scheme}://{authority}{standard}{path}")),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const TOKEN: &str = "12345";
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const BODY: &str = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
    const T1: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    const T7_BODY: &str = "Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
    const T9_TOKEN: &str = "0123456789abcdef0123456789abcdef";
    const T9_BODY: &str = "ToCountry=US&MessageSid=SM00000000000000000000000000000001&AccountSid=AC00000000000000000000000000000001\
        &From=%2B15005550006&To=%2B15005550001&Body=Gr%C3%BC%C3%9Fe+%26+1%2B1%3D2+%F0%9F%98%80&NumMedia=0&ToCity=";
    const HASHED: &str = "https://mycompany.com/myapp.php?foo=1&bar=2\
        &bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    const HASHED_BODY: &str = r#"{"property": "value", "boolean": true}"#;
    const T8: &str = "a9nBmqA0ju/hNViExpshrM61xv4=";

    fn raw(url: &str, kind: Option<&str>, body: &str, signature: Option<&str>) -> RawWebhook {
        let mut headers = HeaderMap::new();
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        }
        if let Some(signature) = signature {
            headers.insert(SIGNATURE, signature.parse().unwrap());
        }
        RawWebhook { url: url.to_owned(), headers, body: Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn check(token: &str, raw: &RawWebhook) -> Result<(), WebhookRefused> {
        verify(&SecretString::from(token), raw)
    }

    fn form(token: &str, url: &str, body: &str, signature: &str) -> Result<(), WebhookRefused> {
        check(token, &raw(url, Some("application/x-www-form-urlencoded; charset=utf-8"), body, Some(signature)))
    }

    #[test]
    fn every_vector_matches() {
        let t6 = BODY.replace("14158675309", "12349013030");
        let vectors = [
            (TOKEN, URL, BODY, T1),
            (TOKEN, "https://mycompany.com:443/myapp.php?foo=1&bar=2", BODY, "kvajT1Ptam85bY51eRf/AJRuM3w="),
            (TOKEN, "http://mycompany.com:1234/myapp.php?foo=1&bar=2", BODY, "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
            (TOKEN, "http://mycompany.com:80/myapp.php?foo=1&bar=2", BODY, "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            (TOKEN, "http://mycompany.com/myapp.php?foo=1&bar=2", BODY, "OyGYPqTF6ztdbRNCvuQO/oPvqQ4="),
            (TOKEN, URL, &t6, "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
            (TOKEN, URL, T7_BODY, "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
            (T9_TOKEN, "https://inbox.example.com/webhooks/twilio/ch_1", T9_BODY, "Ks2zceFzJI+aGgG5JoDM5QcXeFk="),
        ];
        for (token, url, body, signature) in vectors {
            assert_eq!(form(token, url, body, signature), Ok(()), "{url} {signature}");
            assert_eq!(check(token, &raw(url, None, body, Some(signature))), Ok(()), "without a content type: {signature}");
        }
        for kind in [Some("application/json"), None] {
            assert_eq!(check(TOKEN, &raw(HASHED, kind, HASHED_BODY, Some(T8))), Ok(()), "{kind:?}");
        }
    }

    #[test]
    fn the_standard_port_may_be_written_or_not() {
        let with = "https://mycompany.com:443/myapp.php?foo=1&bar=2";
        assert_eq!(form(TOKEN, with, BODY, T1), Ok(()));
        assert_eq!(form(TOKEN, URL, BODY, "kvajT1Ptam85bY51eRf/AJRuM3w="), Ok(()));
        assert_eq!(form(TOKEN, &URL.replace("https", "http"), BODY, "0ZXoZLH/DfblKGATFgpif+LLRf4="), Ok(()));
        let another = "https://mycompany.com:1234/myapp.php?foo=1&bar=2";
        assert_eq!(form(TOKEN, another, BODY, T1), Err(WebhookRefused::Mismatch));
        assert_eq!(other_port("https://x.example"), Some("https://x.example:443".to_owned()));
        assert_eq!(other_port("https://[2001:db8::1]/a:b"), Some("https://[2001:db8::1]:443/a:b".to_owned()));
        assert_eq!((other_port("ftp://x.example/"), other_port("x")), (None, None));
    }

    #[test]
    fn the_fragment_that_we_append_may_be_signed() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
        let url = "https://x.example/webhooks/twilio/ch_1";
        let tag = STANDARD.encode(hmac::sign(&key, format!("{url}{OVERRIDES}A1").as_bytes()));
        assert_eq!(form(TOKEN, url, "A=1", &tag), Ok(()));
    }

    #[test]
    fn a_request_without_a_body_is_signed_by_its_address() {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, TOKEN.as_bytes());
        let url = "https://x.example/webhooks/twilio/ch_1?MessageSid=SM1&Body=Hi";
        let tag = STANDARD.encode(hmac::sign(&key, url.as_bytes()));
        assert_eq!(check(TOKEN, &raw(url, None, "", Some(&tag))), Ok(()));
        assert_eq!(check(TOKEN, &raw(url, Some("text/plain"), "", Some(&tag))), Ok(()));
        assert_eq!(check(TOKEN, &raw(&url.replace("Hi", "Ho"), None, "", Some(&tag))), Err(WebhookRefused::Mismatch));
    }

    #[test]
    fn anything_else_is_refused() {
        use WebhookRefused::{Malformed, Mismatch, NoKey};
        let flipped = T1.replacen('R', "S", 1);
        for (signature, expected) in [
            (None, Malformed),
            (Some(""), Malformed),
            (Some("RSOYDt4T1cUTdK1PDd93/VVr8B8"), Malformed),
            (Some("!!!"), Malformed),
            (Some("RSOYDt4T1cUTdK1PDd93"), Malformed),
            (Some("453398 0ede13"), Malformed),
            (Some(flipped.as_str()), Mismatch),
        ] {
            assert_eq!(check(TOKEN, &raw(URL, None, BODY, signature)), Err(expected), "{signature:?}");
        }
        assert_eq!(form("12346", URL, BODY, T1), Err(Mismatch));
        assert_eq!(form("", URL, BODY, T1), Err(NoKey));
        assert_eq!(form(TOKEN, &URL.replace("https", "http"), BODY, T1), Err(Mismatch));
        assert_eq!(form(TOKEN, &URL.replace("bar=2", "bar=3"), BODY, T1), Err(Mismatch));
        assert_eq!(form(TOKEN, &URL.replace("mycompany", "yourcompany"), BODY, T1), Err(Mismatch));
        for body in [
            &BODY.replace("Digits=1234", "Digits=1235"),
            &BODY.replace("Digits=1234&", ""),
            &format!("{BODY}&New=1"),
            &format!("{BODY}&Digits=1"),
            &BODY.replace("Digits", "digits"),
            "",
        ] {
            assert_eq!(form(TOKEN, URL, body, T1), Err(Mismatch), "{body}");
        }
        let last = "Ks2zceFzJI+aGgG5JoDM5QcXeFk=";
        let without_empty = T9_BODY.replace("&ToCity=", "");
        assert_eq!(form(T9_TOKEN, "https://inbox.example.com/webhooks/twilio/ch_1", &without_empty, last), Err(Mismatch));
        assert_eq!(form(T9_TOKEN, "https://inbox.example.com/webhooks/twilio/ch_2", T9_BODY, last), Err(Mismatch));
    }

    #[test]
    fn a_body_that_is_no_form_must_have_the_hash_that_is_signed() {
        use WebhookRefused::{Malformed, Mismatch};
        let json = Some("application/json");
        assert_eq!(check(TOKEN, &raw(HASHED, json, r#"{"property": "other"}"#, Some(T8))), Err(Mismatch));
        assert_eq!(check(TOKEN, &raw(&HASHED.replace("=0a1f", "=0a1e"), json, HASHED_BODY, Some(T8))), Err(Mismatch));
        assert_eq!(check(TOKEN, &raw(URL, json, HASHED_BODY, Some(T8))), Err(Malformed));
        assert_eq!(form(TOKEN, HASHED, HASHED_BODY, T8), Err(Mismatch), "a form is always signed by its fields");
    }
}
