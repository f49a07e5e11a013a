//! What a message that waits for its files means for the order in which Pipedrive hears of things.

use std::time::Duration;

use local::{
    host::{self, Hosted},
    simulators::pipedrive::Call,
};
use serde_json::json;
use shared::model::ids::ConversationId;

use crate::media::fixture::{World, photo, png};

/// Calls deliver as the stream does, and nothing else.
async fn deliver(world: &World, id: &ConversationId) {
    let event = json!({"Records": [{
        "eventID": "1", "eventName": "MODIFY", "eventSource": "aws:dynamodb", "eventVersion": "1.1", "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/t/stream/s",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_767_225_600, "SequenceNumber": "1", "SizeBytes": 1,
            "StreamViewType": "NEW_IMAGE", "Keys": {"PK": {"S": format!("CV#{id}")}, "SK": {"S": "CV"}}, "NewImage": {},
        },
    }]});
    let Some(Hosted::Stream(deliver)) = host::build("deliver", world.bundle.environment()) else { panic!("no such function") };
    let answer = deliver.handle(serde_json::from_value(event).unwrap()).await;
    assert!(answer.batch_item_failures.is_empty());
    world.bundle.pipedrive().idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_shown_once_with_its_file_and_holds_the_later_ones() {
    let world = World::start().await;
    let (ada, emil) = (world.customer("Ada"), world.customer("Emil"));
    // Pipedrive reads a conversation that is new to it as a whole; from then on it knows what it is told.
    world.store(&ada, "hello", vec![]).await;
    world.settle().await;
    world.store(&ada, "before", vec![]).await;
    world.store(&ada, "look", vec![photo("a")]).await;
    world.store(&ada, "after", vec![]).await;
    world.store(&emil, "elsewhere", vec![]).await;
    for _ in 0..2 {
        deliver(&world, &ada.id).await;
        assert_eq!(world.texts(&ada.id), ["hello", "before"]);
        assert_eq!(world.bundle.pipedrive().count(Call::Receive), 2);
    }
    deliver(&world, &emil.id).await;
    assert_eq!(world.texts(&emil.id), ["elsewhere"], "one conversation does not hold up another");

    world.shelf.put("a", png(4, 4), "image/png");
    world.settle().await;
    assert_eq!(world.texts(&ada.id), ["hello", "before", "look", "after"]);
    let shown = world.shown(&ada.id);
    assert!(shown.iter().all(|message| message.pushes == 1), "{shown:?}");
    assert_eq!(shown[2].attachments.len(), 1);
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_longer_than_a_minute() {
    let world = World::start().await;
    let ada = world.customer("Ada");
    world.store(&ada, "look", vec![photo("a")]).await;
    world.store(&ada, "after", vec![]).await;
    world.clock.advance(Duration::from_secs(58));
    deliver(&world, &ada.id).await;
    assert_eq!(world.texts(&ada.id), Vec::<String>::new());
    world.clock.advance(Duration::from_secs(2));
    deliver(&world, &ada.id).await;
    assert_eq!(world.texts(&ada.id), ["look\n[image photo.png]", "after"]);

    world.shelf.put("a", png(4, 4), "image/png");
    world.settle().await;
    assert_eq!(world.texts(&ada.id), ["look", "after"]);
    let shown = world.shown(&ada.id);
    assert_eq!((shown[0].pushes, shown[0].attachments.len(), shown[1].pushes), (2, 1, 1));
}
