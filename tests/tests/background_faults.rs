//! Invariants 2, 3, 5 and 6 for what runs by itself: redelivering, probing, releasing, reviving the dead and renewing tokens are
//! run with a fault at every step, and then once more. Everything is delivered once and in order; no grant is lost but
//! one that nobody could save, and that one says so.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use lambda_http::Body;
use local::{
    host::{self, Hosted},
    simulators::pipedrive::{Call, DEMO_COMPANY, DEMO_USER, Fault as Trouble, Rotation},
};
use pigeonpost_tests::{
    call::request,
    wire::{Fault, Wire},
    world::{World, phone},
};
use shared::{
    inbox::{
        dead::{DeadStore, Order},
        ports::InstallationStore,
        tokens::Tokens,
    },
    model::installation::{Installation, InstallationState},
    start::ScheduledFunction,
};

/// Runs redeliver over `wire`. Whether it said that it went well.
async fn redeliver(world: &World, wire: &Wire) -> bool {
    let environment = wire.environment(world.bundle.environment());
    redeliver::Function::new(&environment).handle().await.is_ok_and(|summary| summary["failed"] == 0)
}

async fn writes(world: &World, customer: usize, text: &str) {
    world.bundle.graph().customer_writes(&phone(customer), &format!("Customer {customer}"), text);
    world.settle().await;
    world.clock.advance(Duration::from_secs(1));
}

fn texts(world: &World, customer: usize) -> Vec<String> {
    world.texts(&format!("Customer {customer}"))
}

async fn installation(world: &World) -> Installation {
    world.bundle.environment().table().installation(DEMO_COMPANY, DEMO_USER).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn waking_what_rests_with_a_fault_at_any_step_delivers_once_and_in_order() {
    let (world, wire) = (World::start().await, Wire::default());
    world.pass(Duration::from_mins(6)).await;
    let mut plan: Vec<Option<(usize, Fault)>> = vec![None];
    let mut customer = 0;
    while let Some(fault) = plan.pop() {
        customer += 1;
        world.bundle.pipedrive().inject(Call::Receive, Trouble::Answer(500), 1);
        writes(&world, customer, "first").await;
        writes(&world, customer, "second").await;
        world.clock.advance(Duration::from_secs(10));
        wire.reset(fault);
        let well = redeliver(&world, &wire).await;
        match fault {
            None => plan = wire.steps().into_iter().flat_map(|at| Fault::ALL.map(|fault| Some((at, fault)))).collect(),
            Some((_, fault)) => assert_eq!(well, fault == Fault::Repeat, "{fault:?}"),
        }
        wire.reset(None);
        for _ in 0..2 {
            world.pass(Duration::from_mins(2)).await;
        }
        assert_eq!(texts(&world, customer), ["first", "second"], "{fault:?}");
        let name = format!("Customer {customer}");
        assert!(world.shown(&name).iter().all(|message| message.pushes == 1), "{fault:?}");
    }
    assert!(customer > Fault::ALL.len() * 2, "there were steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_and_a_release_with_a_fault_at_any_step_drain_everything_once() {
    let (world, wire) = (World::start().await, Wire::default());
    world.pass(Duration::from_mins(6)).await;
    // Which of the two runs has the fault, and where.
    let mut plan: Vec<Option<(usize, (usize, Fault))>> = vec![None];
    let mut customer = 0;
    while let Some(case) = plan.pop() {
        let customers = [customer + 1, customer + 2];
        customer += 2;
        world.bundle.pipedrive().set_suspended(DEMO_COMPANY, true);
        for customer in customers {
            writes(&world, customer, "held").await;
        }
        world.bundle.pipedrive().set_suspended(DEMO_COMPANY, false);
        world.clock.advance(Duration::from_mins(75));
        for run in 0..2 {
            let fault = case.filter(|(faulty, _)| *faulty == run).map(|(_, fault)| fault);
            wire.reset(fault);
            redeliver(&world, &wire).await;
            if case.is_none() {
                plan.extend(wire.steps().into_iter().flat_map(|at| Fault::ALL.map(|fault| Some((run, (at, fault))))));
            }
            wire.reset(None);
            world.settle().await;
        }
        for _ in 0..2 {
            world.pass(Duration::from_mins(2)).await;
        }
        for customer in customers {
            assert_eq!(texts(&world, customer), ["held"], "{case:?}");
            assert_eq!(world.shown(&format!("Customer {customer}"))[0].pushes, 1, "{case:?}");
        }
        assert_eq!(installation(&world).await.halt, None, "{case:?}");
        // What releasing looks for has been found.
        world.pass(Duration::from_mins(6)).await;
    }
    assert!(customer > Fault::ALL.len() * 4, "there were steps");
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revival_with_a_fault_at_any_step_may_be_asked_for_again() {
    let (world, wire) = (World::start().await, Wire::default());
    let table = world.bundle.environment().table();
    let mut plan: Vec<Option<(usize, Fault)>> = vec![None];
    let mut customer = 0;
    while let Some(fault) = plan.pop() {
        customer += 1;
        world.bundle.pipedrive().inject(Call::Receive, Trouble::Answer(400), 2);
        writes(&world, customer, "dead").await;
        let letter = table.dead_letters(DEMO_COMPANY, Order::NewestFirst, None, 1).await.unwrap().items.remove(0);
        let id = letter.message.id.to_string();
        let ask = async || {
            let Some(Hosted::Http(hosted)) = host::build("inbox", &wire.environment(world.bundle.environment())) else {
                panic!("inbox is an HTTP function")
            };
            let bearer = HeaderValue::from_str(&format!("Bearer {}", world.session)).unwrap();
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer)]);
            let path = format!("/inbox/api/dead/{id}/resend");
            hosted.call(request(Method::POST, &path, &[("message", &id)], headers, Body::Empty)).await.status().as_u16()
        };
        wire.reset(fault);
        let status = ask().await;
        if fault.is_none() {
            let count = wire.traffic().operations.len();
            plan = (0..count).flat_map(|at| Fault::ALL.map(|fault| Some((at, fault)))).collect();
        }
        assert_eq!(status == 200, fault.is_none_or(|(_, fault)| fault == Fault::Repeat), "{fault:?}: {status}");
        wire.reset(None);
        assert_eq!(ask().await, 200, "{fault:?}");
        world.settle().await;
        assert_eq!(texts(&world, customer), ["dead"], "{fault:?}");
        assert!(table.dead_letter(&letter.message.id).await.unwrap().is_none(), "{fault:?}");
    }
    assert!(customer > Fault::ALL.len(), "there were steps");
}

