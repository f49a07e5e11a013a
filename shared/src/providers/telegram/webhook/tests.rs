use serde_json::json;

use super::*;
use crate::model::{content::FileKind, ids::ContactKey};

fn fixture(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("a fixture")
}

/// The kinds of an update, and that they belong to the channel in the path.
fn kinds_of(update: &Value) -> Vec<EventKind> {
    let events = events(update.to_string().as_bytes());
    assert!(events.iter().all(|event| event.account.is_none()));
    events.into_iter().map(|event| event.kind).collect()
}

fn only(update: &Value) -> EventKind {
    let mut kinds = kinds_of(update);
    assert_eq!(kinds.len(), 1, "{update}: {kinds:?}");
    kinds.remove(0)
}

fn only_message(update: &Value) -> InboundMessage {
    match only(update) {
        EventKind::Message(message) => message,
        other => panic!("{update}: {other:?}"),
    }
}

fn keys(message: &InboundMessage) -> Vec<&str> {
    message.customer.keys.iter().map(ContactKey::as_str).collect()
}

/// An update of that kind with a message in the chat 5001; `more` wins.
fn update(kind: &str, more: &Value) -> Value {
    let mut item = json!({"message_id": 12, "date": 1_767_225_600, "chat": {"id": 5001, "type": "private"},
        "from": {"id": 5001, "is_bot": false, "first_name": "Ada"}});
    let members = item.as_object_mut().expect("an object");
    members.extend(more.as_object().expect("an object").clone());
    json!({"update_id": 9001, kind: item})
}

#[test]
fn the_updates_of_every_day() {
    let updates = fixture(include_str!("../../../../../tests/fixtures/telegram/updates.json"));
    let [hello, photo, voice, contact, edited, pressed, blocked, reacted] = &updates[..] else { panic!("{}", updates.len()) };

    let message = only_message(hello);
    assert_eq!((message.provider_id.as_str(), keys(&message)), ("5001:12", vec!["chat:5001"]));
    assert_eq!((message.customer.name.as_str(), message.name_known), ("Ada L", true));
    assert_eq!((message.text.as_str(), message.link.as_str()), ("Hello", "https://t.me/ada"));
    assert_eq!(message.sent_at, Some(Timestamp::from_secs(1_767_225_600)));
    assert_eq!((message.direction, message.reply_by), (Direction::In, None));
    let reply = message.reply_to.unwrap();
    assert_eq!((reply.id.as_str(), reply.quote.as_deref()), ("5001:11", Some("Hi")));

    let message = only_message(photo);
    assert_eq!((message.text.as_str(), message.files[0].source.0.as_str(), message.files.len()), ("receipt", "P-l", 1));
    assert_eq!((message.files[0].kind, message.files[0].size), (FileKind::Image, Some(98_000)));
    assert_eq!(message.link, "", "no user name, no link");

    let message = only_message(voice);
    assert_eq!((message.text.as_str(), message.files[0].kind), ("", FileKind::Voice));

    let message = only_message(contact);
    assert_eq!(message.text, "[contact]\nBob: +15550100002");
    assert_eq!(message.customer.phone, None, "somebody else's number");

    let EventKind::Edit(edit) = only(edited) else { panic!("no edit") };
    assert_eq!((edit.target.as_str(), edit.message.text.as_str()), ("5001:12", "Hello!!"));
    assert_eq!(edit.message.provider_id.as_str(), "5001:12#edit.1767225660");
    assert_eq!(edit.message.sent_at, Some(Timestamp::from_secs(1_767_225_660)));

    let message = only_message(pressed);
    assert_eq!((message.provider_id.as_str(), message.text.as_str()), ("5001:11#callback.77", "Yes"));
    assert_eq!((message.customer.name.as_str(), keys(&message), message.sent_at), ("Ada", vec!["chat:5001"], None));
    let reply = message.reply_to.unwrap();
    assert_eq!((reply.id.as_str(), reply.quote.as_deref()), ("5001:11", Some("Sure?")));

    let message = only_message(blocked);
    assert_eq!(message.content, Some(Content::Notice { what: "blocked".to_owned() }));
    assert_eq!(message.provider_id.as_str(), "5001#blocked.1767225700");
    assert!(message.text.starts_with("[The customer blocked the bot."));

    let message = only_message(reacted);
    assert_eq!((message.provider_id.as_str(), message.text.as_str()), ("5001:11#reaction.1767225710.9008.0", "Reacted 👍"));
    assert_eq!(message.content, Some(Content::Reaction { emoji: Some("👍".to_owned()) }));
    assert_eq!(message.reply_to.unwrap().id.as_str(), "5001:11");
}

