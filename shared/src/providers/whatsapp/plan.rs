//! What a draft becomes: which of WhatsApp's kinds of message each file is, and which file carries the text (Meta, WhatsApp
//! Cloud API, "Media", supported types and sizes). A file that doesn't fit its kind goes as a document, as it is.

use super::template;
use crate::{
    model::content::FileKind,
    providers::{
        Draft, PlannedPart,
        error::ProviderError,
        outgoing::{OutgoingFile, unsendable},
    },
};

/// Longest text in one message, in characters.
pub(super) const MAX_TEXT_CHARS: usize = 4096;
/// Longest text with a file, in characters.
const MAX_CAPTION_CHARS: usize = 1024;

const MB: usize = 1_000_000;
const MAX_IMAGE: usize = 5 * MB;
const MAX_AUDIO_OR_VIDEO: usize = 16 * MB;
const MAX_STICKER: usize = 100_000;
const MAX_DOCUMENT: usize = 100 * MB;

/// Types of documents that Meta's media store takes. It judges pictures, sound and films by the limits of their own kinds,
/// also when they are to be documents: those, and documents of other types, are fetched by Meta from our link.
const STORED_DOCUMENTS: [&str; 8] = [
    "application/msword",
    "application/pdf",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "text/plain",
];

/// One of WhatsApp's kinds of message with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Image,
    Video,
    Audio,
    /// Audio that plays like one spoken into the phone.
    Voice,
    Sticker,
    Document,
}

impl Kind {
    /// As what a file goes out.
    pub(super) fn of(file: &OutgoingFile) -> Self {
        let size = file.bytes.len();
        match essence(&file.mime) {
            "image/jpeg" | "image/png" if size <= MAX_IMAGE => Self::Image,
            "image/webp" if file.kind == FileKind::Sticker && size <= MAX_STICKER => Self::Sticker,
            "video/mp4" | "video/3gpp" if size <= MAX_AUDIO_OR_VIDEO => Self::Video,
            "audio/aac" | "audio/amr" | "audio/mp4" | "audio/mpeg" if size <= MAX_AUDIO_OR_VIDEO => Self::Audio,
            "audio/ogg" if size <= MAX_AUDIO_OR_VIDEO && is_mono_opus(&file.bytes) => {
                if file.kind == FileKind::Voice {
                    Self::Voice
                } else {
                    Self::Audio
                }
            }
            _ => Self::Document,
        }
    }

    /// Its `type`, and the member that holds it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio | Self::Voice => "audio",
            Self::Sticker => "sticker",
            Self::Document => "document",
        }
    }

    pub(super) fn takes_caption(self) -> bool {
        matches!(self, Self::Image | Self::Video | Self::Document)
    }
}

/// A MIME type without parameters.
pub(super) fn essence(mime: &str) -> &str {
    mime.split(';').next().unwrap_or_default().trim()
}

/// Whether Meta's media store takes the file.
pub(super) fn is_stored(file: &OutgoingFile) -> bool {
    Kind::of(file) != Kind::Document || STORED_DOCUMENTS.contains(&essence(&file.mime))
}

/// Ogg audio is played if it is Opus with one channel: its first page begins with `OpusHead`, version, channels (RFC 7845).
fn is_mono_opus(bytes: &[u8]) -> bool {
    const HEAD: &[u8] = b"OpusHead";
    let start = &bytes[..bytes.len().min(512)];
    let head = start.windows(HEAD.len()).position(|window| window == HEAD);
    start.starts_with(b"OggS") && head.and_then(|at| start.get(at + HEAD.len() + 1)) == Some(&1)
}

