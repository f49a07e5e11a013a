//! Where messages end when nobody forces it: in the Messaging inbox where Pipedrive has one, on records where it does not,
//! and on records from the moment on when it has none any more.

use local::simulators::pipedrive::Gone;
use pigeonpost_tests::world::World;
use shared::config::DeliveryChoice;

use crate::fixture::{conversations, minutes, notes, pipedrive, says, writes};

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