#[test]
fn what_is_not_shown_is_counted() {
    for row in fixture(include_str!("../../../../../tests/fixtures/telegram/ignored.json")) {
        let EventKind::Ignored { what } = only(&row["update"]) else { panic!("{row}") };
        assert_eq!(Some(what), row["what"].as_str(), "{row}");
    }
    for body in ["", "{", "[]", "null", "7", "\"x\""] {
        let kinds: Vec<EventKind> = events(body.as_bytes()).into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventKind::Ignored { what: "unreadable_body" }], "{body}");
    }
}

#[test]
fn ids_and_times_may_be_strings_and_large() {
    let large = 4_503_599_627_370_495_i64;
    let message = only_message(&update(
        "message",
        &json!({"message_id": "13", "date": "1767225601", "chat": {"id": large.to_string(), "type": "private"}, "text": "x"}),
    ));
    assert_eq!((message.provider_id.as_str(), keys(&message)), ("4503599627370495:13", vec!["chat:4503599627370495"]));
    assert_eq!(message.sent_at, Some(Timestamp::from_secs(1_767_225_601)));
    let message = only_message(&update("message", &json!({"date": 0, "text": "x"})));
    assert_eq!(message.sent_at, None);
}

#[test]
fn names_come_from_the_sender_else_from_the_chat() {
    let cases = [
        (json!({"first_name": "Ada", "last_name": "L"}), json!({}), "Ada L", true, ""),
        (json!({"first_name": " ", "username": "ada_1"}), json!({}), "ada_1", true, "https://t.me/ada_1"),
        (json!({}), json!({"first_name": "Ada", "username": "ada"}), "Ada", true, "https://t.me/ada"),
        (Value::Null, json!({"first_name": "Ada"}), "Ada", true, ""),
        (json!({"username": "a/../b"}), json!({}), "a/../b", true, ""),
        (json!({"first_name": 5}), json!({}), "Telegram user", false, ""),
    ];
    for (from, chat, name, known, link) in cases {
        let mut chat = chat;
        chat["id"] = 5001.into();
        let message = only_message(&update("message", &json!({"from": from, "chat": chat, "text": "x"})));
        assert_eq!((message.customer.name.as_str(), message.name_known, message.link.as_str()), (name, known, link), "{from}");
    }
}

#[test]
fn a_customers_own_card_tells_their_number() {
    let phone = |contact: Value| only_message(&update("message", &json!({ "contact": contact }))).customer.phone;
    assert_eq!(phone(json!({"phone_number": "15550100001", "user_id": 5001})).as_deref(), Some("+15550100001"));
    assert_eq!(phone(json!({"phone_number": "+1 555 010-0001", "user_id": "5001"})).as_deref(), Some("+15550100001"));
    assert_eq!(phone(json!({"phone_number": "15550100001"})), None);
    assert_eq!(phone(json!({"phone_number": "12", "user_id": 5001})), None);
}

#[test]
fn answers_name_what_they_answer() {
    let reply = |more: Value| {
        let mut more = more;
        more["text"] = "Yes".into();
        only_message(&update("message", &more)).reply_to.map(|reply| (reply.id.as_str().to_owned(), reply.quote))
    };
    let some = |id: &str, quote: Option<&str>| Some((id.to_owned(), quote.map(str::to_owned)));
    let target = json!({"message_id": 7, "chat": {"id": 5001}, "date": 1, "text": "Shall we meet?"});
    assert_eq!(reply(json!({"reply_to_message": target})), some("5001:7", Some("Shall we meet?")));
    let part = json!({"reply_to_message": target, "quote": {"text": "meet?", "position": 9}});
    assert_eq!(reply(part), some("5001:7", Some("meet?")));
    let photo = json!({"message_id": "7", "photo": [{"file_id": "P"}]});
    assert_eq!(reply(json!({"reply_to_message": photo})), some("5001:7", Some("[image]")));
    assert_eq!(reply(json!({"reply_to_message": {"message_id": 7, "date": 0}})), some("5001:7", None));
    let elsewhere = json!({"origin": {"type": "user"}, "chat": {"id": -9}, "message_id": 3, "document": {"file_id": "D"}});
    assert_eq!(reply(json!({"external_reply": elsewhere})), some("5001:12#external", Some("[document]")));
    let quoted = json!({"external_reply": {"origin": {}}, "quote": {"text": "there"}});
    assert_eq!(reply(quoted), some("5001:12#external", Some("there")));
    assert_eq!(reply(json!({"reply_to_story": {"id": 1}})), some("5001:12#story", Some("[story]")));
    for broken in [json!({"reply_to_message": null}), json!({"reply_to_message": 7}), json!({"reply_to_message": {}})] {
        assert_eq!(reply(broken.clone()), None, "{broken}");
    }
}

