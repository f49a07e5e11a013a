//! A company whose messages end on records, with a customer who wrote. Nothing is delivered unless a test settles the bundle,
//! so every link is one that the test made.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, Method, header};
use lambda_http::{Body, RequestExt, aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    host::{self, Hosted},
    simulators::{
        graph::Incoming,
        pipedrive::{DEMO_COMPANY, DEMO_USER, Kind, PipedriveSim},
        whatsapp_number,
    },
};
use pigeonpost_tests::{
    call::request,
    web::{Answer, api},
    wire::Wire,
    world::{World, phone},
};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    config::DeliveryChoice,
    http::{Request, Response},
    model::{
        conversation::Conversation,
        ids::{ConversationId, UserId},
    },
    records::ports::LinkStore,
};

/// A user of the demo company who is not its admin.
pub(crate) const COLLEAGUE: UserId = UserId(12);

/// The company, and its customer's conversation.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) conversation: ConversationId,
}

impl Desk {
    pub(crate) async fn open() -> Self {
        let clock = Arc::new(AdjustableClock::default());
        let options =
            BundleOptions { clock: clock.clone(), pump: false, delivery: DeliveryChoice::Records, ..BundleOptions::default() };
        let bundle = Bundle::start(options).await.unwrap();
        bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
        let session = bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
        let whatsapp = bundle.connect_whatsapp(&session).await.unwrap();
        let world = World { bundle, clock, session, whatsapp };
        let conversation = written(&world, 1, "Ada L.").await;
        Self { world, conversation }
    }

    /// A new session: one lasts for a quarter of an hour.
    pub(crate) async fn renew(&mut self) {
        self.world.session = self.world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    }

    pub(crate) fn pipedrive(&self) -> &PipedriveSim {
        self.world.bundle.pipedrive()
    }

    /// A further customer's conversation.
    pub(crate) async fn customer(&self, n: usize, name: &str) -> ConversationId {
        written(&self.world, n, name).await
    }

    /// A person in Pipedrive, by hand of `owner`; its id.
    pub(crate) fn person(&self, owner: UserId, name: &str, number: &str) -> u64 {
        let phones: Vec<Value> = if number.is_empty() { Vec::new() } else { vec![json!({"value": number, "primary": true})] };
        self.record(owner, Kind::Persons, &json!({"name": name, "phones": phones}))
    }

    /// A deal with a person; its id.
    pub(crate) fn deal(&self, owner: UserId, title: &str, person: u64) -> u64 {
        self.record(owner, Kind::Deals, &json!({"title": title, "person_id": person}))
    }

    fn record(&self, owner: UserId, kind: Kind, body: &Value) -> u64 {
        // Pipedrive tells whole seconds: the newest is to be the newest.
        self.world.clock.advance(Duration::from_secs(1));
        self.pipedrive().create(DEMO_COMPANY, owner, kind, body).unwrap()["id"].as_u64().unwrap()
    }

    /// Somebody changes a record by hand.
    pub(crate) async fn change(&self, kind: Kind, id: u64, body: &Value) {
        self.world.clock.advance(Duration::from_secs(1));
        self.pipedrive().update(DEMO_COMPANY, DEMO_USER, kind, &id.to_string(), body).unwrap();
        self.pipedrive().idle().await;
    }

    /// Somebody deletes one.
    pub(crate) async fn delete(&self, kind: Kind, id: &str) {
        self.world.clock.advance(Duration::from_secs(1));
        self.pipedrive().delete(DEMO_COMPANY, DEMO_USER, kind, id).unwrap();
        self.pipedrive().idle().await;
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        api(&self.world.bundle, &self.world.session, method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()["data"].clone()
    }

    /// What is shown beside the chat.
    pub(crate) async fn shown(&self) -> Value {
        self.get(&format!("/inbox/api/conversations/{}/record", self.conversation)).await
    }

    /// Does something with the link; what is shown then.
    pub(crate) async fn does(&self, deed: &str, body: &Value) -> Value {
        let answer = self.tries(deed, body).await;
        assert_eq!(answer.status, 200, "{deed}: {answer:?}");
        answer.json()["data"].clone()
    }

    pub(crate) async fn tries(&self, deed: &str, body: &Value) -> Answer {
        let path = format!("/inbox/api/conversations/{}/record/{deed}", self.conversation);
        self.call(Method::POST, &path, Some(body)).await
    }

    /// What was done, and why, newest first.
    pub(crate) async fn told(&self) -> Vec<(String, String)> {
        let rows = self.get(&format!("/inbox/api/conversations/{}/audit", self.conversation)).await;
        let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        rows.as_array().unwrap().iter().map(|row| (word(row, "what"), word(row, "why"))).collect()
    }

    /// The conversation as it is stored.
    pub(crate) async fn stored(&self) -> Conversation {
        stored(&self.world, &self.conversation).await
    }

    /// Calls a function over `wire`, as the gateway does.
    pub(crate) async fn over(&self, wire: &Wire, function: &str, request: Request) -> Response {
        let environment = wire.environment(self.world.bundle.environment());
        let Some(Hosted::Http(hosted)) = host::build(function, &environment) else { panic!("{function} is no HTTP function") };
        hosted.call(request).await
    }

    /// The request that does something with the link.
    pub(crate) fn deed(&self, deed: &str, body: &Value) -> Request {
        let path = format!("/inbox/api/conversations/{}/record/{deed}", self.conversation);
        let parameters = [("conversation", self.conversation.as_str()), ("deed", deed)];
        let bearer = HeaderValue::from_str(&format!("Bearer {}", self.world.session)).unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
        let request = request(Method::POST, &path, &parameters, headers, Body::from(body.to_string()));
        routed(request, "POST /inbox/api/conversations/{conversation}/record/{deed}")
    }
}

/// The request as the gateway hands it on that took this route.
pub(crate) fn routed(request: Request, route: &str) -> Request {
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.domain_name = Some("127.0.0.1".to_owned());
    context.route_key = Some(route.to_owned());
    request.with_request_context(RequestContext::ApiGatewayV2(context))
}

pub(crate) async fn stored(world: &World, id: &ConversationId) -> Conversation {
    LinkStore::conversation(&*world.bundle.environment().table(), id).await.unwrap().unwrap()
}

/// A customer's first message; its conversation.
pub(crate) async fn written(world: &World, n: usize, name: &str) -> ConversationId {
    // WhatsApp tells whole seconds, and this is to be the newest.
    world.clock.advance(Duration::from_secs(2));
    let (number, from) = (whatsapp_number(), phone(n));
    world.store(&[Incoming { number: &number.id, from: &from, name, text: "hello", at: world.clock.now() }]).await;
    world.newest_conversation().await.id
}

/// A customer's number as it is written.
pub(crate) fn number(n: usize) -> String {
    format!("+{}", phone(n))
}
