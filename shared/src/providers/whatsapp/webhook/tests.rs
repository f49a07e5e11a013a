use serde_json::json;

use super::*;
use crate::{
    model::{
        content::FileKind,
        ids::{ContactKey, ProviderMessageId},
        message::Direction,
        time::Timestamp,
    },
    providers::{
        InboundMessage,
        event::{Deletion, Edit},
    },
};

macro_rules! fixture {
    ($name:literal) => {
        events(include_bytes!(concat!("../../../../../tests/fixtures/whatsapp/", $name, ".json")))
    };
}

fn messages(events: &[Event]) -> Vec<&InboundMessage> {
    events.iter().filter_map(|event| if let EventKind::Message(message) = &event.kind { Some(message) } else { None }).collect()
}

fn statuses(events: &[Event]) -> Vec<&StatusUpdate> {
    events.iter().filter_map(|event| if let EventKind::Status(status) = &event.kind { Some(status) } else { None }).collect()
}

fn ignored_words(events: &[Event]) -> Vec<&'static str> {
    events.iter().filter_map(|event| if let EventKind::Ignored { what } = event.kind { Some(what) } else { None }).collect()
}

fn keys(message: &InboundMessage) -> Vec<&str> {
    message.customer.keys.iter().map(ContactKey::as_str).collect()
}

fn of_value(value: &Value) -> Vec<Event> {
    let change = json!({"field": "messages", "value": value});
    events(json!({"object": "whatsapp_business_account", "entry": [{"changes": [change]}]}).to_string().as_bytes())
}

#[test]
fn a_text_message_is_read_whole() {
    let events = fixture!("text");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].account.as_ref().map(AccountId::as_str), Some("3000000001"));
    let [message] = messages(&events)[..] else { panic!("{events:?}") };
    assert_eq!(message.provider_id.as_str(), "wamid.TESTAAA=");
    assert_eq!(keys(message), ["phone:15550100001", "user:US.1000000000000001"]);
    assert_eq!((message.customer.name.as_str(), message.name_known), ("Ada L.", true));
    assert_eq!(message.customer.phone.as_deref(), Some("+15550100001"));
    assert_eq!(message.text, "Hello");
    assert_eq!(message.sent_at, Some(Timestamp::from_secs(1_767_225_600)));
    assert_eq!(message.reply_by.map(Timestamp::minute).as_deref(), Some("2026-01-02 00:00"));
    assert_eq!(message.link, "https://wa.me/15550100001");
}

#[test]
fn a_broken_item_loses_itself_alone() {
    // 2 entries × 2 changes × 2 messages, one of them without an id.
    let events = fixture!("batch");
    assert_eq!((events.len(), messages(&events).len()), (8, 7));
    assert_eq!(ignored_words(&events), ["unreadable_message"]);
    let texts: Vec<&str> = messages(&events).iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["1", "2", "3", "5", "6", "7", "8"]);
    let accounts: Vec<&str> = events.iter().filter_map(|e| e.account.as_ref().map(AccountId::as_str)).collect();
    assert_eq!(accounts[..2], ["3000000001"; 2]);
    assert_eq!(accounts[6..], ["3000000004"; 2]);
}

#[test]
fn senders_without_a_number_are_known_by_their_user_id() {
    let events = fixture!("senders");
    let got: Vec<(Vec<&str>, &str, bool, &str)> =
        messages(&events).into_iter().map(|m| (keys(m), m.customer.name.as_str(), m.name_known, m.link.as_str())).collect();
    assert_eq!(
        got,
        [
            (vec!["user:US.2"], "Grace H.", true, ""),
            (vec!["user:US.3"], "WhatsApp user", false, ""),
            (vec!["phone:15550100004"], "+15550100004", false, "https://wa.me/15550100004"),
            (vec!["phone:15550100005", "user:US.5"], "Lin", true, "https://wa.me/15550100005"),
            (vec!["user:US.6"], "katherine.j", true, ""),
        ]
    );
    assert_eq!(messages(&events)[0].customer.phone, None);
    assert_eq!(ignored_words(&events), ["no_customer"]);
}