/// A renewal with a fault at any step, and what it leaves.
async fn renewals(rotation: Rotation) {
    let (world, wire) = (World::start().await, Wire::default());
    let pipedrive = world.bundle.pipedrive();
    pipedrive.change(|settings| settings.rotation = rotation);
    let mut plan: Vec<Option<(usize, Fault)>> = vec![None];
    let mut cases = 0;
    while let Some(fault) = plan.pop() {
        cases += 1;
        world.clock.advance(Duration::from_hours(2));
        wire.reset(fault);
        let calls = pipedrive.count(Call::Token);
        let environment = wire.environment(world.bundle.environment());
        let access = async |environment: &shared::environment::Environment| {
            let (store, oauth) = (environment.table(), environment.pipedrive());
            let tokens = Tokens { store: &*store, oauth: &*oauth, secrets: &environment.secrets(), clock: &*environment.clock };
            tokens.access(DEMO_COMPANY, DEMO_USER).await.is_ok()
        };
        let well = access(&environment).await;
        let exchanged = pipedrive.count(Call::Token) > calls;
        if fault.is_none() {
            let count = wire.traffic().operations.len();
            plan = (0..count).flat_map(|at| Fault::ALL.map(|fault| Some((at, fault)))).collect();
        }
        assert_eq!(well, fault.is_none_or(|(_, fault)| fault == Fault::Repeat), "{fault:?}");

        // Whoever comes next, once the lease of the dead is over.
        wire.reset(None);
        world.clock.advance(Duration::from_secs(31));
        let next = access(&environment).await;
        let state = installation(&world).await.state;
        let unsaved = fault.is_some_and(|(at, fault)| fault == Fault::DieBefore && at > 0) && exchanged;
        if rotation == Rotation::Rotating && unsaved {
            // The only token that works was in the memory of a process that is gone. It is seen, and a consent mends it.
            assert_eq!((next, state), (false, InstallationState::NeedsReconnect), "{fault:?}");
            world.bundle.install(DEMO_COMPANY, DEMO_USER).await.unwrap();
            assert!(access(&environment).await, "{fault:?}");
        } else {
            assert_eq!((next, state), (true, InstallationState::Connected), "{fault:?}");
        }
    }
    assert!(cases > Fault::ALL.len() * 2, "there were steps");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_with_a_fault_at_any_step_keeps_a_token_that_stays_the_same() {
    renewals(Rotation::Fixed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_with_a_fault_at_any_step_keeps_a_token_that_changes_or_says_that_it_is_gone() {
    renewals(Rotation::Rotating).await;
}
