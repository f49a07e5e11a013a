//! The form that Pipedrive posts to send a message (Pipedrive, "Channels API - Required endpoints in the vendor's
//! integration", postMessage). How it spells the recipients differs between its documents, so every spelling is read.

use bytes::Bytes;
use http::header::CONTENT_DISPOSITION;
use multer::{Field, Multipart};
use percent_encoding::percent_decode_str;

use crate::{inbox::error::InboxError, model::text::MAX_MESSAGE_BYTES};

/// Largest body. API Gateway and Lambda pass on no more anyway.
pub const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;
/// Most files with one message.
const MAX_FILES: usize = 20;
/// Most recipients. There is one in every conversation that Pipedrive shows.
const MAX_RECIPIENTS: usize = 100;
/// Longest id.
const MAX_ID_BYTES: usize = 512;

/// The form, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageForm {
    /// The text; empty if there is none.
    pub message: String,
    /// Who sends it, if it says.
    pub sender: Option<String>,
    /// Where.
    pub conversation: Option<String>,
    /// To whom, in the form's order.
    pub recipients: Vec<String>,
    /// Files to go with it.
    pub files: Vec<File>,
}

/// A file in the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its MIME type.
    pub mime: String,
    /// Its contents.
    pub bytes: Bytes,
}

/// Reads the form.
pub async fn read(content_type: Option<&str>, body: Bytes) -> Result<MessageForm, InboxError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(InboxError::invalid_body("body", format!("is larger than {MAX_BODY_BYTES} bytes")));
    }
    let boundary = content_type
        .and_then(|value| multer::parse_boundary(value).ok())
        .ok_or_else(|| InboxError::invalid_body("body", "must be multipart/form-data with a boundary"))?;
    let stream = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut parts = Multipart::new(stream, boundary);
    let mut form = MessageForm::default();
    let mut seen = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(|_| malformed())? {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(malformed());
        };
        if is_file(&part, &name) {
            if let Some(file) = read_file(part).await? {
                form.files.push(file);
            }
            if form.files.len() > MAX_FILES {
                return Err(InboxError::invalid_body("files", format!("are more than {MAX_FILES}")));
            }
            continue;
        }
        match name.as_str() {
            "message" => form.message = once(&mut seen, "message", read_text(part, "message", MAX_MESSAGE_BYTES).await?)?,
            "senderId" => form.sender = given(&once(&mut seen, "senderId", read_text(part, "senderId", MAX_ID_BYTES).await?)?),
            "conversationId" => {
                let text = read_text(part, "conversationId", MAX_ID_BYTES).await?;
                form.conversation = given(&once(&mut seen, "conversationId", text)?);
            }
            name if is_recipients(name) => {
                let text = read_text(part, "recipientIds", MAX_RECIPIENTS * (MAX_ID_BYTES + 3)).await?;
                form.recipients.extend(split_recipients(&text)?);
                if form.recipients.len() > MAX_RECIPIENTS {
                    return Err(InboxError::invalid_body("recipientIds", format!("are more than {MAX_RECIPIENTS}")));
                }
            }
            // A form may grow; what is not known is not an error.
            _ => {}
        }
    }
    Ok(form)
}

fn is_file(part: &Field<'_>, name: &str) -> bool {
    name == "files" || name == "files[]" || part.file_name().is_some() || extended_file_name(part).is_some()
}

/// `recipientIds`, `recipientIds[]`, `recipientIds[0]`, `recipient_ids`, …
fn is_recipients(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("recipientIds").or_else(|| name.strip_prefix("recipient_ids")) else {
        return false;
    };
    let index = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    rest.is_empty() || index.is_some_and(|index| index.bytes().all(|b| b.is_ascii_digit()))
}

/// One id, several with commas between them, or a JSON array of them.
fn split_recipients(text: &str) -> Result<Vec<String>, InboxError> {
    let text = text.trim();
    let ids: Vec<String> = if text.starts_with('[') {
        serde_json::from_str(text)
            .map_err(|_| InboxError::invalid_body("recipientIds", "are neither ids nor a JSON array of them"))?
    } else {
        text.split(',').map(str::to_owned).collect()
    };
    Ok(ids.into_iter().map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()).collect())
}

fn once(seen: &mut Vec<&'static str>, name: &'static str, text: String) -> Result<String, InboxError> {
    if seen.contains(&name) {
        return Err(InboxError::invalid_body(name, "is given more than once"));
    }
    seen.push(name);
    Ok(text)
}

