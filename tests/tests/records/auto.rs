//! Where messages end when nobody forces it: in the Messaging inbox where Pipedrive has one, on records where it does not,
//! and on records from the moment on when it has none any more.

use std::{sync::Arc, time::Duration};

use local::simulators::pipedrive::{Call, DEMO_COMPANY, Gone};
use pigeonpost_tests::{wire::Wire, world::World};
use shared::{
    config::{Config, DeliveryChoice},
    inbox::ports::InstallationStore,
    model::{channel::Delivery, installation::Installation},
};

use crate::{
    faults::deliver,
    records::fixture::{conversations, minutes, notes, pipedrive, says, writes},
};

const DAY: Duration = Duration::from_hours(24);

/// The installation, and where its channel says that messages end.
async fn stored(world: &World) -> (Installation, Delivery) {
    let mut members = world.bundle.environment().table().members(DEMO_COMPANY).await.unwrap();
    (members.installations.remove(0), members.channels.remove(0).delivery)
}

async fn days(world: &World, days: u32) {
    for _ in 0..days {
        world.clock.advance(DAY);
        assert!(world.bundle.run_schedule("keep-tokens").await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_inbox_messages_end_there() {
    let world = World::delivering(DeliveryChoice::Auto).await;
    writes(&world, 1, "Dora", "hello").await;
    assert_eq!((world.texts("Dora"), notes(&world).len()), (vec!["hello".to_owned()], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_goes_away_loses_nothing_and_doubles_nothing() {
    for gone in [Gone::NotFound, Gone::Gone, Gone::Scope] {
        let world = World::delivering(DeliveryChoice::Auto).await;
        writes(&world, 1, "Dora", "in the inbox").await;
        pipedrive(&world).change(|settings| settings.gone = Some(gone));
        says(&world, 1, "Dora", "on the record").await;
        says(&world, 2, "Emil", "too").await;
        world.settle().await;
        minutes(&world, 3).await;
        assert_eq!(world.texts("Dora"), ["in the inbox"], "{gone:?}");
        let notes = notes(&world);
        assert_eq!(notes.len(), 2, "{gone:?}: {notes:?}");
        let text: String = notes.iter().map(|note| note.content.as_str()).collect();
        for said in ["on the record", "too"] {
            assert_eq!(text.matches(said).count(), 1, "{gone:?}: {said}");
        }
        assert!(conversations(&world).await.iter().all(|found| found.outbox.is_empty()), "{gone:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_moves_to_records_hears_of_them_at_once() {
    let world = World::delivering(DeliveryChoice::Auto).await;
    writes(&world, 1, "Dora", "in the inbox").await;
    assert_eq!(pipedrive(&world).webhooks(DEMO_COMPANY).len(), 0);
    pipedrive(&world).change(|settings| settings.gone = Some(Gone::Gone));
    writes(&world, 1, "Dora", "on the record").await;
    assert_eq!(pipedrive(&world).webhooks(DEMO_COMPANY).len(), 4);
    let (installation, of_channel) = stored(&world).await;
    assert_eq!((installation.delivery, of_channel), (Some(Delivery::Records), Delivery::Records));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_that_comes_back_is_found_within_a_week_and_asked_for_no_more_often() {
    let world = World::delivering(DeliveryChoice::Auto).await;
    pipedrive(&world).change(|settings| settings.gone = Some(Gone::NotFound));
    writes(&world, 1, "Dora", "on the record").await;
    assert_eq!(notes(&world).len(), 1);
    let before = pipedrive(&world).count(Call::Register);
    days(&world, 15).await;
    assert_eq!(pipedrive(&world).count(Call::Register) - before, 2, "twice in fifteen days");
    assert_eq!(stored(&world).await.0.delivery, Some(Delivery::Records));

    pipedrive(&world).change(|settings| settings.gone = None);
    days(&world, 7).await;
    let (installation, of_channel) = stored(&world).await;
    assert_eq!((installation.delivery, of_channel), (Some(Delivery::Channels), Delivery::Channels));
    writes(&world, 1, "Dora", "in the inbox").await;
    assert_eq!(world.texts("Dora").last().map(String::as_str), Some("in the inbox"));
    assert!(!notes(&world).iter().any(|note| note.content.contains("in the inbox")), "and nowhere else");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_forces_records_is_not_asked_for_an_inbox_and_days_stay_where_they_begin() {
    let world = World::delivering(DeliveryChoice::Records).await;
    let before = pipedrive(&world).count(Call::Register);
    let asked = pipedrive(&world).count(Call::Me);
    pipedrive(&world).change(|settings| settings.time_zone = "America/Sao_Paulo");
    days(&world, 8).await;
    assert!(pipedrive(&world).count(Call::Me) > asked, "it was reviewed");
    assert_eq!(stored(&world).await.0.timezone, "Europe/Berlin");
    assert_eq!(pipedrive(&world).count(Call::Register), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_forces_is_remembered_where_it_is_asked_for() {
    let world = World::delivering(DeliveryChoice::Auto).await;
    assert_eq!(stored(&world).await.1, Delivery::Channels);
    says(&world, 1, "Dora", "on the record").await;
    let id = world.newest_conversation().await.id;
    let mut forced = world.bundle.environment().clone();
    forced.config = Arc::new(Config { delivery: DeliveryChoice::Records, ..Config::clone(&forced.config) });
    assert_eq!(deliver(&forced, &Wire::default(), &id).await, 0);
    let (installation, of_channel) = stored(&world).await;
    assert_eq!((installation.delivery, of_channel), (Some(Delivery::Records), Delivery::Records));
    assert_eq!((notes(&world).len(), pipedrive(&world).webhooks(DEMO_COMPANY).len()), (1, 4));
}
