//! Company-wide stops: what Pipedrive says of a company holds its conversations without using up their tries, for a reason that
//! is shown; one of them asks from time to time; when it gets through the others follow by themselves, the oldest first. No
//! other company notices.

use std::time::Duration;

use http::Method;
use local::simulators::pipedrive::{Call, Company, DEMO_COMPANY, DEMO_USER, Fault, Gone, User};
use pigeonpost_tests::{
    web::api,
    world::{World, phone},
};
use shared::{
    config::DeliveryChoice,
    inbox::{
        ports::{InboxReader, InstallationStore},
        tokens::Tokens,
    },
    model::{
        conversation::{Conversation, Pause},
        halt::{Halt, HaltReason},
        ids::{ChannelId, CompanyId, UserId},
    },
    pipedrive::ChannelsApi,
};

const CUSTOMERS: usize = 5;

/// A customer writes, and everything that follows at once has happened.
async fn writes(world: &World, customer: usize, text: &str) {
    world.bundle.graph().customer_writes(&phone(customer), &format!("Customer {customer}"), text);
    world.settle().await;
    world.clock.advance(Duration::from_secs(1));
}

async fn all_write(world: &World) {
    for customer in 1..=CUSTOMERS {
        writes(world, customer, "hello").await;
    }
}

/// Which customers' messages Pipedrive has.
fn told(world: &World) -> Vec<usize> {
    (1..=CUSTOMERS).filter(|customer| world.texts(&format!("Customer {customer}")) == ["hello"]).collect()
}

fn pushes(world: &World) -> usize {
    world.bundle.pipedrive().count(Call::Receive)
}

async fn halt(world: &World) -> Option<Halt> {
    world.bundle.environment().table().installation(DEMO_COMPANY, DEMO_USER).await.unwrap().unwrap().halt
}

/// What the settings page says of the channel.
async fn problem(world: &World) -> Option<String> {
    // A session lasts for a quarter of an hour.
    let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let listed = api(&world.bundle, &session, Method::GET, "/setup/channels", None).await.json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
    listed["data"][0]["problem"].as_str().map(str::to_owned)
}

async fn stored(world: &World) -> Vec<Conversation> {
    let channel = ChannelId::parse(&world.whatsapp.provider_channel_id).unwrap();
    let listed = world.bundle.environment().table().conversations(&channel, None, 50).await.unwrap().items;
    world.in_full(listed).await
}

