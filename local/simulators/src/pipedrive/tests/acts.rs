//! What the page of records shows, and what a visitor does on it.

use reqwest::Method as Verb;

use super::{records::Api, *};

async fn act(api: &Api, body: Value) -> (u16, Value) {
    let answer = http().post(format!("{}/sim/act", api.sim.url())).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn view(api: &Api, person: u64) -> Value {
    http().get(format!("{}/records.json?person={person}", api.sim.url())).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_visitor_can_do_what_people_do_in_pipedrive() {
    let api = Api::new().await;
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    api.post("v2/persons", &json!({"name": "Ada L."})).await;
    let lead = api.post("v1/leads", &json!({"title": "First", "person_id": 1})).await;
    api.post("v1/notes", &json!({"content": "Hi", "person_id": 1})).await;
    for body in [
        json!({"act": "rename-person", "person": 1, "name": "Ada King"}),
        json!({"act": "open-deal", "person": 1, "title": "Chairs"}),
        json!({"act": "close-deal", "deal": 1, "won": false}),
        json!({"act": "convert-lead", "lead": lead["id"]}),
        json!({"act": "delete-note", "note": 1}),
    ] {
        let (status, answer) = act(&api, body.clone()).await;
        assert_eq!(status, 200, "{body} {answer}");
    }
    let person = view(&api, 1).await["person"].clone();
    assert_eq!((&person["name"], &person["notes"], &person["leads"]), (&json!("Ada King"), &json!([]), &json!([])));
    let deals: Vec<_> = person["deals"].as_array().unwrap().iter().map(|deal| (&deal["title"], &deal["status"])).collect();
    assert_eq!(deals, [(&json!("Chairs"), &json!("lost")), (&json!("First"), &json!("open"))]);

    assert_eq!(act(&api, json!({"act": "merge-persons", "gone": 1, "kept": 2})).await.0, 200);
    assert_eq!(view(&api, 2).await["person"]["deals"].as_array().unwrap().len(), 2);
    assert_eq!(act(&api, json!({"act": "delete-person", "person": 1})).await.0, 409, "it is merged away");
    assert_eq!(act(&api, json!({"act": "delete-person", "person": 2})).await.0, 200);
    assert_eq!(view(&api, 2).await["person"]["is_deleted"], true);
    assert_eq!(act(&api, json!({"act": "dance"})).await.0, 400);
}

#[tokio::test]
async fn a_visitor_can_take_budget_account_and_webhooks_away() {
    let api = Api::new().await;
    let hook = json!({"name": "x", "subscription_url": "https://x.example", "event_action": "*", "event_object": "note"});
    api.post("v1/webhooks", &hook).await;
    let account = view(&api, 1).await["account"].clone();
    assert_eq!((&account["webhooks"], &account["limit"], &account["spent"]), (&json!(["note"]), &Value::Null, &json!(10)));
    assert_eq!(act(&api, json!({"act": "spend-budget"})).await.0, 200);
    assert_eq!(api.call(Verb::GET, "v2/persons/1", None).await.0, 429);
    let account = view(&api, 1).await["account"].clone();
    assert_eq!((&account["limit"], &account["spent"]), (&json!(90_000), &json!(90_000)));
    act(&api, json!({"act": "refill-budget"})).await;
    assert_eq!(api.call(Verb::GET, "v2/persons/1", None).await.0, 404);
    act(&api, json!({"act": "close-account"})).await;
    assert_eq!(api.call(Verb::GET, "v2/persons/1", None).await.0, 402);
    assert_eq!(view(&api, 1).await["account"]["suspended"], true);
    act(&api, json!({"act": "open-account"})).await;
    act(&api, json!({"act": "forget-webhooks"})).await;
    assert_eq!(api.get("v1/webhooks").await["data"], json!([]));
}

#[tokio::test]
async fn the_page_leads_to_where_the_chats_are() {
    let api = Api::new().await;
    let home = http().get(format!("{}/home", api.sim.url())).send().await.unwrap();
    assert_eq!(home.headers()[header::LOCATION], "records");
    let installed = Installed::new().await;
    let home = http().get(format!("{}/home", installed.sim.url())).send().await.unwrap();
    assert_eq!(home.headers()[header::LOCATION], "./");
}
