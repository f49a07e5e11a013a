//! What a file is, by its bytes. What its sender says is believed only where the bytes leave it open, and never when it is a
//! type that a browser would run: a file comes from a stranger, and is opened by an employee.

use crate::model::content::FileKind;

/// What is known of nothing but being bytes. Browsers save it.
pub const UNKNOWN: &str = "application/octet-stream";
const TEXT: &str = "text/plain; charset=utf-8";
/// A voice message. `infer`'s name for it, `audio/opus`, is one that browsers don't play.
const OPUS: &str = "audio/ogg; codecs=opus";

/// How many of a text's bytes are looked at.
const LOOK: usize = 64 * 1024;

/// Texts that are no more than text, whatever reads them.
const TEXTS: [&str; 7] =
    ["text/plain", "text/csv", "text/calendar", "text/vcard", "text/x-vcard", "text/markdown", "application/json"];

/// Types without a signature of their own, believed of what has no other signature.
const UNSIGNED: [&str; 8] = [
    "audio/",
    "video/",
    "application/pkcs",
    "application/x-pkcs",
    "application/vnd.ms-",
    "application/x-iwork",
    "font/",
    "model/",
];

/// The MIME type of a file that is said to be `declared`.
pub fn mime(bytes: &[u8], declared: &str) -> String {
    let declared = essence(declared);
    let found = infer::get(bytes).map(|kind| kind.mime_type());
    if found.is_none_or(is_guess) && is_text(bytes) {
        return text(found, &declared);
    }
    match found {
        Some(found) => refined(found, &declared).to_owned(),
        None if believed_unsigned(&declared) => declared,
        None => UNKNOWN.to_owned(),
    }
}

/// What a file is shown as, when its provider called it `told` and its bytes are of type `mime`.
pub fn kind(told: FileKind, mime: &str) -> FileKind {
    let by_mime = FileKind::of_mime(mime);
    match (told, by_mime) {
        (FileKind::Voice, FileKind::Audio)
        | (FileKind::Sticker, FileKind::Image | FileKind::Video)
        // A picture that is sent as a document stays one; what is no picture is not shown as one.
        | (FileKind::Document, _) => told,
        _ => by_mime,
    }
}

/// `declared` without parameters, in lower case; empty if it is no MIME type.
fn essence(declared: &str) -> String {
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b));
    match essence.split_once('/') {
        Some((family, kind)) if is_token(family) && is_token(kind) && essence.len() <= 127 => essence,
        _ => String::new(),
    }
}

/// Signatures so short that a text may begin with one by chance, or that say no more than that it is a text.
fn is_guess(found: &str) -> bool {
    found.starts_with("text/")
        || found.starts_with("application/x-executable")
        || matches!(
            found,
            "application/vnd.microsoft.portable-executable"
                | "application/x-x509-ca-cert"
                | "application/java"
                | "audio/mpeg"
                | "audio/aac"
                | "image/bmp"
                | "application/x-shockwave-flash"
                | "application/postscript"
                | "application/rtf"
        )
}

/// The type of what is text. Markup is kept from browsers; scripts are shown as what they are, letters.
fn text(found: Option<&str>, declared: &str) -> String {
    match found {
        Some("application/rtf" | "application/postscript") => found.unwrap_or_default().to_owned(),
        Some("text/html" | "text/xml") => UNKNOWN.to_owned(),
        _ if is_markup(declared) => UNKNOWN.to_owned(),
        _ if TEXTS.contains(&declared) => format!("{declared}; charset=utf-8"),
        _ => TEXT.to_owned(),
    }
}

fn is_markup(declared: &str) -> bool {
    declared.contains("html") || declared.contains("xml")
}

/// Whether the beginning is UTF-8 without the bytes that texts don't hold.
fn is_text(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(LOOK)];
    let valid = match std::str::from_utf8(beginning) {
        Ok(_) => true,
        // Cut within a character, not broken.
        Err(error) => error.error_len().is_none() && bytes.len() > LOOK,
    };
    valid && !beginning.is_empty() && !beginning.iter().any(|b| matches!(b, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f))
}

/// The bytes say a family of formats; within it, the sender may be more precise.
fn refined<'a>(found: &'a str, declared: &'a str) -> &'a str {
    let one_of = |kinds: &[&str]| kinds.iter().any(|kind| declared.starts_with(kind));
    match found {
        "audio/opus" => OPUS,
        "audio/ogg" if declared == "video/ogg" => declared,
        "audio/m4a" | "video/mp4" | "video/x-m4v" | "video/quicktime"
            if one_of(&["audio/mp4", "audio/x-m4a", "video/mp4", "video/3gpp", "video/quicktime"]) =>
        {
            declared
        }
        "audio/m4a" => "audio/mp4",
        // Sound alone, by another name.
        "video/mp4" if one_of(&["audio/"]) => "audio/mp4",
        "video/webm" | "video/x-matroska" if one_of(&["audio/webm", "video/webm", "video/x-matroska"]) => declared,
        // Office files and books are archives, and not all are told apart.
        "application/zip"
            if one_of(&["application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."]) =>
        {
            declared
        }
        // The old Office formats share a container that is not looked into.
        "application/msword" if one_of(&["application/vnd.ms-"]) => declared,
        "application/msword" if declared != "application/msword" => UNKNOWN,
        "text/html" | "text/xml" => UNKNOWN,
        found => found,
    }
}