#[test]
fn the_only_contact_of_a_change_is_the_sender_unless_it_has_another_number() {
    let from = |number: &str| {
        let contacts = json!([{"profile": {"name": "Ada"}, "wa_id": "5511999990001", "user_id": "BR.1"}]);
        let message = json!({"from": number, "id": "wamid.1", "type": "text", "text": {"body": "Oi"}});
        let metadata = json!({"phone_number_id": 3_000_000_001_u64});
        of_value(&json!({"metadata": metadata, "contacts": contacts, "messages": [message]}))
    };
    let events = from("551188880002");
    assert_eq!(keys(messages(&events)[0]), ["phone:551188880002"], "two customers do not share a conversation");
    assert_eq!(messages(&events)[0].customer.name, "+551188880002", "nor a name");
    let events = from("551199990001");
    let [message] = messages(&events)[..] else { panic!("{events:?}") };
    assert_eq!(keys(message), ["phone:551199990001", "user:BR.1"], "answers go to `from`, not to `wa_id`");
    assert_eq!(message.customer.name, "Ada");
    assert_eq!((message.sent_at, message.reply_by), (None, None));
}

#[test]
fn times_come_as_strings_numbers_and_milliseconds() {
    for (timestamp, sent_at, reply_by) in [
        (json!("1767225659"), 1_767_225_659_000, "2026-01-02 00:00"),
        (json!(1_767_225_659), 1_767_225_659_000, "2026-01-02 00:00"),
        (json!("1767225659123"), 1_767_225_659_123, "2026-01-02 00:00"),
        (json!("1767225660"), 1_767_225_660_000, "2026-01-02 00:01"),
    ] {
        let message = json!({"from": "15550100001", "id": "wamid.1", "type": "text", "timestamp": timestamp});
        let events = of_value(&json!({"metadata": {"phone_number_id": "3"}, "messages": [message]}));
        let [message] = messages(&events)[..] else { panic!("{events:?}") };
        assert_eq!(message.sent_at, Some(Timestamp::from_millis(sent_at)));
        let got = message.reply_by.unwrap();
        assert_eq!((got.minute().as_str(), got.millis() % 60_000), (reply_by, 0));
    }
}

#[test]
fn what_is_not_shown_is_ignored() {
    let events = fixture!("ignored");
    let mut expected = vec![
        "group_message",
        "system",
        "request_welcome",
        "unreadable_message",
        "other_status",
        "unreadable_status",
        "group_message",
        "account_error",
        "no_account",
        "other_field",
    ];
    // Seven fields that nobody needs.
    expected.extend(["other_field"; 7]);
    expected.extend(["account_update", "account_warning", "account_update", "no_account", "other_field", "other_field"]);
    assert_eq!(ignored_words(&events), expected);
    assert_eq!(events.len(), expected.len());
}

#[test]
fn answers_reactions_edits_and_deletions_name_their_target() {
    let events = fixture!("changes");
    let target = |message: &InboundMessage| message.reply_to.as_ref().map(|reply| reply.id.as_str().to_owned());
    let got: Vec<(&str, Option<String>)> = messages(&events).into_iter().map(|m| (m.text.as_str(), target(m))).collect();
    let out1 = || Some("wamid.OUT1".to_owned());
    assert_eq!(
        got,
        [
            ("Yes", out1()),
            ("[forwarded]\nLook", None),
            ("Reacted 👍", out1()),
            ("Removed a reaction", out1()),
            ("[edited] of what?", None),
            ("[edited] [unsupported message: unknown]", None),
            ("no phone number here", None),
        ]
    );
    let edits: Vec<&Edit> =
        events.iter().filter_map(|event| if let EventKind::Edit(edit) = &event.kind { Some(edit) } else { None }).collect();
    let [text, picture] = edits[..] else { panic!("{edits:?}") };
    assert_eq!((text.target.as_str(), text.message.text.as_str()), ("wamid.TESTAAA=", "Hello!!"));
    assert_eq!(text.message.provider_id.as_str(), "wamid.EDI1", "its own id, should the target be unknown");
    assert_eq!(text.message.sent_at, Some(Timestamp::from_secs(1_767_225_607)));
    assert_eq!(keys(&text.message), ["phone:15550100001", "user:US.1"]);
    assert_eq!((picture.target.as_str(), picture.message.text.as_str()), ("wamid.IMG1", "new caption"));
    assert_eq!((picture.message.files.len(), target(&picture.message)), (1, out1()));
    let deletions: Vec<&Deletion> = events
        .iter()
        .filter_map(|event| if let EventKind::Deletion(deletion) = &event.kind { Some(deletion) } else { None })
        .collect();
    let at = Some(Timestamp::from_secs(1_767_225_608));
    assert_eq!(deletions, [&Deletion { target: ProviderMessageId::parse("wamid.TESTAAA=").unwrap(), at }]);
    assert_eq!(ignored_words(&events), ["unreadable_message"], "a deletion of nothing");
}

