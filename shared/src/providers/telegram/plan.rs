//! How a draft is split into Telegram's messages (Telegram Bot API, "Available methods", "Sending files"): text that fits
//! goes with the first file, pictures and films in albums, likewise documents and sound among themselves; long text in
//! several messages.

use crate::{
    model::content::FileKind,
    providers::{
        Draft, PlannedPart,
        error::ProviderError,
        outgoing::{OutgoingFile, unsendable},
    },
};

/// Longest text in a draft, in characters. Any such text fits into the bundle's limit for stored text, 32 KiB.
pub(super) const MAX_DRAFT_CHARS: usize = 8192;
/// Longest text in one message.
const MAX_TEXT_CHARS: usize = 4096;
/// Longest text with a file.
const MAX_CAPTION_CHARS: usize = 1024;
/// Most files in one album.
const MAX_ALBUM: usize = 10;
/// Largest file, and most that one call carries.
const MAX_FILE_BYTES: usize = 50_000_000;
/// Largest picture that is shown as one; a larger one goes as a document.
const MAX_PHOTO_BYTES: usize = 10_000_000;

/// As what a file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SentAs {
    Photo,
    Video,
    Audio,
    Voice,
    Document,
}

impl SentAs {
    /// What Telegram can show of a file in the way of its kind, else a document.
    pub(super) fn of(file: &OutgoingFile) -> Self {
        let essence = file.mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "image/jpeg" | "image/jpg" | "image/png" if file.bytes.len() <= MAX_PHOTO_BYTES => Self::Photo,
            "video/mp4" => Self::Video,
            // Opus is what voice messages are made of; nothing else plays it.
            "audio/ogg" | "audio/opus" => Self::Voice,
            "audio/mpeg" | "audio/mp3" | "audio/mp4" | "audio/m4a" | "audio/x-m4a" => {
                if file.kind == FileKind::Voice {
                    Self::Voice
                } else {
                    Self::Audio
                }
            }
            _ => Self::Document,
        }
    }

    /// The method for one such file.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Photo => "sendPhoto",
            Self::Video => "sendVideo",
            Self::Audio => "sendAudio",
            Self::Voice => "sendVoice",
            Self::Document => "sendDocument",
        }
    }

    /// The method's field for it, and the word for it in an album.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Voice => "voice",
            Self::Document => "document",
        }
    }

    /// Whether both may be in one album.
    fn goes_with(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Photo | Self::Video, Self::Photo | Self::Video)
                | (Self::Audio, Self::Audio)
                | (Self::Document, Self::Document)
        )
    }
}

/// The parts of a draft, in order.
pub(super) fn plan(draft: &Draft<'_>) -> Result<Vec<PlannedPart>, ProviderError> {
    if draft.template.is_some() {
        return Err(unsendable("message", "is a template, which Telegram does not have"));
    }
    if draft.files.iter().any(|file| file.bytes.is_empty()) {
        return Err(unsendable("files", "must not be empty"));
    }
    if draft.files.iter().any(|file| file.bytes.len() > MAX_FILE_BYTES) {
        return Err(unsendable("files", format_args!("have at most {} MB each at Telegram", MAX_FILE_BYTES / 1_000_000)));
    }
    let text = draft.text.trim();
    let length = text.chars().count();
    if length > MAX_DRAFT_CHARS {
        return Err(unsendable("message", format_args!("is longer than {MAX_DRAFT_CHARS} characters")));
    }
    if text.is_empty() && draft.files.is_empty() {
        return Err(unsendable("message", "is empty"));
    }
    let mut albums = albums(draft.files);
    let mut parts = Vec::new();
    if let Some(PlannedPart::Files { caption, .. }) = albums.first_mut().filter(|_| (1..=MAX_CAPTION_CHARS).contains(&length)) {
        *caption = Some(text.to_owned());
    } else {
        parts.extend(pieces(text).into_iter().map(PlannedPart::Text));
    }
    parts.extend(albums);
    Ok(parts)
}