#[test]
fn an_album_is_a_message_for_each_item() {
    let item = |number: i64| {
        let photo = json!([{"file_id": number}]);
        only_message(&update("message", &json!({"message_id": number, "media_group_id": "g", "photo": photo})))
    };
    assert_eq!((item(1).provider_id.as_str(), item(2).provider_id.as_str()), ("5001:1", "5001:2"));
}

#[test]
fn edits_are_told_apart_by_when() {
    let edit = |more: Value| match only(&update("edited_message", &more)) {
        EventKind::Edit(edit) => edit,
        other => panic!("{other:?}"),
    };
    let first = edit(json!({"text": "a", "edit_date": 1_767_225_660}));
    let second = edit(json!({"text": "b", "edit_date": "1767225661"}));
    assert_eq!(first.target, second.target);
    assert_ne!(first.message.provider_id, second.message.provider_id);
    assert_eq!(edit(json!({"text": "a"})).message.sent_at, Some(Timestamp::from_secs(1_767_225_600)));
    let caption = edit(json!({"caption": "new", "photo": [{"file_id": "P"}], "edit_date": 1_767_225_660}));
    assert_eq!((caption.message.text.as_str(), caption.message.files.len()), ("new", 1));
}

#[test]
fn a_pressed_button_says_what_stands_on_it() {
    let pressed = |message: Value, more: Value| {
        let mut query = json!({"id": 77, "from": {"id": 5001, "first_name": "Ada"}, "message": message});
        query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        only_message(&json!({"update_id": 1, "callback_query": query}))
    };
    let keyboard =
        json!({"inline_keyboard": [null, [{"text": "No", "callback_data": "no"}, 5], [{"text": "Yes", "callback_data": "yes"}]]});
    let message =
        json!({"message_id": 11, "chat": {"id": 5001, "type": "private"}, "date": 1, "text": "Sure?", "reply_markup": keyboard});
    assert_eq!(pressed(message.clone(), json!({"data": "yes"})).text, "Yes");
    assert_eq!(pressed(message.clone(), json!({"data": "other"})).text, "other");
    assert_eq!(pressed(message.clone(), json!({"game_short_name": "chess"})).text, "chess");
    assert_eq!(pressed(message, json!({})).text, "[button]");
    let inaccessible = json!({"message_id": 11, "chat": {"id": 5001, "type": "private"}, "date": 0});
    let message = pressed(inaccessible, json!({"data": "yes"}));
    assert_eq!((message.text.as_str(), message.reply_to.unwrap().quote), ("yes", None));
    let message = pressed(Value::Null, json!({"data": "yes"}));
    assert_eq!((message.provider_id.as_str(), keys(&message)), ("5001#callback.77", vec!["chat:5001"]));
    assert_eq!(message.reply_to, None);
}

