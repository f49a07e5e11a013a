//! Messages of the company's, each checked as Telegram checks it (Telegram Bot API, `sendMessage`, `sendPhoto` and the
//! like, `sendMediaGroup`).

use axum::response::Response;
use serde_json::{Value, json};
use shared::model::status::Status;

use super::{
    ApiError, File, Sent, Telegram,
    api::answer,
    request::{Parameters, Upload},
    updates,
};
use crate::{
    locked,
    phones::{Line, LineFile},
};

const MAX_TEXT: usize = 4096;
const MAX_CAPTION: usize = 1024;
const MAX_PHOTO: usize = 10 * 1024 * 1024;

/// Methods for one file, and what they call it.
const FILE_METHODS: [(&str, &str); 6] = [
    ("sendphoto", "photo"),
    ("senddocument", "document"),
    ("sendvideo", "video"),
    ("sendaudio", "audio"),
    ("sendvoice", "voice"),
    ("sendanimation", "animation"),
];

/// Parameters that mean something here. Telegram ignores all others without a word.
const KNOWN: [&str; 7] =
    ["chat_id", "text", "caption", "media", "business_connection_id", "reply_parameters", "disable_notification"];

/// What one message of a call holds.
struct Piece<'a> {
    member: &'static str,
    file: Option<&'a Upload>,
    text: String,
}

impl Telegram {
    /// Sends what a call of `method` says.
    pub(super) fn send(&self, method: &str, parameters: &Parameters) -> Result<Response, ApiError> {
        let lower = method.to_ascii_lowercase();
        let known = FILE_METHODS.iter().find(|(name, _)| *name == lower).map(|(_, member)| *member);
        if known.is_none() && !matches!(lower.as_str(), "sendmessage" | "sendmediagroup") {
            return Err(ApiError::new(404, "Not Found: method not found"));
        }
        let chat = self.recipient(parameters)?;
        let reply_to = self.reply_to(chat, parameters)?;
        let pieces = match (known, lower.as_str()) {
            (Some(member), _) => vec![single(member, parameters)?],
            (None, "sendmessage") => vec![text(parameters)?],
            (None, _) => album(parameters)?,
        };
        self.note_unknown(method, parameters);
        let fault = locked(&self.0.state).faults.pop_front();
        Self::unless_faulty(fault.as_ref(), || {
            let business = parameters.text("business_connection_id");
            let messages: Vec<Value> = pieces.iter().map(|piece| self.accept(chat, method, reply_to, business, piece)).collect();
            let is_album = lower == "sendmediagroup";
            Ok(answer(&if is_album { Value::Array(messages) } else { messages.into_iter().next().unwrap_or_default() }))
        })
    }

    /// The chat, if somebody is there who wants to hear the bot.
    fn recipient(&self, parameters: &Parameters) -> Result<i64, ApiError> {
        let chat = parameters.number("chat_id").ok_or_else(|| ApiError::bad("chat_id is empty"))?;
        let state = locked(&self.0.state);
        if parameters.text("business_connection_id").is_some_and(|id| !state.connections.contains(id)) {
            return Err(ApiError::bad("BUSINESS_CONNECTION_INVALID"));
        }
        if !state.people.contains_key(&chat) {
            return Err(ApiError::bad("chat not found"));
        }
        drop(state);
        if self.is_blocked(chat) {
            return Err(ApiError::new(403, "Forbidden: bot was blocked by the user"));
        }
        Ok(chat)
    }

    /// The message that is answered; none if it is gone and that is no matter.
    fn reply_to(&self, chat: i64, parameters: &Parameters) -> Result<Option<i64>, ApiError> {
        let Some(reply) = parameters.structure("reply_parameters")? else { return Ok(None) };
        let number = reply["message_id"].as_i64().ok_or_else(|| ApiError::bad("message identifier is not specified"))?;
        if locked(&self.0.state).messages.contains_key(&(chat, number)) {
            return Ok(Some(number));
        }
        if reply["allow_sending_without_reply"] == true {
            return Ok(None);
        }
        Err(ApiError::bad("message to be replied not found"))
    }

    fn note_unknown(&self, method: &str, parameters: &Parameters) {
        let unknown = parameters.values.keys().filter(|name| !KNOWN.contains(&name.as_str()));
        let noted: Vec<String> = unknown.map(|name| format!("{method}: {name}")).collect();
        locked(&self.0.state).violations.extend(noted);
    }

