//! The life of an installation over the real router: consent, journeys that go wrong, removal, notices that grant nothing,
//! and coming back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::header;
use local::{
    bundle::{Bundle, BundleOptions},
    clock::AdjustableClock,
    simulators::{
        CLIENT_ID, CLIENT_SECRET,
        chat::SIGNING_SECRET,
        pipedrive::{Call, Company, DEMO_COMPANY, DEMO_USER, Fault, User},
        whatsapp_number,
    },
};
use pigeonpost_tests::{
    gate::{Gate, apart},
    table,
    wait::until,
    web::{Answer, Browser, client, send},
    world::{World, phone},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use shared::{
    config::DeliveryChoice,
    inbox::{
        deliver::{self, ChannelsTarget, DeliverPorts},
        install::{self, InstallPorts},
        ports::{ChannelStore, InstallationStore},
        tokens::Tokens,
    },
    model::{
        channel::ChannelState,
        ids::{ChannelId, CompanyId, ConversationId, UserId},
        installation::{Installation, InstallationState},
        record::ChannelSettings,
    },
    pipedrive::{Access, ChannelsApi, Receipt, Registration, error::PipedriveError},
    store::Table,
};

/// Another admin of the demo company.
const COLLEAGUE: UserId = UserId(13);

async fn empty() -> (Bundle, Arc<AdjustableClock>) {
    let clock = Arc::new(AdjustableClock::default());
    let options = BundleOptions { clock: clock.clone(), pump: false, ..BundleOptions::default() };
    (Bundle::start(options).await.unwrap(), clock)
}

async fn installation(bundle: &Bundle, user: UserId) -> Option<Installation> {
    bundle.environment().table().installation(DEMO_COMPANY, user).await.unwrap()
}

fn add_colleague(bundle: &Bundle) {
    let user = |id: UserId, name: &str| User { id, name: name.to_owned(), admin: true };
    bundle.pipedrive().add_company(Company {
        id: DEMO_COMPANY,
        name: "Demo Company".to_owned(),
        domain: "demo-company".to_owned(),
        suspended: false,
        users: vec![user(DEMO_USER, "Ada Admin"), user(COLLEAGUE, "Berta Boss")],
    });
}

/// From the link to Pipedrive and back up to the callback's address, which is not opened.
async fn to_callback(bundle: &Bundle, browser: &mut Browser) -> String {
    let sent = browser.open(bundle, "/oauth/install").await;
    assert_eq!(sent.status, 302, "{sent:?}");
    let back = browser.open(bundle, sent.header(header::LOCATION)).await;
    assert_eq!(back.status, 302, "{back:?}");
    back.header(header::LOCATION).to_owned()
}

fn is_sent_round(answer: &Answer) -> bool {
    answer.status == 302 && answer.header(header::LOCATION) == "/oauth/install?again=1"
}

fn is_failure_page(answer: &Answer) -> bool {
    let html = answer.header(header::CONTENT_TYPE).starts_with("text/html");
    answer.status == 400 && html && answer.body.contains("Not connected") && answer.body.contains("href=\"/oauth/install\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_leads_from_the_link_to_the_set_up_page() {
    let (bundle, _) = empty().await;
    let mut browser = Browser::default();
    let sent = browser.open(&bundle, "/oauth/install").await;
    let authorize = reqwest::Url::parse(sent.header(header::LOCATION)).unwrap();
    assert!(authorize.as_str().starts_with(&format!("{}/oauth/authorize?", bundle.pipedrive().url())), "{authorize}");
    let asked = |name: &str| authorize.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    assert_eq!(asked("client_id").as_deref(), Some(CLIENT_ID));
    assert_eq!(asked("redirect_uri"), Some(format!("{}/oauth/callback", bundle.url())));
    assert!(asked("state").unwrap().len() > 40);
    let cookie = sent.header(header::SET_COOKIE);
    let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
    // Without TLS there is no `Secure`: the browser would drop the cookie.
    assert_eq!(attributes, ["Path=/oauth", "Max-Age=600", "HttpOnly", "SameSite=Lax"]);

    let back = browser.open(&bundle, authorize.as_str()).await;
    let callback = back.header(header::LOCATION);
    assert!(callback.starts_with(&format!("{}/oauth/callback?", bundle.url())), "{callback}");
    let installed = browser.open(&bundle, callback).await;
    assert_eq!((installed.status, installed.header(header::LOCATION)), (302, "/setup?installed=1"));
    assert!(installed.header(header::SET_COOKIE).contains("Max-Age=0"), "the cookie has done its work");
    assert_eq!(browser.open(&bundle, "/setup?installed=1").await.status, 200);

    let stored = installation(&bundle, DEMO_USER).await.unwrap();
    assert_eq!(stored.state, InstallationState::Connected);
    assert_eq!((stored.company_name.as_str(), stored.user_name.as_str()), ("Demo Company", "Ada Admin"));
    assert_eq!(stored.api_domain, "https://demo-company.pipedrive.com");
    assert_eq!(stored.public_url, bundle.url());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_credentials_lie_sealed_in_the_table() {
    let world = World::start().await;
    world.bundle.connect_chat(&world.session).await.unwrap();
    let environment = world.bundle.environment();
    let (store, oauth) = (environment.table(), environment.pipedrive());
    let tokens = Tokens { store: &*store, oauth: &*oauth, secrets: &environment.secrets(), clock: &*environment.clock };
    let (_, access) = tokens.access(DEMO_COMPANY, DEMO_USER).await.unwrap();

    let raw = table::raw(&world.bundle).await;
    assert!(table::holds(&raw, &whatsapp_number().id), "the scan sees what is there");
    let token = access.token.expose_secret();
    // The simulator's refresh tokens begin with company and user.
    let whatsapp = whatsapp_number().token;
    for secret in [token, "v1u:", "1001:11:", &whatsapp, SIGNING_SECRET, CLIENT_SECRET] {
        assert!(!table::holds(&raw, secret), "{secret} lies open");
        assert!(!table::holds(&raw, STANDARD.encode(secret).trim_end_matches('=')), "{secret} is only encoded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journey_that_is_not_ours_starts_over_once() {
    let (bundle, clock) = empty().await;
    let denied = Browser::default().open(&bundle, "/oauth/callback?error=user_denied").await;
    assert_eq!(denied.status, 200);
    assert!(denied.body.contains("Not connected") && denied.body.contains("href=\"/oauth/install\""));
    assert!(is_sent_round(&Browser::default().open(&bundle, "/oauth/callback?code=stolen").await), "no state");
    assert!(is_sent_round(&Browser::default().open(&bundle, "/oauth/callback?code=x&state=made-up").await), "a foreign state");

    let mut browser = Browser::default();
    let callback = to_callback(&bundle, &mut browser).await;
    assert!(is_sent_round(&Browser::default().open(&bundle, &callback).await), "a browser without the cookie");
    let mut other = Browser::default();
    to_callback(&bundle, &mut other).await;
    assert!(is_sent_round(&other.open(&bundle, &callback).await), "a browser with another journey's cookie");
    clock.advance(Duration::from_mins(11));
    assert!(is_sent_round(&browser.open(&bundle, &callback).await), "a state that has expired");

    // Who is sent round and comes back wrong again gets a page, not a third start.
    let again = Browser::default().open(&bundle, "/oauth/install?again=1").await;
    let back = Browser::default().open(&bundle, again.header(header::LOCATION)).await;
    let cookieless = Browser::default().open(&bundle, back.header(header::LOCATION)).await;
    assert!(is_failure_page(&cookieless), "{cookieless:?}");
    let mut browser = Browser::default();
    browser.open(&bundle, "/oauth/install?again=1").await;
    assert!(is_failure_page(&browser.open(&bundle, "/oauth/callback?code=x").await), "the cookie tells as well");

    assert_eq!(bundle.pipedrive().count(Call::Token), 0, "no code of such a journey is used");
    assert_eq!(installation(&bundle, DEMO_USER).await, None);

    // The second start works for who brings the cookie.
    let mut browser = Browser::default();
    let sent = browser.open(&bundle, "/oauth/install?again=1").await;
    let back = browser.open(&bundle, sent.header(header::LOCATION)).await;
    assert_eq!(browser.open(&bundle, back.header(header::LOCATION)).await.header(header::LOCATION), "/setup?installed=1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_used_or_expired_ends_in_a_page() {
    let (bundle, clock) = empty().await;
    let mut browser = Browser::default();
    let expired = to_callback(&bundle, &mut browser).await;
    clock.advance(Duration::from_mins(6));
    let answer = browser.open(&bundle, &expired).await;
    assert!(is_failure_page(&answer) && answer.body.contains("used before or has expired"), "{answer:?}");
    assert_eq!(installation(&bundle, DEMO_USER).await, None);

    let callback = to_callback(&bundle, &mut browser).await;
    assert_eq!(browser.open(&bundle, &callback).await.status, 302);
    let before = installation(&bundle, DEMO_USER).await;
    let used = reqwest::Url::parse(&callback).unwrap();
    let code = used.query_pairs().find(|(key, _)| key == "code").unwrap().1.into_owned();
    let fresh = to_callback(&bundle, &mut browser).await;
    let mut with_used_code = reqwest::Url::parse(&fresh).unwrap();
    let state = with_used_code.query_pairs().find(|(key, _)| key == "state").unwrap().1.into_owned();
    with_used_code.query_pairs_mut().clear().append_pair("state", &state).append_pair("code", &code);
    let answer = browser.open(&bundle, with_used_code.as_str()).await;
    assert!(is_failure_page(&answer), "{answer:?}");
    assert!(before.is_some() && installation(&bundle, DEMO_USER).await == before, "what was granted before stays");
}

async fn notice(bundle: &Bundle, password: &str, body: &Value) -> Answer {
    let request = client().delete(format!("{}/oauth/callback", bundle.url()));
    send(request.basic_auth(CLIENT_ID, Some(password)).json(body)).await
}

async fn conversations(bundle: &Bundle, channel: &str) -> Answer {
    let request = client().get(format!("{}/api/channels/{channel}/conversations", bundle.url()));
    send(request.basic_auth(CLIENT_ID, Some(CLIENT_SECRET))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_takes_the_tokens_and_the_users_channels_alone() {
    for as_strings in [false, true] {
        let world = World::start().await;
        let bundle = &world.bundle;
        add_colleague(bundle);
        bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
        let session = bundle.session(DEMO_COMPANY, COLLEAGUE).await.unwrap();
        let chat = bundle.connect_chat(&session).await.unwrap();
        let whatsapp = &world.whatsapp.provider_channel_id;

        let body = |client_id: &str| json!({"client_id": client_id, "company_id": DEMO_COMPANY, "user_id": DEMO_USER});
        notice(bundle, "wrong", &body(CLIENT_ID)).await.refused(401, "UNAUTHORIZED");
        let message = notice(bundle, CLIENT_SECRET, &body("another-app")).await.refused(400, "INVALID_BODY");
        assert!(message.contains("client_id"), "{message}");
        assert_eq!(conversations(bundle, whatsapp).await.status, 200, "neither changed anything");

        bundle.pipedrive().change(|settings| settings.ids_as_strings = as_strings);
        for time in ["first", "second"] {
            let status = bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await;
            assert_eq!(status, Ok(200), "the {time} notice, ids as text: {as_strings}");
            let stored = installation(bundle, DEMO_USER).await.unwrap();
            assert_eq!((stored.state, stored.tokens), (InstallationState::Uninstalled, None));
            conversations(bundle, whatsapp).await.refused(401, "UNAUTHORIZED");
        }
        let theirs = installation(bundle, COLLEAGUE).await.unwrap();
        assert!(theirs.state == InstallationState::Connected && theirs.tokens.is_some());
        assert_eq!(conversations(bundle, &chat.provider_channel_id).await.status, 200);
        let unknown = json!({"client_id": CLIENT_ID, "company_id": 4711, "user_id": "4712"});
        assert_eq!(notice(bundle, CLIENT_SECRET, &unknown).await.status, 200, "who never was here is gone already");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_of_sharing_grants_nothing() {
    let world = World::start().await;
    let bundle = &world.bundle;
    add_colleague(bundle);
    bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let (before, calls) = (table::keys(bundle).await, bundle.pipedrive().count(Call::Token));
    for user in [COLLEAGUE, DEMO_USER] {
        assert_eq!(bundle.pipedrive().share_notice(DEMO_COMPANY, user, true).await, Ok(200));
        assert!(bundle.session(DEMO_COMPANY, user).await.is_err(), "{user} may not in");
    }
    assert_eq!(bundle.pipedrive().share_notice(CompanyId(5), UserId(6), false).await, Ok(200));
    assert_eq!(table::keys(bundle).await, before);
    assert_eq!(bundle.pipedrive().count(Call::Token), calls);
    assert_eq!(installation(bundle, DEMO_USER).await.unwrap().state, InstallationState::Uninstalled);
    conversations(bundle, &world.whatsapp.provider_channel_id).await.refused(401, "UNAUTHORIZED");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_finds_channels_and_what_came_meanwhile() {
    let world = World::start().await;
    let graph = world.bundle.graph();
    graph.customer_writes(&phone(1), "Dora", "before");
    world.settle().await;
    world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let pushes = world.bundle.pipedrive().count(Call::Receive);
    for text in ["first", "second", "third"] {
        graph.customer_writes(&phone(1), "Dora", text);
        world.settle().await;
        world.clock.advance(Duration::from_secs(1));
    }
    graph.customer_writes(&phone(2), "Emil", "hello");
    world.settle().await;
    world.pass(Duration::from_hours(5)).await;
    assert_eq!(world.bundle.pipedrive().count(Call::Receive), pushes, "nothing is pushed without consent");
    assert_eq!(graph.webhooks().given_up(), 0, "the provider was answered 2xx");

    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    world.settle().await;
    for _ in 0..3 {
        world.pass(Duration::from_mins(1)).await;
    }
    assert_eq!(conversations(&world.bundle, &world.whatsapp.provider_channel_id).await.status, 200);
    assert_eq!(world.texts("Dora"), ["before", "first", "second", "third"]);
    assert_eq!(world.texts("Emil"), ["hello"]);
    let each: Vec<usize> = world.shown("Dora").iter().map(|message| message.pushes).collect();
    assert_eq!(each, [0, 1, 1, 1], "each once; the first was read when the channel was registered anew");
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_pipedrive_refuses_to_register_again_comes_back_with_the_next_consent() {
    let world = World::start().await;
    let channel = &world.whatsapp.provider_channel_id;
    world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    // Once with its own icon class, once with `other`.
    world.bundle.pipedrive().inject(Call::Register, Fault::Answer(400), 2);
    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    conversations(&world.bundle, channel).await.refused(401, "UNAUTHORIZED");
    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    assert_eq!(conversations(&world.bundle, channel).await.status, 200);
    assert_eq!(world.bundle.pipedrive().channels().len(), 1);
}

/// A Pipedrive that knows no icon class but `other`. While it registers a channel, the channel's owner changes its settings.
struct Slow(Arc<Table>);

#[async_trait::async_trait]
impl ChannelsApi for Slow {
    async fn register(&self, _: &Access, channel: &Registration<'_>) -> Result<(), PipedriveError> {
        if channel.provider_type != "other" {
            return Err(PipedriveError::Invalid { status: 400, code: String::new() });
        }
        let settings = ChannelSettings { create_persons: false, ..ChannelSettings::default() };
        assert!(self.0.save_settings(channel.id, &settings).await.unwrap());
        Ok(())
    }

    async fn receive(&self, _: &Access, _: &Receipt<'_>) -> Result<(), PipedriveError> {
        unreachable!("nothing is delivered")
    }

    async fn delete_channel(&self, _: &Access, _: &ChannelId) -> Result<(), PipedriveError> {
        unreachable!("nothing is removed")
    }

    async fn delete_conversation(&self, _: &Access, _: &ChannelId, _: &ConversationId) -> Result<(), PipedriveError> {
        unreachable!("nothing is removed")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_of_a_channel_while_it_is_registered_again_stays() {
    let world = World::start().await;
    let (bundle, environment) = (&world.bundle, world.bundle.environment());
    bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let callback = to_callback(bundle, &mut Browser::default()).await;
    let callback = reqwest::Url::parse(&callback).unwrap();
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let (table, pipedrive) = (environment.table(), environment.pipedrive());
    let ports = InstallPorts {
        store: &*table,
        channels: &*table,
        oauth: &*pipedrive,
        users: &*pipedrive,
        api: &Slow(table.clone()),
        providers: &environment.providers(),
        secrets: &environment.secrets(),
        clock: &*environment.clock,
        delivery: DeliveryChoice::Auto,
    };
    install::complete(&ports, &code, &format!("{}/oauth/callback", bundle.url()), bundle.url()).await.unwrap();
    let channel = ChannelId::parse(&world.whatsapp.provider_channel_id).unwrap();
    let stored = ChannelStore::channel(&*table, &channel).await.unwrap().unwrap();
    assert_eq!((stored.provider_type.as_str(), stored.state), ("other", ChannelState::Active));
    assert!(!stored.settings.create_persons, "what the owner said meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_new_registration_was_not_answered_is_served() {
    let world = World::start().await;
    world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    world.bundle.pipedrive().inject(Call::Register, Fault::DropAfter, 1);
    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    assert_eq!(conversations(&world.bundle, &world.whatsapp.provider_channel_id).await.status, 200);
    world.bundle.graph().customer_writes(&phone(1), "Dora", "hello");
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["hello"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_while_the_user_comes_back_is_not_forgotten() {
    let world = World::start().await;
    world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    world.bundle.graph().customer_writes(&phone(1), "Dora", "hello");
    until("the webhook is answered", || world.bundle.graph().webhooks().idle()).await;
    let id = world.newest_conversation().await.id;

    // A round that has read conversation and installation, and is slow to write that it has to wait.
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let gate = Gate::new(move || counter.fetch_add(1, Ordering::SeqCst) >= 2);
    let environment = gate.environment(world.bundle.environment());
    let slow = apart(async move || {
        let (table, pipedrive) = (environment.table(), environment.pipedrive());
        let (secrets, clock) = (&environment.secrets(), &*environment.clock);
        let tokens = Tokens { store: &*table, oauth: &*pipedrive, secrets, clock };
        let ports = DeliverPorts {
            outbox: &*table,
            halts: &*table,
            tokens,
            channels: &ChannelsTarget { api: &*pipedrive, clock },
            records: &ChannelsTarget { api: &*pipedrive, clock },
            choice: DeliveryChoice::Auto,
            clock,
        };
        deliver::deliver(&ports, &id).await.map(|delivered| delivered.held)
    });
    until("the round gets to its end", || asked.load(Ordering::SeqCst) >= 3).await;
    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    assert!(world.bundle.run_schedule("redeliver").await, "there is nothing to let go yet");
    gate.open();
    // It may not write that any more: it fails, so that the stream gives the change again.
    assert!(!matches!(slow.await.unwrap(), Ok(true)));
    for _ in 0..3 {
        world.pass(Duration::from_mins(1)).await;
    }
    let stored = world.newest_conversation().await;
    assert!(stored.outbox.is_empty() && stored.pause.is_none(), "still held: {stored:?}");
    assert_eq!(world.texts("Dora"), ["hello"]);
}
