//! Pipedrive's tokens in use: renewed before they are needed, once whoever asks, and never lost in a race (invariant 5);
//! what waits while they don't work is delivered when they do.

use std::{sync::Arc, time::Duration};

use http::Method;
use local::simulators::pipedrive::{Call, Company, DEMO_COMPANY, DEMO_USER, Fault, Rotation, User};
use pigeonpost_tests::{
    wait::until,
    web::api,
    wire::{self, Wire},
    world::{World, phone},
};
use secrecy::ExposeSecret;
use shared::{
    clock::Clock,
    environment::Environment,
    inbox::{
        ports::{InstallationStore, Lease},
        tokens::{TokenError, Tokens},
    },
    model::{
        ids::UserId,
        installation::{Installation, InstallationState},
    },
};

/// More than an access token's life.
const EXPIRED: Duration = Duration::from_hours(2);

/// A process of its own: its own clients, the same table.
fn process(world: &World) -> Environment {
    Wire::default().environment(world.bundle.environment())
}

/// Access as any function of that process gets it: the token.
async fn access(environment: &Environment) -> Result<String, TokenError> {
    let (store, oauth) = (environment.table(), environment.pipedrive());
    let tokens = Tokens { store: &*store, oauth: &*oauth, secrets: &environment.secrets(), clock: &*environment.clock };
    tokens.access(DEMO_COMPANY, DEMO_USER).await.map(|(_, access)| access.token.expose_secret().to_owned())
}

async fn installation(world: &World, user: UserId) -> Installation {
    world.bundle.environment().table().installation(DEMO_COMPANY, user).await.unwrap().unwrap()
}

