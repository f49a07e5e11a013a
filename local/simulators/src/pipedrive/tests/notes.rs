//! Notes and leads of the simulated Pipedrive, and the page that shows them.

use reqwest::Method as Verb;

use super::{records::Api, *};

impl Api {
    /// With a person, a deal and a lead.
    async fn with_records() -> (Self, String) {
        let api = Self::new().await;
        api.post("v2/persons", &json!({"name": "Ada <b>", "phones": [{"value": "+15550100001", "label": "WhatsApp"}]})).await;
        api.post("v2/deals", &json!({"title": "First", "person_id": 1, "stage_id": 2})).await;
        let lead = json!({"title": "WhatsApp: Ada", "person_id": 1, "was_seen": false, "origin_id": "cv_7f3"});
        let (status, made) = api.call(Verb::POST, "v1/leads", Some(&lead)).await;
        assert_eq!(status, 201, "{made}");
        (api, made["data"]["id"].as_str().unwrap().to_owned())
    }

    async fn count(&self, path: &str) -> usize {
        self.get(path).await["data"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn notes_are_sanitized_and_written_again() {
    let (api, lead) = Api::with_records().await;
    let body = json!({"content": "<p onclick='x()'>Hi<!-- m_1 --><script>x</script></p>", "person_id": 1, "deal_id": 1});
    let note = api.post("v1/notes", &body).await;
    assert_eq!((&note["content"], &note["add_time"]), (&json!("<p>Hi</p>"), &json!("2026-11-20 09:16:03")));
    assert_eq!(
        (&note["person"], &note["deal"], &note["user"]["name"], &note["pinned_to_deal_flag"]),
        (&json!({"name": "Ada <b>"}), &json!({"title": "First"}), &json!("Ada Admin"), &json!(false))
    );
    let change = json!({"content": "<p>Hi again</p>", "pinned_to_person_flag": 1, "add_time": "2026-11-19 08:00:00"});
    let (status, changed) = api.call(Verb::PUT, "v1/notes/1", Some(&change)).await;
    assert_eq!((status, &changed["data"]["content"]), (200, &json!("<p>Hi again</p>")));
    assert_eq!((&changed["data"]["deal_id"], &changed["data"]["pinned_to_person_flag"]), (&json!(1), &json!(true)));
    api.post("v1/notes", &json!({"content": "On the lead", "lead_id": lead})).await;
    for (query, count) in [
        ("", 2),
        ("person_id=1", 1),
        ("deal_id=1", 1),
        (&format!("lead_id={lead}"), 1),
        ("person_id=2", 0),
        ("pinned_to_person_flag=1", 1),
        ("start_date=2026-11-20", 1),
        ("end_date=2026-11-19", 1),
        ("updated_since=2026-11-21T00:00:00Z", 0),
        ("user_id=12", 0),
    ] {
        assert_eq!(api.count(&format!("v1/notes?{query}")).await, count, "{query}");
    }
    let page = api.get("v1/notes?limit=1&sort=add_time%20DESC").await;
    assert_eq!(page["data"][0]["content"], "On the lead");
    let rest = json!({"start": 0, "limit": 1, "more_items_in_collection": true, "next_start": 1});
    assert_eq!(page["additional_data"]["pagination"], rest);
    let page = api.get("v1/notes?limit=1&start=1").await;
    assert_eq!(page["additional_data"]["pagination"], json!({"start": 1, "limit": 1, "more_items_in_collection": false}));
    assert_eq!(api.call(Verb::DELETE, "v1/notes/1", None).await, (200, json!({"success": true, "data": true})));
    assert_eq!(api.get("v1/notes/1").await["data"]["active_flag"], false);
    assert_eq!(api.call(Verb::PUT, "v1/notes/1", Some(&change)).await.0, 404);
}

#[tokio::test]
async fn notes_and_leads_that_do_not_fit_are_refused() {
    let (api, lead) = Api::with_records().await;
    let lead = format!("v1/leads/{lead}");
    let long = "x".repeat(100_001);
    for (verb, path, body, place) in [
        (Verb::POST, "v1/notes", json!({"person_id": 1}), "content"),
        (Verb::POST, "v1/notes", json!({"content": "x"}), "person_id"),
        (Verb::POST, "v1/notes", json!({"content": "x", "person_id": 7}), "person_id"),
        (Verb::POST, "v1/notes", json!({"content": "x", "deal_id": 7}), "deal_id"),
        (Verb::POST, "v1/notes", json!({"content": "x", "lead_id": "7"}), "lead_id"),
        (Verb::POST, "v1/notes", json!({"content": "x", "personId": 1}), "personId"),
        (Verb::POST, "v1/notes", json!({"content": "x", "person_id": 1, "pinned_to_person_flag": true}), "pinned_to_person_flag"),
        (Verb::POST, "v1/notes", json!({"content": "x", "person_id": 1, "add_time": "2026-11-20T09:15:00Z"}), "add_time"),
        (Verb::POST, "v1/notes", json!({"content": long, "person_id": 1}), "content"),
        (Verb::POST, "v1/leads", json!({"person_id": 1}), "title"),
        (Verb::POST, "v1/leads", json!({"title": "L"}), "person_id"),
        (Verb::POST, "v1/leads", json!({"title": "L", "person_id": 7}), "person_id"),
        (Verb::POST, "v1/leads", json!({"title": "L", "person_id": 1, "visible_to": "2"}), "visible_to"),
        (Verb::POST, "v1/leads", json!({"title": "L", "person_id": 1, "value": {"amount": 5}}), ""),
        (Verb::POST, "v1/leads", json!({"title": "L", "person_id": 1, "label_ids": ["hot"]}), "label_ids"),
        (Verb::PATCH, &lead, json!({"person_id": null}), "person_id"),
        (Verb::PATCH, &lead, json!({"origin_id": "x"}), "origin_id"),
    ] {
        let (status, answer) = api.call(verb, path, Some(&body)).await;
        let error = answer["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(place) && answer.get("code").is_none(), "{path} {place}: {status} {error}");
    }
    let (_, missing) = api.call(Verb::GET, "v1/leads/00000000-0000-4000-8000-000000000000", None).await;
    assert_eq!(
        (&missing["error"], &missing["error_info"]),
        (&json!("requested lead not found"), &json!("Object was not found."))
    );
    assert_eq!(api.sim.notes(DEMO_COMPANY).len(), 0);
}

#[tokio::test]
async fn leads_are_unread_until_seen_and_gone_from_lists_when_archived() {
    let (api, id) = Api::with_records().await;
    let lead = api.get(&format!("v1/leads/{id}")).await["data"].clone();
    assert_eq!(
        (&lead["source_name"], &lead["was_seen"], &lead["visible_to"], &lead["add_time"]),
        (&json!("API"), &json!(false), &json!("3"), &json!("2026-11-20T09:16:03.123Z"))
    );
    assert_eq!((api.count("v1/leads?person_id=1").await, api.count("v1/leads?person_id=2").await), (1, 0));
    let change = json!({"was_seen": true, "is_archived": true, "value": {"amount": 5, "currency": "EUR"}});
    let (status, changed) = api.call(Verb::PATCH, &format!("v1/leads/{id}"), Some(&change)).await;
    assert_eq!((status, &changed["data"]["value"]), (200, &json!({"amount": 5, "currency": "EUR"})));
    assert_eq!(api.count("v1/leads").await, 0);
    let gone = api.call(Verb::DELETE, &format!("v1/leads/{id}"), None).await;
    assert_eq!(gone, (200, json!({"success": true, "data": {"id": id}})));
    assert_eq!(api.sim.leads(DEMO_COMPANY).len(), 0);
}

#[tokio::test]
async fn the_page_shows_a_person_with_all_that_is_on_them() {
    let (api, lead) = Api::with_records().await;
    api.post("v1/notes", &json!({"content": "<b>Hi</b><img src=x>", "person_id": 1})).await;
    api.post("v1/notes", &json!({"content": "On the lead", "lead_id": lead})).await;
    let text = async |path: &str| http().get(format!("{}/{path}", api.sim.url())).send().await.unwrap().text().await.unwrap();
    let page = text("records").await;
    for file in ["style.css", "records.css", "records-hands.js", "records.js"] {
        assert!(page.contains(&format!("\"{file}\"")) && !text(file).await.is_empty(), "{file}");
    }
    assert!(!page.contains("href=\"/") && !page.contains("src=\"/"), "all links are relative");
    assert!(text("").await.contains("href=\"records\""), "the inbox leads here");
    let list: Value = serde_json::from_str(&text("records.json").await).unwrap();
    assert_eq!(list["person"], json!(null));
    let row = json!({"id": 1, "name": "Ada <b>", "email": null, "phone": "+15550100001", "deals": 1, "unread": true});
    assert_eq!(list["persons"], json!([row]));
    let shown: Value = serde_json::from_str(&text("records.json?person=1").await).unwrap();
    let person = &shown["person"];
    assert_eq!((&person["owner"], &person["phones"][0]["label"]), (&json!("Ada Admin"), &json!("WhatsApp")));
    assert_eq!((&person["deals"][0]["pipeline"], &person["deals"][0]["stage"]), (&json!("Sales"), &json!("Contact made")));
    assert_eq!(person["leads"][0]["title"], "WhatsApp: Ada");
    assert_eq!((&person["notes"][0]["content"], &person["notes"][1]["content"]), (&json!("On the lead"), &json!("<b>Hi</b>")));
}