#[test]
fn customers_get_new_names() {
    let events = fixture!("renames");
    let words = |keys: &[ContactKey]| keys.iter().map(ContactKey::as_str).collect::<Vec<_>>().join(" ");
    let renames: Vec<(String, String, Option<&str>)> = events
        .iter()
        .filter_map(|event| if let EventKind::Rename(rename) = &event.kind { Some(rename) } else { None })
        .map(|rename| (words(&rename.known), words(&rename.keys), rename.phone.as_deref()))
        .collect();
    let row = |known: &str, keys: &str, phone| (known.to_owned(), keys.to_owned(), phone);
    assert_eq!(
        renames,
        [
            row("phone:15550100001", "phone:15550100009", Some("+15550100009")),
            row("phone:15550100001 user:US.1", "phone:15550100009 user:US.9", Some("+15550100009")),
            row("phone:15550100001", "phone:15550100009", Some("+15550100009")),
            row("user:US.1", "user:US.9", None),
            row("phone:15550100001 user:US.1", "user:US.9", None),
            row("user:US.2", "user:US.8", None),
            row("user:US.3", "user:US.6", None),
        ]
    );
    let nothing_known_or_new = ["system", "system", "system", "unreadable_user_id_update", "unreadable_user_id_update"];
    assert_eq!(ignored_words(&events), nothing_known_or_new);
    assert!(events.iter().all(|event| event.account.is_some()));
}

#[test]
fn what_the_company_writes_on_its_phone_is_its_own() {
    let events = fixture!("echoes");
    let messages = messages(&events);
    assert!(messages.iter().all(|message| message.direction == Direction::Out && message.reply_by.is_none()));
    let got: Vec<(Vec<&str>, &str, bool)> = messages.iter().map(|m| (keys(m), m.customer.name.as_str(), m.name_known)).collect();
    assert_eq!(
        got,
        [
            (vec!["phone:15550100001", "user:US.1"], "Ada L.", true),
            (vec!["phone:15550100002"], "+15550100002", false),
            (vec!["user:US.3"], "Cleo", true),
        ]
    );
    assert_eq!((messages[1].text.as_str(), messages[1].files[0].source.0.as_str()), ("Our office", "9000008"));
    assert_eq!(messages[2].reply_to.as_ref().map(|reply| reply.id.as_str()), Some("wamid.IN1"));
    assert!(matches!(&events[3].kind, EventKind::Deletion(deletion) if deletion.target.as_str() == "wamid.ECHO1"));
    assert!(matches!(&events[4].kind, EventKind::Edit(edit) if edit.message.direction == Direction::Out));
    assert_eq!(ignored_words(&events), ["no_customer", "group_message", "unreadable_message"]);
}

#[test]
fn history_goes_both_ways_and_leaves_a_files_id_to_the_file() {
    let events = fixture!("history");
    let got: Vec<(&str, Direction, &str, &str)> =
        messages(&events).into_iter().map(|m| (m.provider_id.as_str(), m.direction, keys(m)[0], m.text.as_str())).collect();
    assert_eq!(
        got,
        [
            ("wamid.H1", Direction::Out, "phone:15550100001", "Here is our offer"),
            ("placeholder:wamid.H2", Direction::Out, "phone:15550100001", "[file]"),
            ("wamid.H3", Direction::In, "phone:15550100001", "Thanks!"),
            ("wamid.H4", Direction::Out, "user:US.2", "Hello"),
            ("wamid.H5", Direction::In, "user:US.2", "Hi"),
            ("wamid.H2", Direction::Out, "phone:15550100001", "The office"),
            ("wamid.H7", Direction::In, "phone:15550100001", ""),
        ]
    );
    assert_eq!(messages(&events)[6].files[0].kind, FileKind::Voice);
    assert_eq!(messages(&events)[2].reply_to.as_ref().map(|reply| reply.id.as_str()), Some("wamid.H1"));
    assert_eq!(ignored_words(&events), ["unreadable_message", "no_customer", "history_declined"]);
}

