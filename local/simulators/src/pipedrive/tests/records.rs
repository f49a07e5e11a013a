//! The simulated records, as an app sees them through the API.

use reqwest::Method as Verb;

use super::*;

/// A clock that only [`PipedriveSim::advance`] moves on.
struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_166_163_123)
    }
}

/// An app's view of one company's records.
pub(super) struct Api {
    pub(super) sim: PipedriveSim,
    token: String,
}

impl Api {
    pub(super) async fn new() -> Self {
        let mut options = PipedriveOptions::new("id", "secret");
        options.clock = Arc::new(Stopped);
        let sim = start(options).await.unwrap();
        let token = sim.access_token(DEMO_COMPANY, DEMO_USER);
        Self { sim, token }
    }

    /// With another token, for one that has run out.
    pub(super) fn renewed(&self) -> Self {
        Self { sim: self.sim.clone(), token: self.sim.access_token(DEMO_COMPANY, DEMO_USER) }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Another company's, on the same Pipedrive.
    fn elsewhere(&self) -> Self {
        let (company, user) = (CompanyId(2002), UserId(21));
        self.sim.add_company(Company {
            id: company,
            name: "Other Company".to_owned(),
            domain: "other-company".to_owned(),
            suspended: false,
            users: vec![User { id: user, name: "Olga Other".to_owned(), admin: true }],
        });
        Self { sim: self.sim.clone(), token: self.sim.access_token(company, user) }
    }

    pub(super) async fn send(&self, verb: Verb, path: &str, body: Option<&Value>) -> reqwest::Response {
        let request = http().request(verb, format!("{}/api/{path}", self.sim.url())).bearer_auth(&self.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await.unwrap()
    }

    /// Status and body.
    pub(super) async fn call(&self, verb: Verb, path: &str, body: Option<&Value>) -> (u16, Value) {
        let answer = self.send(verb, path, body).await;
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Verb::GET, path, None).await;
        assert_eq!((status, &body["success"]), (200, &json!(true)), "{path} {body}");
        body
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, body) = self.call(Verb::POST, path, Some(body)).await;
        assert!(matches!(status, 200 | 201) && body["success"] == true, "{path} {status} {body}");
        body["data"].clone()
    }

