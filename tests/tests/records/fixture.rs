//! A company whose messages end on records, and what its Pipedrive holds.

use std::time::Duration;

use local::simulators::{
    graph::Incoming,
    pipedrive::{DEMO_COMPANY, DEMO_USER, Lead, Note, Person, PipedriveSim},
    whatsapp_number,
};
use pigeonpost_tests::world::{World, phone};
use shared::{
    clock::Clock,
    config::DeliveryChoice,
    inbox::ports::InboxReader,
    model::{conversation::Conversation, day::Day, record::SpentOn},
    records::ports::BudgetStore,
};

/// A bundle that delivers to records, in the middle of a day, wherever the company is.
pub(crate) async fn desk() -> World {
    let mut world = World::delivering(DeliveryChoice::Records).await;
    let of_the_day = world.clock.now().millis().rem_euclid(24 * 3_600_000).unsigned_abs();
    let to_ten = Duration::from_hours(34).saturating_sub(Duration::from_millis(of_the_day));
    world.clock.advance(to_ten);
    world.session = world.bundle.session(DEMO_COMPANY, DEMO_USER).await.unwrap();
    world
}

/// A customer writes, and what is at once is done.
pub(crate) async fn writes(world: &World, n: usize, name: &str, text: &str) {
    says(world, n, name, text).await;
    world.settle().await;
}

/// The same, and nothing is delivered yet.
pub(crate) async fn says(world: &World, n: usize, name: &str, text: &str) {
    // WhatsApp tells whole seconds.
    world.clock.advance(Duration::from_secs(1));
    let (number, from) = (whatsapp_number(), phone(n));
    world.store(&[Incoming { number: &number.id, from: &from, name, text, at: world.clock.now() }]).await;
}

/// So many minutes pass, with what is due in them.
pub(crate) async fn minutes(world: &World, minutes: u32) {
    for _ in 0..minutes {
        world.pass(Duration::from_mins(1)).await;
    }
}

/// Until the company's day is over and the last notes are written: what is pending then is due at once.
pub(crate) async fn to_the_end_of_the_day(world: &World) {
    world.clock.advance(Duration::from_hours(24));
    for _ in 0..40 {
        world.pass(Duration::from_mins(1)).await;
    }
}

pub(crate) fn pipedrive(world: &World) -> &PipedriveSim {
    world.bundle.pipedrive()
}

pub(crate) fn persons(world: &World) -> Vec<Person> {
    pipedrive(world).persons(DEMO_COMPANY).into_iter().filter(|person| !person.is_deleted).collect()
}

pub(crate) fn leads(world: &World) -> Vec<Lead> {
    pipedrive(world).leads(DEMO_COMPANY)
}

pub(crate) fn notes(world: &World) -> Vec<Note> {
    pipedrive(world).notes(DEMO_COMPANY).into_iter().filter(|note| !note.is_deleted).collect()
}

pub(crate) fn spent(world: &World) -> u64 {
    pipedrive(world).tokens_spent(DEMO_COMPANY)
}

/// Every conversation of the company, newest first.
pub(crate) async fn conversations(world: &World) -> Vec<Conversation> {
    let table = world.bundle.environment().table();
    world.in_full(table.conversations_of_company(DEMO_COMPANY, None, 100).await.unwrap().items).await
}

/// What the bundle says that it spent on conversations, over all days. Looking after webhooks is apart.
pub(crate) async fn counted(world: &World) -> u64 {
    let since = Day::utc(world.clock.now().minus(Duration::from_hours(30 * 24)));
    let days = world.bundle.environment().table().budgets(DEMO_COMPANY, &since).await.unwrap();
    days.iter().map(|(_, day)| day.total() - day.spent.get(&SpentOn::Other).copied().unwrap_or(0)).sum()
}
