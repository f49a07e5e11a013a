//! The doctor: nothing is wrong with a stack that works, and each fault that is planted is found, named, and comes with what to do.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use clap::Parser;
use http::Method;
use local::simulators::pipedrive::{Call, DEMO_COMPANY, DEMO_USER, Fault};
use ops::{doctor, terminal::Terminal};
use pigeonpost_tests::{
    table,
    web::api,
    world::{World, phone},
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use shared::{
    clock::Clock,
    config::DeliveryChoice,
    environment::Environment,
    inbox::{everyone::EveryoneStore, ports::InstallationStore},
    model::{channel::ProviderKind, installation::InstallationState, time::Timestamp, watch::Watch},
    records::watch::ports::WatchStore,
    secrets::{SecretCache, SecretSource, SecretsError},
};

/// What somebody else wrote into a secret.
struct Written(String);

#[async_trait::async_trait]
impl SecretSource for Written {
    async fn load(&self) -> Result<SecretString, SecretsError> {
        Ok(SecretString::from(self.0.as_str()))
    }
}

/// The environment with another secret than the functions have.
fn with_secret(world: &World, change: impl FnOnce(&mut Value)) -> Environment {
    let mut secret = world.bundle.secret().clone();
    change(&mut secret);
    let cache = SecretCache::new(Box::new(Written(secret.to_string())), world.clock.clone());
    world.bundle.environment().clone().with_secrets(Arc::new(cache))
}

/// The faults that are found.
async fn faults(environment: &Environment, url: &str) -> Vec<String> {
    let report = doctor::examine(environment, Some(url)).await;
    let said = report.faults.into_iter().map(|fault| {
        assert!(fault.problem.ends_with('.') && fault.remedy.ends_with('.'), "plain sentences: {fault:?}");
        format!("{} {}", fault.problem, fault.remedy)
    });
    said.collect()
}

/// That exactly one fault is found, in those words.
#[track_caller]
fn one(found: &[String], words: &str) {
    assert!(matches!(found, [one] if one.contains(words)), "{words}: {found:#?}");
}

/// Puts a record into a shard of due work.
async fn make_due(world: &World, (pk, sk): (&str, &str), shard: &str, at: Timestamp) {
    let put = table::client(&world.bundle)
        .update_item()
        .table_name(world.bundle.dynamodb().table())
        .key("PK", AttributeValue::S(pk.to_owned()))
        .key("SK", AttributeValue::S(sk.to_owned()))
        .update_expression("SET due_shard = :shard, due_at = :due")
        .expression_attribute_values(":shard", AttributeValue::S(shard.to_owned()))
        .expression_attribute_values(":due", AttributeValue::N(at.millis().to_string()));
    put.send().await.unwrap();
}

/// Seals another token of the provider's for the channel. The one before.
async fn change_token(environment: &Environment, token: &str) -> String {
    let (table, secrets) = (environment.table(), environment.secrets().get().await.unwrap());
    let channel = table.everyone().await.unwrap().channels.remove(0);
    let context = channel.seal_context();
    let plain = secrets.vault.open(&context, channel.credentials.as_ref().unwrap()).unwrap();
    let mut credentials: Value = serde_json::from_slice(plain.expose_secret()).unwrap();
    let before = std::mem::replace(&mut credentials["access_token"], token.into());
    let sealed = secrets.vault.seal(&context, credentials.to_string().as_bytes()).unwrap();
    assert!(table.replace_credentials(&channel, &sealed).await.unwrap());
    before.as_str().unwrap().to_owned()
}

/// A customer whose message waits in the table.
async fn waiting(world: &World) {
    world.bundle.graph().customer_writes(&phone(1), "Ada", "Hello");
    pigeonpost_tests::wait::until("the webhook is stored", || world.bundle.graph().webhooks().idle()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_works_has_no_faults() {
    let world = World::start().await;
    for provider in [ProviderKind::Messenger, ProviderKind::Telegram, ProviderKind::Twilio, ProviderKind::Custom] {
        world.bundle.connect_demo(&world.session, provider).await.unwrap();
    }
    waiting(&world).await;
    world.settle().await;
    let report = doctor::examine(world.bundle.environment(), None).await;
    assert_eq!(report.faults, []);
    assert!(report.fine.iter().any(|fine| fine.contains("5 channels")), "{:?}", report.fine);

    let arguments = ops::Arguments::try_parse_from(["ops", "doctor"]).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    ops::run(arguments, world.bundle.environment(), &mut Terminal::new(&mut out, &mut err)).await.unwrap();
    assert_eq!(String::from_utf8(err).unwrap(), "nothing is wrong\n");
    assert!(String::from_utf8(out).unwrap().lines().all(|line| line.starts_with("fine   ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_secret() {
    let world = World::start().await;
    let url = world.bundle.url().to_owned();
    // 1: it was never filled in.
    let empty = with_secret(&world, |secret| secret["pipedrive_client_secret"] = json!(""));
    assert!(faults(&empty, &url).await.iter().any(|fault| fault.contains("pipedrive_client_secret is empty")));
    // 2: somebody wrote something else over it.
    let damaged = with_secret(&world, |secret| *secret = json!("password"));
    one(&faults(&damaged, &url).await, "The secret is damaged");
    let short = with_secret(&world, |secret| secret["encryption_key"] = json!("short"));
    one(&faults(&short, &url).await, "Put back the encryption_key");
    // 3: the key that tokens and credentials were sealed with is gone.
    let other = with_secret(&world, |secret| secret["encryption_key"] = json!("2:0123456789abcdef0123456789abcdef"));
    let found = faults(&other, &url).await;
    assert!(found.iter().any(|fault| fault.contains("tokens of user") && fault.contains("cannot be opened")), "{found:#?}");
    assert!(found.iter().any(|fault| fault.contains("credentials that cannot be opened")), "{found:#?}");
    // 4: the functions have another one.
    let rotated = with_secret(&world, |secret| secret["pipedrive_client_secret"] = json!("another"));
    one(&faults(&rotated, &url).await, "refuse the client id and client secret");
    let token = with_secret(&world, |secret| secret["meta_verify_token"] = json!("another"));
    one(&faults(&token, &url).await, "Meta's handshake");
    // 5: Meta's part is missing.
    let meta = with_secret(&world, |secret| secret["meta_app_secret"] = json!(""));
    one(&faults(&meta, &url).await, "meta_app_secret is empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_address() {
    let world = World::start().await;
    let environment = world.bundle.environment();
    // 6: nothing is there.
    one(&faults(environment, "http://127.0.0.1:9").await, "is not reached");
    // 7: it is another one than the functions know, so Pipedrive's callback is wrong.
    let other = world.bundle.url().replace("127.0.0.1", "localhost");
    let found = faults(environment, &other).await;
    assert!(found.iter().any(|fault| fault.contains("The manifest leads to another address")), "{found:#?}");
    assert!(found.iter().any(|fault| fault.contains("Users would come back to")), "{found:#?}");
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_tokens_and_credentials() {
    let world = World::start().await;
    let (environment, url) = (world.bundle.environment(), world.bundle.url().to_owned());
    // 8: the provider does not know the token any more.
    let good = change_token(environment, "EAAREVOKED").await;
    one(&faults(environment, &url).await, "is refused by its provider");
    change_token(environment, &good).await;
    assert_eq!(faults(environment, &url).await, [] as [String; 0]);
    // 9: Pipedrive is away, then the grant is dead.
    world.bundle.pipedrive().inject(Call::Me, Fault::Answer(503), 1);
    one(&faults(environment, &url).await, "There is no access to Pipedrive");
    world.clock.advance(Duration::from_hours(61 * 24));
    let found = faults(environment, &url).await;
    assert!(found.iter().any(|fault| fault.contains("InstallUrl")), "{found:#?}");
    assert!(found.iter().any(|fault| fault.contains("should have been renewed days ago")), "{found:#?}");
    let state = environment.table().installation(DEMO_COMPANY, DEMO_USER).await.unwrap().unwrap().state;
    assert_eq!(state, InstallationState::NeedsReconnect);
    let found = faults(environment, &url).await;
    assert!(found.iter().any(|fault| fault.contains("does not accept the tokens")), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pipedrive_says_of_a_company() {
    let world = World::start().await;
    world.pass(Duration::from_mins(6)).await;
    // 13: its account is closed, so nothing of it is delivered.
    world.bundle.pipedrive().set_suspended(DEMO_COMPANY, true);
    waiting(&world).await;
    world.settle().await;
    let found = faults(world.bundle.environment(), world.bundle.url()).await;
    let halted = |fault: &String| fault.contains("Nothing is delivered for user") && fault.contains("pays its Pipedrive account");
    assert!(found.iter().any(halted), "{found:#?}");
    assert!(!found.iter().any(|fault| fault.contains("asked more than ten minutes ago")), "{found:#?}");
    // 14: nobody asks whether it is open again.
    world.clock.advance(Duration::from_hours(3));
    let found = faults(world.bundle.environment(), world.bundle.url()).await;
    assert!(found.iter().any(|fault| fault.contains("1 halted installations should have been asked")), "{found:#?}");
    assert!(!found.iter().any(|fault| fault.contains("has not been let go")), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_waits_and_work_that_was_given_up() {
    let world = World::start().await;
    let (environment, url) = (world.bundle.environment(), world.bundle.url().to_owned());
    // What was held before the installation is let go.
    world.pass(Duration::from_mins(6)).await;
    // 10: nobody reads the stream, and redeliver does not run.
    waiting(&world).await;
    assert_eq!(faults(environment, &url).await, [] as [String; 0], "a minute is no fault");
    world.clock.advance(Duration::from_mins(15));
    one(&faults(environment, &url).await, "the stream, deliver or redeliver stands still");
    // 11: somebody is woken for a record again and again and never gets to its end.
    let conversation = world.newest_conversation().await.id;
    let (pk, long_ago) = (format!("CV#{conversation}"), world.clock.now().minus(Duration::from_hours(1)));
    make_due(&world, (&pk, "CV"), "aside#1", long_ago).await;
    one(&faults(environment, &url).await, "1 records were set aside");
    make_due(&world, (&pk, "CV"), "outbox#1", long_ago).await;
    world.settle().await;
    assert_eq!(faults(environment, &url).await, [] as [String; 0]);
    // 12: a message that Pipedrive refuses.
    waiting(&world).await;
    world.bundle.pipedrive().inject(Call::Receive, Fault::Answer(400), 2);
    world.settle().await;
    one(&faults(environment, &url).await, "could not be delivered and are not tried any more");

    let arguments = ops::Arguments::try_parse_from(["ops", "doctor", "--url", &url]).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ended = ops::run(arguments, environment, &mut Terminal::new(&mut out, &mut err)).await;
    assert_eq!(ended.unwrap_err().to_string(), "1 fault");
    assert!(String::from_utf8(out).unwrap().contains("FAULT  1 messages of company"));
}

#[tokio::test(flavor = "multi_thread")]
async fn chores_that_nobody_does() {
    let world = World::start().await;
    let (environment, url) = (world.bundle.environment(), world.bundle.url().to_owned());
    assert_eq!(faults(environment, &url).await, [] as [String; 0], "it was just installed");
    // 15: what was held for an installation is not let go.
    world.clock.advance(Duration::from_mins(11));
    one(&faults(environment, &url).await, "1 installations work again, but what was held for them has not been let go");
    world.pass(Duration::ZERO).await;
    assert_eq!(faults(environment, &url).await, [] as [String; 0]);
    // 16: nobody looks after a removed channel.
    let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let path = format!("/setup/channels/{}", world.whatsapp.provider_channel_id);
    assert_eq!(api(&world.bundle, &session, Method::DELETE, &path, None).await.status, 200);
    world.clock.advance(Duration::from_mins(26));
    one(&faults(environment, &url).await, "1 removed channels should have been erased");
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_of_which_nothing_is_heard() {
    let world = World::delivering(DeliveryChoice::Records).await;
    let (environment, url) = (world.bundle.environment(), world.bundle.url().to_owned());
    let table = environment.table();
    world.pass(Duration::from_mins(6)).await;
    assert_eq!(faults(environment, &url).await, [] as [String; 0]);
    let report = doctor::examine(environment, Some(&url)).await;
    assert!(report.fine.iter().any(|fine| fine.contains("1 companies tell what changes in Pipedrive")), "{:?}", report.fine);
    let (good, later) = (table.watch(DEMO_COMPANY).await.unwrap().unwrap(), world.clock.now().plus(Duration::from_hours(100)));
    // 17: its webhooks were never made.
    table.forget_watch(DEMO_COMPANY).await.unwrap();
    one(&faults(environment, &url).await, "has no webhooks in Pipedrive");
    table.watch_from(DEMO_COMPANY, later).await.unwrap();
    one(&faults(environment, &url).await, "has no webhooks in Pipedrive");
    let none = Watch { webhooks: BTreeSet::new(), ..good.clone() };
    assert!(table.save_watch(&none, later).await.unwrap());
    one(&faults(environment, &url).await, "has no webhooks in Pipedrive");
    // 18: nobody gets to the end of looking after them.
    assert!(table.save_watch(&good, later).await.unwrap());
    assert_eq!(faults(environment, &url).await, [] as [String; 0]);
    world.clock.advance(Duration::from_hours(49));
    one(&faults(environment, &url).await, "were last found as they should be at");
}
