//! What people do in the simulated Pipedrive that moves things between records, and what webhooks hear of it.

use super::{records::Api, *};

/// Posts what webhooks hear nowhere, and keeps it.
async fn listened() -> Api {
    let api = Api::new().await;
    let body = json!({
        "name": "x", "subscription_url": format!("{}/nowhere", api.sim.url()), "event_action": "*", "event_object": "*",
    });
    api.post("v1/webhooks", &body).await;
    api
}

async fn heard(api: &Api) -> Vec<Value> {
    api.sim.idle().await;
    api.sim.webhook_attempts(DEMO_COMPANY).into_iter().filter(|told| told.attempt == 1).map(|told| told.payload).collect()
}

#[tokio::test]
async fn a_merge_moves_everything_and_is_told_by_two_events() {
    let api = listened().await;
    let phone = |number: &str| json!([{"value": number, "label": "WhatsApp"}]);
    api.post("v2/persons", &json!({"name": "Ada", "phones": phone("+15550100001")})).await;
    api.post("v2/persons", &json!({"name": "Ada L.", "phones": phone("+15550100002")})).await;
    api.post("v2/deals", &json!({"title": "Offer", "person_id": 1})).await;
    api.post("v1/leads", &json!({"title": "First", "person_id": 1})).await;
    api.post("v1/notes", &json!({"content": "Hi", "person_id": 1})).await;
    let before = heard(&api).await.len();
    api.sim.merge_persons(DEMO_COMPANY, DEMO_USER, 1, 2).unwrap();

    let events = heard(&api).await.split_off(before);
    assert_eq!(events.len(), 2);
    let (deleted, changed) = (&events[0], &events[1]);
    let gist = |event: &Value| {
        let meta = |name: &str| event["meta"][name].as_str().unwrap_or_default().to_owned();
        [meta("action"), meta("entity"), meta("entity_id"), meta("merged_to_id"), meta("merged_from_id")].join(" ")
    };
    assert_eq!(gist(deleted), "delete person 1 2 ");
    assert_eq!(gist(changed), "change person 2  1");
    assert_eq!((&deleted["data"], &deleted["previous"]["name"]), (&Value::Null, &json!("Ada")));
    let numbers = json!([
        {"value": "+15550100002", "primary": true, "label": "WhatsApp"},
        {"value": "+15550100001", "primary": false, "label": "WhatsApp"},
    ]);
    assert_eq!((&changed["data"]["phones"], &changed["data"]["name"]), (&numbers, &json!("Ada L.")));
    assert_eq!(api.sim.deals(DEMO_COMPANY)[0].person_id, Some(2));
    assert_eq!(api.sim.leads(DEMO_COMPANY)[0].person_id, Some(2));
    assert_eq!(api.sim.notes(DEMO_COMPANY)[0].person_id, Some(2));
    assert!(api.sim.merge_persons(DEMO_COMPANY, DEMO_USER, 1, 2).is_err(), "it is gone");
    assert!(api.sim.merge_persons(DEMO_COMPANY, DEMO_USER, 2, 2).is_err());
}

#[tokio::test]
async fn deals_are_merged_in_the_same_way() {
    let api = listened().await;
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    api.post("v2/deals", &json!({"title": "Offer", "person_id": 1})).await;
    api.post("v2/deals", &json!({"title": "Offer again"})).await;
    api.post("v1/notes", &json!({"content": "Hi", "deal_id": 1})).await;
    let before = heard(&api).await.len();
    api.sim.merge_deals(DEMO_COMPANY, DEMO_USER, 1, 2).unwrap();
    let events = heard(&api).await.split_off(before);
    let merged: Vec<_> = events.iter().map(|event| (&event["meta"]["action"], &event["meta"]["entity_id"])).collect();
    assert_eq!(merged, [(&json!("delete"), &json!("1")), (&json!("change"), &json!("2"))]);
    assert_eq!((&events[0]["meta"]["merged_to_id"], &events[1]["meta"]["merged_from_id"]), (&json!("2"), &json!("1")));
    assert_eq!(api.sim.notes(DEMO_COMPANY)[0].deal_id, Some(2));
    assert_eq!(api.sim.deals(DEMO_COMPANY)[1].person_id, Some(1), "what the kept one does not have comes from the other");
}

#[tokio::test]
async fn a_lead_becomes_a_deal_with_what_was_on_it() {
    let api = listened().await;
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    let lead = api.post("v1/leads", &json!({"title": "First", "person_id": 1})).await;
    let lead = lead["id"].as_str().unwrap();
    api.post("v1/notes", &json!({"content": "Hi", "lead_id": lead})).await;
    let before = heard(&api).await.len();
    let deal = api.sim.convert_lead(DEMO_COMPANY, DEMO_USER, lead).unwrap();
    let events = heard(&api).await.split_off(before);
    let gists: Vec<_> = events.iter().map(|event| (&event["meta"]["action"], &event["meta"]["entity"])).collect();
    assert_eq!(gists, [(&json!("delete"), &json!("lead")), (&json!("create"), &json!("deal"))]);
    assert_eq!((&events[1]["data"]["source_lead_id"], &events[1]["data"]["title"]), (&json!(lead), &json!("First")));
    let note = &api.sim.notes(DEMO_COMPANY)[0];
    assert_eq!((note.deal_id, note.lead_id.as_deref()), (Some(deal), None));
    assert!(api.sim.leads(DEMO_COMPANY).is_empty());
    assert!(api.sim.convert_lead(DEMO_COMPANY, DEMO_USER, lead).is_err());
}
