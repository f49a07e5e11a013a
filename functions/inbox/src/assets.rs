//! Pages and what they load, as they lie in `assets/`. The address of an asset holds a hash of all of them, so browsers keep
//! it for good and a new release is loaded whole; modules find each other beside themselves. What has to keep its address
//! (icons, which Pipedrive remembers, and the look of the small pages of other functions) is served without it too, and asked
//! for again after an hour.

use std::{io::Write, sync::OnceLock};

use aws_lc_rs::digest;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY},
};
use lambda_http::Body;
use shared::{
    hex::hex,
    http::{Response, response},
    model::channel::ProviderKind,
};

/// Where a page's assets are; what stands for that in the pages.
const PLACEHOLDER: &str = "{{assets}}";
/// For an address without a version.
const KEEP: &str = "public, max-age=3600";
/// For an address with one.
const KEEP_FOR_GOOD: &str = "public, max-age=31536000, immutable";

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

macro_rules! assets {
    ($($kind:ident $name:literal)*) => {
        /// Name, type and contents.
        const ASSETS: &[(&str, &str, &[u8])] = &[$(($name, $kind, include_bytes!(concat!("../assets/", $name)))),*];
    };
}

assets! {
    STYLE "base.css"
    STYLE "inbox.css"
    STYLE "setup.css"
    SCRIPT "app-extensions-sdk.umd.js"
    SCRIPT "api.js"
    SCRIPT "begin.js"
    SCRIPT "bubble.js"
    SCRIPT "chat.js"
    SCRIPT "clipboard.js"
    SCRIPT "composer.js"
    SCRIPT "deeds.js"
    SCRIPT "dialog.js"
    SCRIPT "dom.js"
    SCRIPT "drafts.js"
    SCRIPT "emoji.js"
    SCRIPT "files.js"
    SCRIPT "form.js"
    SCRIPT "format.js"
    SCRIPT "frame.js"
    SCRIPT "icons.js"
    SCRIPT "inbox.js"
    SCRIPT "list.js"
    SCRIPT "popup.js"
    SCRIPT "reactions.js"
    SCRIPT "record-dialogs.js"
    SCRIPT "record.js"
    SCRIPT "search.js"
    SCRIPT "setup-activity.js"
    SCRIPT "setup-channels.js"
    SCRIPT "setup-connect.js"
    SCRIPT "setup-dead.js"
    SCRIPT "setup-guides.js"
    SCRIPT "setup-keys.js"
    SCRIPT "setup-records.js"
    SCRIPT "setup-sharing.js"
    SCRIPT "setup.js"
    SCRIPT "state.js"
    SCRIPT "templates.js"
    SCRIPT "text-en.js"
    SCRIPT "text.js"
    SCRIPT "uploads.js"
    SCRIPT "virtual.js"
}

/// `/setup`.
pub(crate) fn setup_page() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| with_addresses(include_str!("../assets/setup.html")))
}

/// `/inbox`.
pub(crate) fn inbox_page() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| with_addresses(include_str!("../assets/inbox.html")))
}

fn with_addresses(page: &str) -> String {
    page.replace(PLACEHOLDER, &format!("/inbox/assets/{}", version()))
}

/// Changes when anything in any asset does.
fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| {
        let mut context = digest::Context::new(&digest::SHA256);
        for (name, _, contents) in ASSETS {
            context.update(name.as_bytes());
            context.update(&contents.len().to_le_bytes());
            context.update(contents);
        }
        hex(&context.finish().as_ref()[..8])
    })
}

/// The asset, or 304 if the browser has it; none if there is none of this name.
pub(crate) fn serve(name: &str, named_version: Option<&str>, headers: &HeaderMap) -> Option<Response> {
    let asset = ASSETS.iter().position(|(known, ..)| *known == name);
    let (content_type, contents) = match asset {
        Some(position) => (ASSETS[position].1, ASSETS[position].2),
        None => ("image/png", icon(name)?),
    };
    // A page of an earlier release still finds its way; what it gets is this release's, and not for good.
    let keep = if named_version == Some(version()) { KEEP_FOR_GOOD } else { KEEP };
    let tag = format!("\"{}\"", hex(&digest::digest(&digest::SHA256, contents).as_ref()[..8]));
    let known = headers.get(IF_NONE_MATCH).is_some_and(|value| value.to_str().is_ok_and(|tags| tags.contains(&tag)));
    let packed = asset.filter(|_| accepts_gzip(headers)).and_then(packed);
    let (status, body) = match packed {
        _ if known => (StatusCode::NOT_MODIFIED, Body::Empty),
        Some(packed) => (StatusCode::OK, Body::Binary(packed.to_vec())),
        None => (StatusCode::OK, Body::Binary(contents.to_vec())),
    };
    let mut response = response::with_body(status, content_type, keep, body);
    response::set(&mut response, ETAG, &tag);
    response::set(&mut response, VARY, "accept-encoding");
    if packed.is_some() && !known {
        response::set(&mut response, CONTENT_ENCODING, "gzip");
    }
    Some(response)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| one.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("gzip")))
}

