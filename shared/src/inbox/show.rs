//! How a message reads where only text and files can be shown: in Pipedrive's inbox, through the manifest and the Channels API.

use crate::{
    media::{
        FileLink,
        links::{Links, Target},
    },
    model::{
        content::{Content, FileKind, FileState},
        message::Message,
        text::shortened,
    },
};

/// What a message says in place of one that its writer took back.
const DELETED: &str = "[message deleted]";
/// Put behind a text that its writer changed.
const EDITED: &str = "[edited]";
/// Most files in one message; more can't come and can't be sent.
pub(super) const MAX_FILES: usize = 30;

/// The message's files that can be fetched.
pub fn files(message: &Message, links: &Links) -> Vec<FileLink> {
    let view = |(position, file): (usize, &crate::model::content::Attachment)| {
        let FileState::Stored { preview, .. } = &file.file else { return None };
        let to = |preview| links.to(&Target::File { message: message.id.clone(), position, preview });
        Some(FileLink {
            id: position.to_string(),
            mime: file.mime.clone(),
            name: file.name.clone(),
            size: file.size,
            url: to(false),
            preview_url: preview.as_ref().map(|_| to(true)),
            link_expires: true,
        })
    };
    message.attachments.iter().take(MAX_FILES).enumerate().filter_map(view).collect()
}

/// All that the message says, as text: what it answers, its own words, and what stands for files that can't be fetched.
pub fn text(message: &Message) -> String {
    if message.deleted_at.is_some() {
        return DELETED.to_owned();
    }
    let mut lines = Vec::new();
    if let Some(quote) = message.reply_to.as_ref().map(|reply| reply.quote.as_str()).filter(|quote| !quote.is_empty()) {
        lines.push(format!("> {quote}"));
    }
    if !message.text.is_empty() {
        lines.push(message.text.clone());
    }
    for file in &message.attachments {
        match &file.file {
            FileState::Stored { .. } => {}
            FileState::Awaited { attempts: 0, .. } => lines.push(file.placeholder()),
            FileState::Awaited { .. } => lines.push(format!("{} is still being fetched.", file.placeholder())),
            FileState::Lost { reason } => lines.push(format!("{} {}", file.placeholder(), reason.text)),
        }
    }
    // Pipedrive's contract asks for a text; a file with nothing to it is named by what it is.
    if lines.is_empty() {
        lines.extend(message.attachments.iter().map(|file| match file.kind {
            FileKind::Voice | FileKind::Sticker => file.placeholder(),
            _ => file.name.clone().unwrap_or_else(|| file.placeholder()),
        }));
    }
    if message.edited_at.is_some() {
        lines.push(EDITED.to_owned());
    }
    lines.join("\n")
}

/// The beginning of a message, for where another one answers it: one line of at most `max` characters.
pub fn quote(message: &Message, max: usize) -> String {
    let said = if message.text.is_empty() { text(message) } else { message.text.clone() };
    let words = match message.content {
        // What was answered is not repeated once more.
        Some(Content::Reaction { .. }) => String::new(),
        _ if message.deleted_at.is_some() => DELETED.to_owned(),
        _ => said,
    };
    shortened(&words, max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            content::{Attachment, FileSource, ObjectKey, ReplyTo},
            ids::{ConversationId, Place},
            message::{Direction, FailureReason},
            time::Timestamp,
        },
        seal::Vault,
    };

    fn message(said: &str) -> Message {
        let (id, at) = (ConversationId::new(), Timestamp::EPOCH);
        Message::new(id.message(&Place::new(at, at, 0)), Direction::In, id.end_user(), said.to_owned(), at)
    }

    fn file(kind: FileKind, name: Option<&str>, file: FileState) -> Attachment {
        Attachment { kind, mime: "image/jpeg".to_owned(), name: name.map(str::to_owned), size: Some(3), file }
    }

    fn stored(preview: bool) -> FileState {
        let key = |name: &str| ObjectKey(name.to_owned());
        FileState::Stored { key: key("k"), preview: preview.then(|| key("p")) }
    }

    #[test]
    fn a_message_reads_whole() {
        let mut m = message("Yes");
        assert_eq!(text(&m), "Yes");
        m.reply_to = Some(ReplyTo { message: None, quote: "Shall we?".to_owned() });
        assert_eq!(text(&m), "> Shall we?\nYes");
        m.edited_at = Some(Timestamp::EPOCH);
        assert_eq!(text(&m), "> Shall we?\nYes\n[edited]");
        m.deleted_at = Some(Timestamp::EPOCH);
        assert_eq!(text(&m), "[message deleted]");
    }

    #[test]
    fn files_are_shown_or_named() {
        let mut m = message("");
        let source = || FileSource("x".to_owned());
        m.attachments = vec![file(FileKind::Image, None, FileState::Awaited { source: source(), attempts: 0 })];
        assert_eq!(text(&m), "[image]");
        m.attachments[0].file = FileState::Awaited { source: source(), attempts: 1 };
        assert_eq!(text(&m), "[image] is still being fetched.");
        m.attachments[0].file =
            FileState::Lost { reason: FailureReason { code: "gone".to_owned(), text: "The provider lost it.".to_owned() } };
        assert_eq!(text(&m), "[image] The provider lost it.");
        m.attachments[0].file = stored(true);
        assert_eq!(text(&m), "[image]");
        m.attachments[0].name = Some("a.jpg".to_owned());
        assert_eq!(text(&m), "a.jpg");
        m.text = "Look".to_owned();
        assert_eq!(text(&m), "Look");
    }

    #[test]
    fn stored_files_alone_have_addresses() {
        let mut m = message("");
        let awaited = FileState::Awaited { source: FileSource("x".to_owned()), attempts: 0 };
        m.attachments = vec![
            file(FileKind::Image, None, awaited),
            file(FileKind::Image, None, stored(true)),
            file(FileKind::Document, Some("a.pdf"), stored(false)),
        ];
        let vault = Vault::parse("0123456789abcdef0123456789abcdef").unwrap();
        let views = files(&m, &Links::new(&vault, "https://x.example", Timestamp::EPOCH).unwrap());
        assert_eq!(views.iter().map(|view| view.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
        assert!(views[0].url.starts_with(&format!("https://x.example/media/{}-1.", m.id)));
        assert!(views[0].preview_url.as_deref().unwrap().contains("-1p."));
        assert_eq!((views[1].preview_url.as_ref(), views[1].link_expires), (None, true));
    }

    #[test]
    fn quotes_are_one_short_line() {
        assert_eq!(quote(&message("a\n b"), 5), "a b");
        assert_eq!(quote(&message("abcdef"), 5), "abcd…");
        assert_eq!(quote(&message("ab cdef"), 4), "ab…");
    }
}
