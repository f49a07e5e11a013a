//! From a webhook of Meta's to events (Meta, Messenger Platform, "Webhook Events Reference"). One webhook may hold events of
//! several pages; each is read on its own, so that one broken item never loses the others.

use serde_json::Value;

use super::message::{self, Scene};
use crate::{
    model::{
        ids::{AccountId, ProviderMessageId},
        message::Direction,
        status::Status,
        time::Timestamp,
    },
    providers::{
        Event, EventKind, StatusUpdate,
        event::{AccountNews, Receipt},
        lenient::{self, id, items, text},
    },
};

/// Events that change nothing in a chat.
const NOT_SHOWN: [&str; 7] = [
    // The customer came by a link or an ad and has not written.
    "referral",
    "optin",
    "account_linking",
    "pass_thread_control",
    "take_thread_control",
    "request_thread_control",
    "app_roles",
];

/// Every event in a webhook's body.
pub(super) fn events(body: &[u8]) -> Vec<Event> {
    let Some(envelope) = lenient::body(body) else {
        return vec![ignored(None, "unreadable_body")];
    };
    if text(&envelope, "/object") != Some("page") {
        return vec![ignored(None, "other_object")];
    }
    items(&envelope, "entry").iter().flat_map(entry_events).collect()
}

fn ignored(account: Option<AccountId>, what: &'static str) -> Event {
    Event { account, kind: EventKind::Ignored { what } }
}

/// `standby` holds what happens while another app is in charge of the chat; it happens in the chat all the same.
fn entry_events(entry: &Value) -> Vec<Event> {
    let at = lenient::time(entry, "/time");
    let of_item = |item| {
        let Some((page, account)) = page(entry, item) else { return vec![ignored(None, "no_account")] };
        let kinds = kinds(item, &page, at).unwrap_or_else(|what| vec![EventKind::Ignored { what }]);
        kinds.into_iter().map(|kind| Event { account: Some(account.clone()), kind }).collect()
    };
    let chats = items(entry, "messaging").iter().chain(items(entry, "standby")).flat_map(of_item);
    let changes = items(entry, "changes").iter().map(|_| ignored(None, "other_field"));
    chats.chain(changes).collect()
}

/// The page that an item is about: the entry's, else the one that it went to or came from.
fn page(entry: &Value, item: &Value) -> Option<(String, AccountId)> {
    let is_echo = item.pointer("/message/is_echo") == Some(&Value::Bool(true));
    let own_side = if is_echo { "/sender/id" } else { "/recipient/id" };
    let page = id(entry, "/id").or_else(|| id(item, own_side))?;
    let account = AccountId::parse(&page).ok()?;
    Some((page, account))
}

fn kinds(item: &Value, page: &str, entry_at: Option<Timestamp>) -> Result<Vec<EventKind>, &'static str> {
    let part = |name: &str| item.get(name).filter(|part| part.is_object());
    if let Some(policy) = part("policy_enforcement").or_else(|| part("policy-enforcement")) {
        return Ok(vec![enforcement(policy)?]);
    }
    let scene = || Scene::of(item, page, lenient::time(item, "/timestamp").or(entry_at));
    let one: Option<(_, Read)> = [
        ("message", message::message as Read),
        ("message_edit", message::edit),
        ("reaction", message::reaction),
        ("postback", message::postback),
    ]
    .into_iter()
    .find_map(|(name, read)| Some((part(name)?, read)));
    if let Some((value, read)) = one {
        return Ok(vec![read(value, &scene()?)?]);
    }
    if let Some(delivery) = part("delivery") {
        return receipts(delivery, &scene()?, Status::Delivered);
    }
    if let Some(read) = part("read") {
        return receipts(read, &scene()?, Status::Read);
    }
    let what = NOT_SHOWN.into_iter().find(|name| item.get(name).is_some());
    Err(what.unwrap_or("other_event"))
}