/// The asset at `position` compressed, once in a function's life.
fn packed(position: usize) -> Option<&'static [u8]> {
    static PACKED: OnceLock<Vec<OnceLock<Option<Vec<u8>>>>> = OnceLock::new();
    let slots = PACKED.get_or_init(|| ASSETS.iter().map(|_| OnceLock::new()).collect());
    slots.get(position)?.get_or_init(|| pack(ASSETS[position].2)).as_deref()
}

fn pack(contents: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(contents).ok()?;
    encoder.finish().ok()
}

/// `icon-<provider>.png`: the picture of that provider's channels in Pipedrive, 48 × 48.
fn icon(name: &str) -> Option<&'static [u8]> {
    let provider = name.strip_prefix("icon-")?.strip_suffix(".png")?;
    provider.parse().ok().map(ProviderKind::icon)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use http::{
        HeaderValue,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    };

    use super::*;

    /// What a page may weigh until something is seen, compressed.
    const FIRST_VIEW: usize = 60 * 1024;

    fn served(name: &str) -> Response {
        serve(name, Some(version()), &HeaderMap::new()).expect("an asset")
    }

    #[test]
    fn every_provider_has_an_icon_of_48_by_48() {
        for provider in ProviderKind::ALL {
            let response = served(&format!("icon-{provider}.png"));
            assert_eq!(response.headers()[CONTENT_TYPE], "image/png");
            // PNG's header block: signature, length, "IHDR", width, height.
            assert_eq!(response.body()[..8], *b"\x89PNG\r\n\x1a\n");
            assert_eq!(response.body()[16..24], [0, 0, 0, 48, 0, 0, 0, 48]);
        }
    }

    #[test]
    fn every_file_is_served_and_pages_load_only_what_there_is() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let served_kinds = |path: &Path| path.extension().is_some_and(|kind| kind == "js" || kind == "css");
        let files: BTreeSet<String> = paths
            .filter(|path| served_kinds(path))
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(files, ASSETS.iter().map(|(name, ..)| (*name).to_owned()).collect());
        for page in [setup_page(), inbox_page()] {
            for rest in page.split(&format!("/inbox/assets/{}/", version())).skip(1) {
                served(rest.split('"').next().unwrap());
            }
            assert!(!page.contains("<style") && !page.contains("style=") && !page.contains(" on"), "refused by the policy");
            assert!(!page.contains(PLACEHOLDER));
        }
    }

    #[test]
    fn modules_import_only_what_there_is_and_write_no_markup() {
        for (name, _, contents) in ASSETS.iter().filter(|(name, kind, _)| *kind == SCRIPT && !name.contains("sdk")) {
            let text = std::str::from_utf8(contents).unwrap();
            for rest in text.split(" from './").chain(text.split("import('./").skip(1)).skip(1) {
                served(rest.split('\'').next().unwrap());
            }
            for risky in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
                assert!(!text.contains(risky), "{name} has {risky}");
            }
        }
    }

    fn script(name: &str) -> &'static str {
        std::str::from_utf8(ASSETS.iter().find(|(known, ..)| *known == name).unwrap().2).unwrap()
    }

    /// Keys of the texts in English.
    fn texts() -> BTreeSet<&'static str> {
        let key = |line: &'static str| line.strip_prefix("  ")?.split_once(':').map(|(key, _)| key);
        script("text-en.js").lines().filter_map(key).collect()
    }

    /// What follows where a script calls `t` in this way.
    fn calls<'a>(script: &'a str, opening: &str) -> Vec<&'a str> {
        // Not the end of a longer word, as in `import('…`.
        let is_call = |at: usize| !script[..at].ends_with(|before: char| before.is_alphanumeric() || "_.'".contains(before));
        script.match_indices(opening).filter(|(at, _)| is_call(*at)).map(|(at, _)| &script[at + opening.len()..]).collect()
    }

    /// The words for the variants of an enum, as they stand in bodies: taken from its source, so that a new one is among them.
    fn words(source: &str, name: &str) -> BTreeSet<String> {
        let body = source.split_once(&format!("enum {name} {{\n")).unwrap().1.split("\n}").next().unwrap();
        let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
        let variants = variants.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
        let words: BTreeSet<String> = variants
            .map(|line| {
                let variant = line.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
                let lower = variant
                    .chars()
                    .flat_map(|c| c.is_ascii_uppercase().then_some('_').into_iter().chain([c.to_ascii_lowercase()]));
                lower.skip(1).collect()
            })
            .collect();
        assert!(!words.is_empty(), "{name} has variants");
        words
    }

    #[test]
    fn whatever_the_api_says_in_one_word_has_its_text() {
        let record = include_str!("../../../shared/src/model/record.rs");
        let delivery = words(include_str!("../../../shared/src/model/channel.rs"), "Delivery");
        // What a salesperson did is told by their name.
        let why = words(record, "Why").into_iter().filter(|why| why != "hand").collect();
        // The page's own words: not sent yet, and not known yet.
        let status = words(include_str!("../../../shared/src/model/status.rs"), "Status")
            .into_iter()
            .chain(["clock".to_owned()])
            .collect();
        let mode: BTreeSet<String> = delivery.iter().cloned().chain(["unknown".to_owned()]).collect();
        let families: [(&str, BTreeSet<String>); 10] = [
            ("why", why),
            ("deed", words(record, "Deed")),
            ("spent", words(record, "SpentOn")),
            ("status", status),
            ("file", words(include_str!("../../../shared/src/model/content.rs"), "FileKind")),
            ("delivery", delivery),
            ("mode", mode.clone()),
            ("modeAbout", mode),
            ("about", ProviderKind::ALL.iter().map(ToString::to_string).collect()),
            ("trouble", words(include_str!("../../../shared/src/model/api_key.rs"), "Trouble")),
        ];
        let texts = texts();
        for (family, words) in &families {
            let missing: Vec<&String> =
                words.iter().filter(|word| !texts.contains(format!("{family}_{word}").as_str())).collect();
            assert!(missing.is_empty(), "{family}_ has no text for {missing:?}");
        }
        let mut used = BTreeSet::new();
        for (name, _, contents) in ASSETS.iter().filter(|(name, kind, _)| *kind == SCRIPT && !name.contains("sdk")) {
            for rest in calls(std::str::from_utf8(contents).unwrap(), "t(`") {
                let (family, rest) =
                    rest.split_once("_${").unwrap_or_else(|| panic!("in {name}, a key that is no family's: {rest:.40}"));
                assert!(rest.contains("}`"), "{name}: {family}");
                used.insert(family);
            }
        }
        assert_eq!(used, families.iter().map(|(family, _)| *family).collect(), "families of keys in the scripts, and here");
    }

    #[test]
    fn what_pages_say_is_in_the_file_of_texts() {
        let texts = texts();
        for (name, _, contents) in ASSETS.iter().filter(|(name, kind, _)| *kind == SCRIPT && !name.contains("sdk")) {
            let script = std::str::from_utf8(contents).unwrap();
            for rest in calls(script, "t('") {
                let key = rest.split('\'').next().unwrap();
                assert!(texts.contains(key), "{key} in {name}");
            }
        }
        for page in [setup_page(), inbox_page()] {
            for attribute in ["data-t=\"", "data-t-label=\"", "data-t-title=\"", "data-t-placeholder=\""] {
                for rest in page.split(attribute).skip(1) {
                    let key = rest.split('"').next().unwrap();
                    assert!(texts.contains(key), "{key} in a page");
                }
            }
        }
    }

    #[test]
    fn the_first_view_is_light() {
        for page in [setup_page(), inbox_page()] {
            let names: BTreeSet<&str> =
                page.split(&format!("/inbox/assets/{}/", version())).skip(1).filter_map(|rest| rest.split('"').next()).collect();
            let position = |name: &&str| ASSETS.iter().position(|(known, ..)| known == name).unwrap();
            let assets: usize = names.iter().map(|name| packed(position(name)).unwrap().len()).sum();
            let all = assets + page.len();
            assert!(all < FIRST_VIEW, "{all} bytes");
        }
    }

    #[test]
    fn a_browser_that_has_it_does_not_get_it_again() {
        let first = served("base.css");
        assert_eq!(first.headers()[CACHE_CONTROL], KEEP_FOR_GOOD);
        let tag = first.headers()[ETAG].clone();
        let again = serve("base.css", None, &HeaderMap::from_iter([(IF_NONE_MATCH, tag)])).unwrap();
        assert_eq!((again.status(), again.body().is_empty()), (StatusCode::NOT_MODIFIED, true));
        let other = serve("base.css", None, &HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"0\""))])).unwrap();
        assert_eq!((other.status(), &other.headers()[CACHE_CONTROL]), (StatusCode::OK, &HeaderValue::from_static(KEEP)));
        assert_eq!(serve("base.css", Some("other"), &HeaderMap::new()).unwrap().headers()[CACHE_CONTROL], KEEP);
        assert!(serve("../src/lib.rs", None, &HeaderMap::new()).is_none());
    }

    #[test]
    fn assets_are_compressed_for_who_can_read_that() {
        for (accepts, compressed) in [("gzip, deflate, br", true), ("br;q=1.0, GZIP;q=0.8", true), ("br", false), ("", false)] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepts))]);
            let response = serve("base.css", None, &headers).unwrap();
            assert_eq!(response.headers().contains_key(CONTENT_ENCODING), compressed, "{accepts}");
            assert_eq!(response.body().starts_with(b"\x1f\x8b"), compressed, "{accepts}");
        }
    }
}
