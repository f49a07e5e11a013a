//! What fuzzing starts from: the fixtures, one by one in the envelope in which they come, and what our own code makes.

use std::{fs, path::Path, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    http::state,
    media::links::{Links, Target},
    model::{
        channel::ProviderKind,
        cursor::{ConversationCursor, DeadCursor, MessageCursor},
        ids::{ChannelId, CompanyId, ConversationId, KeyId, ListId, Place},
    },
};
use url::form_urlencoded;

use crate::{
    signatures,
    world::{CLIENT_SECRET, Still, secrets},
};

/// A provider's fixtures, by name.
fn fixtures(provider: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(provider);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<(String, Value)> = files
        .filter_map(|file| {
            let path = file.ok()?.path();
            let text = fs::read_to_string(&path).ok()?;
            Some((path.file_stem()?.to_string_lossy().into_owned(), serde_json::from_str(&text).ok()?))
        })
        .collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert!(!found.is_empty(), "{provider} has fixtures");
    found
}

fn rows(fixture: &Value) -> &[Value] {
    fixture.as_array().map_or(&[], Vec::as_slice)
}

fn bytes(values: impl IntoIterator<Item = Value>) -> Vec<Vec<u8>> {
    values.into_iter().map(|value| value.to_string().into_bytes()).collect()
}

/// `envelope` with `value` at `pointer`.
fn within(envelope: &Value, pointer: &str, value: &Value) -> Value {
    let mut whole = envelope.clone();
    if let Some(place) = whole.pointer_mut(pointer) {
        *place = value.clone();
    }
    whole
}

/// Whole webhooks, and the rows of `message_types` at `pointer` of the webhook called `text`.
fn with_types(provider: &str, pointer: &str) -> Vec<Value> {
    let fixtures = fixtures(provider);
    let envelope = fixtures.iter().find(|(name, _)| name == "text").map(|(_, text)| text.clone()).unwrap_or_default();
    let mut all = Vec::new();
    for (name, fixture) in &fixtures {
        match name.as_str() {
            "message_types" => all.extend(rows(fixture).iter().map(|row| within(&envelope, pointer, &row["message"]))),
            _ if fixture.is_array() => {
                all.extend(rows(fixture).iter().map(|row| row.get("update").unwrap_or(row).clone()));
            }
            _ => all.push(fixture.clone()),
        }
    }
    all
}

/// WhatsApp's webhooks.
pub fn whatsapp() -> Vec<Vec<u8>> {
    bytes(with_types("whatsapp", "/entry/0/changes/0/value/messages/0"))
}

/// Messenger's webhooks.
pub fn messenger() -> Vec<Vec<u8>> {
    bytes(with_types("messenger", "/entry/0/messaging/0/message"))
}