/// Every conversation is held for this reason and has lost nothing, not even a try.
async fn assert_held(world: &World, code: &str) {
    for conversation in stored(world).await {
        let pause = conversation.pause.as_ref().unwrap();
        assert!(matches!(pause, Pause::Held { .. }) && pause.failing().is_none(), "{pause:?}");
        assert_eq!((pause.reason().code.as_str(), conversation.outbox.len()), (code, 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_is_asked_once_an_hour_and_drains_by_itself() {
    let world = World::start().await;
    world.bundle.pipedrive().set_suspended(DEMO_COMPANY, true);
    all_write(&world).await;
    assert_eq!(pushes(&world), 1, "the others heard of it from the first");
    assert_held(&world, "account_closed").await;
    assert_eq!(halt(&world).await.unwrap().reason, HaltReason::AccountClosed);
    assert!(problem(&world).await.unwrap().contains("account is closed"), "the settings page says why");
    for _ in 0..24 * 6 {
        world.pass(Duration::from_mins(10)).await;
    }
    let asked = pushes(&world) - 1;
    assert!((12..=24).contains(&asked), "probed {asked} times in a day");
    assert_held(&world, "account_closed").await;

    world.bundle.pipedrive().set_suspended(DEMO_COMPANY, false);
    let before = pushes(&world);
    while told(&world).is_empty() {
        world.pass(Duration::from_mins(10)).await;
    }
    assert_eq!((told(&world), pushes(&world)), (vec![1], before + 1), "the one that waits longest asks alone");
    assert_eq!((halt(&world).await, problem(&world).await), (None, None));
    world.pass(Duration::from_mins(1)).await;
    assert_eq!((told(&world), pushes(&world)), ((1..=CUSTOMERS).collect(), before + CUSTOMERS));
    assert!(stored(&world).await.iter().all(|conversation| conversation.pause.is_none() && conversation.outbox.is_empty()));
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

/// Pipedrive has lost our WhatsApp channel, and takes nothing for it.
async fn forgets_whatsapp(world: &World) {
    let environment = world.bundle.environment();
    let (store, api) = (environment.table(), environment.pipedrive());
    let tokens = Tokens { store: &*store, oauth: &*api, secrets: &environment.secrets(), clock: &*environment.clock };
    let (_, access) = tokens.access(DEMO_COMPANY, DEMO_USER).await.unwrap();
    api.delete_channel(&access, &ChannelId::parse(&world.whatsapp.provider_channel_id).unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_fails_for_itself_does_not_keep_the_others_from_asking() {
    let world = World::start().await;
    let (pipedrive, chat) = (world.bundle.pipedrive(), world.bundle.connect_chat(&world.session).await.unwrap());
    pipedrive.set_suspended(DEMO_COMPANY, true);
    writes(&world, 1, "hello").await;
    world.bundle.chat().customer_writes("visitor", "Vera", "hello");
    world.settle().await;
    assert_held(&world, "account_closed").await;

    pipedrive.set_suspended(DEMO_COMPANY, false);
    forgets_whatsapp(&world).await;
    let is_told = || {
        let mut channels = pipedrive.channels().into_iter();
        channels.any(|channel| channel.id == chat.provider_channel_id && !channel.conversations.is_empty())
    };
    // An hour until the older one asks, which Pipedrive does not know; another until the younger one does.
    for _ in 0..3 * 6 {
        world.pass(Duration::from_mins(10)).await;
    }
    assert!(is_told(), "it has asked, and got through");
    assert_eq!(halt(&world).await, None);
    let [failing] = stored(&world).await.try_into().unwrap_or_else(|all| panic!("{all:?}"));
    assert!(failing.pause.and_then(|pause| pause.failing().cloned()).is_some(), "it has tries of its own now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_in_the_way_of_who_asks_does_not_hold_the_others_for_ever() {
    let world = World::start().await;
    let pipedrive = world.bundle.pipedrive();
    pipedrive.set_suspended(DEMO_COMPANY, true);
    for (customer, text) in [(1, "refused"), (1, "hello"), (2, "hello")] {
        writes(&world, customer, text).await;
    }
    pipedrive.set_suspended(DEMO_COMPANY, false);
    // Whoever asks gets through, to a refusal of its first message for what it is (that is asked twice); and then no further.
    pipedrive.inject(Call::Receive, Fault::Answer(400), 2);
    pipedrive.inject(Call::Receive, Fault::RateLimited(2), 1);
    for _ in 0..2 * 6 {
        world.pass(Duration::from_mins(10)).await;
    }
    assert_eq!((world.texts("Customer 2"), halt(&world).await), (vec!["hello".to_owned()], None));
    assert_eq!(world.texts("Customer 1").last().map(String::as_str), Some("hello"));
    let table = world.bundle.environment().table();
    let all = world.in_full(table.conversations_of_company(DEMO_COMPANY, None, 100).await.unwrap().items).await;
    assert!(all.len() == 2 && all.iter().all(|found| found.outbox.is_empty() && found.pause.is_none()), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spent_budget_waits_for_the_next_day_and_an_api_that_is_gone_may_come_back() {
    for (fault, code) in [(Some(Fault::BudgetSpent), "budget_spent"), (None, "gone")] {
        // By itself, it would move over to records when the API is gone.
        let world = World::delivering(DeliveryChoice::Channels).await;
        match fault {
            Some(fault) => world.bundle.pipedrive().inject(Call::Receive, fault, 3),
            None => world.bundle.pipedrive().change(|settings| settings.gone = Some(Gone::Gone)),
        }
        all_write(&world).await;
        assert_eq!(pushes(&world), 1, "{code}");
        assert_held(&world, code).await;
        for _ in 0..2 {
            world.pass(Duration::from_mins(75)).await;
            world.pass(Duration::from_mins(1)).await;
        }
        assert_eq!((pushes(&world), told(&world)), (3, vec![]), "{code}: probed twice");
        assert_held(&world, code).await;
        world.bundle.pipedrive().change(|settings| settings.gone = None);
        world.pass(Duration::from_mins(75)).await;
        world.pass(Duration::from_mins(1)).await;
        assert_eq!((told(&world).len(), pushes(&world)), (CUSTOMERS, 3 + CUSTOMERS), "{code}: each once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_quiets_the_whole_company_for_a_moment_and_counts_no_try() {
    let world = World::start().await;
    world.bundle.pipedrive().inject(Call::Receive, Fault::RateLimited(60), 1);
    all_write(&world).await;
    assert_eq!(pushes(&world), 1, "nobody goes on against a limit");
    for conversation in stored(&world).await {
        let pause = conversation.pause.unwrap();
        assert!(matches!(&pause, Pause::Later { failing: None, .. }), "{pause:?}");
        assert_eq!(pause.reason().code, "rate_limited");
    }
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(pushes(&world), 1);
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(told(&world).first(), Some(&1), "whoever heard of it asks first");
    world.pass(Duration::from_secs(30)).await;
    assert_eq!((told(&world).len(), pushes(&world)), (CUSTOMERS, 1 + CUSTOMERS));
    assert_eq!(halt(&world).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_without_an_end_are_a_budget_that_is_spent() {
    let world = World::start().await;
    world.bundle.pipedrive().inject(Call::Receive, Fault::RateLimited(5), 3);
    writes(&world, 1, "hello").await;
    for _ in 0..2 {
        assert_eq!(halt(&world).await.unwrap().reason, HaltReason::RateLimited);
        world.pass(Duration::from_secs(40)).await;
    }
    assert_eq!((halt(&world).await.unwrap().reason, pushes(&world)), (HaltReason::BudgetSpent, 3));
    world.pass(Duration::from_mins(31)).await;
    assert_eq!(told(&world), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_company_s_halt_is_not_another_s() {
    let world = World::start().await;
    let (other, user) = (CompanyId(2002), UserId(21));
    let users = vec![User { id: user, name: "Otto".to_owned(), admin: true }];
    let company = Company { id: other, name: "Others".to_owned(), domain: "others".to_owned(), suspended: false, users };
    world.bundle.pipedrive().add_company(company);
    world.bundle.install(other, user).await.unwrap();
    let session = world.bundle.session(other, user).await.unwrap();
    let chat = world.bundle.connect_chat(&session).await.unwrap();
    world.settle().await;

    world.bundle.pipedrive().set_suspended(DEMO_COMPANY, true);
    all_write(&world).await;
    let before = pushes(&world);
    for text in ["one", "two"] {
        world.bundle.chat().customer_writes("visitor", "Vera", text);
        world.settle().await;
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(pushes(&world), before + 2);
    let channels = world.bundle.pipedrive().channels();
    let channel = channels.iter().find(|channel| channel.id == chat.provider_channel_id).unwrap();
    let texts: Vec<&str> = channel.conversations.values().flat_map(|c| c.messages.iter().map(|m| m.text.as_str())).collect();
    assert_eq!((texts, told(&world)), (vec!["one", "two"], vec![]));
    assert_held(&world, "account_closed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_grant_ends_a_halt_at_once() {
    let world = World::start().await;
    // A token that is refused although it is new.
    world.bundle.pipedrive().inject(Call::Receive, Fault::Answer(401), 2);
    all_write(&world).await;
    assert_held(&world, "unauthorized").await;
    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    assert_eq!(halt(&world).await, None);
    world.pass(Duration::from_mins(1)).await;
    assert_eq!(told(&world).len(), CUSTOMERS);
    // The probe that was planned finds nothing to do.
    world.pass(Duration::from_mins(61)).await;
    assert_eq!(pushes(&world), 2 + CUSTOMERS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_halt_with_nothing_left_to_hold_ends() {
    let world = World::start().await;
    world.bundle.pipedrive().set_suspended(DEMO_COMPANY, true);
    writes(&world, 1, "hello").await;
    assert!(halt(&world).await.is_some());
    world.bundle.pipedrive().set_suspended(DEMO_COMPANY, false);
    let id = world.newest_conversation().await.id;
    let path = format!("/inbox/api/conversations/{id}");
    let deleted = api(&world.bundle, &world.session, Method::DELETE, &path, None).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    world.pass(Duration::from_mins(61)).await;
    assert_eq!(halt(&world).await, None);
    writes(&world, 2, "hello").await;
    assert_eq!(told(&world), [2], "the next one finds out by itself");
}