#[test]
fn reactions_are_a_message_each_under_their_own_name() {
    let reacted = |old: &[&str], new: &[&str], update: i64| {
        let list = |emoji: &[&str]| emoji.iter().map(|e| json!({"type": "emoji", "emoji": e})).collect::<Vec<_>>();
        let reaction = json!({"chat": {"id": 5001, "type": "private", "first_name": "Ada"}, "message_id": 11,
            "user": {"id": 5001, "is_bot": false, "first_name": "Ada"}, "date": 1_767_225_710,
            "old_reaction": list(old), "new_reaction": list(new)});
        let kinds = kinds_of(&json!({"update_id": update, "message_reaction": reaction}));
        let message = |kind| match kind {
            EventKind::Message(message) => (message.provider_id.as_str().to_owned(), message.text),
            other => panic!("{other:?}"),
        };
        kinds.into_iter().map(message).collect::<Vec<_>>()
    };
    let two = reacted(&[], &["👍", "❤"], 1);
    assert_eq!((two[0].1.as_str(), two[1].1.as_str()), ("Reacted 👍", "Reacted ❤"));
    assert_ne!(two[0].0, two[1].0);
    assert_eq!(two, reacted(&[], &["👍", "❤"], 1), "the same, sent again, has the same names");
    let removed = reacted(&["👍"], &[], 2);
    assert_eq!(removed[0].1, "Removed a reaction");
    assert_ne!(removed[0].0, two[0].0, "not even within the same second");
}

#[test]
fn blocking_and_unblocking_are_told() {
    let member = |old: Value, new: &str| {
        let member = json!({"chat": {"id": 5001, "type": "private"}, "from": {"id": 5001, "first_name": "Ada"},
            "date": 1_767_225_700, "old_chat_member": {"status": old}, "new_chat_member": {"status": new}});
        only_message(&json!({"update_id": 1, "my_chat_member": member})).content
    };
    let notice = |what: &str| Some(Content::Notice { what: what.to_owned() });
    assert_eq!(member(json!("member"), "kicked"), notice("blocked"));
    assert_eq!(member(json!("kicked"), "member"), notice("unblocked"));
    assert_eq!(member(Value::Null, "kicked"), notice("blocked"));
}

#[test]
fn a_group_that_moved_is_renamed() {
    let moved = update("message", &json!({"chat": {"id": -5, "type": "group"}, "migrate_to_chat_id": -1_001_234_567_890_i64}));
    let EventKind::Rename(rename) = only(&moved) else { panic!("no rename") };
    assert_eq!((rename.known[0].as_str(), rename.keys[0].as_str()), ("chat:-5", "chat:-1001234567890"));
}

#[test]
fn business_chats_are_chats_of_their_own() {
    let business = |kind: &str, more: Value| {
        let mut more = more;
        more["business_connection_id"] = "bc_1".into();
        update(kind, &more)
    };
    let message = only_message(&business("business_message", json!({"text": "Hello", "date": 1_767_225_659})));
    assert_eq!((message.provider_id.as_str(), keys(&message)), ("bc_1:5001:12", vec!["business:bc_1:5001"]));
    assert_eq!(message.direction, Direction::In);
    assert_eq!(message.reply_by.map(Timestamp::minute).as_deref(), Some("2026-01-02 00:00"));

    let chat = json!({"id": 5001, "type": "private", "first_name": "Ada"});
    let owner = json!({"id": 9, "is_bot": false, "first_name": "Owner"});
    let message = only_message(&business("business_message", json!({"text": "Hi", "chat": chat, "from": owner})));
    assert_eq!((message.direction, message.customer.name.as_str(), message.reply_by), (Direction::Out, "Ada", None));
    assert_eq!(keys(&message), ["business:bc_1:5001"]);

    let edited = business("edited_business_message", json!({"text": "Hello!", "edit_date": 1_767_225_660}));
    let EventKind::Edit(edit) = only(&edited) else { panic!("no edit") };
    assert_eq!((edit.target.as_str(), edit.message.text.as_str()), ("bc_1:5001:12", "Hello!"));

    let deleted = business("deleted_business_messages", json!({"message_ids": [12, "x", "13"]}));
    let targets: Vec<String> = kinds_of(&deleted)
        .into_iter()
        .map(|kind| match kind {
            EventKind::Deletion(deletion) => deletion.target.as_str().to_owned(),
            EventKind::Ignored { what } => what.to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(targets, ["bc_1:5001:12", "unreadable_message", "bc_1:5001:13"], "a broken one loses itself alone");
}

#[test]
fn half_an_emoji_loses_nothing_else() {
    let body = r#"{"update_id":1,"message":{"message_id":1,"chat":{"id":5001},"date":1,"text":"cut \ud83d"}}"#;
    let events = events(body.as_bytes());
    let [Event { kind: EventKind::Message(message), .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!(message.text, "cut \u{fffd}");
}
