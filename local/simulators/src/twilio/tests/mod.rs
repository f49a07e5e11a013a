//! The simulated Twilio against the bundle's own adapter, and against requests that it has to refuse.

mod api;
mod talk;

use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use http::Request;
use secrecy::SecretSlice;
use shared::{
    clock::SystemClock,
    model::{
        conversation::Customer,
        ids::{ContactKey, ConversationId, MessageId, Place},
    },
    providers::{
        Event, EventKind, Outgoing, Outside, Provider, ProviderKind, RawWebhook, Registry, WebhookKeys, outgoing::PartContent,
    },
    secrets::Secrets,
};
use tokio::net::TcpListener;

use super::*;
use crate::webhooks::Post;

/// The simulator, the bundle's adapter for it, and an address that webhooks come to.
struct World {
    twilio: Twilio,
    url: String,
    registry: Registry,
    hook: String,
    hooked: Arc<Mutex<Vec<(String, Post)>>>,
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

impl World {
    async fn new() -> Self {
        // The simulator has to know its own address before it is there.
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let twilio = Twilio::new(&url, Arc::new(SystemClock));
        let router = twilio.router();
        tokio::spawn(async move { axum::serve(listener, router).await });

        let hooked: Arc<Mutex<Vec<(String, Post)>>> = Arc::default();
        let keep = hooked.clone();
        let hook = serve(Router::new().fallback(move |request: Request<Body>| {
            let keep = keep.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                keep.lock().unwrap().push((head.uri.to_string(), Post { headers: head.headers, body }));
                // As if the function had failed at first.
                if keep.lock().unwrap().len() == 1 { StatusCode::BAD_GATEWAY } else { StatusCode::OK }
            }
        }))
        .await;
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let registry = Registry::new(&Outside {
            http: client.clone().into(),
            guarded: client.into(),
            graph_api_url: String::new(),
            telegram_api_url: String::new(),
            twilio_api_url: url.clone(),
            allow_loopback_urls: true,
            clock: Arc::new(SystemClock),
        });
        Self { twilio, url, registry, hook, hooked }
    }

    /// With the number's messages coming to the hook.
    async fn connected() -> Self {
        let world = Self::new().await;
        let account = world.provider().check(&world.twilio.credentials()).await.unwrap();
        assert_eq!(account.credentials, world.twilio.credentials());
        world.provider().subscribe(&world.credentials(), &world.webhook_url()).await.unwrap();
        world
    }

    fn provider(&self) -> &dyn Provider {
        self.registry.get(ProviderKind::Twilio)
    }

    fn credentials(&self) -> SecretSlice<u8> {
        SecretSlice::from(self.twilio.credentials().to_string().into_bytes())
    }

    fn webhook_url(&self) -> String {
        format!("{}/webhooks/twilio/ch_1", self.hook)
    }

    async fn settled(&self) {
        let wait = async {
            while !self.twilio.webhooks().idle() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("webhooks go out");
        assert_eq!(self.twilio.webhooks().given_up(), 0);
    }

    /// What the adapter makes of every webhook that was taken.
    async fn events(&self) -> Vec<EventKind> {
        self.settled().await;
        let secrets = Secrets::parse(&json!({"encryption_key": "0123456789abcdef0123456789abcdef"}).to_string());
        let Ok(secrets) = secrets else { panic!("the secret of this test is malformed") };
        let credentials = self.credentials();
        let keys = WebhookKeys { secrets: &secrets, credentials: Some(&credentials), now: SystemClock.now() };
        let read = |(uri, post): &(String, Post)| {
            let raw = RawWebhook { url: format!("{}{uri}", self.hook), headers: post.headers.clone(), body: post.body.clone() };
            self.provider().parse(&self.provider().verify(raw, &keys).expect("a signature that matches"))
        };
        let hooked = self.hooked.lock().unwrap();
        hooked.iter().skip(1).flat_map(read).map(|Event { kind, .. }| kind).collect()
    }

    async fn send(&self, to: &str, content: PartContent<'_>) -> (MessageId, Result<String, String>) {
        let to = ContactKey::parse(to).unwrap();
        let at = SystemClock.now();
        let id = ConversationId::new().message(&Place::new(at, at, 0));
        let message = Outgoing {
            id: id.clone().into(),
            to: &to,
            customer: &Customer::new(vec![to.clone()], "Ada".to_owned()),
            content,
            reply_to: None,
            reply_by: None,
            webhook_url: &self.webhook_url(),
            sent_at: at,
        };
        let sent = self.provider().send(&self.credentials(), &message).await;
        let sent = sent.map(|accepted| accepted.provider_ids[0].to_string()).map_err(|error| error.code().to_owned());
        (id, sent)
    }
}
