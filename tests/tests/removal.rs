//! Removing a channel or a conversation from the pages inside Pipedrive: the owner alone, here and in Pipedrive.

use http::Method;
use local::simulators::{
    CLIENT_ID, CLIENT_SECRET,
    pipedrive::{Call, Company, DEMO_COMPANY, DEMO_USER, Fault, User},
};
use pigeonpost_tests::{
    table,
    web::{api, client, send},
    world::{World, phone},
};
use serde_json::json;
use shared::model::ids::{CompanyId, UserId};

/// Another admin of the demo company.
const COLLEAGUE: UserId = UserId(13);
/// Another company, and its admin.
const OTHERS: (CompanyId, UserId) = (CompanyId(2002), UserId(21));

/// Sessions of a colleague, and of somebody in another company.
async fn strangers(world: &World) -> [String; 2] {
    let user = |id: UserId, name: &str| User { id, name: name.to_owned(), admin: true };
    let company =
        |id, name: &str, users| Company { id, name: name.to_owned(), domain: name.to_lowercase(), suspended: false, users };
    let pipedrive = world.bundle.pipedrive();
    pipedrive.add_company(company(DEMO_COMPANY, "Demo", vec![user(DEMO_USER, "Ada"), user(COLLEAGUE, "Berta")]));
    pipedrive.add_company(company(OTHERS.0, "Others", vec![user(OTHERS.1, "Otto")]));
    for (company, user) in [(DEMO_COMPANY, COLLEAGUE), OTHERS] {
        world.bundle.install(company, user).await.unwrap();
    }
    [world.bundle.session(DEMO_COMPANY, COLLEAGUE).await.unwrap(), world.bundle.session(OTHERS.0, OTHERS.1).await.unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_removed_by_its_owner_alone_and_at_pipedrive_too() {
    let world = World::start().await;
    let bundle = &world.bundle;
    let [colleague, other] = strangers(&world).await;
    for n in 1..=3 {
        bundle.graph().customer_writes(&phone(n), &format!("Customer {n}"), "a secret of theirs");
    }
    world.settle().await;
    let path = format!("/setup/channels/{}", world.whatsapp.provider_channel_id);
    api(bundle, &colleague, Method::DELETE, &path, None).await.refused(403, "FORBIDDEN");
    api(bundle, &other, Method::DELETE, &path, None).await.refused(404, "NOT_FOUND");
    for unknown in ["ch_1001_0123456789abcdef", "ch_2002_0123456789abcdef", "x", "..%2F..", "%00"] {
        api(bundle, &world.session, Method::DELETE, &format!("/setup/channels/{unknown}"), None).await.refused(404, "NOT_FOUND");
    }
    assert_eq!((bundle.pipedrive().channels().len(), bundle.pipedrive().count(Call::DeleteChannel)), (1, 0));

    let removed = api(bundle, &world.session, Method::DELETE, &path, None).await;
    assert_eq!((removed.status, removed.json()), (200, json!({"success": true})));
    assert!(bundle.pipedrive().channels().is_empty());
    api(bundle, &world.session, Method::DELETE, &path, None).await.refused(404, "NOT_FOUND");
    let manifest = client().get(format!("{}/api/channels/{}/conversations", bundle.url(), world.whatsapp.provider_channel_id));
    send(manifest.basic_auth(CLIENT_ID, Some(CLIENT_SECRET))).await.refused(404, "NOT_FOUND");
    let raw = table::raw(bundle).await;
    for gone in ["a secret of theirs", "Customer 1", &phone(1), "wamid."] {
        assert!(!table::holds(&raw, gone), "{gone} is left");
    }
    // What still comes in is taken and goes nowhere.
    bundle.graph().customer_writes(&phone(4), "Late", "a late secret");
    world.settle().await;
    assert_eq!(bundle.graph().webhooks().given_up(), 0);
    assert!(!table::holds(&table::raw(bundle).await, "a late secret"));
    // And the account is free.
    assert!(bundle.connect_whatsapp(&world.session).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_pipedrive_does_not_do_is_not_done_here() {
    let world = World::start().await;
    let bundle = &world.bundle;
    let path = format!("/setup/channels/{}", world.whatsapp.provider_channel_id);
    bundle.pipedrive().inject(Call::DeleteChannel, Fault::Answer(500), 1);
    api(bundle, &world.session, Method::DELETE, &path, None).await.refused(500, "INTERNAL_ERROR");
    bundle.graph().customer_writes(&phone(1), "Dora", "hello");
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["hello"], "it is still in service");

    // Done there and not heard of here: the next try finds nothing there, which is as it should be.
    bundle.pipedrive().inject(Call::DeleteChannel, Fault::DropAfter, 1);
    api(bundle, &world.session, Method::DELETE, &path, None).await.refused(500, "INTERNAL_ERROR");
    assert_eq!(api(bundle, &world.session, Method::DELETE, &path, None).await.status, 200);
    assert!(!table::holds(&table::raw(bundle).await, "Dora"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_deleted_by_the_owner_alone_and_at_pipedrive_too() {
    let world = World::start().await;
    let bundle = &world.bundle;
    let [colleague, other] = strangers(&world).await;
    bundle.graph().customer_writes(&phone(1), "Dora", "forget me");
    bundle.graph().customer_writes(&phone(2), "Emil", "keep me");
    world.settle().await;
    let id = world.conversation_with("Dora").unwrap().id;
    let path = format!("/inbox/api/conversations/{id}");
    api(bundle, &colleague, Method::DELETE, &path, None).await.refused(403, "FORBIDDEN");
    api(bundle, &other, Method::DELETE, &path, None).await.refused(404, "NOT_FOUND");
    for unknown in ["cv_0123456789abcdef", "x", "..%2F.."] {
        let path = format!("/inbox/api/conversations/{unknown}");
        api(bundle, &world.session, Method::DELETE, &path, None).await.refused(404, "NOT_FOUND");
    }
    assert_eq!(world.texts("Dora"), ["forget me"]);

    bundle.pipedrive().inject(Call::DeleteConversation, Fault::Answer(401), 1);
    let deleted = api(bundle, &world.session, Method::DELETE, &path, None).await;
    assert_eq!((deleted.status, deleted.json()), (200, json!({"success": true})), "with a renewed token");
    assert!(world.conversation_with("Dora").is_none());
    assert_eq!(world.texts("Emil"), ["keep me"]);
    let raw = table::raw(bundle).await;
    for gone in ["forget me", "Dora", &phone(1), &id] {
        assert!(!table::holds(&raw, gone), "{gone} is left");
    }
    assert!(table::holds(&raw, "keep me"));
    api(bundle, &world.session, Method::DELETE, &path, None).await.refused(404, "NOT_FOUND");

    // Who writes again starts anew.
    bundle.graph().customer_writes(&phone(1), "Dora", "me again");
    world.settle().await;
    assert_eq!(world.texts("Dora"), ["me again"]);
    assert_ne!(world.conversation_with("Dora").unwrap().id, id);
}
