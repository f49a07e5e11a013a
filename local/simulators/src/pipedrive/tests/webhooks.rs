//! Webhooks of the simulated Pipedrive: what is told, to whom, how often, and what becomes of those who do not listen.

use axum::http::HeaderMap;
use reqwest::Method as Verb;

use super::{records::Api, *};

/// What listens to webhooks, and answers what a test tells it to.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    status: Arc<Mutex<Option<u16>>>,
}

impl Listener {
    async fn serve(&self) -> String {
        let listener = self.clone();
        let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            let given = headers.get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap()).to_owned();
            listener.heard.lock().unwrap().push((given, serde_json::from_slice(&body).unwrap()));
            let status = listener.status.lock().unwrap().unwrap_or(200);
            async move { StatusCode::from_u16(status).unwrap() }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/pipedrive/1001", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = Some(status);
    }

    fn heard(&self) -> Vec<Value> {
        std::mem::take(&mut *self.heard.lock().unwrap()).into_iter().map(|(_, payload)| payload).collect()
    }
}

fn wanted(url: &str, object: &str) -> Value {
    json!({
        "name": "Pigeonpost", "subscription_url": url, "event_action": "*", "event_object": object,
        "http_auth_user": "u", "http_auth_password": "p", "version": "2.0",
    })
}

/// A company with a listener to everything.
async fn listened(object: &str) -> (Api, Listener) {
    let (api, listener) = (Api::new().await, Listener::default());
    let url = listener.serve().await;
    api.post("v1/webhooks", &wanted(&url, object)).await;
    (api, listener)
}

/// What the meta says, as far as it differs by event.
fn gist(payload: &Value) -> String {
    let meta = |name: &str| payload["meta"][name].as_str().unwrap_or_default().to_owned();
    format!("{} {} {} {}", meta("action"), meta("entity"), meta("entity_id"), meta("change_source"))
}

#[tokio::test]
async fn changes_are_told_as_version_2_has_them() {
    let (api, listener) = listened("*").await;
    api.post("v2/persons", &json!({"name": "Ada", "phones": [{"value": "+15550100001", "label": "WhatsApp"}]})).await;
    api.call(Verb::PATCH, "v2/persons/1", Some(&json!({"name": "Ada L."}))).await;
    let lead = api.post("v1/leads", &json!({"title": "First", "person_id": 1})).await;
    api.sim.idle().await;
    let heard = listener.heard();
    let lead = lead["id"].as_str().unwrap();
    let gists: Vec<_> = heard.iter().map(gist).collect();
    assert_eq!(gists, ["create person 1 api", "change person 1 api", &format!("create lead {lead} api")]);

    let (created, changed) = (&heard[0], &heard[1]);
    assert_eq!((&created["previous"], &created["data"]["phones"][0]["label"]), (&Value::Null, &json!("WhatsApp")));
    assert_eq!((&changed["previous"], &changed["data"]["name"]), (&json!({"name": "Ada", "last_name": null}), &json!("Ada L.")));
    let meta = &changed["meta"];
    for (name, value) in [
        ("company_id", json!("1001")),
        ("user_id", json!("11")),
        ("webhook_id", json!("1")),
        ("version", json!("2.0")),
        ("type", json!("application")),
        ("attempt", json!(1)),
        ("host", json!("demo-company.pipedrive.com")),
    ] {
        assert_eq!(meta[name], value, "{name}");
    }
    assert_eq!((&changed["data"]["visible_to"], changed["data"].get("is_deleted")), (&json!("3"), None));

    api.sim.update(DEMO_COMPANY, DEMO_USER, Kind::Persons, "1", &json!({"name": "Ada Lovelace"})).unwrap();
    api.sim.create(DEMO_COMPANY, DEMO_USER, Kind::Notes, &json!({"content": "Hi", "person_id": 1})).unwrap();
    api.sim.delete(DEMO_COMPANY, DEMO_USER, Kind::Notes, "1").unwrap();
    api.sim.idle().await;
    let heard = listener.heard();
    let gists: Vec<_> = heard.iter().map(gist).collect();
    assert_eq!(gists, ["change person 1 app", "create note 1 app", "delete note 1 app"]);
    assert_eq!((&heard[2]["data"], &heard[2]["previous"]["content"]), (&Value::Null, &json!("Hi")));
}

#[tokio::test]
async fn a_webhook_hears_what_it_asked_for_with_its_password() {
    let (api, listener) = listened("note").await;
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    api.post("v1/notes", &json!({"content": "Hi", "person_id": 1})).await;
    api.sim.idle().await;
    let heard = listener.heard.lock().unwrap().clone();
    assert_eq!(heard.iter().map(|(_, payload)| gist(payload)).collect::<Vec<_>>(), ["create note 1 api"]);
    assert_eq!(heard[0].0, "Basic dTpw");
    assert_eq!(api.sim.webhook_attempts(DEMO_COMPANY)[0].status, Some(200));
}