/// What the settings page says of the channel.
async fn problem(world: &World) -> Option<String> {
    // A session lasts for a quarter of an hour.
    let session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let listed = api(&world.bundle, &session, Method::GET, "/setup/channels", None).await.json();
    listed["data"][0]["problem"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_renewed_on_use() {
    for rotation in [Rotation::Fixed, Rotation::Rotating] {
        let world = World::start().await;
        world.bundle.pipedrive().change(|settings| settings.rotation = rotation);
        let granted = world.bundle.pipedrive().count(Call::Token);
        let mut version = installation(&world, DEMO_USER).await.version;
        for round in 1..=3 {
            world.clock.advance(EXPIRED);
            for n in 0..2 {
                world.bundle.graph().customer_writes(&phone(1), "Dora", &format!("{round}.{n}"));
                world.settle().await;
            }
            assert_eq!(world.texts("Dora").len(), 2 * round, "{rotation:?}");
            assert_eq!(world.bundle.pipedrive().count(Call::Token), granted + round, "once a round, {rotation:?}");
            let stored = installation(&world, DEMO_USER).await;
            assert!(stored.version > version && stored.access_until > world.clock.now(), "{stored:?}");
            version = stored.version;
        }
        assert_eq!(world.bundle.pipedrive().count(Call::Receive), 6, "no push was refused for its token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_at_once_renew_once() {
    for rotation in [Rotation::Fixed, Rotation::Rotating] {
        at_once(rotation).await;
    }
}

async fn at_once(rotation: Rotation) {
    let world = World::start().await;
    let pipedrive = world.bundle.pipedrive();
    pipedrive.change(|settings| settings.rotation = rotation);
    world.clock.advance(EXPIRED);
    let calls = pipedrive.count(Call::Token);
    // Long enough that all of them ask while the first renews.
    pipedrive.inject(Call::Token, Fault::Delay(Duration::from_millis(400)), 1);
    let start = Arc::new(tokio::sync::Barrier::new(8));
    let uses: Vec<_> = (0..8)
        .map(|_| {
            let (environment, start) = (process(&world), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                access(&environment).await
            })
        })
        .collect();
    let mut tokens = Vec::new();
    for used in uses {
        tokens.push(used.await.unwrap().unwrap());
    }
    assert_eq!(pipedrive.count(Call::Token), calls + 1);
    assert!(tokens.iter().all(|token| *token == tokens[0]), "all use the same");
    world.bundle.graph().customer_writes(&phone(1), "Dora", "hello");
    world.settle().await;
    assert_eq!((world.texts("Dora").len(), pipedrive.count(Call::Token)), (1, calls + 1), "and it works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_early_is_renewed_once() {
    let world = World::start().await;
    let pipedrive = world.bundle.pipedrive();
    let calls = pipedrive.count(Call::Token);
    pipedrive.inject(Call::Receive, Fault::Answer(401), 1);
    world.bundle.graph().customer_writes(&phone(1), "Dora", "hello");
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["hello"]);
    assert_eq!((pipedrive.count(Call::Token), pipedrive.count(Call::Receive)), (calls + 1, 2));

    // Refused with a new token too: that is about what the user may do, and waits an hour.
    pipedrive.inject(Call::Receive, Fault::Answer(401), 2);
    world.bundle.graph().customer_writes(&phone(1), "Dora", "again");
    world.settle().await;
    assert_eq!((pipedrive.count(Call::Token), pipedrive.count(Call::Receive)), (calls + 2, 4));
    assert_eq!(installation(&world, DEMO_USER).await.state, InstallationState::Connected);
    world.pass(Duration::from_mins(61)).await;
    assert_eq!(world.texts("Dora"), ["hello", "again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_grant_holds_the_queue_until_the_owner_reconnects() {
    let world = World::start().await;
    let (pipedrive, graph) = (world.bundle.pipedrive(), world.bundle.graph());
    graph.customer_writes(&phone(1), "Dora", "before");
    world.settle().await;
    // Refresh tokens die after 60 days without use.
    world.clock.advance(Duration::from_hours(61 * 24));
    for text in ["first", "second"] {
        graph.customer_writes(&phone(1), "Dora", text);
        world.settle().await;
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(installation(&world, DEMO_USER).await.state, InstallationState::NeedsReconnect);
    let (tokens, pushes) = (pipedrive.count(Call::Token), pipedrive.count(Call::Receive));
    for _ in 0..4 {
        world.pass(Duration::from_hours(24)).await;
    }
    let held = world.newest_conversation().await;
    let pause = held.pause.as_ref().unwrap();
    assert_eq!((held.outbox.len(), pause.failing(), pause.reason().code.as_str()), (2, None, "not_connected"), "{pause:?}");
    assert_eq!((pipedrive.count(Call::Token), pipedrive.count(Call::Receive)), (tokens, pushes), "nobody is asked meanwhile");
    assert!(problem(&world).await.unwrap().contains("authorize Pigeonpost in Pipedrive again"), "the settings page says why");

    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    world.settle().await;
    for _ in 0..2 {
        world.pass(Duration::from_mins(1)).await;
    }
    assert_eq!(world.texts("Dora"), ["before", "first", "second"]);
    let drained = world.newest_conversation().await;
    assert!(drained.outbox.is_empty() && drained.pause.is_none(), "{drained:?}");
    assert_eq!((pipedrive.count(Call::Receive), problem(&world).await), (pushes + 2, None), "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_renewal_that_comes_too_late_uses_the_others_tokens() {
    let world = World::start().await;
    let pipedrive = world.bundle.pipedrive();
    pipedrive.change(|settings| settings.rotation = Rotation::Rotating);
    world.clock.advance(EXPIRED);
    let calls = pipedrive.count(Call::Token);
    pipedrive.inject(Call::Token, Fault::Delay(Duration::from_secs(2)), 1);
    let slow = process(&world);
    let slow = tokio::spawn(async move { access(&slow).await });
    until("the slow renewal is under way", || pipedrive.count(Call::Token) == calls + 1).await;

    // Its lease runs out, and another process renews: the slow one's refresh token is dead when Pipedrive looks at it.
    world.clock.advance(Duration::from_secs(31));
    let quick = access(&process(&world)).await.unwrap();
    assert!(!slow.is_finished(), "the quick one was first");
    assert_eq!(slow.await.unwrap().unwrap(), quick);
    assert_eq!(pipedrive.count(Call::Token), calls + 2);
    let stored = installation(&world, DEMO_USER).await;
    assert_eq!(stored.state, InstallationState::Connected, "nobody has to reconnect");

    // What is stored works, and goes on working.
    world.clock.advance(EXPIRED);
    assert_ne!(access(&process(&world)).await.unwrap(), quick);
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_tokens_that_the_table_does_not_take_at_once_are_not_lost() {
    let world = World::start().await;
    let pipedrive = world.bundle.pipedrive();
    // The old refresh token is dead as soon as the new one is made.
    pipedrive.change(|settings| settings.rotation = Rotation::Rotating);
    let wire = Wire::default();
    let environment = wire.environment(world.bundle.environment());
    world.clock.advance(EXPIRED);
    access(&environment).await.unwrap();
    let save = wire.traffic().operations.len() - 1;

    for fault in [wire::Fault::DieBefore, wire::Fault::DieAfter] {
        world.clock.advance(EXPIRED);
        let (before, calls) = (installation(&world, DEMO_USER).await, pipedrive.count(Call::Token));
        wire.reset(Some((save, fault)));
        let slow = environment.clone();
        let renewing = tokio::spawn(async move { access(&slow).await });
        // It is tried once more while the table is away, and then again.
        until("the tokens were refused twice", || wire.traffic().operations.len() > save + 1).await;
        wire.reset(None);
        let token = renewing.await.unwrap().unwrap();
        assert_eq!(installation(&world, DEMO_USER).await.version, before.version + 1, "{fault:?}");
        assert_eq!(access(&process(&world)).await.unwrap(), token, "{fault:?}: everybody uses them");
        assert_eq!(pipedrive.count(Call::Token), calls + 1, "{fault:?}");
    }
    world.clock.advance(EXPIRED);
    assert!(access(&process(&world)).await.is_ok(), "the refresh token is the living one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_whose_holder_died_is_taken_over() {
    let world = World::start().await;
    world.clock.advance(EXPIRED);
    let (store, calls) = (world.bundle.environment().table(), world.bundle.pipedrive().count(Call::Token));
    let (expired, now) = (installation(&world, DEMO_USER).await, world.clock.now());
    let until = now.plus(Duration::from_secs(30));
    assert!(matches!(store.take_lease(&expired, "dies", now, until).await.unwrap(), Lease::Taken));
    assert!(matches!(store.take_lease(&expired, "other", now, until).await.unwrap(), Lease::Missed));

    let environment = process(&world);
    let waiting = tokio::spawn(async move { access(&environment).await });
    assert_eq!(world.bundle.pipedrive().count(Call::Token), calls);
    world.clock.advance(Duration::from_secs(31));
    assert!(waiting.await.unwrap().is_ok());
    assert_eq!(world.bundle.pipedrive().count(Call::Token), calls + 1);
    assert_eq!(installation(&world, DEMO_USER).await.version, expired.version + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_fails_gives_the_lease_back_and_waits() {
    let world = World::start().await;
    let pipedrive = world.bundle.pipedrive();
    world.clock.advance(EXPIRED);
    let calls = pipedrive.count(Call::Token);
    pipedrive.inject(Call::Token, Fault::Answer(503), 1);
    world.bundle.graph().customer_writes(&phone(1), "Dora", "hello");
    world.settle().await;
    assert_eq!((world.texts("Dora").len(), pipedrive.count(Call::Token)), (0, calls + 1));
    assert_eq!(world.newest_conversation().await.pause.unwrap().failing().unwrap().attempts, 1);
    assert_eq!(installation(&world, DEMO_USER).await.state, InstallationState::Connected);
    world.pass(Duration::from_secs(7)).await;
    assert_eq!((world.texts("Dora").len(), pipedrive.count(Call::Token)), (1, calls + 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn unused_grants_are_kept_alive_and_fresh_ones_left_alone() {
    const COLLEAGUE: UserId = UserId(13);
    let world = World::start().await;
    let pipedrive = world.bundle.pipedrive();
    let user = |id: UserId, name: &str| User { id, name: name.to_owned(), admin: true };
    let company = |domain: &str| Company {
        id: DEMO_COMPANY,
        name: "Demo Company".to_owned(),
        domain: domain.to_owned(),
        suspended: false,
        users: vec![user(DEMO_USER, "Ada Admin"), user(COLLEAGUE, "Berta Boss")],
    };
    pipedrive.add_company(company("demo-company"));
    world.clock.advance(Duration::from_hours(20 * 24));
    world.bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    let calls = pipedrive.count(Call::Token);
    assert!(world.bundle.run_schedule("keep-tokens").await);
    assert_eq!(pipedrive.count(Call::Token), calls, "twenty days are not long");

    world.clock.advance(Duration::from_hours(11 * 24));
    // The company has another address by now.
    pipedrive.add_company(company("renamed"));
    let before = [installation(&world, DEMO_USER).await, installation(&world, COLLEAGUE).await];
    assert!(world.bundle.run_schedule("keep-tokens").await);
    let after = [installation(&world, DEMO_USER).await, installation(&world, COLLEAGUE).await];
    assert_eq!(pipedrive.count(Call::Token), calls + 1);
    assert_eq!((after[0].version, &after[1]), (before[0].version + 1, &before[1]));
    assert_eq!(after[0].api_domain, "https://renamed.pipedrive.com");
    assert!(world.bundle.run_schedule("keep-tokens").await);
    assert_eq!(pipedrive.count(Call::Token), calls + 1, "not again");

    // Day by day, no grant dies.
    for _ in 0..70 {
        world.clock.advance(Duration::from_hours(24));
        assert!(world.bundle.run_schedule("keep-tokens").await);
    }
    world.bundle.graph().customer_writes(&phone(1), "Dora", "still there?");
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["still there?"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_that_are_gone_are_not_kept_alive() {
    let world = World::start().await;
    world.bundle.pipedrive().uninstall(DEMO_COMPANY, DEMO_USER).await.unwrap();
    let calls = world.bundle.pipedrive().count(Call::Token);
    world.clock.advance(Duration::from_hours(31 * 24));
    assert!(world.bundle.run_schedule("keep-tokens").await);
    let due = world.bundle.environment().table().tokens_due(world.clock.now(), 10).await.unwrap();
    assert_eq!(due, [], "nothing comes back day by day for ever");

    world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
    world.clock.advance(Duration::from_hours(61 * 24));
    for _ in 0..2 {
        assert!(world.bundle.run_schedule("keep-tokens").await);
        assert_eq!(world.bundle.pipedrive().count(Call::Token), calls + 2, "consent, and one refused renewal");
    }
    assert_eq!(installation(&world, DEMO_USER).await.state, InstallationState::NeedsReconnect);
    let due = world.bundle.environment().table().tokens_due(world.clock.now(), 10).await.unwrap();
    assert_eq!(due, [], "nor for a grant that was refused");
}