/// Telegram's updates.
pub fn telegram() -> Vec<Vec<u8>> {
    let envelope = json!({"message_id": 12, "from": {"id": 5001, "is_bot": false, "first_name": "Ada"},
        "chat": {"id": 5001, "type": "private"}, "date": 1_767_225_600});
    let filled = with_types("telegram", "/message").into_iter().map(|mut update| {
        if let Some(message) = update.get_mut("message").and_then(Value::as_object_mut) {
            for (name, value) in envelope.as_object().into_iter().flatten() {
                message.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        update
    });
    bytes(filled)
}

/// Twilio's forms.
pub fn twilio() -> Vec<Vec<u8>> {
    let fixtures = fixtures("twilio");
    let forms = fixtures.iter().flat_map(|(_, fixture)| rows(fixture)).filter_map(|row| row["form"].as_object());
    forms
        .map(|form| {
            let fields = form.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
            form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()
        })
        .collect()
}

/// What companies' own chats post.
pub fn custom() -> Vec<Vec<u8>> {
    bytes(fixtures("custom").into_iter().map(|(_, fixture)| fixture))
}

/// Pipedrive's own webhooks.
pub fn pipedrive() -> Vec<Vec<u8>> {
    bytes(fixtures("pipedrive").iter().flat_map(|(_, fixture)| rows(fixture)).cloned())
}

/// A webhook of each provider with its headers.
pub fn signatures() -> Vec<Vec<u8>> {
    let bodies = [
        (ProviderKind::Whatsapp, whatsapp()),
        (ProviderKind::Messenger, messenger()),
        (ProviderKind::Telegram, telegram()),
        (ProviderKind::Twilio, twilio()),
        (ProviderKind::Custom, custom()),
    ];
    let first = bodies.into_iter().filter_map(|(provider, bodies)| Some((provider, bodies.into_iter().next()?)));
    first
        .map(|(provider, body)| {
            let lines = signatures::headers(provider, &body);
            let head = lines.iter().fold(String::new(), |head, (name, value)| head + name + ": " + value + "\n");
            [head.as_bytes(), b"\n", body.as_slice()].concat()
        })
        .collect()
}

/// Forms of `postMessage`, in the spellings that Pipedrive's pages use.
pub fn forms() -> Vec<Vec<u8>> {
    let part =
        |disposition: &str, content: &str| format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n");
    let ids = |recipients: &str| {
        part("name=\"message\"", "Hi Ada 👋")
            + &part("name=\"senderId\"", "pt_1")
            + &part("name=\"conversationId\"", "cv_1")
            + recipients
    };
    let file = "--XX\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.pdf\"; filename*=UTF-8''%e2%82%ac.pdf\r\n\
                Content-Type: application/pdf\r\n\r\n%PDF-1.7\r\n";
    [
        ids(&part("name=\"recipientIds[]\"", "pt_2")),
        ids(&(part("name=\"recipientIds[0]\"", "pt_2") + &part("name=\"recipientIds[1]\"", "pt_3"))),
        ids(&part("name=\"recipientIds\"", "[\"pt_2\",\"pt_3\"]")),
        ids(&part("name=\"recipientIds\"", "pt_2,pt_3")),
        ids(file),
        String::new(),
    ]
    .map(|body| format!("multipart/form-data; boundary=XX\n\n{body}--XX--\r\n").into_bytes())
    .into()
}

/// Ids, cursors, links and states of ours. The random part of an id is its own, so that a seed says everything.
pub fn cursors() -> Vec<Vec<u8>> {
    let fixed = |id: Result<ConversationId, _>| id.unwrap_or_else(|_: shared::model::ids::InvalidId| ConversationId::new());
    let conversation = fixed(ConversationId::parse("cv_0123456789abcdef"));
    let place = Place::parse("0000dm0rjg0000000000abcd").unwrap_or_else(|_| Place::new(Still.now(), Still.now(), 0));
    let message = conversation.message(&place);
    let channel = ChannelId::parse("ch_42_0123456789abcdefghjk").unwrap_or_else(|_| ChannelId::new(CompanyId(42)));
    let mut all = vec![
        ConversationCursor { last_at: Still.now(), id: conversation.clone() }.encode(),
        MessageCursor { place: place.clone() }.encode(),
        DeadCursor { at: Still.now(), message: message.clone() }.encode(),
        conversation.end_user().to_string(),
        channel.source_user().to_string(),
        channel.to_string(),
        conversation.to_string(),
        message.to_string(),
        place.to_string(),
        KeyId::parse("42-01234567").unwrap_or_else(|_| KeyId::new(CompanyId(42))).to_string(),
        ListId::parse("sl_0123456789abcdef").unwrap_or_default().to_string(),
    ];
    let vault = secrets().vault;
    if let Ok(links) = Links::new(&vault, "", Still.now()) {
        let file = |position, preview| Target::File { message: message.clone(), position, preview };
        let targets = [file(0, false), file(7, true), Target::Avatar(conversation)];
        all.extend(targets.iter().map(|target| links.to(target).trim_start_matches("/media/").to_owned()));
    }
    if let Ok(journey) = state::start(&vault, "https://pigeonpost.example", false, Still.now()) {
        all.extend([journey.state, journey.cookie]);
    }
    all.into_iter().map(String::into_bytes).collect()
}

/// Claims as Pipedrive signs them, tokens with them, Basic credentials.
pub fn sessions() -> Vec<Vec<u8>> {
    let until = Still.now().plus(Duration::from_mins(5)).secs();
    let claims = [
        json!({"userId": 11, "companyId": 1001, "exp": until}),
        json!({"user_id": "11", "company_id": "1001", "exp": until.to_string()}),
        json!({"aud": "pigeonpost", "company": 1001, "user": 11, "exp": until}),
    ];
    let key = EncodingKey::from_secret(CLIENT_SECRET.as_bytes());
    let tokens = claims.iter().filter_map(|claims| jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).ok());
    let mut all: Vec<String> = tokens.collect();
    all.extend(claims.iter().map(Value::to_string));
    all.push("aWQ6ZnV6emVkLWNsaWVudC1zZWNyZXQtMDEyMzQ1Njc4OWFiY2RlZg==".to_owned());
    all.into_iter().map(String::into_bytes).collect()
}

/// Bodies, ids, addresses and numbers of the contacts and deals API.
pub fn api() -> Vec<Vec<u8>> {
    let mut all = bytes([
        json!({"email": "ada@example.com", "attributes": {"name": "Ada L", "phone": "+1 555 010 0001"},
            "origin": {"source": "form", "utm_campaign": "x"}, "conversationId": "cv_0123456789abcdef"}),
        json!({"attributes": {"name": null, "phone": 15_550_100_001_u64}}),
        json!({"contactId": 8, "pipelineId": "1", "stageId": " 2 ",
            "attributes": {"pb_amount": 2_300_000.5, "pb_name": "Offer", "pb_closingDate": "2026-12-24T23:00:00-03:00"}}),
        json!({"stageId": 3, "attributes": {"pb_amount": "12.50", "pb_closingDate": "2026-12-24"}}),
        json!({"name": "Newsletter"}),
        json!({"contactId": "ada@example.com"}),
    ]);
    let texts = ["8", "ada@example.com", "+15550100001", "0", "true", "2026-12-24", "12.50"];
    all.extend(texts.map(|text| text.as_bytes().to_vec()));
    all
}

/// Bodies of the inbox page's API.
pub fn page() -> Vec<Vec<u8>> {
    bytes([
        json!({"text": "Hi Ada", "files": [{"id": "up_0123456789abcdefghijklmn", "name": "a.pdf"}], "reply_to": "m_0123456789abcdef0000dm0rjg0000000000abcd"}),
        json!({"template": {"id": "hello_world", "values": ["Ada", "Monday"]}}),
        json!({"type": "image/png", "size": 1024}),
        json!({"channel": "ch_42_0123456789abcdefghij", "create_persons": true, "strangers": {"kind": "lead"}, "assignee": 11}),
        json!({"channel": "ch_42_0123456789abcdefghij", "create_persons": false,
            "strangers": {"kind": "deal", "pipeline": 1, "stage": 2}}),
        json!({"name": "Ada L."}),
        json!({"title": "Lamps", "pipeline": 1, "stage": 2}),
    ])
}