#[tokio::test]
async fn what_is_not_taken_comes_three_times_more_with_the_same_id() {
    let (api, listener) = listened("person").await;
    listener.answer(500);
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    api.sim.idle().await;
    let mut ids = vec![listener.heard()[0]["meta"]["id"].clone()];
    for (attempt, pause) in [(2, 3), (3, 30), (4, 150)] {
        api.sim.advance(Duration::from_secs(pause - 1));
        api.sim.idle().await;
        assert!(listener.heard().is_empty(), "not before its time");
        api.sim.advance(Duration::from_secs(1));
        api.sim.idle().await;
        let heard = listener.heard();
        assert_eq!(heard[0]["meta"]["attempt"], attempt);
        ids.push(heard[0]["meta"]["id"].clone());
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "{ids:?}");
    api.sim.advance(Duration::from_hours(1));
    api.sim.idle().await;
    assert_eq!((listener.heard().len(), api.sim.untold()), (0, 0), "then it is lost");
}

#[tokio::test]
async fn who_fails_ten_times_hears_nothing_for_half_an_hour() {
    let (api, listener) = listened("person").await;
    listener.answer(500);
    for at in 0..11 {
        api.post("v2/persons", &json!({"name": format!("Ada {at}")})).await;
        api.sim.idle().await;
    }
    assert_eq!(listener.heard().len(), 10, "the eleventh is lost");
    listener.answer(200);
    api.sim.advance(Duration::from_mins(30));
    api.sim.idle().await;
    listener.heard();
    let api = api.renewed();
    api.post("v2/persons", &json!({"name": "Bob"})).await;
    api.sim.idle().await;
    assert_eq!(listener.heard().iter().map(gist).collect::<Vec<_>>(), ["create person 12 api"]);
}

#[tokio::test]
async fn a_webhook_that_fails_for_three_days_is_deleted() {
    let (api, listener) = listened("person").await;
    listener.answer(410);
    for day in 1..=3 {
        api.sim.advance(Duration::from_hours(24));
        api.renewed().post("v2/persons", &json!({"name": "Ada"})).await;
        api.sim.idle().await;
        assert_eq!(api.sim.webhooks(DEMO_COMPANY).len(), usize::from(day < 3), "after {day} days");
    }
    assert_eq!(api.renewed().get("v1/webhooks").await["data"], json!([]));
}

#[tokio::test]
async fn order_and_number_are_a_tests_choice() {
    let (api, listener) = listened("person").await;
    api.sim.change(|settings| settings.telling = Telling::Held);
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    api.post("v2/persons", &json!({"name": "Bob"})).await;
    api.sim.idle().await;
    assert_eq!((listener.heard().len(), api.sim.untold()), (0, 2));
    api.sim.reverse_untold();
    api.sim.change(|settings| settings.telling = Telling::Twice);
    api.sim.idle().await;
    assert_eq!(listener.heard().iter().map(gist).collect::<Vec<_>>(), ["create person 2 api", "create person 1 api"]);
    api.post("v2/persons", &json!({"name": "Eve"})).await;
    api.sim.idle().await;
    let heard = listener.heard();
    assert_eq!((heard.len(), &heard[0]["meta"]["id"]), (2, &heard[1]["meta"]["id"]));
}

#[tokio::test]
async fn registrations_are_checked_and_counted() {
    let (api, _) = listened("person").await;
    for (change, member) in [
        (json!({"subscription_url": "nowhere"}), "subscription_url"),
        (json!({"subscription_url": "https://api.pipedrive.com/v1/persons"}), "subscription_url"),
        (json!({"event_object": "persons"}), "event_object"),
        (json!({"event_action": "added"}), "event_action"),
        (json!({"version": "1.0"}), "version"),
    ] {
        let mut body = wanted("https://pigeonpost.example/x", "person");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = api.call(Verb::POST, "v1/webhooks", Some(&body)).await;
        assert_eq!((status, answer["success"].clone()), (400, json!(false)), "{change}");
        assert!(answer["errors"].get(member).is_some() || answer["error"].as_str().is_some(), "{answer}");
    }
    for _ in 1..40 {
        api.post("v1/webhooks", &wanted("https://pigeonpost.example/x", "person")).await;
    }
    let (status, _) = api.call(Verb::POST, "v1/webhooks", Some(&wanted("https://pigeonpost.example/x", "deal"))).await;
    assert_eq!(status, 422);
    assert_eq!(api.get("v1/webhooks").await["data"].as_array().unwrap().len(), 40);
    assert_eq!(api.call(Verb::DELETE, "v1/webhooks/7", None).await.0, 200);
    let (status, answer) = api.call(Verb::DELETE, "v1/webhooks/7", None).await;
    assert_eq!((status, &answer["errors"]["id"][0]), (404, &json!("not found")));
}
