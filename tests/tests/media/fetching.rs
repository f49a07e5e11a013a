//! From the provider to the bucket: the message is there first, the file follows, is tried again as agreed, and ends
//! visibly if it can't be had.

use std::time::Duration;

use shared::{
    clock::Clock,
    media::links::Target,
    model::{
        content::{FileKind, FileState},
        message::Message,
    },
    providers::error::{ProviderError, Refusal},
};

use crate::media::fixture::{World, awaited, away, get, photo, png, refused};

#[tokio::test(flavor = "multi_thread")]
async fn the_message_is_there_first_and_the_file_follows() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    let picture = png(640, 320);
    world.shelf.put("a", picture.clone(), "");
    let id = world.store(&ada, "look", vec![photo("a")]).await;
    assert!(world.stored(&id).await.is_incomplete());
    assert_eq!(world.object_names().len(), 0);

    world.settle().await;
    let shown = world.shown(&ada.id);
    assert_eq!((shown[0].text.as_str(), shown[0].pushes, shown[0].attachments.len()), ("look", 1, 1));
    let file = &shown[0].attachments[0];
    assert_eq!(
        (file.mime.as_str(), file.name.as_deref(), file.size),
        ("image/png", Some("photo.png"), Some(picture.len() as u64))
    );
    let (status, headers, bytes) = get(&file.url).await;
    assert_eq!((status, &headers["content-type"], bytes), (200, &"image/png".parse().unwrap(), picture.into()));
    let (status, headers, small) = get(file.preview_url.as_deref().unwrap()).await;
    assert_eq!((status, &headers["content-type"]), (200, &"image/jpeg".parse().unwrap()));
    let small = image::load_from_memory(&small).unwrap();
    assert_eq!((small.width(), small.height()), (320, 160));
    world.pass(Duration::from_mins(10)).await;
    assert_eq!(world.shelf.asked(), ["a"], "fetched once");
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_asked_again() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    world.shelf.put("a", png(4, 4), "image/png");
    world.shelf.fail("a", &away(), 2);
    let id = world.store(&ada, "look", vec![photo("a")]).await;
    world.store(&ada, "after", vec![]).await;
    world.settle().await;
    assert_eq!(world.texts(&ada.id), ["look\n[image photo.png] is still being fetched.", "after"], "not held up by a failure");
    assert_eq!(world.stored(&id).await.fetch_rest.unwrap().reason.code, "http_503");
    // Neither the round's own write nor a status wakes it before its time.
    world.settle().await;
    assert_eq!(world.shelf.asked().len(), 1);
    world.pass(Duration::from_secs(7)).await;
    assert_eq!(world.shelf.asked().len(), 2);
    world.pass(Duration::from_secs(20)).await;
    assert_eq!(world.shelf.asked().len(), 2, "30 s after the second failure, less a fifth");
    world.pass(Duration::from_secs(20)).await;
    let shown = world.shown(&ada.id);
    assert_eq!((shown[0].text.as_str(), shown[0].attachments.len()), ("look", 1));
    // Once without the file and once with it; a push that met a write of the fetcher's is repeated.
    assert!((2..=3).contains(&shown[0].pushes), "{}", shown[0].pushes);
    assert!(!world.stored(&id).await.is_incomplete() && world.stored(&id).await.fetch_rest.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_wish_to_wait_is_obeyed() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    world.shelf.put("a", png(4, 4), "image/png");
    world.shelf.fail("a", &ProviderError::RateLimited { code: "429".to_owned(), retry_after: Duration::from_secs(100) }, 1);
    world.store(&ada, "look", vec![photo("a")]).await;
    world.settle().await;
    world.pass(Duration::from_secs(95)).await;
    assert_eq!(world.shelf.asked().len(), 1);
    world.pass(Duration::from_secs(6)).await;
    assert_eq!(world.shown(&ada.id)[0].attachments.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_said_and_not_asked_for_again() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    let id = world.store(&ada, "look", vec![photo("nowhere")]).await;
    world.settle().await;
    assert_eq!(world.texts(&ada.id), ["look\n[image photo.png] The provider does not have the file any more."]);
    assert_eq!(world.shown(&ada.id)[0].attachments.len(), 0);
    assert!(!world.stored(&id).await.is_incomplete());
    world.pass(Duration::from_hours(2)).await;
    assert_eq!(world.shelf.asked().len(), 1);
    let (status, _, body) = get(&world.file(&id).await).await;
    assert_eq!(status, 410);
    assert!(String::from_utf8_lossy(&body).contains("does not have the file any more"));
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_not_accepted_may_be_again() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    world.shelf.put("a", png(4, 4), "image/png");
    world.shelf.fail("a", &refused(Refusal::Unauthorized), 1);
    world.store(&ada, "look", vec![photo("a")]).await;
    world.settle().await;
    assert_eq!(world.texts(&ada.id), ["look\n[image photo.png] is still being fetched."]);
    world.pass(Duration::from_secs(7)).await;
    assert_eq!(world.texts(&ada.id), ["look"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_given_up_after_three_days() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    world.shelf.fail("a", &away(), 1000);
    let id = world.store(&ada, "look", vec![photo("a")]).await;
    world.settle().await;
    let began = world.clock.now();
    while world.clock.now().since(began) < Duration::from_hours(71) {
        world.pass(Duration::from_mins(73)).await;
    }
    assert!(world.stored(&id).await.is_incomplete(), "not yet");
    for _ in 0..3 {
        world.pass(Duration::from_mins(73)).await;
    }
    let FileState::Lost { reason } = &world.stored(&id).await.attachments[0].file else { panic!("still awaited") };
    assert_eq!(reason.code, "http_503");
    assert_eq!(world.texts(&ada.id), ["look\n[image photo.png] The file could not be fetched from the provider."]);
    let asked = world.shelf.asked().len();
    assert!((50..100).contains(&asked), "{asked}");
    world.pass(Duration::from_hours(24)).await;
    assert_eq!(world.shelf.asked().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_files_each_comes_when_it_can() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    world.shelf.put("a", png(4, 4), "image/png");
    world.shelf.put("b", &b"a,b\n1,2\n"[..], "text/csv");
    world.shelf.fail("b", &away(), 1);
    let table = awaited("b", FileKind::Document, "", Some("../../list.csv"));
    world.store(&ada, "", vec![photo("a"), table, photo("nowhere")]).await;
    world.settle().await;
    let shown = &world.shown(&ada.id)[0];
    assert_eq!(shown.attachments.iter().map(|file| file.id.as_str()).collect::<Vec<_>>(), ["0"]);
    assert!(
        shown.text.contains("list.csv] is still being fetched.") && shown.text.contains("does not have the file"),
        "{}",
        shown.text
    );
    world.pass(Duration::from_secs(7)).await;
    let shown = &world.shown(&ada.id)[0];
    assert_eq!(shown.attachments.iter().map(|file| file.id.as_str()).collect::<Vec<_>>(), ["0", "1"]);
    let list = &shown.attachments[1];
    assert_eq!((list.mime.as_str(), list.name.as_deref()), ("text/csv; charset=utf-8", Some("list.csv")));
    assert_eq!(world.shelf.asked(), ["a", "b", "nowhere", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_provider_does_not_keep_others_waiting_for_long() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    let sources = ["a", "b", "c"];
    for source in &sources {
        world.shelf.put(source, png(4, 4), "");
    }
    world.shelf.slow(&world.clock, Duration::from_secs(11));
    world.store(&ada, "look", sources.map(photo).into()).await;
    // The third is begun in a round of its own.
    world.settle().await;
    assert_eq!(world.shelf.asked(), sources);
    let shown = &world.shown(&ada.id)[0];
    assert_eq!((shown.attachments.len(), shown.pushes), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_customer_gets_their_name_and_picture() {
    let world = World::start().await;
    let ada = world.customer("Somebody");
    world.shelf.set_profile(" Ada Lovelace\u{0} ", Some(png(640, 640)));
    world.shelf.fail("profile", &away(), 1);
    world.store_as(&ada, |message| Message { text: "hello".to_owned(), wants_profile: true, ..message }).await;
    world.settle().await;
    assert_eq!((world.texts(&ada.id).len(), world.end_user(&ada.id).name.as_str()), (1, "Somebody"));
    world.pass(Duration::from_secs(7)).await;
    assert_eq!(world.shelf.asked(), ["profile", "profile"]);
    let (status, headers, picture) = get(&world.address(&Target::Avatar(ada.id.clone())).await).await;
    assert_eq!((status, &headers["content-type"]), (200, &"image/jpeg".parse().unwrap()));
    assert_eq!(image::load_from_memory(&picture).unwrap().width(), 320);

    // Who answers at once is known before Pipedrive asks.
    let emil = world.customer("Somebody else");
    world.store_as(&emil, |message| Message { text: "hello".to_owned(), wants_profile: true, ..message }).await;
    world.settle().await;
    let known = world.end_user(&emil.id);
    assert_eq!(known.name, "Ada Lovelace");
    assert_eq!(get(&known.avatar_url.unwrap()).await.0, 200);
    assert_eq!(world.shown(&emil.id)[0].pushes, 1);

    // A customer whom the provider won't tell about is one all the same.
    world.shelf.fail("profile", &refused(Refusal::Forbidden), 1);
    let dora = world.customer("Dora");
    world.store_as(&dora, |message| Message { text: "hello".to_owned(), wants_profile: true, ..message }).await;
    world.settle().await;
    world.pass(Duration::from_mins(5)).await;
    assert_eq!((world.texts(&dora.id), world.end_user(&dora.id).name.as_str()), (vec!["hello".to_owned()], "Dora"));
    assert_eq!(world.shelf.asked().len(), 4);
}
