//! The file in a message (Telegram Bot API, "Available types"). Telegram names it by an id that stays valid for the bot.

use serde_json::Value;

use crate::{
    model::content::{FileKind, FileSource},
    providers::{
        event::InboundFile,
        lenient::{id, integer, text},
    },
};

/// Members that hold a file, each with what it is and its type where Telegram does not tell it. An animation comes as a
/// document too, so it stands before that.
const MEMBERS: [(&str, FileKind, Option<&str>); 7] = [
    ("animation", FileKind::Video, Some("video/mp4")),
    ("video", FileKind::Video, Some("video/mp4")),
    ("video_note", FileKind::Video, Some("video/mp4")),
    ("audio", FileKind::Audio, Some("audio/mpeg")),
    ("voice", FileKind::Voice, Some("audio/ogg")),
    ("sticker", FileKind::Sticker, Some("image/webp")),
    ("document", FileKind::Document, None),
];

/// A message's file, or what it would be if its id could be read.
pub(super) fn of_message(message: &Value) -> Option<Result<InboundFile, FileKind>> {
    if let Some(photo) = message.get("photo").filter(|photo| photo.is_array()) {
        return Some(largest(photo).map(|size| file(size, FileKind::Image, Some("image/jpeg"))).ok_or(FileKind::Image));
    }
    let (value, member) = MEMBERS.iter().find_map(|member| Some((message.get(member.0).filter(|v| v.is_object())?, member)))?;
    let (name, kind, mime) = *member;
    let is = |flag| value.get(flag) == Some(&Value::Bool(true));
    let mime = match name {
        "sticker" if is("is_animated") => Some("application/x-tgsticker"),
        "sticker" if is("is_video") => Some("video/webm"),
        _ => mime,
    };
    let file = file(value, kind, mime);
    // Old animations are pictures.
    let kind = if name == "animation" && file.mime.as_deref() == Some("image/gif") { FileKind::Image } else { kind };
    let known = !file.source.0.is_empty();
    Some(if known { Ok(InboundFile { kind, ..file }) } else { Err(kind) })
}

/// The id of the picture with the most pixels that has one.
pub(super) fn largest(sizes: &Value) -> Option<&Value> {
    let pixels = |size: &&Value| {
        let side = |pointer| integer(size, pointer).filter(|side| *side > 0).unwrap_or(0);
        side("/width").saturating_mul(side("/height"))
    };
    sizes.as_array()?.iter().filter(|size| id(size, "/file_id").is_some()).max_by_key(pixels)
}

fn file(value: &Value, kind: FileKind, mime: Option<&str>) -> InboundFile {
    InboundFile {
        source: FileSource(id(value, "/file_id").unwrap_or_default()),
        kind,
        mime: text(value, "/mime_type").or(mime).map(str::to_owned),
        name: text(value, "/file_name").map(|name| name.trim().to_owned()),
        size: integer(value, "/file_size").and_then(|size| u64::try_from(size).ok()).filter(|size| *size > 0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_largest_picture_counts_wherever_it_stands() {
        let photo = json!([
            {"file_id": "s", "width": 90, "height": 67},
            {"file_id": "l", "width": "1280", "height": 960, "file_size": "98000"},
            {"width": 9000, "height": 9000},
            null,
            {"file_id": "m", "width": 320, "height": 240},
        ]);
        let file = of_message(&json!({ "photo": photo })).unwrap().unwrap();
        assert_eq!((file.source.0.as_str(), file.size, file.mime.as_deref()), ("l", Some(98_000), Some("image/jpeg")));
        let sizeless = json!({"photo": [{"file_id": "s"}, {"file_id": "l"}]});
        assert_eq!(of_message(&sizeless).unwrap().unwrap().source.0, "l", "Telegram lists the largest last");
        assert_eq!(of_message(&json!({"photo": []})), Some(Err(FileKind::Image)));
    }

    #[test]
    fn what_telegram_does_not_say_is_known() {
        let of = |member: &str, value: Value| {
            let file = of_message(&json!({member: value})).unwrap().unwrap();
            (file.kind, file.mime, file.name)
        };
        let id = json!({"file_id": "F"});
        let mime = |mime: &str| Some(mime.to_owned());
        assert_eq!(of("voice", id.clone()), (FileKind::Voice, mime("audio/ogg"), None));
        assert_eq!(of("video_note", id.clone()), (FileKind::Video, mime("video/mp4"), None));
        assert_eq!(of("document", id.clone()), (FileKind::Document, None, None));
        assert_eq!(of("sticker", id.clone()), (FileKind::Sticker, mime("image/webp"), None));
        let animated = json!({"file_id": "F", "is_animated": true, "is_video": false});
        assert_eq!(of("sticker", animated), (FileKind::Sticker, mime("application/x-tgsticker"), None));
        let film = json!({"file_id": "F", "is_animated": false, "is_video": true});
        assert_eq!(of("sticker", film), (FileKind::Sticker, mime("video/webm"), None));
        let named = json!({"file_id": 7, "mime_type": "application/pdf", "file_name": "a b.pdf"});
        assert_eq!(of("document", named), (FileKind::Document, mime("application/pdf"), Some("a b.pdf".to_owned())));
        let gif = json!({"file_id": "A", "mime_type": "image/gif"});
        assert_eq!(of("animation", gif).0, FileKind::Image);
    }

    #[test]
    fn an_animation_is_one_file_and_a_broken_one_is_named() {
        let both = json!({"document": {"file_id": "D"}, "animation": {"file_id": "A"}});
        let file = of_message(&both).unwrap().unwrap();
        assert_eq!((file.source.0.as_str(), file.kind), ("A", FileKind::Video));
        assert_eq!(of_message(&json!({"voice": {}})), Some(Err(FileKind::Voice)));
        assert_eq!(of_message(&json!({"voice": null, "text": "x"})), None);
        assert_eq!(of_message(&json!({"voice": "a string"})), None);
    }
}
