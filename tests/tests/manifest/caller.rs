//! Pipedrive calling by hand. Each answer must be JSON and say so, and each refusal must be one of the contract
//! (Pipedrive, "Channels API - Required endpoints in the vendor's integration", responses).

use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
use local::simulators::pipedrive::Conversation;
use pigeonpost_tests::{
    call::{FORM, as_pipedrive, form},
    world::World,
};
use serde_json::{Map, Value};

/// An answer that keeps to the contract.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The body of a success.
    pub(crate) fn done(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// The words of the refusal that this must be.
    pub(crate) fn refused(&self, status: u16, code: &str) -> &str {
        assert_eq!((self.status, self.body["data"]["code"].as_str()), (status, Some(code)), "{}", self.body);
        self.body["data"]["message"].as_str().unwrap()
    }

    /// This must be a refusal that names `field`.
    pub(crate) fn names(&self, code: &str, field: &str) {
        let message = self.refused(400, code);
        assert!(message.starts_with(&format!("{field}: ")), "{field}: {message}");
    }
}

/// Calls one bundle.
pub(crate) struct Caller {
    http: reqwest::Client,
    url: String,
}

impl Caller {
    pub(crate) fn new(world: &World) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, url: format!("{}/api/channels/", world.bundle.url()) }
    }

    /// GET below `/api/channels/`, with Pipedrive's credentials.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, as_pipedrive(), String::new()).await
    }

    /// DELETE below `/api/channels/`, with Pipedrive's credentials.
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, as_pipedrive(), String::new()).await
    }

    /// `postMessage` with a form of these fields.
    pub(crate) async fn post(&self, channel: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_raw(channel, FORM, form(fields)).await
    }

    /// `postMessage` with any body of any type.
    pub(crate) async fn post_raw(&self, channel: &str, content_type: &'static str, body: impl Into<reqwest::Body>) -> Answer {
        let mut headers = as_pipedrive();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        self.call(Method::POST, &format!("{channel}/messages"), headers, body).await
    }

    /// Any request.
    pub(crate) async fn call(&self, method: Method, path: &str, headers: HeaderMap, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.http.request(method, format!("{}{path}", self.url)).headers(headers).body(body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json", "{path}: {status}");
        let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        if status != 200 {
            check_refusal(status, &body);
        }
        Answer { status, body }
    }

    /// Every endpoint of the manifest once, about this conversation and message; the last one removes the channel.
    pub(crate) async fn everything(&self, channel: &str, chat: &Chat, message: &str, headers: &HeaderMap) -> Vec<Answer> {
        let Chat { conversation, customer, .. } = chat;
        let mut answers = Vec::new();
        for path in [
            format!("{channel}/conversations"),
            format!("{channel}/conversations/{conversation}"),
            format!("{channel}/conversations/{conversation}/messages/{message}"),
            format!("{channel}/messages/{message}"),
            format!("{channel}/senders/{customer}"),
            format!("{channel}/templates"),
        ] {
            answers.push(self.call(Method::GET, &path, headers.clone(), String::new()).await);
        }
        let mut with_form = headers.clone();
        with_form.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        let body = form(&chat.fields("to nobody"));
        answers.push(self.call(Method::POST, &format!("{channel}/messages"), with_form, body).await);
        answers.push(self.call(Method::DELETE, channel, headers.clone(), String::new()).await);
        answers
    }
}

/// A chat that Pipedrive knows.
#[derive(Clone, Debug)]
pub(crate) struct Chat {
    pub(crate) channel: String,
    pub(crate) conversation: String,
    pub(crate) company_side: String,
    pub(crate) customer: String,
    /// Its newest message.
    pub(crate) message: String,
}

impl Chat {
    /// The customer writes to the company's WhatsApp number, and Pipedrive hears of it.
    pub(crate) async fn begin(world: &World, from: &str, name: &str) -> Self {
        world.bundle.graph().customer_writes(from, name, "hello");
        world.settle().await;
        let known = world.conversation_with(name).unwrap();
        Self::of(&world.whatsapp.provider_channel_id, &known)
    }