    async fn ids(&self, path: &str) -> Vec<u64> {
        self.get(path).await["data"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }

    async fn found(&self, query: &str) -> Vec<u64> {
        let body = self.get(&format!("v2/persons/search?{query}")).await;
        body["data"]["items"].as_array().unwrap().iter().map(|row| row["item"]["id"].as_u64().unwrap()).collect()
    }
}

fn ada() -> Value {
    json!({
        "name": "Ada Lovelace King", "emails": [{"value": "ada@example.com"}],
        "phones": [{"value": "+1 555-010-0001", "label": "WhatsApp"}, {"value": "+15550100002", "primary": true}],
    })
}

#[tokio::test]
async fn persons_come_and_go() {
    let api = Api::new().await;
    let person = api.post("v2/persons", &ada()).await;
    assert_eq!(
        (&person["id"], &person["first_name"], &person["last_name"], &person["owner_id"]),
        (&json!(1), &json!("Ada"), &json!("Lovelace King"), &json!(11))
    );
    assert_eq!(person["emails"], json!([{"value": "ada@example.com", "primary": true, "label": "work"}]));
    assert_eq!(
        person["phones"],
        json!([
            {"value": "+1 555-010-0001", "primary": false, "label": "WhatsApp"},
            {"value": "+15550100002", "primary": true, "label": "work"},
        ])
    );
    assert_eq!(person["add_time"], "2026-11-20T09:16:03Z");
    let one_phone = json!({"phones": [{"value": "+15550100003"}], "owner_id": 12});
    let (status, changed) = api.call(Verb::PATCH, "v2/persons/1", Some(&one_phone)).await;
    assert_eq!(status, 200);
    assert_eq!(changed["data"]["phones"], json!([{"value": "+15550100003", "primary": true, "label": "work"}]), "replaced");
    assert_eq!((&changed["data"]["emails"], &changed["data"]["owner_id"]), (&person["emails"], &json!(12)));
    assert_eq!(api.get("v2/persons/1").await["data"], changed["data"]);
    let gone = api.call(Verb::DELETE, "v2/persons/1", None).await;
    assert_eq!(gone, (200, json!({"success": true, "data": {"id": 1}})));
    assert_eq!(api.get("v2/persons/1").await["data"]["is_deleted"], true);
    assert_eq!(api.ids("v2/persons").await, [0; 0]);
    for (verb, body) in [(Verb::DELETE, None), (Verb::PATCH, Some(&one_phone))] {
        assert_eq!(api.call(verb, "v2/persons/1", body).await.0, 404);
    }
    assert_eq!(api.post("v2/persons", &ada()).await["id"], 2, "ids are never used again");
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_name_and_changes_nothing() {
    let api = Api::new().await;
    api.post("v2/persons", &ada()).await;
    let post = |place: &'static str, body: Value| (Verb::POST, place, Some(body));
    let get = |place: &'static str| (Verb::GET, place, None);
    let cases = [
        (post("v2/persons", json!({})), "name"),
        (post("v2/persons", json!({"name": " "})), "name"),
        (post("v2/persons", json!({"name": 7})), "name"),
        (post("v2/persons", json!({"name": null})), "name"),
        (post("v2/persons", json!({"name": "A", "email": [{"value": "a@b.c"}]})), "email"),
        (post("v2/persons", json!({"name": "A", "emails": "a@b.c"})), "emails"),
        (post("v2/persons", json!({"name": "A", "emails": [{"primary": true}]})), "value"),
        (post("v2/persons", json!({"name": "A", "phones": [{"value": 1}]})), "phones"),
        (post("v2/persons", json!({"name": "A", "phones": [{"value": "1", "label": true}]})), "label"),
        (post("v2/persons", json!({"name": "A", "owner_id": "11"})), "owner_id"),
        (post("v2/persons", json!({"name": "A", "owner_id": 21})), "owner_id"),
        (post("v2/persons", json!({"name": "A", "org_id": 5})), "org_id"),
        (post("v2/persons", json!({"name": "A", "visible_to": 2})), "visible_to"),
        (post("v2/persons", json!({"name": "A", "custom_fields": {"source": "ad"}})), "custom_fields"),
        (post("v2/persons", json!([])), "body"),
        (post("v2/deals", json!({"person_id": 1})), "title"),
        (post("v2/deals", json!({"title": "D", "person_id": 9})), "person_id"),
        (post("v2/deals", json!({"title": "D", "person_id": null})), "person_id"),
        (post("v2/deals", json!({"title": "D", "stage_id": 99})), "stage_id"),
        (post("v2/deals", json!({"title": "D", "stage_id": 1, "pipeline_id": 2})), "stage_id"),
        (post("v2/deals", json!({"title": "D", "value": "2300"})), "value"),
        (post("v2/deals", json!({"title": "D", "currency": "euro"})), "currency"),
        (post("v2/deals", json!({"title": "D", "status": "deleted"})), "status"),
        (post("v2/deals", json!({"title": "D", "lost_reason": "price"})), "lost_reason"),
        (post("v2/deals", json!({"title": "D", "expected_close_date": "20.11.2026"})), "expected_close_date"),
        (get("v2/persons?limit=0"), "limit"),
        (get("v2/persons?limit=501"), "limit"),
        (get("v2/persons?cursor=nonsense"), "cursor"),
        (get("v2/persons?person_id=1"), "person_id"),
        (get("v2/persons?updated_since=2026-11-20T09:15:00.000Z"), "updated_since"),
        (get("v2/persons?ids=1,x"), "ids"),
        (get("v2/persons/first"), "id"),
        (get("v2/deals?status=open,closed"), "status"),
        (get("v2/stages?sort_by=name"), "sort_by"),
        (get("v2/persons/search?fields=phone"), "term"),
        (get("v2/persons/search?term=a"), "term"),
        (get("v2/persons/search?term=ada&fields=phones"), "fields"),
        (get("v2/persons/search?term=ada&exact_match=1"), "exact_match"),
    ];
    for ((verb, path, body), place) in cases {
        let (status, answer) = api.call(verb, path, body.as_ref()).await;
        let error = answer["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(place), "{path} {body:?}: {status} {error}");
        let rest = (&answer["success"], &answer["code"], &answer["data"]);
        assert_eq!(rest, (&json!(false), &json!("ERR_SCHEMA_VALIDATION_FAILED"), &json!(null)));
    }
    let synced = api.call(Verb::POST, "v2/persons", Some(&json!({"name": "A", "job_title": "CEO"}))).await;
    assert!(matches!(synced.0, 400 | 403), "contact sync is off: {synced:?}");
    let form = http().post(format!("{}/api/v2/persons", api.sim.url())).bearer_auth(&api.token);
    assert_eq!(form.body(r#"{"name":"A"}"#).send().await.unwrap().status(), 400, "not sent as JSON");
    assert_eq!((api.sim.persons(DEMO_COMPANY).len(), api.sim.deals(DEMO_COMPANY).len()), (1, 0));
    for (path, error) in [
        ("v2/persons/9", "Person not found"),
        ("v2/deals/9", "Deal not found"),
        ("v2/pipelines/9", "Pipeline not found"),
        ("v2/stages/9", "Stage not found"),
    ] {
        let (status, answer) = api.call(Verb::GET, path, None).await;
        assert_eq!((status, &answer["error"], &answer["data"]), (404, &json!(error), &json!(null)));
    }
}

#[tokio::test]
async fn deals_have_a_stage_and_a_fate() {
    let api = Api::new().await;
    let person = api.post("v2/persons", &ada()).await;
    let deal =
        api.post("v2/deals", &json!({"title": "First", "person_id": person["id"], "value": 2300.5, "currency": "USD"})).await;
    assert_eq!(
        (&deal["pipeline_id"], &deal["stage_id"], &deal["status"], &deal["value"]),
        (&json!(1), &json!(1), &json!("open"), &json!(2300.5))
    );
    for (body, place) in [
        (json!({"title": "D", "pipeline_id": 2}), (2, 5)),
        (json!({"title": "D", "stage_id": 6}), (2, 6)),
        (json!({"title": "D", "stage_id": 3, "pipeline_id": 1}), (1, 3)),
    ] {
        let deal = api.post("v2/deals", &body).await;
        assert_eq!((&deal["pipeline_id"], &deal["stage_id"]), (&json!(place.0), &json!(place.1)), "{body}");
    }
    for (query, ids) in [
        ("", vec![1, 2, 3, 4]),
        ("person_id=1", vec![1]),
        ("pipeline_id=2", vec![2, 3]),
        ("stage_id=3", vec![4]),
        ("status=won", vec![]),
        ("ids=4,2,77", vec![2, 4]),
        ("owner_id=12", vec![]),
        ("sort_direction=desc", vec![4, 3, 2, 1]),
    ] {
        assert_eq!(api.ids(&format!("v2/deals?{query}")).await, ids, "{query}");
    }
    let (_, lost) = api.call(Verb::PATCH, "v2/deals/1", Some(&json!({"status": "lost", "lost_reason": "price"}))).await;
    assert_eq!((&lost["data"]["lost_reason"], lost["data"]["lost_time"].is_string()), (&json!("price"), true));
    let (_, moved) = api.call(Verb::PATCH, "v2/deals/1", Some(&json!({"status": "open", "stage_id": 2}))).await;
    assert_eq!((&moved["data"]["lost_reason"], &moved["data"]["stage_id"]), (&json!(null), &json!(2)));
    assert!(moved["data"]["stage_change_time"].is_string() && moved["data"]["close_time"].is_null());
    assert_eq!(api.call(Verb::DELETE, "v2/deals/2", None).await.0, 200);
    assert_eq!(api.call(Verb::PATCH, "v2/deals/3", Some(&json!({"is_archived": true}))).await.0, 200);
    assert_eq!(api.ids("v2/deals").await, [1, 4]);
    assert_eq!(api.ids("v2/deals?status=deleted").await, [2]);
    assert_eq!(api.ids("v2/persons?deal_id=1").await, [1]);
}

#[tokio::test]
async fn pipelines_have_stages_in_order() {
    let api = Api::new().await;
    let names = |body: Value| -> Vec<String> {
        body["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(api.get("v2/pipelines").await), ["Sales", "Partners"]);
    assert_eq!(names(api.get("v2/stages?pipeline_id=2&sort_by=order_nr&sort_direction=desc").await), ["Agreement", "First talk"]);
    assert_eq!(api.get("v2/stages").await["data"].as_array().unwrap().len(), 6);
    assert_eq!(api.get("v2/pipelines/1").await["data"]["name"], "Sales");
    assert_eq!(api.get("v2/stages/5").await["data"]["pipeline_id"], 2);
    assert_eq!(api.call(Verb::POST, "v2/pipelines", Some(&json!({"name": "X"}))).await.0, 404, "read only");
}

#[tokio::test]
async fn pages_go_on_where_they_ended_when_rows_have_gone() {
    let api = Api::new().await;
    for name in ["A", "B", "C", "D", "E"] {
        api.post("v2/persons", &json!({"name": name})).await;
    }
    let first = api.get("v2/persons?limit=2").await;
    let cursor = first["additional_data"]["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(first["data"].as_array().unwrap().len(), 2);
    for gone in [1, 3] {
        api.call(Verb::DELETE, &format!("v2/persons/{gone}"), None).await;
    }
    let second = api.get(&format!("v2/persons?limit=2&cursor={cursor}")).await;
    let ids: Vec<_> = second["data"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
    assert_eq!((ids, &second["additional_data"]), (vec![json!(4), json!(5)], &json!({"next_cursor": null})));
    let other = format!("v2/persons?sort_direction=desc&cursor={cursor}");
    assert_eq!(api.call(Verb::GET, &other, None).await.0, 400, "a cursor belongs to its order");
}

#[tokio::test]
async fn searches_compare_as_documented_and_behind_the_records() {
    let api = Api::new().await;
    api.post("v2/persons", &ada()).await;
    api.post("v2/persons", &json!({"name": "Adam", "phones": [{"value": "15550100002"}]})).await;
    for (query, ids) in [
        ("term=ADA", vec![1, 2]),
        ("term=ada&exact_match=true", vec![]),
        ("term=adam&exact_match=true", vec![2]),
        ("term=%2B15550100002&fields=phone&exact_match=true", vec![1]),
        ("term=15550100001&fields=phone&exact_match=true", vec![]),
        ("term=5550100001&fields=phone", vec![1]),
        ("term=0100002&fields=phone,email", vec![1, 2]),
        ("term=ADA%40example.com&fields=email&exact_match=true", vec![1]),
        ("term=example.com&fields=phone,name", vec![]),
    ] {
        assert_eq!(api.found(query).await, ids, "{query}");
    }
    let body = api.get("v2/persons/search?term=ada%40&limit=1").await;
    let item = &body["data"]["items"][0]["item"];
    assert_eq!((&item["phones"][0], &item["owner"]), (&json!("+1 555-010-0001"), &json!({"id": 11})));
    let first = api.get("v2/persons/search?term=ada&limit=1").await;
    let cursor = first["additional_data"]["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(api.found(&format!("term=ada&limit=1&cursor={cursor}")).await, [2]);
    api.sim.change(|settings| settings.phone_search = PhoneSearch::AsStored);
    assert_eq!(api.found("term=5550100001&fields=phone").await, [0; 0]);

    api.sim.change(|settings| settings.search_lag = 1);
    api.post("v2/persons", &json!({"name": "Late"})).await;
    assert_eq!((api.found("term=late").await, api.found("term=late").await), (vec![], vec![3]));
    api.sim.change(|settings| settings.search_lag = usize::MAX);
    api.call(Verb::DELETE, "v2/persons/3", None).await;
    assert_eq!((api.found("term=late").await, api.found("term=late").await), (vec![3], vec![3]));
    api.sim.change(|settings| settings.search_lag = 0);
    assert_eq!(api.found("term=late").await, [0; 0]);
}

#[tokio::test]
async fn companies_never_see_each_other() {
    let api = Api::new().await;
    let other = api.elsewhere();
    api.post("v2/persons", &ada()).await;
    assert_eq!((other.ids("v2/persons").await, other.found("term=ada").await), (vec![], vec![]));
    assert_eq!(other.call(Verb::GET, "v2/persons/1", None).await.0, 404);
    other.post("v2/persons", &json!({"name": "Olaf"})).await;
    assert_eq!(api.get("v2/persons/1").await["data"]["name"], "Ada Lovelace King");
    let stranger = http().get(format!("{}/api/v2/persons", api.sim.url())).bearer_auth("v1u:wrong").send().await.unwrap();
    assert_eq!((stranger.status().as_u16(), &stranger.headers()["x-401-by-gw"]), (401, &"true".parse().unwrap()));
    api.sim.set_suspended(DEMO_COMPANY, true);
    assert_eq!(api.call(Verb::GET, "v2/persons", None).await.0, 402);
    assert_eq!(other.ids("v2/persons").await, [1]);
}

#[tokio::test]
async fn records_are_made_by_hand_too() {
    let api = Api::new().await;
    let organization = api.sim.add_organization(DEMO_COMPANY, "Acme");
    let hand = |kind, body| api.sim.create(DEMO_COMPANY, UserId(12), kind, &body);
    let person = hand(Kind::Persons, json!({"name": "Ada", "org_id": organization})).unwrap();
    assert_eq!((&person["owner_id"], api.found("term=ada").await), (&json!(12), vec![1]));
    assert!(hand(Kind::Deals, json!({"person_id": 1})).unwrap_err().contains("title"));
    api.sim.update(DEMO_COMPANY, UserId(12), Kind::Persons, "1", &json!({"name": "Eve"})).unwrap();
    assert_eq!(api.get("v2/persons/search?term=eve").await["data"]["items"][0]["item"]["organization"]["name"], "Acme");
    api.sim.delete(DEMO_COMPANY, UserId(12), Kind::Persons, "1").unwrap();
    assert_eq!(api.found("term=eve").await, [0; 0]);
}
