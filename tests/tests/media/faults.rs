//! Fetching under faults: it is run once for each request that it makes to the table, with a fault at that request, as
//! receiving and delivering are; and with a bucket that can't be reached. The file is there in the end, once.

use std::{sync::Arc, time::Duration};

use local::host::{self, Hosted};
use pigeonpost_tests::wire::{Fault, Wire};
use serde_json::json;
use shared::{config::Config, environment::Environment, model::ids::MessageId};

use crate::media::fixture::{World, photo, png};

/// Calls fetch-media as the stream does; how many records failed.
async fn fetch(environment: &Environment, id: &MessageId) -> usize {
    let (partition, sort) = (format!("CV#{}", id.conversation()), format!("M#{}", id.place()));
    let event = json!({"Records": [{
        "eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb", "eventVersion": "1.1", "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:1:table/t/stream/s",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_767_225_600, "SequenceNumber": "1", "SizeBytes": 1,
            "StreamViewType": "NEW_IMAGE", "Keys": {"PK": {"S": partition}, "SK": {"S": sort}}, "NewImage": {},
        },
    }]});
    let Some(Hosted::Stream(function)) = host::build("fetch-media", environment) else { panic!("no such function") };
    function.handle(serde_json::from_value(event).unwrap()).await.batch_item_failures.len()
}

/// A message with a photo, fetched with a fault and then once more. How many requests the first round made.
async fn fetch_with(world: &World, wire: &Wire, fault: Option<(usize, Fault)>) -> usize {
    let ada = world.customer(&format!("Ada, {fault:?}"));
    let id = world.store(&ada, "look", vec![photo("a")]).await;
    let objects = world.object_names().len();
    wire.reset(fault);
    let failed = fetch(&wire.environment(world.bundle.environment()), &id).await;
    let requests = wire.traffic().operations.len();
    let dies = fault.is_some_and(|(_, fault)| fault != Fault::Repeat);
    assert_eq!(failed > 0, dies, "{fault:?}");

    // The stream gives the same change again.
    wire.reset(None);
    assert_eq!(fetch(world.bundle.environment(), &id).await, 0);
    assert!(!world.stored(&id).await.is_incomplete(), "{fault:?}");
    world.settle().await;
    let shown = world.shown(&ada.id);
    assert_eq!((shown.len(), shown[0].text.as_str(), shown[0].attachments.len()), (1, "look", 1), "{fault:?}");
    assert_eq!(world.object_names().len(), objects + 2, "the photo and its preview: {fault:?}");
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_fetched_with_a_fault_at_any_step_is_there_once() {
    let world = World::start().await;
    world.shelf.put("a", png(4, 4), "");
    let wire = Wire::default();
    let count = fetch_with(&world, &wire, None).await;
    assert_eq!(wire.traffic().operations.len(), 0, "nothing is asked of a wire that nobody uses");
    assert!(count >= 3, "fetching makes several requests");
    for at in 0..count {
        for fault in Fault::ALL {
            fetch_with(&world, &wire, Some((at, fault))).await;
        }
    }
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_cannot_be_reached_costs_time_alone() {
    let world = World::start().await;
    world.shelf.put("a", png(4, 4), "");
    let ada = world.customer("Ada");
    let id = world.store(&ada, "look", vec![photo("a")]).await;
    let mut broken = world.bundle.environment().clone();
    // Nobody listens there.
    broken.config = Arc::new(Config { s3_endpoint: Some("http://127.0.0.1:9".to_owned()), ..Config::clone(&broken.config) });
    assert_eq!(fetch(&broken, &id).await, 0, "written down, not thrown away");
    assert_eq!(world.stored(&id).await.fetch_rest.unwrap().reason.code, "bucket");
    world.settle().await;
    assert_eq!(world.texts(&ada.id), ["look\n[image photo.png] is still being fetched."]);
    world.pass(Duration::from_secs(7)).await;
    assert_eq!(world.texts(&ada.id), ["look"]);
    assert_eq!(world.shown(&ada.id)[0].attachments.len(), 1);
}
