//! What was written in the chats with a page, and the files in it. Links to files stop working when told to, as Meta's do
//! after a while.

use bytes::Bytes;
use serde_json::{Value, json};
use shared::model::time::Timestamp;

/// How many messages of a conversation can be read in detail.
pub(super) const READABLE: usize = 20;

/// A message in a chat.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub(super) mid: String,
    pub(super) page: String,
    pub(super) psid: String,
    pub(super) from_page: bool,
    pub(super) text: String,
    /// Type and id of each.
    pub(super) files: Vec<(&'static str, String)>,
    /// A location attachment.
    pub(super) place: Option<Value>,
    pub(super) reply_to: Option<String>,
    pub(super) metadata: Option<String>,
    pub(super) app_id: u64,
    pub(super) at: Timestamp,
}

impl Message {
    /// One with nothing to it. Its id, page and customer are set when it is added to their chat.
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            mid: String::new(),
            page: String::new(),
            psid: String::new(),
            from_page: false,
            text: String::new(),
            files: Vec::new(),
            place: None,
            reply_to: None,
            metadata: None,
            app_id: 0,
            at,
        }
    }
}

/// Type and id of a message's files.
pub(super) fn files_of(message: &Message) -> impl Iterator<Item = (&'static str, &str)> {
    message.files.iter().map(|(kind, id)| (*kind, id.as_str()))
}

/// A file in a chat.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) bytes: Bytes,
}

/// The type of attachment for a file.
pub(super) fn attachment_type(mime: &str) -> &'static str {
    match mime.split('/').next() {
        Some("image") => "image",
        Some("video") => "video",
        Some("audio") => "audio",
        _ => "file",
    }
}

/// A message as the Graph API describes it, with a customer called `name`.
pub(super) fn described(message: &Message, page: &str, name: &str, file: impl Fn(&str) -> Option<(File, String)>) -> Value {
    let (company, customer) = (json!({"id": message.page, "name": page}), json!({"id": message.psid, "name": name}));
    let (from, to) = if message.from_page { (company, customer) } else { (customer, company) };
    let mut object = json!({
        "id": message.mid, "created_time": created_time(message.at), "from": from, "to": {"data": [to]}, "message": message.text,
    });
    let files: Vec<Value> = files_of(message)
        .filter_map(|(kind, id)| {
            let (file, link) = file(id)?;
            let mut object = json!({"id": id, "mime_type": file.mime, "name": file.name, "size": file.bytes.len()});
            match kind {
                "image" => object["image_data"] = json!({"url": link, "preview_url": link, "width": 1, "height": 1}),
                "video" => object["video_data"] = json!({"url": link, "preview_url": link}),
                _ => object["file_url"] = link.into(),
            }
            Some(object)
        })
        .collect();
    if !files.is_empty() {
        object["attachments"] = json!({ "data": files });
    }
    if let Some(mid) = &message.reply_to {
        object["reply_to"] = json!({"mid": mid});
    }
    object
}

/// `2026-01-01T00:00:00+0000`.
pub(super) fn created_time(at: Timestamp) -> String {
    let full = at.rfc3339();
    format!("{}+0000", full.split('.').next().unwrap_or(&full))
}
