//! File names as they came from outside, and how a file is offered under one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Longest name that is kept, in characters. Its extension is kept whole.
const MAX_CHARS: usize = 120;
/// Longest extension, dot and all, in characters.
const MAX_EXTENSION: usize = 16;

/// What stays as it is in an encoded name (RFC 8187, `attr-char`).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `name` without a path, characters that no name holds or that turn its letters around, and blanks or dots at its ends; of
/// bounded length. None if nothing is left.
pub fn clean(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !c.is_control() && !is_invisible(*c) && !matches!(c, '"' | '<' | '>')).collect();
    let kept = kept.trim_matches(|c: char| c.is_whitespace() || c == '.');
    if kept.is_empty() {
        return None;
    }
    if kept.chars().count() <= MAX_CHARS {
        return Some(kept.to_owned());
    }
    let extension =
        kept.rfind('.').map(|at| &kept[at..]).filter(|text| text.chars().count() <= MAX_EXTENSION).unwrap_or_default();
    let stem: String = kept.chars().take(MAX_CHARS - extension.chars().count()).collect();
    Some(format!("{}{extension}", stem.trim_end()))
}

/// Marks of direction and breadth, with which `gpj.exe` can be made to read as `exe.jpg`.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `Content-Disposition` of a file (RFC 6266): shown in the browser if that is harmless for its type, else saved.
pub fn disposition(mime: &str, name: Option<&str>) -> String {
    let kind = if is_shown(mime) { "inline" } else { "attachment" };
    let Some(name) = name else { return kind.to_owned() };
    let plain: String =
        name.chars().map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') { c } else { '_' }).collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ENCODED))
}

/// Whether a browser shows the type without running anything in it. An image of markup is a page.
fn is_shown(mime: &str) -> bool {
    let essence = mime.split(';').next().unwrap_or_default().trim();
    let (family, kind) = essence.split_once('/').unwrap_or_default();
    essence == "application/pdf" || (matches!(family, "image" | "audio" | "video") && !kind.contains("xml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_does_not_belong_in_one() {
        for (given, expected) in [
            ("offer.pdf", Some("offer.pdf")),
            ("/etc/passwd", Some("passwd")),
            ("..\\..\\evil.exe", Some("evil.exe")),
            ("a\u{0}b\r\nc.txt", Some("abc.txt")),
            ("photo\u{202e}gpj.exe", Some("photogpj.exe")),
            ("\"quoted\".txt", Some("quoted.txt")),
            ("  Angebot für Größe 3.pdf ", Some("Angebot für Größe 3.pdf")),
            (".htaccess", Some("htaccess")),
            ("..", None),
            ("dir/", None),
            ("", None),
        ] {
            assert_eq!(clean(given).as_deref(), expected, "{given:?}");
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let name = clean(&format!("{}.docx", "ä".repeat(500))).unwrap();
        assert_eq!((name.chars().count(), name.ends_with("ä.docx")), (MAX_CHARS, true));
        assert_eq!(clean(&format!("a.{}", "x".repeat(500))).unwrap().chars().count(), MAX_CHARS);
    }

    #[test]
    fn only_harmless_types_are_shown() {
        for (mime, inline) in [
            ("image/jpeg", true),
            ("audio/ogg; codecs=opus", true),
            ("video/mp4", true),
            ("application/pdf", true),
            ("image/svg+xml", false),
            ("text/html", false),
            ("text/plain", false),
            ("application/octet-stream", false),
            ("", false),
        ] {
            assert_eq!(disposition(mime, None), if inline { "inline" } else { "attachment" }, "{mime}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_header() {
        assert_eq!(
            disposition("image/png", Some("a\"; x=\r\n\\é.png")),
            "inline; filename=\"a_;_x=____.png\"; filename*=UTF-8''a%22%3B%20x%3D%0D%0A%5C%C3%A9.png"
        );
    }
}
