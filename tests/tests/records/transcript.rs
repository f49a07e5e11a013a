//! What a note looks like over a day, and what happens when somebody deletes it.

use local::simulators::pipedrive::{DEMO_COMPANY, DEMO_USER, Kind};

use crate::records::fixture::{conversations, desk, minutes, notes, pipedrive, to_the_end_of_the_day, writes};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_note_is_written_anew_with_new_messages_only() {
    let world = desk().await;
    writes(&world, 1, "Dora", "before").await;
    let [note] = notes(&world).try_into().unwrap();
    pipedrive(&world).delete(DEMO_COMPANY, DEMO_USER, Kind::Notes, &note.id.to_string()).unwrap();
    minutes(&world, 20).await;
    assert_eq!(notes(&world).len(), 0, "it is not fought over");
    writes(&world, 1, "Dora", "after").await;
    minutes(&world, 30).await;
    to_the_end_of_the_day(&world).await;
    let [note] = notes(&world).try_into().unwrap();
    assert!(note.content.contains("after") && !note.content.contains("before"), "{}", note.content);
    assert!(conversations(&world).await[0].outbox.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_day_is_continued_in_further_notes() {
    let world = desk().await;
    for n in 0..60 {
        crate::records::fixture::says(&world, 1, "Dora", &format!("{n}: {}", "x".repeat(4_000))).await;
    }
    world.settle().await;
    to_the_end_of_the_day(&world).await;
    let notes = notes(&world);
    assert!(notes.len() >= 3, "{}", notes.len());
    let text: String = notes.iter().map(|note| note.content.as_str()).collect();
    assert!((0..60).all(|n| text.contains(&format!("{n}: x"))));
    assert!(notes.iter().all(|note| note.content.len() < 90_000));
    assert_eq!(pipedrive(&world).violations(), Vec::<String>::new());
}
