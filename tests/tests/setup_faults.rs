//! Invariant 6 for what an owner does: installing, connecting and removing the app are run once for each request that they make
//! to the table, with a fault at that request, and then once more. The end is the one that it has without a fault.

use http::{HeaderMap, HeaderValue, Method, header};
use lambda_http::{Body, RequestExt};
use local::{
    host::{self, Hosted},
    simulators::{
        CLIENT_ID, CLIENT_SECRET,
        pipedrive::{DEMO_COMPANY, DEMO_USER},
        whatsapp_number,
    },
};
use pigeonpost_tests::{
    call::{as_pipedrive, request},
    web::{Answer, Browser, api, client, send},
    wire::{Fault, Wire},
    world::World,
};
use serde_json::{Value, json};
use shared::{
    http::Request,
    inbox::ports::InstallationStore,
    model::installation::{Installation, InstallationState},
};

/// Calls a function over `wire`; the answer's status.
async fn call(world: &World, wire: &Wire, function: &str, request: Request) -> u16 {
    let Some(Hosted::Http(hosted)) = host::build(function, &wire.environment(world.bundle.environment())) else {
        panic!("{function} is no HTTP function")
    };
    hosted.call(request).await.status().as_u16()
}

/// All faults at all of `count` requests.
fn cases(count: usize) -> impl Iterator<Item = (usize, Fault)> {
    (0..count).flat_map(|at| Fault::ALL.map(|fault| (at, fault)))
}

async fn installation(world: &World) -> Installation {
    world.bundle.environment().table().installation(DEMO_COMPANY, DEMO_USER).await.unwrap().unwrap()
}

/// What Pipedrive is answered about the channel's conversations.
async fn conversations(world: &World, channel: &str) -> Answer {
    let url = format!("{}/api/channels/{channel}/conversations", world.bundle.url());
    send(client().get(url).basic_auth(CLIENT_ID, Some(CLIENT_SECRET))).await
}

/// Ids of the channels that the set-up page lists, and of those at Pipedrive.
async fn channels(world: &World) -> (Vec<String>, Vec<String>) {
    let listed = api(&world.bundle, &world.session, Method::GET, "/setup/channels", None).await.json()["data"].take();
    let id = |channel: &Value| channel["provider_channel_id"].as_str().map(str::to_owned);
    let at_pipedrive = world.bundle.pipedrive().channels().into_iter().map(|channel| channel.id).collect();
    (listed.as_array().unwrap().iter().filter_map(id).collect(), at_pipedrive)
}

fn notice() -> Request {
    let mut headers = as_pipedrive();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = json!({"client_id": CLIENT_ID, "company_id": DEMO_COMPANY, "user_id": DEMO_USER}).to_string();
    request(Method::DELETE, "/oauth/callback", &[], headers, Body::from(body))
}

/// Whether a caller who was answered well, or was not, heard what is true, with `fault` at one of `count` requests. The last of
/// them looks after Pipedrive's webhooks: that is done again each day, and nobody is refused for it.
fn is_told(well: bool, (at, fault): (usize, Fault), count: usize) -> bool {
    well == (fault == Fault::Repeat || at + 1 >= count)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_with_a_fault_at_any_step_leaves_no_tokens_and_no_channel_served() {
    let (world, wire) = (World::start().await, Wire::default());
    let channel = &world.whatsapp.provider_channel_id;
    assert_eq!(call(&world, &wire, "oauth-callback", notice()).await, 200);
    let count = wire.traffic().operations.len();
    assert!(count >= 4, "removing makes several requests: {:?}", wire.traffic());
    for (at, fault) in cases(count) {
        wire.reset(None);
        world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
        assert_eq!(conversations(&world, channel).await.status, 200);
        wire.reset(Some((at, fault)));
        let status = call(&world, &wire, "oauth-callback", notice()).await;
        assert!(is_told(status == 200, (at, fault), count), "{fault:?} at {at}: {status}");

        wire.reset(None);
        assert_eq!(call(&world, &wire, "oauth-callback", notice()).await, 200, "{fault:?} at {at}");
        let stored = installation(&world).await;
        assert_eq!((stored.state, stored.tokens), (InstallationState::Uninstalled, None), "{fault:?} at {at}");
        conversations(&world, channel).await.refused(401, "UNAUTHORIZED");
    }
}

fn connect(session: &str) -> Request {
    let number = whatsapp_number();
    let credentials = json!({"phone_number_id": number.id, "waba_id": number.waba_id, "access_token": number.token});
    let body = json!({"provider": "whatsapp", "name": "Sales", "credentials": credentials}).to_string();
    let bearer = HeaderValue::from_str(&format!("Bearer {session}")).unwrap();
    let json = HeaderValue::from_static("application/json");
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer), (header::CONTENT_TYPE, json)]);
    request(Method::POST, "/setup/channels", &[], headers, Body::from(body))
}

