//! The simulated Pipedrive against the bundle's own client and an app that answers what a test tells it to.

mod acts;
mod channels;
mod files;
mod inbox;
mod limits;
mod merging;
mod notes;
mod oauth;
mod records;
mod webhooks;
mod wire;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    http::{Method, StatusCode, Uri, header},
    response::IntoResponse,
};
use serde_json::{Value, json};
use shared::{
    model::{
        ids::{ChannelId, ConversationId, MessageId, ParticipantId, Place},
        status::Status,
        time::Timestamp,
    },
    pipedrive::{
        Access, ChannelsApi, Grant, OAuth, Receipt, Registration, Users, client::Client, error::PipedriveError, spend::Spend,
    },
    secrets::Secrets,
};
use tokio::net::TcpListener;

use super::*;

/// Answers by `METHOD path?query`; everything else is not found. Keeps what it was asked.
#[derive(Clone, Default)]
struct App {
    answers: Arc<Mutex<HashMap<String, (u16, Value)>>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl App {
    fn answer(&self, what: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(what.to_owned(), (status, body));
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(what, _)| what.clone()).collect()
    }

    fn last_body(&self) -> String {
        self.asked.lock().unwrap().last().unwrap().1.clone()
    }

    async fn serve(&self) -> String {
        let app = self.clone();
        let router = Router::new().fallback(move |method: Method, uri: Uri, body: Bytes| {
            let what = format!("{method} {uri}");
            app.asked.lock().unwrap().push((what.clone(), String::from_utf8_lossy(&body).into_owned()));
            let missing = json!({"success": false, "data": {"message": "no such thing", "code": "NOT_FOUND"}});
            let (status, body) = app.answers.lock().unwrap().get(&what).cloned().unwrap_or((404, missing));
            let status = StatusCode::from_u16(status).unwrap();
            async move { (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response() }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let of = |rest: &str| format!("{url}/api/channels/:providerChannelId{rest}");
        let endpoints = json!({
            "getConversations": of("/conversations"), "getConversationById": of("/conversations/:sourceConversationId"),
            "postMessage": of("/messages"), "getSenderById": of("/senders/:senderId"),
            "getMessageById": of("/conversations/:sourceConversationId/messages/:sourceMessageId"),
            "getTemplates": of("/templates"), "deleteChannelById": of(""),
        });
        self.answer("GET /manifest.json", 200, json!({"version": "v202101", "endpoints": endpoints}));
        url
    }
}

/// An installed app with one channel that has one conversation.
struct Installed {
    sim: PipedriveSim,
    app: App,
    client: Client,
    access: Access,
    channel: ChannelId,
    conversation: ConversationId,
    // Takes part in no conversation.
    stranger: ParticipantId,
}

fn secrets() -> Secrets {
    let json = json!({
        "pipedrive_client_id": "id", "pipedrive_client_secret": "secret",
        "encryption_key": "0123456789abcdef0123456789abcdef",
    });
    Secrets::parse(&json.to_string()).unwrap()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn access(grant: &Grant) -> Access {
    Access {
        api_domain: grant.api_domain.clone().unwrap(),
        token: grant.access_token.clone(),
        version: 1,
        spend: Spend::default(),
    }
}

/// Goes through the consent page and gives back the code.
async fn code(client: &Client, callback: &str) -> String {
    let page = http().get(client.authorize_url(&secrets(), callback, "my state")).send().await.unwrap();
    let location = page.headers()[header::LOCATION].to_str().unwrap();
    let back = url::Url::parse(location).unwrap();
    let query: HashMap<_, _> = back.query_pairs().into_owned().collect();
    assert!(location.starts_with(callback) && query["state"] == "my state", "{location}");
    query["code"].clone()
}

async fn grant(client: &Client, callback: &str) -> Grant {
    client.exchange(&secrets(), &code(client, callback).await, callback).await.unwrap()
}

/// A simulated Pipedrive with an app, and the app's callback.
async fn sim() -> (PipedriveSim, App, Client, String) {
    let app = App::default();
    let app_url = app.serve().await;
    let mut options = PipedriveOptions::new("id", "secret");
    options.settings.auto_consent = true;
    let sim = start(options).await.unwrap();
    sim.set_app_url(&app_url);
    let client = Client::new(http(), sim.url(), Some(sim.url()));
    (sim, app, client, format!("{app_url}/oauth/callback"))
}

fn registration(channel: &ChannelId) -> Registration<'_> {
    Registration { id: channel, name: "Sales", avatar_url: "", provider_type: "whatsapp", template_support: true }
}

fn message(id: &str, minute: u32, sender: &str) -> Value {
    let at = format!("2026-11-20T09:{minute:02}:30.000Z");
    json!({"id": id, "status": "sent", "created_at": at, "message": id, "sender_id": sender})
}

fn conversation(id: &str, cursor: &str, messages: &Value) -> Value {
    json!({
        "id": id, "link": "", "status": "open", "seen": false, "next_messages_cursor": cursor, "messages": messages,
        "participants": [
            {"id": "us", "name": "Sales", "role": "source_user"},
            {"id": "them", "name": "Ada", "role": "end_user", "fetch_avatar": true},
        ],
    })
}

fn page(conversations: &Value, after: &str) -> Value {
    json!({"success": true, "data": conversations, "additional_data": {"after": after}})
}

impl Installed {
    async fn new() -> Self {
        let (sim, app, client, callback) = sim().await;
        let access = access(&grant(&client, &callback).await);
        let (channel, known) = (ChannelId::new(DEMO_COMPANY), ConversationId::new());
        let base = format!("GET /api/channels/{channel}");
        let first = json!([conversation(known.as_str(), "older", &json!([message("new", 15, "them")]))]);
        let second = json!([conversation("other", "", &json!([]))]);
        let list = format!("{base}/conversations?conversations_limit=30&messages_limit=30");
        app.answer(&list, 200, page(&first, "next"));
        app.answer(&format!("{list}&after=next"), 200, page(&second, ""));
        let template = json!({"id": "t", "name": "hello", "content": "Hello {{1}}", "language": "en_US"});
        app.answer(&format!("{base}/templates"), 200, json!({"success": true, "data": {"templates": [template]}}));
        let sender = json!({"id": "them", "name": "Ada", "avatar_url": "https://x.example/ada.png"});
        app.answer(&format!("{base}/senders/them"), 200, json!({"success": true, "data": sender}));
        client.register(&access, &registration(&channel)).await.unwrap();
        sim.idle().await;
        Self { sim, app, client, access, channel, conversation: known, stranger: ConversationId::new().end_user() }
    }

    fn app_url(&self) -> String {
        self.sim.world().app_url.clone().unwrap()
    }

    fn known(&self) -> Conversation {
        self.sim.conversation(self.channel.as_str(), self.conversation.as_str()).unwrap()
    }

    fn message_id(&self) -> MessageId {
        let now = Timestamp::from_secs(1);
        self.conversation.message(&Place::new(now, now, 0))
    }

    fn receipt<'a>(&'a self, id: &'a MessageId) -> Receipt<'a> {
        Receipt {
            id,
            channel: &self.channel,
            conversation: &self.conversation,
            sender: &self.stranger,
            text: "Hello",
            status: Status::Sent,
            created_at: Timestamp::parse_rfc3339("2026-11-20T09:15:00Z").unwrap(),
            reply_by: None,
            link: "",
            attachments: &[],
        }
    }

    async fn push(&self, id: &MessageId, status: Status) -> Result<(), PipedriveError> {
        self.client.receive(&self.access, &Receipt { status, ..self.receipt(id) }).await
    }
}