/// Neighbours that may be in one album, as many as it and a call can hold.
fn albums(files: &[OutgoingFile]) -> Vec<PlannedPart> {
    let mut albums: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for (position, file) in files.iter().enumerate() {
        let fits = |album: &Vec<usize>| {
            album.len() < MAX_ALBUM
                && bytes + file.bytes.len() <= MAX_FILE_BYTES
                && album.last().is_some_and(|last| SentAs::of(&files[*last]).goes_with(SentAs::of(file)))
        };
        match albums.last_mut() {
            Some(album) if fits(album) => album.push(position),
            _ => {
                albums.push(vec![position]);
                bytes = 0;
            }
        }
        bytes += file.bytes.len();
    }
    albums.into_iter().map(|files| PlannedPart::Files { files, caption: None }).collect()
}

/// Text in pieces that fit into a message, cut at the end of a line, else between words, where one is in the second half.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while let Some((end, _)) = rest.char_indices().nth(MAX_TEXT_CHARS) {
        let (head, next) = rest.split_at(end);
        // What stands right behind counts too: a word that just fits stays whole.
        let at_break = next.starts_with(char::is_whitespace);
        let late = |at: &usize| *at > end / 2;
        let between_words = || head.rfind(char::is_whitespace).filter(late);
        let cut = head.rfind('\n').filter(late).or_else(|| if at_break { Some(end) } else { between_words() }).unwrap_or(end);
        pieces.push(rest[..cut].trim_end().to_owned());
        rest = rest[cut..].trim_start();
    }
    if !rest.is_empty() {
        pieces.push(rest.to_owned());
    }
    pieces
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn file(kind: FileKind, mime: &str, size: usize) -> OutgoingFile {
        OutgoingFile { name: "f".to_owned(), mime: mime.to_owned(), kind, bytes: Bytes::from(vec![0; size]), link: String::new() }
    }

    fn files(mimes: &[&str]) -> Vec<OutgoingFile> {
        mimes.iter().map(|mime| file(FileKind::of_mime(mime), mime, 3)).collect()
    }

    fn planned(text: &str, files: &[OutgoingFile]) -> Vec<PlannedPart> {
        plan(&Draft { text, files, template: None }).unwrap()
    }

    fn album(files: impl Into<Vec<usize>>, caption: Option<&str>) -> PlannedPart {
        PlannedPart::Files { files: files.into(), caption: caption.map(str::to_owned) }
    }

    fn text(words: &str) -> PlannedPart {
        PlannedPart::Text(words.to_owned())
    }

    fn problem(text: &str, files: &[OutgoingFile]) -> String {
        plan(&Draft { text, files, template: None }).unwrap_err().for_people()
    }

    #[test]
    fn files_go_as_what_telegram_shows_of_them() {
        use FileKind::{Audio, Document, Image, Sticker, Video, Voice};
        for (kind, mime, size, expected) in [
            (Image, "image/jpeg", MAX_PHOTO_BYTES, SentAs::Photo),
            (Image, "image/jpeg", MAX_PHOTO_BYTES + 1, SentAs::Document),
            (Image, "IMAGE/PNG; x=1", 1, SentAs::Photo),
            (Image, "image/webp", 1, SentAs::Document),
            (Image, "image/gif", 1, SentAs::Document),
            (Sticker, "image/webp", 1, SentAs::Document),
            (Video, "video/mp4", 1, SentAs::Video),
            (Video, "video/quicktime", 1, SentAs::Document),
            (Audio, "audio/mpeg", 1, SentAs::Audio),
            (Audio, "audio/mp4", 1, SentAs::Audio),
            (Voice, "audio/mp4", 1, SentAs::Voice),
            (Audio, "audio/ogg; codecs=opus", 1, SentAs::Voice),
            (Audio, "audio/wav", 1, SentAs::Document),
            (Voice, "audio/wav", 1, SentAs::Document),
            (Document, "application/pdf", 1, SentAs::Document),
        ] {
            assert_eq!(SentAs::of(&file(kind, mime, size)), expected, "{mime} {size}");
        }
    }

    #[test]
    fn neighbours_of_a_kind_make_an_album() {
        let (jpeg, mp4, pdf, mp3, ogg) = ("image/jpeg", "video/mp4", "application/pdf", "audio/mpeg", "audio/ogg");
        assert_eq!(planned("", &files(&[jpeg, mp4, jpeg])), [album([0, 1, 2], None)]);
        assert_eq!(planned("", &files(&[pdf, "image/gif", mp3, mp3])), [album([0, 1], None), album([2, 3], None)]);
        assert_eq!(planned("", &files(&[jpeg, pdf, jpeg])), [album([0], None), album([1], None), album([2], None)]);
        assert_eq!(planned("", &files(&[ogg, ogg])), [album([0], None), album([1], None)]);
        let ten: Vec<usize> = (0..10).collect();
        assert_eq!(planned("", &files(&[jpeg; 10])), [album(ten.clone(), None)]);
        assert_eq!(planned("", &files(&[jpeg; 11])), [album(ten, None), album([10], None)]);
    }

    #[test]
    fn a_call_carries_no_more_than_it_may() {
        let half = file(FileKind::Document, "application/pdf", MAX_FILE_BYTES / 2);
        let three = [half.clone(), half.clone(), half];
        assert_eq!(planned("", &three), [album([0, 1], None), album([2], None)]);
        assert_eq!(planned("", &[file(FileKind::Document, "application/pdf", MAX_FILE_BYTES)]).len(), 1);
        let larger = file(FileKind::Document, "application/pdf", MAX_FILE_BYTES + 1);
        assert_eq!(problem("Hi", &[larger]), "files have at most 50 MB each at Telegram");
        assert_eq!(problem("Hi", &[file(FileKind::Document, "application/pdf", 0)]), "files must not be empty");
    }

    #[test]
    fn text_goes_with_the_first_file_if_it_fits() {
        let two = files(&["image/jpeg", "application/pdf"]);
        let fits = "ä".repeat(MAX_CAPTION_CHARS);
        assert_eq!(planned(&format!(" {fits}\n"), &two), [album([0], Some(&fits)), album([1], None)]);
        let long = "ä".repeat(MAX_CAPTION_CHARS + 1);
        assert_eq!(planned(&long, &two), [text(&long), album([0], None), album([1], None)]);
        assert_eq!(planned(" ", &two), [album([0], None), album([1], None)]);
    }

    #[test]
    fn long_text_is_cut_where_one_would() {
        let longest = "ä".repeat(MAX_TEXT_CHARS);
        assert_eq!(planned(&longest, &[]), [text(&longest)]);
        assert_eq!(planned(&format!("{longest}b"), &[]), [text(&longest), text("b")]);
        assert_eq!(planned(&format!("{longest} b"), &[]), [text(&longest), text("b")], "a word that fits stays whole");
        let (first, second) = ("a".repeat(3000), "b".repeat(2000));
        assert_eq!(planned(&format!("{first} {second}"), &[]), [text(&first), text(&second)]);
        let lines = format!("{first}\nc {second}");
        assert_eq!(planned(&lines, &[]), [text(&first), text(&format!("c {second}"))], "the end of a line comes first");
        let early = format!("a {}", "b".repeat(5000));
        assert_eq!(planned(&early, &[]).len(), 2, "an early gap does not make a short message");
        let most = "é".repeat(MAX_DRAFT_CHARS);
        assert_eq!(planned(&most, &[]).len(), 2);
        assert_eq!(problem(&format!("{most}é"), &[]), "message is longer than 8192 characters");
        assert_eq!(problem(" \n", &[]), "message is empty");
    }
}
