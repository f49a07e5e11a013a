//! The webhooks themselves: made when messages begin to end on records, looked at each day, made anew where they are missing,
//! gone with the user who held them.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderValue, Method, header};
use lambda_http::Body;
use local::{
    host::{self, Hosted},
    simulators::pipedrive::{DEMO_COMPANY, DEMO_USER, Kind},
};
use pigeonpost_tests::{
    call::{as_pipedrive, request},
    outside::{self, Way},
    web::{client, send},
    wire::{Fault, Wire},
};
use secrecy::ExposeSecret;
use serde_json::json;
use shared::{
    environment::Environment,
    inbox::{everyone::EveryoneStore, ports::StoreError, tokens::Tokens},
    model::{ids::CompanyId, time::Timestamp, watch::Watch},
    records::watch::{
        keep::{self, KeepPorts, Kept},
        ports::WatchStore,
    },
};

use crate::links::fixture::{COLLEAGUE, Desk};

const DAY: Duration = Duration::from_hours(24);

/// What webhooks there are, and whose.
fn webhooks(desk: &Desk) -> Vec<(String, String, u64)> {
    let mut all: Vec<(String, String, u64)> = desk
        .pipedrive()
        .webhooks(DEMO_COMPANY)
        .into_iter()
        .map(|webhook| (webhook.event_action, webhook.event_object, webhook.user_id.0))
        .collect();
    all.sort();
    all
}

/// The ones that there should be.
fn wanted(user: u64) -> Vec<(String, String, u64)> {
    let one = |(action, object): (&str, &str)| (action.to_owned(), object.to_owned(), user);
    [("*", "deal"), ("*", "lead"), ("*", "person"), ("delete", "note")].map(one).to_vec()
}

/// Whether a change in Pipedrive is heard of.
async fn is_heard(desk: &mut Desk, name: &str) -> bool {
    desk.renew().await;
    // What was just seen is not asked for again: only a webhook can tell what comes now.
    desk.shown().await;
    let person = desk.stored().await.record.person().unwrap().0;
    desk.change(Kind::Persons, person, &json!({"name": name})).await;
    desk.shown().await["person"]["name"] == name
}

