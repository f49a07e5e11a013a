//! Deals, pipelines and stages.

use local::simulators::pipedrive::Kind;
use pigeonpost_tests::world::World;
use serde_json::{Value, json};

use crate::contacts::caller::{Caller, DEMO};

#[tokio::test(flavor = "multi_thread")]
async fn a_deal_is_created_shown_moved_and_listed() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let ada = caller.contact("ada@example.com").await;
    let body = json!({
        "contactId": ada, "pipelineId": "1", "stageId": 2,
        "attributes": {"pb_name": "Offer 1", "pb_amount": "2300000", "pb_closingDate": "2026-12-24"},
    });
    let created = caller.post("/v2/deals", &body).await;
    assert_eq!(created.body["message"], "Deal created");
    let id = created.id(201);
    assert_eq!(created.data(201), &json!({"id": id, "contactId": ada, "email": "ada@example.com"}));

    let path = format!("/v2/deals/{id}");
    let shown = caller.get(&path).await.data(200).clone();
    assert_eq!((&shown["contactId"], &shown["pipelineId"], &shown["stageId"]), (&json!(ada), &json!("1"), &json!("2")));
    let attributes = &shown["attributes"];
    assert_eq!((&attributes["pb_name"], &attributes["pb_amount"]), (&json!("Offer 1"), &json!("2300000")));
    assert_eq!((&attributes["pb_closingDate"], &shown["status"]), (&json!("2026-12-24"), &json!("open")));

    let changed = caller.put(&path, &json!({"stageId": "6", "attributes": {"pb_amount": 12, "pb_name": "Offer 2"}})).await;
    assert_eq!((changed.data(200), &changed.body["message"]), (&json!({"id": id}), &json!("Deal updated")));
    let shown = caller.get(&path).await.data(200).clone();
    assert_eq!((&shown["pipelineId"], &shown["stageId"]), (&json!("2"), &json!("6")), "moved to the stage's pipeline");
    assert_eq!((&shown["attributes"]["pb_name"], &shown["attributes"]["pb_amount"]), (&json!("Offer 2"), &json!("12")));
    assert_eq!(shown["attributes"]["pb_closingDate"], "2026-12-24");

    let eve = caller.post("/v2/contacts", &json!({"email": "eve@example.com", "attributes": {"name": "Eve"}})).await.id(201);
    let other = caller.deal(&eve).await;
    assert_eq!(caller.get(&format!("/v2/deals/{other}")).await.data(200)["attributes"]["pb_name"], "Eve deal");
    let listed = async |query: &str| -> Vec<String> {
        let page = caller.get(&format!("/v2/deals{query}")).await.data(200).clone();
        let ids: Vec<String> =
            page["data"].as_array().unwrap().iter().map(|deal| deal["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(page["total"], ids.len());
        ids
    };
    assert_eq!(listed("").await, [id.as_str(), other.as_str()]);
    assert_eq!(listed(&format!("?contactId={eve}")).await, [other.as_str()]);
    assert_eq!(listed("?pipelineId=2&status=open").await, [id.as_str()]);
    assert_eq!(listed("?stageId=1").await, [other.as_str()]);
    assert_eq!(listed("?status=won").await, Vec::<String>::new());
    caller.get("/v2/deals?status=gone").await.refused(422, "INVALID_INPUT");
    assert_eq!(world.bundle.pipedrive().violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_has_one_open_deal_in_a_pipeline() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let (ada, eve) = (caller.contact("ada@example.com").await, caller.contact("eve@example.com").await);
    let (first, eves) = (caller.deal(&ada).await, caller.deal(&eve).await);
    let create = async |contact: &str, pipeline: u64, stage: u64| {
        caller.post("/v2/deals", &json!({"contactId": contact, "pipelineId": pipeline, "stageId": stage})).await
    };
    create(&ada, 1, 3).await.refused(409, "CONTACT_ASSOCIATED_WITH_A_DEAL");
    let elsewhere = create(&ada, 2, 5).await.id(201);

    // Not by way of a change either: to another contact, or to another pipeline.
    let change = async |deal: &str, body: Value| caller.put(&format!("/v2/deals/{deal}"), &body).await;
    change(&eves, json!({"contactId": ada})).await.refused(409, "CONTACT_ASSOCIATED_WITH_A_DEAL");
    change(&elsewhere, json!({"stageId": "1"})).await.refused(409, "CONTACT_ASSOCIATED_WITH_A_DEAL");
    // Within its pipeline, and with its own contact, a deal moves as it likes.
    change(&first, json!({"stageId": "4", "contactId": ada})).await.data(200);

    // A deal that is won or lost is none to be associated with.
    let pipedrive = world.bundle.pipedrive();
    pipedrive.update(DEMO.0, DEMO.1, Kind::Deals, &first, &json!({"status": "lost"})).unwrap();
    let second = create(&ada, 1, 1).await.id(201);
    change(&eves, json!({"contactId": ada})).await.refused(409, "CONTACT_ASSOCIATED_WITH_A_DEAL");
    change(&first, json!({"attributes": {"pb_name": "Late"}})).await.data(200);
    let deals = pipedrive.deals(DEMO.0);
    let of_first = deals.iter().find(|deal| deal.id.to_string() == first).unwrap();
    assert_eq!((of_first.title.as_str(), format!("{:?}", of_first.status).as_str()), ("Late", "Lost"));
    pipedrive.delete(DEMO.0, DEMO.1, Kind::Deals, &second).unwrap();
    caller.get(&format!("/v2/deals/{second}")).await.refused(404, "DEAL_NOT_FOUND");
    change(&eves, json!({"contactId": ada})).await.data(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelines_and_stages_come_in_their_order() {
    let world = World::start().await;
    let caller = Caller::new(&world).await;
    let pipelines = caller.get("/v2/pipelines").await.data(200).clone();
    let names: Vec<&str> = pipelines.as_array().unwrap().iter().map(|pipeline| pipeline["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Sales", "Partners"]);
    let stages = caller.get("/v2/pipelines/1/stages").await.data(200).clone();
    let stages = stages.as_array().unwrap();
    assert_eq!(stages.len(), 4);
    assert!(stages.iter().all(|stage| stage["pipelineId"] == "1"));
    assert!(stages.windows(2).all(|pair| pair[0]["order"].as_u64() < pair[1]["order"].as_u64()));
}