    /// Takes a message that passed every check: it stands on the phone. Nobody is told how far it got.
    fn accept(&self, chat: i64, method: &str, reply_to: Option<i64>, business: Option<&str>, piece: &Piece<'_>) -> Value {
        let (customer, at) = (chat.to_string(), self.0.clock.now());
        let user = self.person(&customer, "");
        let number = locked(&self.0.state).next();
        let mut message = updates::message(number, &updates::bot_user(&self.0.bot), &updates::chat(&user), at);
        if let Some(target) = reply_to.and_then(|number| self.message(&format!("{chat}:{number}"))) {
            message["reply_to_message"] = target;
        }
        let file = piece.file.map(|upload| {
            let file = File { name: upload.name.clone(), mime: upload.mime.clone(), bytes: upload.bytes.clone() };
            let id = self.store(file.clone());
            updates::put_file(&mut message, piece.member, &id, &id, &file);
            LineFile { name: file.name, mime: file.mime, id }
        });
        if !piece.text.is_empty() {
            message[if file.is_some() { "caption" } else { "text" }] = piece.text.clone().into();
        }
        self.keep(&message, number, &customer);
        let id = format!("{chat}:{number}");
        let sent = Sent {
            id: id.clone(),
            to: customer.clone(),
            method: method.to_owned(),
            text: piece.text.clone(),
            reply_to,
            business: business.map(str::to_owned),
            file: file.as_ref().map(|file| file.id.clone()),
            at,
        };
        locked(&self.0.state).sent.push(sent);
        let files = file.into_iter().collect();
        let line = Line { id, own: false, text: piece.text.clone(), at, status: Status::Sent, files };
        self.0.phones.add(&customer, "", line);
        message
    }
}

fn text(parameters: &Parameters) -> Result<Piece<'static>, ApiError> {
    let text = parameters.text("text").unwrap_or_default().trim();
    if text.is_empty() {
        return Err(ApiError::bad("message text is empty"));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(ApiError::bad("message is too long"));
    }
    // Text of people is full of what looks like formatting and is none.
    if parameters.values.contains_key("parse_mode") && text.contains(['_', '<', '*', '[']) {
        return Err(ApiError::bad("can't parse entities: Can't find end of the entity"));
    }
    Ok(Piece { member: "text", file: None, text: text.to_owned() })
}

fn single<'a>(member: &'static str, parameters: &'a Parameters) -> Result<Piece<'a>, ApiError> {
    let file = parameters.files.get(member).ok_or_else(|| ApiError::bad(&format!("there is no {member} in the request")))?;
    check_file(member, file)?;
    Ok(Piece { member, file: Some(file), text: caption(parameters.text("caption"))? })
}

fn caption(caption: Option<&str>) -> Result<String, ApiError> {
    let caption = caption.unwrap_or_default();
    if caption.chars().count() > MAX_CAPTION {
        return Err(ApiError::bad("message caption is too long"));
    }
    Ok(caption.to_owned())
}

/// Pictures are looked into; all else is taken as what it is said to be.
fn check_file(member: &str, file: &Upload) -> Result<(), ApiError> {
    if file.bytes.is_empty() {
        return Err(ApiError::bad("file must be non-empty"));
    }
    if member == "photo" {
        let is_picture = file.bytes.starts_with(b"\xff\xd8\xff") || file.bytes.starts_with(b"\x89PNG\r\n\x1a\n");
        if file.bytes.len() > MAX_PHOTO {
            return Err(ApiError::bad("file is too big"));
        }
        if !is_picture {
            return Err(ApiError::bad("IMAGE_PROCESS_FAILED"));
        }
    }
    Ok(())
}

fn album(parameters: &Parameters) -> Result<Vec<Piece<'_>>, ApiError> {
    let media = parameters.structure("media")?.unwrap_or_else(|| json!([]));
    let items = media.as_array().map(Vec::as_slice).unwrap_or_default();
    if !(2..=10).contains(&items.len()) {
        return Err(ApiError::bad("media group must have 2-10 items"));
    }
    let pieces = items.iter().enumerate().map(|(position, item)| {
        let members = ["photo", "video", "audio", "document"];
        let member = members.into_iter().find(|member| item["type"] == *member);
        let member = member.ok_or_else(|| ApiError::bad("can't parse InputMedia: unsupported type"))?;
        let attached = item["media"].as_str().and_then(|media| parameters.files.get(media.strip_prefix("attach://")?));
        let file = attached.ok_or_else(|| ApiError::bad("wrong file identifier/HTTP URL specified"))?;
        check_file(member, file).map_err(|_| {
            let number = position + 1;
            ApiError::bad(&format!("failed to send message #{number} with the error message \"IMAGE_PROCESS_FAILED\""))
        })?;
        Ok(Piece { member, file: Some(file), text: caption(item["caption"].as_str())? })
    });
    let pieces = pieces.collect::<Result<Vec<_>, ApiError>>()?;
    let class = |piece: &Piece<'_>| if piece.member == "video" { "photo" } else { piece.member };
    if pieces.iter().any(|piece| class(piece) != class(&pieces[0])) {
        return Err(ApiError::bad("document can't be mixed with other media types"));
    }
    Ok(pieces)
}