#[test]
fn news_of_the_business_account_are_for_all_its_numbers() {
    let events = fixture!("news");
    let suspended =
        |event: &Event| matches!(&event.kind, EventKind::Account(AccountNews::Suspended { reason }) if !reason.is_empty());
    let rows: Vec<&str> = events
        .iter()
        .map(|event| match &event.kind {
            _ if suspended(event) => "suspended",
            EventKind::Account(AccountNews::Restored) => "restored",
            EventKind::Account(AccountNews::TemplatesChanged) => "templates",
            EventKind::Ignored { what } => what,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        rows,
        [
            "suspended",
            "restored",
            "account_warning",
            "suspended",
            "suspended",
            "account_warning",
            "suspended",
            "templates",
            "templates",
            "templates",
            "suspended",
            "account_error",
            "account_error",
        ]
    );
    let accounts: Vec<&str> = events.iter().filter_map(|event| event.account.as_ref().map(AccountId::as_str)).collect();
    assert_eq!(accounts[..10], ["waba:2000000001"; 10]);
    assert_eq!(accounts[10..], ["3000000001"; 3], "an error of the number's own webhook");
}

#[test]
fn statuses_bring_our_id_and_our_reason() {
    let events = fixture!("statuses");
    let got: Vec<(&str, Status, Option<&str>)> = statuses(&events)
        .into_iter()
        .map(|s| (s.provider_id.as_str(), s.status, s.failure.as_ref().map(|reason| reason.code.as_str())))
        .collect();
    assert_eq!(
        got,
        [
            ("wamid.OUT1", Status::Sent, None),
            ("wamid.OUT1", Status::Delivered, None),
            ("wamid.OUT1", Status::Read, None),
            ("wamid.OUT1", Status::Read, None),
            ("wamid.OUT2", Status::Failed, Some("window_closed")),
            ("wamid.OUT3", Status::Failed, Some("undeliverable")),
            ("wamid.OUT4", Status::Failed, Some("not_delivered")),
        ]
    );
    let ids: Vec<Option<String>> = statuses(&events).iter().map(|s| s.message.as_ref().map(PartId::to_string)).collect();
    assert_eq!(ids[..2], [Some("m_0123456789abcdef0123456789abcdef01234567".to_owned()), None]);
    let failure = statuses(&events)[4].failure.as_ref().unwrap();
    assert!(!failure.text.contains("Re-engagement"), "our own sentence");
    assert_eq!(ignored_words(&events), ["other_status"], "`deleted` changes nothing");
}

#[test]
fn other_bodies_change_nothing() {
    for (body, what) in [
        ("", "unreadable_body"),
        ("{", "unreadable_body"),
        ("[]", "other_object"),
        (r#"{"object":"page","entry":[]}"#, "other_object"),
    ] {
        assert_eq!(ignored_words(&events(body.as_bytes())), [what]);
    }
    for entry in ["[]", "{}", "null", "[null,1]", r#"[{"changes":{}}]"#] {
        let body = format!(r#"{{"object":"whatsapp_business_account","entry":{entry}}}"#);
        assert_eq!(events(body.as_bytes()), [], "{entry}");
    }
}

#[test]
fn half_an_emoji_does_not_lose_the_batch() {
    let messages_json = r#"{"from":"15550100001","id":"1","type":"text","text":{"body":"cut \ud83d"}},{"from":"15550100001","id":"2","type":"text","text":{"body":"whole"}}"#;
    let body = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"changes":[{{"field":"messages","value":{{"metadata":{{"phone_number_id":"3"}},"messages":[{messages_json}]}}}}]}}]}}"#
    );
    let events = events(body.as_bytes());
    let texts: Vec<&str> = messages(&events).iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["cut \u{fffd}", "whole"]);
}
