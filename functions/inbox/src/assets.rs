//! Pages and what they load, as they lie in `assets/`. Browsers keep an asset for an hour, and then ask by its tag whether
//! it is still the same.

use std::fmt::Write;

use aws_lc_rs::digest;
use http::{
    HeaderMap, StatusCode,
    header::{ETAG, IF_NONE_MATCH},
};
use lambda_http::Body;
use shared::{
    http::{Response, response},
    model::channel::ProviderKind,
};

/// `/setup`.
pub(crate) const SETUP_PAGE: &str = include_str!("../assets/setup.html");
/// `/inbox`.
pub(crate) const INBOX_PAGE: &str = include_str!("../assets/inbox.html");

const KEEP: &str = "public, max-age=3600";

/// Name, type and contents.
const ASSETS: [(&str, &str, &[u8]); 3] = [
    ("page.css", "text/css; charset=utf-8", include_bytes!("../assets/page.css")),
    ("keys.js", "text/javascript; charset=utf-8", include_bytes!("../assets/keys.js")),
    ("setup.js", "text/javascript; charset=utf-8", include_bytes!("../assets/setup.js")),
];

/// The asset, or 304 if the browser has it; none if there is none of this name.
pub(crate) fn serve(name: &str, headers: &HeaderMap) -> Option<Response> {
    let asset = ASSETS.into_iter().find(|(known, ..)| *known == name).map(|(_, content_type, contents)| (content_type, contents));
    let (content_type, contents) = asset.or_else(|| Some(("image/png", icon(name)?)))?;
    let tag = tag(contents);
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.to_str().is_ok_and(|tags| tags.contains(&tag)));
    let (status, body) =
        if known { (StatusCode::NOT_MODIFIED, Body::Empty) } else { (StatusCode::OK, Body::Binary(contents.to_vec())) };
    let mut response = response::with_body(status, content_type, KEEP, body);
    response::set(&mut response, ETAG, &tag);
    Some(response)
}

/// `icon-<provider>.png`: the picture of that provider's channels in Pipedrive, 48 × 48.
fn icon(name: &str) -> Option<&'static [u8]> {
    let provider = name.strip_prefix("icon-")?.strip_suffix(".png")?;
    provider.parse().ok().map(ProviderKind::icon)
}

fn tag(contents: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, contents);
    let mut tag = String::from("\"");
    for byte in &hash.as_ref()[..8] {
        // Writing to a String does not fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::CONTENT_TYPE};

    use super::*;

    #[test]
    fn every_provider_has_an_icon_of_48_by_48() {
        for provider in ProviderKind::ALL {
            let response = serve(&format!("icon-{provider}.png"), &HeaderMap::new()).expect("an icon for each provider");
            assert_eq!(response.headers()[CONTENT_TYPE], "image/png");
            // PNG's header block: signature, length, "IHDR", width, height.
            assert_eq!(response.body()[..8], *b"\x89PNG\r\n\x1a\n");
            assert_eq!(response.body()[16..24], [0, 0, 0, 48, 0, 0, 0, 48]);
        }
    }

    #[test]
    fn pages_load_only_assets_that_there_are() {
        for page in [SETUP_PAGE, INBOX_PAGE] {
            for rest in page.split("/inbox/assets/").skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(serve(name, &HeaderMap::new()).is_some(), "{name}");
            }
            assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("onclick"), "refused by the policy");
        }
    }

    #[test]
    fn a_browser_that_has_it_does_not_get_it_again() {
        let first = serve("page.css", &HeaderMap::new()).unwrap();
        let tag = first.headers()[ETAG].clone();
        let again = serve("page.css", &HeaderMap::from_iter([(IF_NONE_MATCH, tag)])).unwrap();
        assert_eq!((again.status(), again.body().is_empty()), (StatusCode::NOT_MODIFIED, true));
        let other = serve("page.css", &HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"0\""))])).unwrap();
        assert_eq!(other.status(), StatusCode::OK);
        assert!(serve("../src/lib.rs", &HeaderMap::new()).is_none());
    }
}