/// Splits a draft into messages, or says why WhatsApp won't take it.
pub(super) fn plan(draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
    if let Some(filled) = draft.template {
        template::body(filled)?;
    } else if draft.text.chars().count() > MAX_TEXT_CHARS {
        return Err(unsendable("message", format_args!("is longer than {MAX_TEXT_CHARS} characters")));
    }
    for file in draft.files {
        if file.bytes.is_empty() {
            return Err(unsendable("files", "hold an empty one, which WhatsApp does not take"));
        }
        if file.bytes.len() > MAX_DOCUMENT {
            return Err(unsendable("files", format_args!("hold one larger than WhatsApp's {} MB", MAX_DOCUMENT / MB)));
        }
    }
    if draft.template.is_some() && !draft.files.is_empty() {
        return Err(unsendable("files", "can't go with a template; send them when the customer has answered"));
    }
    let parts = draft.captioned(MAX_CAPTION_CHARS, |file| Kind::of(file).takes_caption());
    if parts.is_empty() { Err(unsendable("message", "is empty")) } else { Ok(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::stub;

    fn ogg(channels: u8) -> OutgoingFile {
        let bytes = [b"OggS\0\x02".as_slice(), &[0; 22], b"OpusHead\x01", &[channels], &[0; 8]].concat();
        OutgoingFile { bytes: bytes.into(), ..stub::file(FileKind::Voice, "audio/ogg; codecs=opus", "v.ogg", b"") }
    }

    fn sized(mime: &str, size: usize) -> OutgoingFile {
        OutgoingFile { bytes: vec![1; size].into(), ..stub::file(FileKind::of_mime(mime), mime, "f", b"") }
    }

    #[test]
    fn files_go_as_what_fits_them_and_else_as_documents() {
        let cases = [
            (sized("image/jpeg", MAX_IMAGE), Kind::Image),
            (sized("image/png", MAX_IMAGE + 1), Kind::Document),
            (sized("image/gif", 1), Kind::Document),
            (sized("image/heic", 1), Kind::Document),
            (sized("image/webp", 1), Kind::Document),
            (stub::file(FileKind::Sticker, "image/webp", "s.webp", b"1"), Kind::Sticker),
            (sized("video/mp4", MAX_AUDIO_OR_VIDEO), Kind::Video),
            (sized("video/3gpp", 1), Kind::Video),
            (sized("video/mp4", MAX_AUDIO_OR_VIDEO + 1), Kind::Document),
            (sized("video/webm", 1), Kind::Document),
            (sized("audio/mpeg", MAX_AUDIO_OR_VIDEO), Kind::Audio),
            (sized("audio/mpeg", MAX_AUDIO_OR_VIDEO + 1), Kind::Document),
            (sized("audio/aac", 1), Kind::Audio),
            (sized("audio/amr", 1), Kind::Audio),
            (sized("audio/mp4", 1), Kind::Audio),
            (sized("audio/wav", 1), Kind::Document),
            (sized("audio/ogg", 1), Kind::Document),
            (ogg(1), Kind::Voice),
            (OutgoingFile { kind: FileKind::Audio, ..ogg(1) }, Kind::Audio),
            (ogg(2), Kind::Document),
            (sized("application/pdf", 1), Kind::Document),
            (sized("", 1), Kind::Document),
        ];
        for (file, expected) in cases {
            assert_eq!(Kind::of(&file), expected, "{} {:?} {}", file.mime, file.kind, file.bytes.len());
        }
    }

    #[test]
    fn the_text_goes_with_the_first_file_that_takes_a_caption() {
        let files = [ogg(1), sized("image/jpeg", 1), sized("application/pdf", 1)];
        let part =
            |file: usize, caption: Option<&str>| PlannedPart::Files { files: vec![file], caption: caption.map(str::to_owned) };
        let planned = |text: &str| plan(&Draft { text, files: &files, template: None }).unwrap();
        let (caption, long) = ("ä".repeat(MAX_CAPTION_CHARS), "ä".repeat(MAX_CAPTION_CHARS + 1));
        assert_eq!(planned(&caption), [part(0, None), part(1, Some(&caption)), part(2, None)]);
        assert_eq!(planned(&long), [PlannedPart::Text(long), part(0, None), part(1, None), part(2, None)]);
        let voice = Draft { text: "Hi", files: &files[..1], template: None };
        assert_eq!(plan(&voice).unwrap(), [PlannedPart::Text("Hi".to_owned()), part(0, None)], "audio takes no caption");
    }

    #[test]
    fn what_is_too_much_names_its_field() {
        let refused = |text: &str, files: &[OutgoingFile]| {
            plan(&Draft { text, files, template: None }).map(|_| ()).map_err(|error| error.for_people())
        };
        assert_eq!(refused(&"😀".repeat(MAX_TEXT_CHARS), &[]), Ok(()));
        assert_eq!(refused(&"😀".repeat(MAX_TEXT_CHARS + 1), &[]), Err("message is longer than 4096 characters".to_owned()));
        assert_eq!(refused(" \n", &[]), Err("message is empty".to_owned()));
        assert!(refused("", &[sized("text/plain", 0)]).unwrap_err().starts_with("files hold an empty one"));
        assert_eq!(refused("", &[sized("application/zip", MAX_DOCUMENT)]), Ok(()));
        assert!(refused("", &[sized("application/zip", MAX_DOCUMENT + 1)]).unwrap_err().ends_with("100 MB"));
    }
}
