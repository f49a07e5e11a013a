//! Invariant 7: no credential, token, phone number or message text in a log line or an error body. One test alone in its
//! process, since it listens to all that the process logs.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use local::{
    bundle::Bundle,
    simulators::{
        CLIENT_ID, CLIENT_SECRET, META_APP_SECRET, META_VERIFY_TOKEN, chat, graph,
        pipedrive::{Action, Call, DEMO_COMPANY, DEMO_USER, Fault, InboxError, Kind},
        whatsapp_number,
    },
};
use pigeonpost_tests::{
    call::{FORM, form},
    log::Log,
    web::{Answer, Browser, api, client, send},
    world::{World, phone},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use shared::inbox::tokens::Tokens;

const TEXT: &str = "canary-4711 of the customer";
const ANSWER: &str = "canary-4712 of the company";
const NAME: &str = "Canary-Dora";
const TYPED: &str = "EAACANARYTOKEN";

async fn access_token(bundle: &Bundle) -> String {
    let environment = bundle.environment();
    let (store, oauth) = (environment.table(), environment.pipedrive());
    let tokens = Tokens { store: &*store, oauth: &*oauth, secrets: &environment.secrets(), clock: &*environment.clock };
    let (_, access) = tokens.access(DEMO_COMPANY, DEMO_USER).await.unwrap();
    access.token.expose_secret().to_owned()
}

/// A message in and an answer out, with all that goes wrong on the way.
async fn round_trips(world: &World) -> Vec<String> {
    let (pipedrive, graph, chat) = (world.bundle.pipedrive(), world.bundle.graph(), world.bundle.chat());
    let connected = world.bundle.connect_chat(&world.session).await.unwrap();
    let mut said = Vec::new();
    // Both messages are refused, each with its times in full and in minutes.
    let refused = (Fault::Answer(400), 4);
    let once = [Fault::Answer(500), Fault::RateLimited(5), Fault::Drop, Fault::Answer(401)].map(|fault| (fault, 1));
    for (fault, times) in once.into_iter().chain([refused]) {
        pipedrive.inject(Call::Receive, fault, times);
        graph.customer_writes(&phone(1), NAME, TEXT);
        chat.customer_writes(&format!("+{}", phone(1)), NAME, TEXT);
        world.settle().await;
        world.pass(Duration::from_mins(1)).await;
    }
    for fault in [graph::Fault::Code(131_047), graph::Fault::Code(190), graph::Fault::Html(502), graph::Fault::LostAnswer] {
        graph.fail_next(fault);
    }
    chat.fail_next(chat::Fault::Status(400));
    for channel in [&world.whatsapp.provider_channel_id, &connected.provider_channel_id] {
        for _ in 0..5 {
            let known = pipedrive.channels().into_iter().find(|known| known.id == *channel).unwrap();
            let conversation = known.conversations.into_keys().next().unwrap();
            let sent = pipedrive.send_from_inbox(channel, &conversation, ANSWER, Vec::new()).await;
            if let Err(InboxError::Refused { message, .. }) = sent {
                said.push(message);
            }
            world.settle().await;
        }
    }
    // Tokens that have to be renewed, and can't be.
    world.clock.advance(Duration::from_hours(2));
    pipedrive.inject(Call::Token, Fault::Answer(500), 1);
    graph.customer_writes(&phone(1), NAME, TEXT);
    world.settle().await;
    world.pass(Duration::from_mins(2)).await;
    assert!(world.texts(NAME).iter().any(|text| text == TEXT) && graph.sent().iter().any(|sent| sent.text == ANSWER));
    said
}

/// Whatever is refused or fails, and what its caller hears.
async fn refusals(world: &World) -> Vec<Answer> {
    let (bundle, session) = (&world.bundle, world.session.as_str());
    let url = bundle.url();
    let number = whatsapp_number();
    let conversation = world.conversation_with(NAME).unwrap().id;
    let channel = format!("/api/channels/{}", world.whatsapp.provider_channel_id);
    let mut answers = vec![
        send(client().post(format!("{url}/session")).json(&json!({"token": TYPED}))).await,
        send(client().post(format!("{url}/session")).body(TYPED)).await,
        Browser::default().open(bundle, &format!("/oauth/callback?code={TYPED}&state={TYPED}")).await,
        Browser::default().open(bundle, &format!("/oauth/callback?error={TYPED}")).await,
        send(client().get(format!("{url}/webhooks/whatsapp?hub.mode=subscribe&hub.challenge=1&hub.verify_token={TYPED}"))).await,
        api(bundle, TYPED, Method::GET, "/setup/channels", None).await,
        api(bundle, session, Method::DELETE, &format!("/setup/channels/{TYPED}"), None).await,
        api(bundle, session, Method::DELETE, &format!("/inbox/api/conversations/{TYPED}"), None).await,
    ];
    let whatsapp = |token: &str| json!({"phone_number_id": number.id, "waba_id": number.waba_id, "access_token": token});
    let custom = |url: &str, secret: &str| json!({"send_url": url, "signing_secret": secret});
    let chat = bundle.chat().credentials();
    for (provider, credentials) in [
        ("whatsapp", whatsapp(TYPED)),
        ("whatsapp", whatsapp(&format!("{TYPED} {TYPED}"))),
        (TYPED, json!({})),
        ("custom", custom("http://127.0.0.1:9/canary-path", chat::SIGNING_SECRET)),
        ("custom", custom(chat["send_url"].as_str().unwrap(), &format!("whsec_{TYPED}"))),
    ] {
        let body: Value = json!({"provider": provider, "name": "Sales", "credentials": credentials});
        answers.push(api(bundle, session, Method::POST, "/setup/channels", Some(&body)).await);
    }
    let text = "canary-4713 ".repeat(400);
    for (id, text) in [(conversation.as_str(), text.as_str()), (TYPED, TEXT), ("cv_0123456789abcdef", TEXT)] {
        let body = form(&[("message", text), ("conversationId", id)]);
        for password in [CLIENT_SECRET, TYPED] {
            let request = client().post(format!("{url}{channel}/messages")).basic_auth(CLIENT_ID, Some(password));
            let request = request.header("content-type", FORM).body(body.clone());
            answers.push(send(request).await);
        }
    }
    for path in ["conversations?after=canary-4713", "conversations?conversations_limit=canary-4713", "senders/canary-4713"] {
        answers.push(send(client().get(format!("{url}{channel}/{path}")).basic_auth(CLIENT_ID, Some(CLIENT_SECRET))).await);
    }
    let webhook = bundle.connect_chat(session).await.unwrap().webhook_url;
    let event = json!({"type": "message", "id": "x", "from": {"id": "c", "phone": "canary-4713"}, "text": TEXT});
    for (address, key) in [(webhook.as_str(), "webhook-signature"), (&format!("{url}/webhooks/whatsapp"), "x-hub-signature-256")]
    {
        let hook = bundle.chat().webhooks().compose(std::slice::from_ref(&event));
        answers.push(send(client().post(address).headers(hook.headers.clone()).body(hook.body.clone())).await);
        let mut headers = hook.headers;
        headers.insert(key, http::HeaderValue::from_static("canary-4713"));
        answers.push(send(client().post(address).headers(headers).body(hook.body)).await);
    }
    answers
}

/// The contacts and deals API, with what its callers send and what goes wrong; the key, and what they hear.
async fn calls_with_a_key(world: &World) -> (String, Vec<Answer>) {
    let (bundle, pipedrive) = (&world.bundle, world.bundle.pipedrive());
    let key = bundle.api_key(&world.session, "Canary-key").await.unwrap();
    let contact = json!({"email": "canary-4714@example.com", "attributes": {"name": NAME, "phone": format!("+{}", phone(1))}});
    let call = async |method: Method, path: &str, key: &str, body: &str| {
        let request = client().request(method, format!("{}/v2/{path}", bundle.url())).header("x-api-key", key);
        send(request.header("idempotency-key", "canary-4715").body(body.to_owned())).await
    };
    pipedrive.inject(Call::Records(Kind::Persons, Action::Search), Fault::Answer(500), 1);
    assert_eq!(call(Method::POST, "contacts", &key, &contact.to_string()).await.status, 500);
    assert_eq!(call(Method::POST, "contacts", &key, &contact.to_string()).await.status, 201);
    let mut answers = Vec::new();
    for (method, path, key, body) in [
        (Method::POST, "contacts", key.as_str(), contact.to_string()),
        (Method::POST, "contacts", &key, format!("{{\"email\":\"{TYPED}\"}}")),
        (Method::POST, "contacts", &key, TYPED.to_owned()),
        (Method::POST, "contacts", &key[..key.len() - 1], contact.to_string()),
        (Method::POST, "contacts", TYPED, contact.to_string()),
        (Method::GET, "contacts/canary-4716@example.com", &key, String::new()),
        (Method::GET, "deals/canary-4716", &key, String::new()),
        (Method::GET, "deals?status=canary-4716", &key, String::new()),
        (Method::DELETE, "segmentation-lists/canary-4716", &key, String::new()),
    ] {
        answers.push(call(method, path, key, &body).await);
    }
    // The first of them is the answer to the call before it, given again.
    assert_eq!(answers.remove(0).status, 201);
    (key, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_logs_nor_errors_tell_what_is_nobodys_business() {
    let log = Log::listen();
    let world = World::start().await;
    let first_token = access_token(&world.bundle).await;
    let said = round_trips(&world).await;
    let second_token = access_token(&world.bundle).await;
    let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let iframe = world.bundle.pipedrive().iframe_token(DEMO_COMPANY, DEMO_USER).unwrap();
    let world = World { session: session.clone(), ..world };
    let mut answers = refusals(&world).await;
    let (api_key, refused) = calls_with_a_key(&world).await;
    answers.extend(refused);
    world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();

    let (whatsapp, secret) = (whatsapp_number().token, world.bundle.secret().clone());
    let number = phone(1);
    // A WhatsApp message id has the customer's number inside.
    let (in_an_id, basic) = (STANDARD.encode(&number[..9]), STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}")));
    assert!(world.bundle.graph().sent()[0].id.contains(&in_an_id), "as the simulator's do");
    let mut canaries = vec![
        "canary-",
        "Canary-",
        "CANARY",
        "v1u:",
        &first_token,
        &second_token,
        &session,
        &iframe,
        &api_key[api_key.len() - 32..],
        &whatsapp,
        &number,
        &in_an_id,
        &basic,
        "wamid.",
        CLIENT_SECRET,
        META_APP_SECRET,
        META_VERIFY_TOKEN,
        chat::SIGNING_SECRET,
    ];
    canaries.extend(secret["encryption_key"].as_str());
    assert!(canaries.iter().all(|canary| canary.len() >= 4) && first_token != second_token);

    let log = log.text();
    for expected in ["webhook", "delivered", "delivery failed and waits", "a message is dead", "renewed Pipedrive tokens"] {
        assert!(log.contains(expected), "the log is listened to: {expected}");
    }
    for line in log.lines() {
        assert!(canaries.iter().all(|canary| !line.contains(canary)), "{line}");
    }
    assert!(said.len() >= 3, "{said:?}");
    for message in said {
        assert!(canaries.iter().all(|canary| !message.contains(canary)), "{message}");
    }
    for answer in answers {
        let url = answer.header(http::header::LOCATION).to_owned();
        for told in [&answer.body, &url] {
            assert!(canaries.iter().all(|canary| !told.contains(canary)), "{answer:?}");
        }
        assert!(answer.status < 500, "{answer:?}");
    }
}
