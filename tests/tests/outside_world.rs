//! The bundle with an outside world that is not its own simulators: everything goes to the addresses that it was given, and
//! nothing else is served beside the functions.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::Request, middleware};
use http::{Method, header};
use local::{
    bundle::{Bundle, BundleOptions},
    options::RealWorld,
    simulators::{
        graph::{App, Graph},
        pipedrive::{self, Call, DEMO_COMPANY, DEMO_USER, PipedriveOptions, PipedriveSim},
        whatsapp_number,
    },
};
use pigeonpost_tests::{
    wait::until,
    web::{Browser, api, client, send},
    world::phone,
};
use serde_json::json;
use shared::clock::SystemClock;

const CLIENT_ID: &str = "an-own-app";
const CLIENT_SECRET: &str = "an-own-secret-0123456789abcdef0123456789";
const APP_SECRET: &str = "an-own-meta-secret";
const VERIFY_TOKEN: &str = "an-own-verify-token";

/// A server of the test's own, and what it was asked.
struct Stub {
    url: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    async fn serve(router: Router) -> Self {
        let log = Arc::<Mutex<Vec<String>>>::default();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let written = log.clone();
        let router = router.layer(middleware::map_request(move |request: Request| {
            written.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
            std::future::ready(request)
        }));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, log }
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

struct Outside {
    pipedrive: PipedriveSim,
    graph: Graph,
    oauth_stub: Stub,
    api_stub: Stub,
    graph_stub: Stub,
}

/// Stubs at three addresses, and a bundle that knows these alone.
async fn start() -> (Bundle, Outside) {
    let mut options = PipedriveOptions::new(CLIENT_ID, CLIENT_SECRET);
    options.settings.auto_consent = true;
    let pipedrive = PipedriveSim::new(options);
    let app = App { secret: APP_SECRET.to_owned(), verify_token: VERIFY_TOKEN.to_owned() };
    let graph = Graph::new(app, Arc::new(SystemClock));
    graph.add_number(whatsapp_number());
    let outside = Outside {
        oauth_stub: Stub::serve(pipedrive::router(&pipedrive)).await,
        api_stub: Stub::serve(pipedrive::router(&pipedrive)).await,
        graph_stub: Stub::serve(graph.router()).await,
        pipedrive,
        graph,
    };
    let world = RealWorld {
        base_urls: vec![
            ("PIPEDRIVE_OAUTH_URL", outside.oauth_stub.url.clone()),
            ("PIPEDRIVE_API_URL", outside.api_stub.url.clone()),
            ("GRAPH_API_URL", outside.graph_stub.url.clone()),
        ],
        public_url: None,
        credentials: vec![
            ("pipedrive_client_id", CLIENT_ID.to_owned()),
            ("pipedrive_client_secret", CLIENT_SECRET.to_owned()),
            ("meta_app_secret", APP_SECRET.to_owned()),
            ("meta_verify_token", VERIFY_TOKEN.to_owned()),
        ],
        encryption_key: None,
    };
    let bundle = Bundle::start(BundleOptions { world: Some(world), ..BundleOptions::default() }).await.unwrap();
    outside.pipedrive.set_app_url(bundle.url());
    (bundle, outside)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_in_and_out_by_the_addresses_given_and_no_others() {
    let (bundle, outside) = start().await;
    let Outside { pipedrive, graph, oauth_stub, api_stub, graph_stub } = &outside;
    assert!(graph.set_callback(&format!("{}/webhooks/whatsapp", bundle.url())).await, "the handshake");

    // A browser's way from the link over the consent to the set-up page.
    let mut browser = Browser::default();
    let sent = browser.open(&bundle, "/oauth/install").await;
    let authorize = sent.header(header::LOCATION);
    assert!(authorize.starts_with(&format!("{}/oauth/authorize?client_id={CLIENT_ID}&", oauth_stub.url)), "{authorize}");
    let back = browser.open(&bundle, authorize).await;
    let installed = browser.open(&bundle, back.header(header::LOCATION)).await;
    assert_eq!((installed.status, installed.header(header::LOCATION)), (302, "/setup?installed=1"), "{installed:?}");
    assert_eq!(browser.open(&bundle, installed.header(header::LOCATION)).await.status, 200);

    let token = pipedrive.iframe_token(DEMO_COMPANY, DEMO_USER).unwrap();
    let session = send(client().post(format!("{}/session", bundle.url())).json(&json!({"token": token}))).await;
    let session = session.json()["data"]["token"].as_str().unwrap().to_owned();
    let channel = bundle.connect_whatsapp(&session).await.unwrap();
    assert_eq!(channel.delivery, "channels");
    pipedrive.idle().await;

    graph.customer_writes(&phone(1), "Dora", "hello");
    until("the message is in the inbox", || pipedrive.conversations().iter().any(|c| c.messages.len() == 1)).await;
    pipedrive.idle().await;
    let conversation = pipedrive.conversations().remove(0);
    assert_eq!(conversation.messages[0].text, "hello");
    pipedrive.send_from_inbox(&channel.provider_channel_id, &conversation.id, "good morning", Vec::new()).await.unwrap();
    let sent = graph.sent();
    assert_eq!((sent.len(), sent[0].to.as_str(), sent[0].text.as_str()), (1, phone(1).as_str(), "good morning"));
    until("its status is in the inbox", || {
        graph.webhooks().idle() && pipedrive.conversations()[0].messages[1].status == shared::model::status::Status::Read
    })
    .await;
    assert_eq!(pipedrive.violations(), Vec::<String>::new());

    assert_eq!(oauth_stub.log(), ["GET /oauth/authorize", "POST /oauth/token"]);
    let mut asked = api_stub.log();
    assert_eq!(asked.iter().filter(|line| line.ends_with("/messages/receive")).count(), pipedrive.count(Call::Receive));
    asked.dedup();
    assert_eq!(asked, ["GET /api/v1/users/me", "POST /api/v1/channels", "POST /api/v1/channels/messages/receive"]);
    let (number, version) = (whatsapp_number(), local::simulators::graph::VERSION);
    let asked = graph_stub.log();
    assert!(asked.contains(&format!("POST /{version}/{}/subscribed_apps", number.waba_id)), "{asked:?}");
    let sends = format!("POST /{version}/{}/messages", number.id);
    assert_eq!(asked.iter().filter(|line| **line == sends).count(), 1, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_no_simulators_beside_it() {
    let (bundle, outside) = start().await;
    assert!(bundle.simulators().is_none());
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/sim/phones"),
        (Method::POST, "/sim/phones"),
        (Method::GET, "/sim/style.css"),
        (Method::GET, "/sim/pipedrive/"),
        (Method::GET, "/sim/pipedrive/inbox.json"),
        (Method::POST, "/sim/pipedrive/sim/send"),
        (Method::GET, "/sim/graph/v25.0/3000000001"),
        (Method::POST, "/sim/chat/messages"),
    ] {
        let answer = api(&bundle, "", method.clone(), path, None).await;
        assert_eq!((answer.status, answer.json()), (404, json!({"message": "Not Found"})), "{method} {path}");
    }
    assert_eq!(send(client().get(format!("{}/manifest.json", bundle.url()))).await.status, 200, "the functions are there");
    for stub in [&outside.oauth_stub, &outside.api_stub, &outside.graph_stub] {
        assert_eq!(stub.log(), Vec::<String>::new(), "nothing is asked before there is need");
    }
}
