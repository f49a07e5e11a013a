//! Updates and the objects in them, shaped as Telegram's (Telegram Bot API, "Update", "Available types").

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use shared::model::time::Timestamp;

use super::{Bot, File};
use crate::{handset::GivenFile, webhooks::Post};

/// A webhook: one update, and the secret that the bot's owner set.
pub(super) fn post(secret: Option<&str>, update: &Value) -> Post {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(secret) = secret.and_then(|secret| HeaderValue::from_str(secret).ok()) {
        headers.insert("x-telegram-bot-api-secret-token", secret);
    }
    Post { headers, body: Bytes::from(update.to_string()) }
}

/// A person, with a user name made of their name.
pub(super) fn user(id: i64, name: &str) -> Value {
    let (first, last) = name.split_once(' ').unwrap_or((name, ""));
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let username: String = name.chars().map(plain).collect();
    let mut user = json!({"id": id, "is_bot": false, "first_name": first, "username": username, "language_code": "en"});
    if !last.is_empty() {
        user["last_name"] = last.into();
    }
    user
}

/// The bot itself.
pub(super) fn bot_user(bot: &Bot) -> Value {
    json!({"id": bot.id(), "is_bot": true, "first_name": bot.name, "username": bot.username})
}

/// Somebody's private chat with the bot.
pub(super) fn chat(user: &Value) -> Value {
    let mut chat = user.clone();
    if let Some(members) = chat.as_object_mut() {
        members.retain(|name, _| !matches!(name.as_str(), "is_bot" | "language_code"));
    }
    chat["type"] = "private".into();
    chat
}

/// A message with nothing in it.
pub(super) fn message(number: i64, from: &Value, chat: &Value, at: Timestamp) -> Value {
    json!({"message_id": number, "from": from, "chat": chat, "date": at.secs()})
}

/// As which member of a message Telegram shows a customer's file.
pub(super) fn member(file: &GivenFile) -> &'static str {
    match file.mime.split(';').next().unwrap_or_default() {
        _ if file.voice => "voice",
        "image/jpeg" | "image/png" => "photo",
        "image/gif" => "animation",
        "video/mp4" => "video",
        mime if mime.starts_with("audio/") => "audio",
        _ => "document",
    }
}

/// Puts a file into a message, as that member. A photo has a smaller size too; an animation is a document as well.
pub(super) fn put_file(message: &mut Value, member: &str, id: &str, small: &str, file: &File) {
    let size = file.bytes.len();
    let unique = |id: &str| id.chars().rev().take(8).collect::<String>();
    let mut object = json!({"file_id": id, "file_unique_id": unique(id), "file_size": size});
    match member {
        "photo" => {
            object["width"] = 1280.into();
            object["height"] = 960.into();
            let small = json!({"file_id": small, "file_unique_id": unique(small), "width": 90, "height": 67, "file_size": size});
            message["photo"] = json!([small, object]);
            return;
        }
        "voice" | "audio" => object["duration"] = 4.into(),
        "video" | "animation" => {
            object["duration"] = 4.into();
            object["width"] = 640.into();
            object["height"] = 360.into();
        }
        _ => {}
    }
    object["mime_type"] = file.mime.clone().into();
    if member != "voice" {
        object["file_name"] = file.name.clone().into();
    }
    if member == "animation" {
        message["document"] = object.clone();
    }
    message[member] = object;
}

/// The bot's standing in somebody's chat, as it was and as it is.
pub(super) fn membership(bot: &Bot, user: &Value, at: Timestamp, old: &str, new: &str) -> Value {
    let member = |status: &str| json!({"user": bot_user(bot), "status": status});
    json!({"chat": chat(user), "from": user, "date": at.secs(), "old_chat_member": member(old), "new_chat_member": member(new)})
}