fn believed_unsigned(declared: &str) -> bool {
    UNSIGNED.iter().any(|kind| declared.starts_with(kind)) && !is_markup(declared)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";
    const PDF: &[u8] = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\0\0\0a.txt";
    const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0\0\0\0\0\0\0";
    const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";
    const OGG_OPUS: &[u8] = b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead\x01\x01";

    #[test]
    fn bytes_come_before_words() {
        for (bytes, declared, expected) in [
            (PNG, "image/jpeg", "image/png"),
            (JPEG, "text/html", "image/jpeg"),
            (PDF, "image/png", "application/pdf"),
            (MP4, "text/javascript", "video/mp4"),
            (b"GIF89a\x01\0\x01\0", "", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/png", "image/webp"),
            (b"\x01\x02\x03\xff", "image/png", UNKNOWN),
            (b"\x01\x02\x03\xff", "application/pdf", UNKNOWN),
            (b"just words", "image/jpeg", "text/plain; charset=utf-8"),
            (b"", "image/jpeg", UNKNOWN),
        ] {
            assert_eq!(mime(bytes, declared), expected, "{declared}");
        }
    }

    #[test]
    fn words_count_where_bytes_leave_it_open() {
        for (bytes, declared, expected) in [
            (&b"a,b\n1,2\n"[..], "text/csv", "text/csv; charset=utf-8"),
            (b"{\"a\":1}", "Application/JSON; charset=x", "application/json; charset=utf-8"),
            (b"BEGIN:VCARD\nEND:VCARD", "text/vcard", "text/vcard; charset=utf-8"),
            (b"Grue\xc3\x9fe", "", "text/plain; charset=utf-8"),
            (b"MZ is a chat about BM and FWS", "text/plain", "text/plain; charset=utf-8"),
            (MP4, "audio/mp4", "audio/mp4"),
            (MP4, "audio/aac", "audio/mp4"),
            (MP4, "video/3gpp", "video/3gpp"),
            (OLE, "application/vnd.ms-excel", "application/vnd.ms-excel"),
            (OLE, "application/msword", "application/msword"),
            (OLE, "text/html", UNKNOWN),
            (ZIP, "application/vnd.oasis.opendocument.graphics", "application/vnd.oasis.opendocument.graphics"),
            (ZIP, "application/zip", "application/zip"),
            (ZIP, "application/java-archive", "application/zip"),
            (b"\x01\x02\x03\xff", "audio/basic", "audio/basic"),
            (b"\x01\x02\x03\xff", "no mime", UNKNOWN),
            (b"\x01\x02\x03\xff", "audio/x\r\nset-cookie: a", UNKNOWN),
        ] {
            assert_eq!(mime(bytes, declared), expected, "{declared}");
        }
    }

    #[test]
    fn voice_messages_play() {
        for declared in ["audio/ogg; codecs=opus", "audio/ogg", "", "video/mp4"] {
            assert_eq!(mime(OGG_OPUS, declared), "audio/ogg; codecs=opus");
        }
    }

    #[test]
    fn nothing_that_a_browser_would_run_keeps_its_type() {
        let html = [&b"<!DOCTYPE html><script>alert(1)</script>"[..], b"  <HTML ><body>", b"<?xml version=\"1.0\"?><svg/>"];
        for bytes in html {
            for declared in ["text/html", "image/png", "text/plain", "application/xhtml+xml", ""] {
                assert_eq!(mime(bytes, declared), UNKNOWN, "{declared}");
            }
        }
        for (bytes, declared, expected) in [
            (&b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"[..], "image/svg+xml", UNKNOWN),
            (b"<svg onload='alert(1)'/>", "image/png", "text/plain; charset=utf-8"),
            (b"alert(1)", "text/javascript", "text/plain; charset=utf-8"),
            (b"alert(1)", "application/javascript", "text/plain; charset=utf-8"),
            (b"alert(1)", "text/html", UNKNOWN),
            (b"\x01\x02\xff", "text/html", UNKNOWN),
            (b"\x01\x02\xff", "image/svg+xml", UNKNOWN),
            (b"\x01\x02\xff", "application/vnd.ms-x+xml", UNKNOWN),
        ] {
            assert_eq!(mime(bytes, declared), expected, "{declared}");
        }
    }

    #[test]
    fn long_texts_may_be_cut_within_a_character() {
        let long = "ä".repeat(LOOK);
        assert_eq!(mime(&long.as_bytes()[..=LOOK], "text/csv"), "text/csv; charset=utf-8");
        assert_eq!(mime(b"broken \xc3", "text/csv"), UNKNOWN);
    }

    #[test]
    fn what_is_no_picture_is_not_shown_as_one() {
        for (told, mime, shown) in [
            (FileKind::Image, "image/jpeg", FileKind::Image),
            (FileKind::Image, UNKNOWN, FileKind::Document),
            (FileKind::Video, "audio/mp4", FileKind::Audio),
            (FileKind::Voice, OPUS, FileKind::Voice),
            (FileKind::Voice, "image/png", FileKind::Image),
            (FileKind::Sticker, "image/webp", FileKind::Sticker),
            (FileKind::Document, "image/jpeg", FileKind::Document),
        ] {
            assert_eq!(kind(told, mime), shown, "{told:?} {mime}");
        }
    }
}
