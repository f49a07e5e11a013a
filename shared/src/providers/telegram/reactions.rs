//! What a change of somebody's reactions to a message adds and takes away (Telegram Bot API, "MessageReactionUpdated"):
//! Telegram sends all of them as they were and as they are.

use serde_json::Value;

use crate::{
    model::content::Content,
    providers::lenient::{id, items, text},
};

/// Something that one reacted with.
#[derive(Debug, PartialEq, Eq)]
struct Reaction {
    /// What tells it from others.
    key: String,
    /// What is shown of it.
    shown: String,
}

fn reaction(value: &Value) -> Reaction {
    let (key, shown) = match text(value, "/type") {
        Some("custom_emoji") => (id(value, "/custom_emoji_id"), "[custom emoji]"),
        Some("paid") => (Some("paid".to_owned()), "⭐"),
        _ => (None, text(value, "/emoji").unwrap_or("[reaction]")),
    };
    Reaction { key: key.unwrap_or_else(|| shown.to_owned()), shown: shown.to_owned() }
}

/// What is to be told of a change: each new reaction; if there is none, that one was taken back. Text and structure.
pub(super) fn changes(update: &Value) -> Vec<(String, Content)> {
    let read = |key| items(update, key).iter().filter(|value| value.is_object()).map(reaction).collect::<Vec<_>>();
    let (old, new) = (read("old_reaction"), read("new_reaction"));
    let lacks = |them: &[Reaction], one: &Reaction| them.iter().all(|other| other.key != one.key);
    let added: Vec<_> = new
        .iter()
        .filter(|one| lacks(&old, one))
        .map(|one| (format!("Reacted {}", one.shown), Content::Reaction { emoji: Some(one.shown.clone()) }))
        .collect();
    if added.is_empty() && old.iter().any(|one| lacks(&new, one)) {
        return vec![("Removed a reaction".to_owned(), Content::Reaction { emoji: None })];
    }
    added
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_new_is_told_else_what_is_gone() {
        let emoji = |emoji: &str| json!({"type": "emoji", "emoji": emoji});
        let custom = |id: &str| json!({"type": "custom_emoji", "custom_emoji_id": id});
        let cases: [(Vec<Value>, Vec<Value>, &[&str]); 9] = [
            (vec![], vec![emoji("👍")], &["Reacted 👍"]),
            (vec![emoji("👍")], vec![], &["Removed a reaction"]),
            (vec![emoji("👍")], vec![emoji("❤")], &["Reacted ❤"]),
            (vec![emoji("👍")], vec![emoji("👍"), emoji("❤")], &["Reacted ❤"]),
            (vec![emoji("👍"), emoji("❤")], vec![emoji("👍")], &["Removed a reaction"]),
            (vec![], vec![custom("1"), custom("2")], &["Reacted [custom emoji]", "Reacted [custom emoji]"]),
            (vec![custom("1")], vec![custom("1"), json!({"type": "paid"})], &["Reacted ⭐"]),
            (vec![], vec![json!({"type": "hologram"}), json!("x"), Value::Null], &["Reacted [reaction]"]),
            (vec![emoji("👍")], vec![emoji("👍")], &[]),
        ];
        for (old, new, expected) in cases {
            let update = json!({"old_reaction": old, "new_reaction": new});
            let texts: Vec<String> = changes(&update).into_iter().map(|(text, _)| text).collect();
            assert_eq!(texts, expected, "{update}");
        }
        assert_eq!(changes(&json!({"new_reaction": {}})), []);
        let removed = changes(&json!({"old_reaction": [emoji("👍")]}));
        assert_eq!(removed[0].1, Content::Reaction { emoji: None });
    }
}