async fn daily(desk: &Desk) {
    desk.world.clock.advance(DAY);
    assert!(desk.world.bundle.run_schedule("keep-tokens").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_made_with_the_first_channel_and_kept_each_day() {
    let mut desk = Desk::open().await;
    assert_eq!(webhooks(&desk), wanted(DEMO_USER.0));
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.does("link", &json!({"person": ada})).await;
    assert!(is_heard(&mut desk, "First").await);
    let ids = |desk: &Desk| desk.pipedrive().webhooks(DEMO_COMPANY).iter().map(|webhook| webhook.id).collect::<Vec<_>>();
    let made = ids(&desk);
    daily(&desk).await;
    assert_eq!(ids(&desk), made, "what is there stays");

    desk.pipedrive().forget_webhooks(DEMO_COMPANY);
    assert!(!is_heard(&mut desk, "Second").await);
    assert!(desk.world.bundle.run_schedule("keep-tokens").await);
    assert!(webhooks(&desk).is_empty(), "not yet due");
    daily(&desk).await;
    assert_eq!(webhooks(&desk), wanted(DEMO_USER.0));
    assert!(is_heard(&mut desk, "Third").await);
}

async fn leaves(desk: &Desk, user: u64) {
    let body = json!({"client_id": local::simulators::CLIENT_ID, "company_id": DEMO_COMPANY, "user_id": user});
    let url = format!("{}/oauth/callback", desk.world.bundle.url());
    let notice = client().delete(url).headers(as_pipedrive()).json(&body);
    assert_eq!(send(notice).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_go_with_the_user_and_another_takes_them_over() {
    let desk = Desk::open().await;
    desk.world.bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    let table = desk.world.bundle.environment().table();
    let stored = async || table.watch(DEMO_COMPANY).await.unwrap();
    assert_eq!(stored().await.unwrap().user, Some(DEMO_USER));
    let session = desk.world.bundle.session(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    desk.world.bundle.connect_chat(&session).await.unwrap();

    // As Pipedrive does when a user removes the app.
    desk.pipedrive().forget_webhooks(DEMO_COMPANY);
    leaves(&desk, DEMO_USER.0).await;
    assert_eq!((webhooks(&desk), stored().await.unwrap().user), (wanted(COLLEAGUE.0), Some(COLLEAGUE)));
    desk.pipedrive().forget_webhooks(DEMO_COMPANY);
    leaves(&desk, COLLEAGUE.0).await;
    assert_eq!((webhooks(&desk), stored().await), (Vec::new(), None), "the password goes with the last one");
    daily(&desk).await;
    assert_eq!(webhooks(&desk), []);

    desk.world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    assert_eq!(webhooks(&desk), wanted(DEMO_USER.0), "who comes back brings them back");
}

/// The daily look, over `wire`. Whether it went well.
async fn look(desk: &Desk, wire: &Wire) -> bool {
    let environment = wire.environment(desk.world.bundle.environment());
    let Some(Hosted::Scheduled(function)) = host::build("keep-tokens", &environment) else { panic!("it is a schedule's") };
    function.handle().await.is_ok()
}

/// They are gone in Pipedrive, and it is time to look.
fn lose(desk: &Desk) {
    desk.pipedrive().forget_webhooks(DEMO_COMPANY);
    desk.world.clock.advance(DAY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_at_any_step_of_keeping_them_ends_in_one_of_each() {
    let (mut desk, wire) = (Desk::open().await, Wire::default());
    let ada = desk.person(DEMO_USER, "Ada", "");
    desk.does("link", &json!({"person": ada})).await;
    lose(&desk);
    assert!(look(&desk, &wire).await);
    let steps = wire.steps();
    assert!(steps.len() >= 5, "{:?}", wire.traffic());
    for at in steps {
        for fault in Fault::ALL {
            lose(&desk);
            wire.reset(Some((at, fault)));
            look(&desk, &wire).await;
            wire.reset(None);
            desk.world.clock.advance(DAY);
            assert!(look(&desk, &wire).await, "{fault:?} at {at}");
            assert_eq!(webhooks(&desk), wanted(DEMO_USER.0), "{fault:?} at {at}");
            assert!(
                is_heard(&mut desk, &format!("{fault:?} at {at}")).await,
                "{fault:?} at {at}: with the password that is known"
            );
        }
    }
}

/// The user removes the app, as the function hears of it in this environment.
async fn leaves_there(environment: &Environment, user: u64) {
    let mut headers = as_pipedrive();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = json!({"client_id": local::simulators::CLIENT_ID, "company_id": DEMO_COMPANY, "user_id": user}).to_string();
    let notice = request(Method::DELETE, "/oauth/callback", &[], headers, Body::from(body));
    let Some(Hosted::Http(function)) = host::build("oauth-callback", environment) else { panic!("it is called by HTTP") };
    assert_eq!(function.call(notice).await.status(), 200, "nobody is refused for Pipedrive's webhooks");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_leaves_with_a_fault_at_any_call_to_pipedrive_and_another_takes_them_over() {
    let desk = Desk::open().await;
    let bundle = &desk.world.bundle;
    bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    let session = bundle.session(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    bundle.connect_chat(&session).await.unwrap();
    let (way, environment) = Way::open(bundle.environment()).await;
    let mut count = 1;
    let mut case = 0;
    // The first case has no fault, and tells how many calls there are.
    while case <= count * outside::Fault::ALL.len() {
        let faults = outside::Fault::ALL;
        let fault = (case > 0).then(|| ((case - 1) / faults.len(), faults[(case - 1) % faults.len()]));
        case += 1;
        bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
        desk.pipedrive().forget_webhooks(DEMO_COMPANY);
        way.reset(fault);
        leaves_there(&environment, DEMO_USER.0).await;
        if fault.is_none() {
            count = way.requests().len();
            assert!(count >= 5, "looking and making: {:?}", way.requests());
        }
        daily(&desk).await;
        assert_eq!(webhooks(&desk), wanted(COLLEAGUE.0), "{fault:?}");
    }
}

/// Watches whose password is sealed anew in the moment before what was made is stored for the first time.
struct Resealed<'a> {
    environment: &'a Environment,
    done: AtomicBool,
}

#[async_trait]
impl WatchStore for Resealed<'_> {
    async fn watch(&self, company: CompanyId) -> Result<Option<Watch>, StoreError> {
        self.environment.table().watch(company).await
    }

    async fn save_watch(&self, watch: &Watch, due_at: Timestamp) -> Result<bool, StoreError> {
        let table = self.environment.table();
        if !self.done.swap(true, Ordering::SeqCst) {
            let (secrets, context) = (self.environment.secrets().get().await.unwrap(), Watch::seal_context(watch.company));
            let plain = secrets.vault.open(&context, watch.password.as_ref().unwrap()).unwrap();
            let sealed = secrets.vault.seal(&context, plain.expose_secret()).unwrap();
            assert!(table.replace_password(watch, &sealed).await?);
        }
        table.save_watch(watch, due_at).await
    }

    async fn watch_from(&self, company: CompanyId, due_at: Timestamp) -> Result<(), StoreError> {
        self.environment.table().watch_from(company, due_at).await
    }

    async fn forget_watch(&self, company: CompanyId) -> Result<(), StoreError> {
        self.environment.table().forget_watch(company).await
    }

    async fn watches_due(&self, now: Timestamp, limit: usize) -> Result<Vec<CompanyId>, StoreError> {
        self.environment.table().watches_due(now, limit).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_written_down_though_the_password_is_sealed_anew_meanwhile() {
    let desk = Desk::open().await;
    let environment = desk.world.bundle.environment();
    let (table, pipedrive) = (environment.table(), environment.pipedrive());
    desk.pipedrive().forget_webhooks(DEMO_COMPANY);
    let watches = Resealed { environment, done: AtomicBool::new(false) };
    let ports = KeepPorts {
        watches: &watches,
        tokens: Tokens { store: &*table, oauth: &*pipedrive, secrets: &environment.secrets(), clock: &*environment.clock },
        api: &*pipedrive,
        secrets: &environment.secrets(),
        budget: &*table,
        clock: &*environment.clock,
    };
    assert_eq!(keep::keep(&ports, DEMO_COMPANY).await.unwrap(), Kept::Made(4));
    let there = desk.pipedrive().webhooks(DEMO_COMPANY).into_iter().map(|webhook| webhook.id.to_string());
    let stored = table.watch(DEMO_COMPANY).await.unwrap().unwrap().webhooks;
    assert_eq!(stored.iter().map(ToString::to_string).collect::<Vec<_>>(), there.collect::<Vec<_>>());
}
