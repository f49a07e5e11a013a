//! What a company and the owners of its channels want, and what it costs.

use http::Method;
use local::simulators::pipedrive::{DEMO_COMPANY, DEMO_USER};
use pigeonpost_tests::web::api;
use serde_json::{Value, json};

use crate::links::fixture::{COLLEAGUE, Desk};

async fn put(desk: &Desk, body: &Value) -> pigeonpost_tests::web::Answer {
    desk.call(Method::PUT, "/inbox/api/settings", Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_channel_says_what_becomes_of_strangers() {
    let desk = Desk::open().await;
    let settings = desk.get("/inbox/api/settings").await;
    let company = &settings["company"];
    assert_eq!(
        (&company["id"], &company["name"], &company["delivery"]),
        (&json!(1001), &json!("Demo Company"), &json!("records"))
    );
    assert_eq!(settings["users"], json!([{"id": 11, "name": "Ada Admin", "connected": true, "own": true}]));
    let channel = &settings["channels"][0];
    assert_eq!(
        (&channel["create_persons"], &channel["strangers"], &channel["own"]),
        (&json!(true), &json!({"kind": "lead"}), &json!(true))
    );

    let pipelines = desk.get("/inbox/api/pipelines").await;
    let (pipeline, stage) = (&pipelines[0]["id"], &pipelines[0]["stages"][0]["id"]);
    assert!(pipeline.is_u64() && stage.is_u64(), "{pipelines}");
    let id = &channel["provider_channel_id"];
    let wanted = json!({
        "channel": id, "create_persons": true, "assignee": 11, "strangers": {"kind": "deal", "pipeline": pipeline, "stage": stage},
    });
    let changed = put(&desk, &wanted).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(desk.get("/inbox/api/settings").await["channels"][0], changed.json()["data"]);
    assert_eq!((&changed.json()["data"]["strangers"], &changed.json()["data"]["assignee"]), (&wanted["strangers"], &json!(11)));

    for (body, field) in [
        (
            json!({"channel": id, "create_persons": true, "strangers": {"kind": "deal", "pipeline": 999, "stage": stage}}),
            "strangers",
        ),
        (
            json!({"channel": id, "create_persons": true, "strangers": {"kind": "deal", "pipeline": pipeline, "stage": 999}}),
            "strangers",
        ),
        (json!({"channel": id, "create_persons": true, "strangers": {"kind": "lead"}, "assignee": 12}), "assignee"),
        (json!({"channel": id, "strangers": {"kind": "lead"}}), "create_persons"),
        (json!({"channel": id, "create_persons": true, "strangers": {"kind": "all"}}), "strangers.kind"),
    ] {
        let words = put(&desk, &body).await.refused(400, "INVALID_BODY");
        assert!(words.starts_with(field.split('.').next().unwrap()), "{body}: {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_changes_a_channels_settings() {
    let desk = Desk::open().await;
    desk.world.bundle.install(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    let session = desk.world.bundle.session(DEMO_COMPANY, COLLEAGUE).await.unwrap();
    let settings = api(&desk.world.bundle, &session, Method::GET, "/inbox/api/settings", None).await.json()["data"].clone();
    let channel = &settings["channels"][0];
    assert_eq!((&channel["own"], &channel["owner"]), (&json!(false), &json!(DEMO_USER)), "everybody sees them");
    let body = json!({"channel": channel["provider_channel_id"], "create_persons": false, "strangers": {"kind": "nothing"}});
    let answer = api(&desk.world.bundle, &session, Method::PUT, "/inbox/api/settings", Some(&body)).await;
    answer.refused(403, "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_costs_is_shown_by_what_for() {
    let desk = Desk::open().await;
    let spent = async || desk.get("/inbox/api/budget").await[0]["spent"].clone();
    let before = spent().await;
    assert!(before["other"].as_u64().is_some_and(|tokens| tokens > 0), "the webhooks: {before}");
    desk.get(&format!("/inbox/api/conversations/{}/record/candidates?q=ada", desk.conversation)).await;
    let after = spent().await;
    assert_eq!((&before["search"], &after["search"], &after["other"]), (&Value::Null, &json!(20), &before["other"]));
    let today = desk.get("/inbox/api/budget").await[0].clone();
    assert_eq!(today["total"].as_u64(), Some(20 + before["other"].as_u64().unwrap()), "{today}");
}