fn given(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

async fn read_text(part: Field<'_>, name: &'static str, max: usize) -> Result<String, InboxError> {
    let bytes = part.bytes().await.map_err(|_| malformed())?;
    if bytes.len() > max {
        return Err(InboxError::invalid_body(name, format!("is longer than {max} bytes")));
    }
    String::from_utf8(bytes.into()).map_err(|_| InboxError::invalid_body(name, "is not UTF-8"))
}

/// The file; none for the empty part that a browser sends when no file was chosen.
async fn read_file(part: Field<'_>) -> Result<Option<File>, InboxError> {
    let name = extended_file_name(&part).or_else(|| part.file_name().map(str::to_owned)).filter(|name| !name.is_empty());
    let mime = part.content_type().map_or("application/octet-stream", mime::Mime::essence_str).to_owned();
    let bytes = part.bytes().await.map_err(|_| malformed())?;
    Ok((name.is_some() || !bytes.is_empty()).then_some(File { name, mime, bytes }))
}

/// `filename*=UTF-8''…` (RFC 5987), which says more than `filename` where both are given.
fn extended_file_name(part: &Field<'_>) -> Option<String> {
    let header = std::str::from_utf8(part.headers().get(CONTENT_DISPOSITION)?.as_bytes()).ok()?;
    let (_, rest) = header.split_once("filename*=")?;
    let value = rest.split(';').next()?.trim().trim_matches('"');
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then(|| percent_decode_str(encoded).decode_utf8_lossy().into_owned())
}

fn malformed() -> InboxError {
    InboxError::invalid_body("body", "is not well-formed multipart/form-data")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn body(parts: &[(&str, &str)]) -> Bytes {
        let parts = parts
            .iter()
            .map(|(disposition, content)| format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n"));
        Bytes::from(parts.collect::<String>() + "--XX--\r\n")
    }

    async fn form(parts: &[(&str, &str)]) -> Result<MessageForm, String> {
        read(Some(TYPE), body(parts)).await.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn reads_what_pipedrive_sends() {
        let read = form(&[
            ("name=\"message\"", "Hi Ada 👋"),
            ("name=\"senderId\"", "pt_1"),
            ("name=\"conversationId\"", " cv_1 "),
            ("name=\"recipientIds[]\"", "pt_2"),
            ("name=\"surprise\"", "ignored"),
            ("name=\"files\"; filename=\"offer.pdf\"\r\nContent-Type: application/pdf", "%PDF-1.7"),
            ("name=\"files\"; filename*=UTF-8''%C3%A4.txt; filename=\"a.txt\"", "x"),
            ("name=\"files\"; filename=\"\"", ""),
        ])
        .await
        .unwrap();
        assert_eq!(read.message, "Hi Ada 👋");
        assert_eq!((read.sender.as_deref(), read.conversation.as_deref()), (Some("pt_1"), Some("cv_1")));
        assert_eq!(read.recipients, ["pt_2"]);
        let files: Vec<_> = read.files.iter().map(|f| (f.name.as_deref(), f.mime.as_str(), f.bytes.as_ref())).collect();
        let expected: [(_, _, &[u8]); 2] =
            [(Some("offer.pdf"), "application/pdf", b"%PDF-1.7"), (Some("ä.txt"), "application/octet-stream", b"x")];
        assert_eq!(files, expected);
    }

    #[tokio::test]
    async fn recipients_in_every_spelling() {
        for (what, parts, expected) in [
            ("comma", &[("name=\"recipientIds\"", "a, b,")][..], &["a", "b"][..]),
            ("brackets", &[("name=\"recipientIds[]\"", "a"), ("name=\"recipientIds[]\"", "b")], &["a", "b"]),
            ("index", &[("name=\"recipientIds[0]\"", "a"), ("name=\"recipientIds[1]\"", "b")], &["a", "b"]),
            ("repeated", &[("name=\"recipientIds\"", "a"), ("name=\"recipientIds\"", "b")], &["a", "b"]),
            ("json", &[("name=\"recipientIds\"", "[\"a\", \"b\"]")], &["a", "b"]),
            ("snake", &[("name=\"recipient_ids\"", "a")], &["a"]),
            ("snake brackets", &[("name=\"recipient_ids[]\"", "a")], &["a"]),
            ("other", &[("name=\"recipientIdsX\"", "a"), ("name=\"recipientIds[x]\"", "b")], &[]),
            ("none", &[], &[]),
        ] {
            assert_eq!(form(parts).await.unwrap().recipients, expected, "{what}");
        }
    }

    #[tokio::test]
    async fn faults_name_the_field() {
        let long = "x".repeat(MAX_MESSAGE_BYTES + 1);
        let many = "a,".repeat(MAX_RECIPIENTS + 1);
        let files = [("name=\"files\"; filename=\"a\"", "x"); MAX_FILES + 1];
        for (parts, expected) in [
            (&[("name=\"message\"", long.as_str())][..], "message: is longer than 32768 bytes"),
            (&[("name=\"message\"", "a"), ("name=\"message\"", "b")], "message: is given more than once"),
            (&[("name=\"senderId\"", &long[..600])], "senderId: is longer than 512 bytes"),
            (&[("name=\"recipientIds\"", "[1]")], "recipientIds: are neither ids nor a JSON array of them"),
            (&[("name=\"recipientIds\"", &many)], "recipientIds: are more than 100"),
            (&files, "files: are more than 20"),
            (&[("filename=\"a\"", "x")], "body: is not well-formed multipart/form-data"),
        ] {
            assert_eq!(form(parts).await.unwrap_err(), expected);
        }
        let not_utf8 = Bytes::from_static(b"--XX\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n\xff\r\n--XX--\r\n");
        assert_eq!(read(Some(TYPE), not_utf8).await.unwrap_err().to_string(), "message: is not UTF-8");
    }

    #[tokio::test]
    async fn broken_forms_are_refused() {
        let whole = body(&[("name=\"message\"", "hello")]);
        for content_type in [None, Some("application/json"), Some("multipart/form-data"), Some("\"")] {
            assert!(read(content_type, whole.clone()).await.is_err(), "{content_type:?}");
        }
        // From `--XX--` on, nothing more is needed.
        for cut in 0..whole.len() - "--\r\n".len() {
            assert!(read(Some(TYPE), whole.slice(..cut)).await.is_err(), "cut at {cut}");
        }
        let large = Bytes::from(vec![b'x'; MAX_BODY_BYTES + 1]);
        assert!(read(Some(TYPE), large).await.unwrap_err().to_string().contains("larger"));
    }
}