    /// As Pipedrive has it.
    pub(crate) fn of(channel: &str, known: &Conversation) -> Self {
        Self {
            channel: channel.to_owned(),
            conversation: known.id.clone(),
            company_side: known.side(false).unwrap().id.clone(),
            customer: known.side(true).unwrap().id.clone(),
            message: known.messages.last().unwrap().id.clone(),
        }
    }

    /// The fields of an answer, as Pipedrive most likely sends them.
    pub(crate) fn fields<'a>(&'a self, text: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("message", text),
            ("senderId", &self.company_side),
            ("conversationId", &self.conversation),
            ("recipientIds[]", &self.customer),
        ]
    }
}

fn check_refusal(status: u16, body: &Value) {
    let data = body["data"].as_object().unwrap_or_else(|| panic!("{status}: {body}"));
    let code = data["code"].as_str().unwrap();
    let known = match status {
        400 => matches!(code, "INVALID_BODY" | "BAD_REQUEST"),
        401 => matches!(code, "UNAUTHORIZED" | "ACCOUNT_SUSPENDED"),
        403 => code == "FORBIDDEN",
        404 => code == "NOT_FOUND",
        429 => code == "RATE_LIMIT_EXCEEDED",
        _ => false,
    };
    assert!(known && body["success"] == false && only(body, &["success", "data"]), "{status}: {body}");
    let more: &[&str] = if status == 429 { &["message", "code", "retry_by"] } else { &["message", "code"] };
    assert!(only(&body["data"], more) && data.len() == more.len(), "{status}: {body}");
    assert!(!data["message"].as_str().unwrap().is_empty(), "{status}: {body}");
}

fn only(value: &Value, names: &[&str]) -> bool {
    value.as_object().is_some_and(|object: &Map<String, Value>| object.keys().all(|name| names.contains(&name.as_str())))
}

fn is_id(value: &Value) -> bool {
    let fits = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    value.as_str().is_some_and(fits)
}

fn is_moment(value: &Value) -> bool {
    // 2026-11-20T09:15:00.000Z
    value.as_str().is_some_and(|text| text.len() == 24 && text.as_bytes()[10] == b'T' && text.ends_with('Z'))
}

/// A conversation must be as the contract has it: all required fields, no others, exactly one `source_user` and one
/// `end_user`, every message from one of the two, newest first.
pub(crate) fn check_conversation(conversation: &Value) {
    let fields = ["id", "link", "status", "seen", "next_messages_cursor", "messages", "participants"];
    assert!(only(conversation, &fields) && is_id(&conversation["id"]), "{conversation}");
    assert!(conversation["link"].is_string() && conversation["seen"].is_boolean(), "{conversation}");
    assert!(conversation["next_messages_cursor"].is_string(), "{conversation}");
    assert!(matches!(conversation["status"].as_str(), Some("open" | "closed")), "{conversation}");
    let participants = conversation["participants"].as_array().unwrap();
    let mut roles: Vec<&str> = participants.iter().filter_map(|participant| participant["role"].as_str()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["end_user", "source_user"], "{conversation}");
    for participant in participants {
        assert!(only(participant, &["id", "name", "role", "avatar_url", "fetch_avatar", "avatar_expires"]), "{participant}");
        assert!(is_id(&participant["id"]) && participant["name"].as_str().is_some_and(|name| !name.is_empty()), "{participant}");
    }
    let messages = conversation["messages"].as_array().unwrap();
    for message in messages {
        check_message(message);
        assert!(participants.iter().any(|participant| participant["id"] == message["sender_id"]), "{message}");
    }
    assert!(messages.is_sorted_by_key(|message| std::cmp::Reverse(message["created_at"].as_str())), "{conversation}");
}

/// A message must be as the contract has it.
pub(crate) fn check_message(message: &Value) {
    assert!(only(message, &["id", "status", "created_at", "message", "sender_id", "reply_by", "attachments"]), "{message}");
    assert!(is_id(&message["id"]) && is_id(&message["sender_id"]) && message["message"].is_string(), "{message}");
    assert!(matches!(message["status"].as_str(), Some("sent" | "delivered" | "read" | "failed")), "{message}");
    assert!(is_moment(&message["created_at"]), "{message}");
    assert!(message.get("reply_by").is_none_or(is_moment), "{message}");
    assert!(message["attachments"].is_array(), "{message}");
}