async fn remove(world: &World) {
    for channel in channels(world).await.0 {
        let removed = api(&world.bundle, &world.session, Method::DELETE, &format!("/setup/channels/{channel}"), None).await;
        assert_eq!(removed.status, 200, "{removed:?}");
    }
    assert_eq!(channels(world).await, (Vec::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_a_fault_at_any_step_ends_in_one_channel() {
    let (world, wire) = (World::start().await, Wire::default());
    remove(&world).await;
    assert_eq!(call(&world, &wire, "channels", connect(&world.session)).await, 200);
    let count = wire.traffic().operations.len();
    assert!(count >= 3, "connecting makes several requests: {:?}", wire.traffic());
    for (at, fault) in cases(count) {
        wire.reset(None);
        remove(&world).await;
        wire.reset(Some((at, fault)));
        let status = call(&world, &wire, "channels", connect(&world.session)).await;
        assert_eq!(status == 200, fault == Fault::Repeat, "{fault:?} at {at}: {status}");

        wire.reset(None);
        assert_eq!(call(&world, &wire, "channels", connect(&world.session)).await, 200, "{fault:?} at {at}");
        world.bundle.pipedrive().idle().await;
        let (listed, at_pipedrive) = channels(&world).await;
        assert_eq!((listed.len(), &listed), (1, &at_pipedrive), "{fault:?} at {at}");
        assert_eq!(conversations(&world, &listed[0]).await.status, 200, "{fault:?} at {at}");
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

/// The request with which a browser comes back from a fresh consent.
async fn consented(world: &World) -> Request {
    let mut browser = Browser::default();
    let sent = browser.open(&world.bundle, "/oauth/install").await;
    let cookie = sent.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
    let back = browser.open(&world.bundle, sent.header(header::LOCATION)).await;
    let address = reqwest::Url::parse(back.header(header::LOCATION)).unwrap();
    let query: std::collections::HashMap<String, String> = address.query_pairs().into_owned().collect();
    let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&cookie).unwrap())]);
    request(Method::GET, "/oauth/callback", &[], headers, Body::Empty).with_query_string_parameters(query)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_with_a_fault_at_any_step_ends_with_the_channel_served() {
    let (world, wire) = (World::start().await, Wire::default());
    let channel = &world.whatsapp.provider_channel_id;
    let pipedrive = world.bundle.pipedrive();
    // Pipedrive reads a new channel for a moment, and finds it gone if the app is removed meanwhile.
    pipedrive.idle().await;
    pipedrive.uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    assert_eq!(call(&world, &wire, "oauth-callback", consented(&world).await).await, 302);
    let count = wire.traffic().operations.len();
    assert!(count >= 4, "installing makes several requests: {:?}", wire.traffic());
    for (at, fault) in cases(count) {
        wire.reset(None);
        pipedrive.idle().await;
        pipedrive.uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
        conversations(&world, channel).await.refused(401, "UNAUTHORIZED");
        let request = consented(&world).await;
        wire.reset(Some((at, fault)));
        let status = call(&world, &wire, "oauth-callback", request).await;
        assert!(is_told(status == 302, (at, fault), count), "{fault:?} at {at}: {status}");

        // Its code is used: the user consents once more.
        wire.reset(None);
        assert_eq!(call(&world, &wire, "oauth-callback", consented(&world).await).await, 302, "{fault:?} at {at}");
        pipedrive.idle().await;
        assert_eq!(installation(&world).await.state, InstallationState::Connected, "{fault:?} at {at}");
        assert_eq!(channels(&world).await, (vec![channel.clone()], vec![channel.clone()]), "{fault:?} at {at}");
        assert_eq!(conversations(&world, channel).await.status, 200, "{fault:?} at {at}");
    }
    assert_eq!(pipedrive.violations(), Vec::<String>::new());
}