type Read = fn(&Value, &Scene<'_>) -> Result<EventKind, &'static str>;

/// Messages that got somewhere: each by its id if Meta tells the ids, else all up to a moment.
fn receipts(value: &Value, scene: &Scene<'_>, status: Status) -> Result<Vec<EventKind>, &'static str> {
    if scene.direction == Direction::Out {
        return Err("own_receipt");
    }
    let listed = items(value, "mids").iter().filter_map(|mid| id(mid, ""));
    let mids = listed.chain(id(value, "/mid")).filter_map(|mid| ProviderMessageId::parse(&mid).ok());
    let news: Vec<EventKind> =
        mids.map(|provider_id| EventKind::Status(StatusUpdate { provider_id, message: None, status, failure: None })).collect();
    if !news.is_empty() {
        return Ok(news);
    }
    let up_to = lenient::time(value, "/watermark").ok_or("unreadable_receipt")?;
    Ok(vec![EventKind::Receipt(Receipt { customer: scene.key.clone(), status, up_to })])
}

fn enforcement(policy: &Value) -> Result<EventKind, &'static str> {
    match text(policy, "/action") {
        Some("block") => Ok(EventKind::Account(AccountNews::Suspended {
            reason: "Facebook has blocked the page from sending messages because of its policies.".to_owned(),
        })),
        Some("unblock") => Ok(EventKind::Account(AccountNews::Restored)),
        Some("warning") => Err("policy_warning"),
        _ => Err("other_policy"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        model::{content::Content, ids::ContactKey},
        providers::{
            InboundMessage,
            event::{Deletion, Edit},
        },
    };

    macro_rules! fixture {
        ($name:literal) => {
            events(include_bytes!(concat!("../../../../tests/fixtures/messenger/", $name, ".json")))
        };
    }

    fn messages(events: &[Event]) -> Vec<&InboundMessage> {
        events
            .iter()
            .filter_map(|event| if let EventKind::Message(message) = &event.kind { Some(message) } else { None })
            .collect()
    }

    fn ignored_words(events: &[Event]) -> Vec<&'static str> {
        events.iter().filter_map(|event| if let EventKind::Ignored { what } = event.kind { Some(what) } else { None }).collect()
    }

    fn keys(message: &InboundMessage) -> Vec<&str> {
        message.customer.keys.iter().map(ContactKey::as_str).collect()
    }

    fn reply_to(message: &InboundMessage) -> Option<&str> {
        message.reply_to.as_ref().map(|reply| reply.id.as_str())
    }

    fn minute(time: Option<Timestamp>) -> Option<String> {
        time.map(Timestamp::minute)
    }

    fn of_items(items: &Value) -> Vec<Event> {
        let entry = json!({"id": "400", "time": 1_767_225_600_500_i64, "messaging": items});
        events(json!({"object": "page", "entry": [entry]}).to_string().as_bytes())
    }

    /// An item from the customer to the page.
    fn item(key: &str, value: &Value) -> Value {
        json!({"sender": {"id": "7001"}, "recipient": {"id": "400"}, "timestamp": 1_767_225_600_123_i64, key: value})
    }

    #[test]
    fn a_text_message_is_read_whole() {
        let events = fixture!("text");
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].account.as_ref().map(AccountId::as_str), Some("400"));
        let [message] = messages(&events)[..] else { panic!("{events:?}") };
        assert_eq!((message.provider_id.as_str(), message.direction), ("m_TEST-1", Direction::In));
        assert_eq!(keys(message), ["psid:7001"]);
        assert_eq!((message.customer.name.as_str(), message.name_known), ("Messenger user", false));
        assert_eq!((message.text.as_str(), reply_to(message)), ("Hi", Some("m_OUT-1")));
        assert_eq!(message.sent_at, Some(Timestamp::from_millis(1_767_225_600_123)));
        assert_eq!(minute(message.reply_by).as_deref(), Some("2026-01-02 00:00"));
        assert_eq!((message.files.len(), message.content.as_ref(), message.link.as_str()), (0, None, ""));
    }

    #[test]
    fn a_broken_item_loses_itself_alone() {
        // 2 entries × (2 messaging + 2 standby), one of them without a sender, and a change of the page's feed.
        let events = fixture!("batch");
        let texts: Vec<&str> = messages(&events).iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["1", "2", "4", "5", "6", "7", "8"]);
        assert_eq!(ignored_words(&events), ["no_customer", "other_field"]);
        let accounts: Vec<&str> = events.iter().filter_map(|e| e.account.as_ref().map(AccountId::as_str)).collect();
        assert_eq!((&accounts[..4], &accounts[4..]), (&["400"; 4][..], &["401"; 4][..]));
    }

    #[test]
    fn every_deed_of_a_customer_is_a_message() {
        let events = fixture!("deeds");
        let got: Vec<(&str, &str, Option<&str>, Option<String>)> = messages(&events)
            .into_iter()
            .map(|m| (m.provider_id.as_str(), m.text.as_str(), reply_to(m), minute(m.reply_by)))
            .collect();
        let until = || Some("2026-01-02 00:00".to_owned());
        assert_eq!(
            got,
            [
                ("m_TEST-3", "Get started", None, until()),
                ("400:7001:1767225603000:postback", "Buy", None, until()),
                ("400:7001:1767225603001:postback", "[button pressed]", None, until()),
                ("400:7001:1767225603002:react", "Reacted ❤", Some("m_OUT-1"), until()),
                ("400:7001:1767225603003:react", "Reacted 👎", Some("m_OUT-1"), until()),
                ("400:7001:1767225603004:react", "Reacted ❔", None, until()),
                ("400:7001:1767225603005:unreact", "Removed a reaction", Some("m_OUT-1"), None),
                ("400:7001:1767225603006:message", "no id", None, until()),
                ("m_TEST-4", "seconds", None, until()),
                ("m_TEST-5", "no time of its own", None, until()),
                ("m_TEST-6", "no entry id", None, until()),
            ]
        );
        assert_eq!(events.len(), got.len());
        assert!(events.iter().all(|event| event.account.as_ref().is_some_and(|page| page.as_str() == "400")));
        let reactions: Vec<Option<&Content>> = messages(&events)[3..7].iter().map(|m| m.content.as_ref()).collect();
        let reaction = |emoji: Option<&str>| Content::Reaction { emoji: emoji.map(str::to_owned) };
        let expected = [reaction(Some("❤")), reaction(Some("👎")), reaction(Some("❔")), reaction(None)];
        assert_eq!(reactions, expected.iter().map(Some).collect::<Vec<_>>());
        assert_eq!(messages(&events)[8].sent_at, Some(Timestamp::from_secs(1_767_225_600)));
    }

    #[test]
    fn echoes_are_the_pages_own_messages_or_news_of_ours() {
        let events = fixture!("echoes");
        let got: Vec<(&str, Direction, Vec<&str>, &str, usize)> = messages(&events)
            .into_iter()
            .map(|m| (m.provider_id.as_str(), m.direction, keys(m), m.text.as_str(), m.files.len()))
            .collect();
        let out = Direction::Out;
        assert_eq!(
            got,
            [
                ("m_OUT-2", out, vec!["psid:7001"], "answer typed in Page Inbox", 0),
                ("m_OUT-3", out, vec!["psid:7001"], "by another app", 0),
                ("m_OUT-4", out, vec!["psid:7001"], "", 1),
                ("m_OUT-5", out, vec!["psid:7001"], "Our offer\nhttps://acme.example/offer", 0),
                ("m_OUT-6", out, vec!["psid:7001"], "not called an echo", 0),
            ]
        );
        assert!(messages(&events).iter().all(|m| m.reply_by.is_none()), "the page opens no window for itself");
        let [.., a, b, gone] = &events[..] else { panic!("{events:?}") };
        for (event, mid, id) in [
            (a, "m_OUT-7", "m_0123456789abcdef0123456789abcdef01234567"),
            (b, "m_OUT-8", "m_0123456789abcdef0123456789abcdef01234567.2"),
        ] {
            let EventKind::Status(update) = &event.kind else { panic!("{event:?}") };
            assert_eq!((update.provider_id.as_str(), update.status), (mid, Status::Sent));
            assert_eq!(update.message.as_ref().map(ToString::to_string).as_deref(), Some(id));
        }
        assert!(matches!(&gone.kind, EventKind::Deletion(deletion) if deletion.target.as_str() == "m_OUT-2"), "{gone:?}");
    }

    #[test]
    fn edits_and_deletions_name_their_target() {
        let events = of_items(&json!([
            item("message_edit", &json!({"mid": "m_TEST-1", "text": "Hi there", "num_edit": "1"})),
            item("message", &json!({"mid": "m_TEST-1", "is_deleted": true})),
            item("message", &json!({"mid": "m_TEST-2", "is_unsupported": true})),
            item("message_edit", &json!({"text": "whose"})),
            item("message_edit", &json!({"mid": "m_TEST-1", "text": null})),
            item("message", &json!({"is_deleted": true})),
        ]));
        let [edit, deletion, unsupported, ..] = &events[..] else { panic!("{events:?}") };
        let EventKind::Edit(Edit { target, message }) = &edit.kind else { panic!("{edit:?}") };
        assert_eq!((target.as_str(), message.text.as_str(), message.reply_by), ("m_TEST-1", "Hi there", None));
        assert_eq!(message.provider_id.as_str(), "400:7001:1767225600123:edit");
        let at = Some(Timestamp::from_millis(1_767_225_600_123));
        assert_eq!(message.sent_at, at);
        let target = ProviderMessageId::parse("m_TEST-1").unwrap();
        assert_eq!(deletion.kind, EventKind::Deletion(Deletion { target, at }));
        let EventKind::Message(message) = &unsupported.kind else { panic!("{unsupported:?}") };
        assert_eq!(message.text, "[unsupported message]");
        assert_eq!(message.content, Some(Content::Unsupported { what: "unsupported".to_owned() }));
        assert_eq!(ignored_words(&events), ["unreadable_edit", "unreadable_edit", "unreadable_deletion"]);
    }

    #[test]
    fn receipts_move_messages_by_id_or_up_to_a_moment() {
        let events = of_items(&json!([
            item("delivery", &json!({"mids": ["m_OUT-1", 5, null, ""], "watermark": 1_767_225_603_900_i64})),
            item("delivery", &json!({"mids": [], "watermark": "1767225603900"})),
            item("delivery", &json!({"mids": null, "watermark": 1_767_225_603_900_i64, "seq": 0})),
            item("read", &json!({"watermark": 1_767_225_604_900_i64})),
            item("read", &json!({"mid": "m_OUT-1"})),
            item("read", &json!({})),
            json!({"sender": {"id": "400"}, "recipient": {"id": "7001"}, "timestamp": 1, "read": {"watermark": 1}}),
        ]));
        let status = |id: &str, status| {
            let provider_id = ProviderMessageId::parse(id).unwrap();
            EventKind::Status(StatusUpdate { provider_id, message: None, status, failure: None })
        };
        let receipt = |status, up_to| {
            let (customer, up_to) = (ContactKey::parse("psid:7001").unwrap(), Timestamp::from_millis(up_to));
            EventKind::Receipt(Receipt { customer, status, up_to })
        };
        let kinds: Vec<&EventKind> = events.iter().map(|event| &event.kind).collect();
        assert_eq!(
            kinds[..6],
            [
                &status("m_OUT-1", Status::Delivered),
                &status("5", Status::Delivered),
                &receipt(Status::Delivered, 1_767_225_603_900),
                &receipt(Status::Delivered, 1_767_225_603_900),
                &receipt(Status::Read, 1_767_225_604_900),
                &status("m_OUT-1", Status::Read),
            ]
        );
        assert_eq!(ignored_words(&events), ["unreadable_receipt", "own_receipt"]);
    }

    #[test]
    fn policies_concern_the_page_and_name_nobody() {
        let of = |key: &str, action: &str| json!({"recipient": {"id": "400"}, key: {"action": action, "reason": "raw words"}});
        let events = of_items(&json!([
            of("policy_enforcement", "block"),
            of("policy-enforcement", "unblock"),
            of("policy-enforcement", "warning"),
            of("policy_enforcement", "shrug"),
        ]));
        let EventKind::Account(AccountNews::Suspended { reason }) = &events[0].kind else { panic!("{events:?}") };
        assert!(!reason.contains("raw words"), "our own sentence");
        assert_eq!(events[1].kind, EventKind::Account(AccountNews::Restored));
        assert_eq!(ignored_words(&events), ["policy_warning", "other_policy"]);
        assert!(events.iter().all(|event| event.account.is_some()));
    }

    #[test]
    fn what_is_not_shown_is_ignored() {
        let events = fixture!("ignored");
        assert_eq!(
            ignored_words(&events),
            [
                "referral",
                "optin",
                "account_linking",
                "pass_thread_control",
                "take_thread_control",
                "request_thread_control",
                "app_roles",
                "other_event",
                "other_reaction",
                "no_customer",
                "no_customer",
                "no_customer",
                "other_event",
                "other_event",
                "other_event",
                "no_account",
                "no_time",
                "no_time",
            ]
        );
        assert_eq!(events.len(), 18);
    }

    #[test]
    fn other_bodies_change_nothing() {
        for (body, what) in [
            ("", "unreadable_body"),
            ("{", "unreadable_body"),
            ("[]", "other_object"),
            (r#"{"object":"instagram","entry":[{"id":"1","messaging":[{"message":{"mid":"1","text":"x"}}]}]}"#, "other_object"),
            (r#"{"object":"whatsapp_business_account","entry":[]}"#, "other_object"),
        ] {
            assert_eq!(ignored_words(&events(body.as_bytes())), [what]);
        }
        for entry in ["[]", "{}", "null", "[null,1]", r#"[{"messaging":{}}]"#, r#"[{"id":"400","standby":null}]"#] {
            let body = format!(r#"{{"object":"page","entry":{entry}}}"#);
            assert_eq!(events(body.as_bytes()), [], "{entry}");
        }
    }

    #[test]
    fn half_an_emoji_does_not_lose_the_batch() {
        let body = br#"{"object":"page","entry":[{"id":400,"messaging":[
            {"sender":{"id":7001},"timestamp":"1767225600123","message":{"mid":"m_1","text":"cut \ud83d"}},
            {"sender":{"id":7001},"timestamp":1767225600123,"message":{"mid":"m_2","text":"whole"}}]}]}"#;
        let events = events(body);
        let texts: Vec<&str> = messages(&events).iter().map(|message| message.text.as_str()).collect();
        assert_eq!(texts, ["cut \u{fffd}", "whole"]);
        assert_eq!(keys(messages(&events)[0]), ["psid:7001"]);
    }
}
