//! Files go with what they belong to, also when they are just being fetched; and companies have nothing to do with each
//! other's.

use http::Method;
use pigeonpost_tests::{
    table,
    web::{api, client, send},
};
use shared::{
    clock::Clock,
    inbox::ports::ChannelStore,
    media::links::Target,
    model::{channel::ChannelState, message::Message},
};

use crate::media::fixture::{OTHERS, World, conversation, get, photo, png};

/// Two customers with a photo and a portrait each.
async fn two_customers(world: &World) -> [shared::model::conversation::Conversation; 2] {
    world.shelf.put("a", png(4, 4), "");
    world.shelf.set_profile("A name", Some(png(4, 4)));
    let customers = [world.customer("Ada"), world.customer("Emil")];
    for customer in &customers {
        world.store_as(customer, |message| Message { attachments: vec![photo("a")], wants_profile: true, ..message }).await;
    }
    world.settle().await;
    assert_eq!(world.object_names().len(), 6, "{:?}", world.object_names());
    customers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversations_files_go_with_it() {
    let world = World::start().await;
    let [ada, emil] = two_customers(&world).await;
    let file = world.shown(&ada.id)[0].attachments[0].url.clone();
    let portrait = world.address(&Target::Avatar(ada.id.clone())).await;
    assert_eq!(get(&portrait).await.0, 200);
    let path = format!("/inbox/api/conversations/{}", ada.id);
    assert_eq!(api(&world.bundle, &world.session, Method::DELETE, &path, None).await.status, 200);
    let left = world.object_names();
    assert!(left.len() == 3 && left.iter().all(|name| name.contains(emil.id.as_str())), "{left:?}");
    for address in [file, portrait] {
        send(client().get(address)).await.refused(404, "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channels_files_go_with_it() {
    let world = World::start().await;
    two_customers(&world).await;
    let path = format!("/setup/channels/{}", world.channel);
    assert_eq!(api(&world.bundle, &world.session, Method::DELETE, &path, None).await.status, 200);
    assert_eq!(world.object_names().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_being_fetched_does_not_outlive_its_message() {
    let world = World::start().await;
    world.shelf.put("a", png(4, 4), "");
    for what in ["conversation", "files"] {
        let ada = world.customer("Ada");
        let id = world.store(&ada, "", vec![photo("a")]).await;
        let pause = world.shelf.pause();
        let taken_back = async {
            pause.reached().await;
            match what {
                "conversation" => world.bundle.environment().table().erase_conversation(&ada).await.unwrap(),
                _ => take_back(&world, &id).await,
            }
            pause.open();
        };
        tokio::join!(world.settle(), taken_back);
        assert_eq!(world.object_names().len(), 0, "{what}");
        world.pass(std::time::Duration::from_mins(5)).await;
        assert_eq!(world.object_names().len(), 0, "{what}");
    }
    let keys = table::keys(&world.bundle).await;
    assert_eq!(keys.iter().filter(|key| key.contains(" M#")).count(), 1, "the message without files: {keys:?}");
}

/// As its writer takes a message back.
async fn take_back(world: &World, id: &shared::model::ids::MessageId) {
    use aws_sdk_dynamodb::types::AttributeValue;
    let text = |value: String| AttributeValue::S(value);
    let update = table::client(&world.bundle)
        .update_item()
        .table_name(world.bundle.dynamodb().table())
        .key("PK", text(format!("CV#{}", id.conversation())))
        .key("SK", text(format!("M#{}", id.place())))
        .update_expression("SET deleted_at = :now REMOVE attachments")
        .expression_attribute_values(":now", AttributeValue::N("1".to_owned()));
    update.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn companies_have_their_own() {
    let world = World::start().await;
    let others = world.others().await;
    world.shelf.put("a", png(4, 4), "");
    world.shelf.put("b", png(8, 8), "");
    let (own, foreign) = (world.customer("Ada"), conversation(&others, OTHERS.1, "Ada"));
    world.store(&own, "", vec![photo("a")]).await;
    world.store(&foreign, "", vec![photo("b")]).await;
    world.settle().await;
    for (conversation, expected) in [(&own, png(4, 4)), (&foreign, png(8, 8))] {
        assert_eq!(get(&world.shown(&conversation.id)[0].attachments[0].url).await.2, expected);
    }
    let path = format!("/inbox/api/conversations/{}", foreign.id);
    api(&world.bundle, &world.session, Method::DELETE, &path, None).await.refused(404, "NOT_FOUND");
    let path = format!("/setup/channels/{others}");
    api(&world.bundle, &world.session, Method::DELETE, &path, None).await.refused(404, "NOT_FOUND");
    assert_eq!(world.object_names().len(), 4);
    let path = format!("/setup/channels/{}", world.channel);
    assert_eq!(api(&world.bundle, &world.session, Method::DELETE, &path, None).await.status, 200);
    assert!(world.object_names().iter().all(|name| name.contains(foreign.id.as_str())));
    assert_eq!(get(&world.shown(&foreign.id)[0].attachments[0].url).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portrait_that_is_being_fetched_does_not_outlive_its_conversation() {
    let world = World::start().await;
    world.shelf.put("a", png(4, 4), "");
    world.shelf.set_profile("A name", Some(png(4, 4)));
    let ada = world.customer("Ada");
    world.store_as(&ada, |message| Message { attachments: vec![photo("a")], wants_profile: true, ..message }).await;
    let pause = world.shelf.pause();
    let erased = async {
        pause.reached().await;
        world.bundle.environment().table().erase_conversation(&ada).await.unwrap();
        pause.open();
    };
    tokio::join!(world.settle(), erased);
    assert_eq!(world.object_names().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pipedrive_removes_takes_its_files_along() {
    let world = World::start().await;
    two_customers(&world).await;
    world.bundle.pipedrive().remove_channel(world.channel.as_str()).await.unwrap();
    assert_eq!(world.object_names().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_erased_later_takes_its_files_along() {
    let world = World::start().await;
    two_customers(&world).await;
    let table = world.bundle.environment().table();
    let channel = ChannelStore::channel(&*table, &world.channel).await.unwrap().unwrap();
    // As if the request that removed it had died before it erased anything.
    assert!(table.set_channel_state(&channel, ChannelState::Removed, world.clock.now()).await.unwrap());
    world.pass(std::time::Duration::from_mins(1)).await;
    assert_eq!(world.object_names().len(), 0);
}
