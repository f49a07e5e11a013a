//! What the API refuses, and that it does so in Twilio's form.

use http::Method;

use super::*;

struct Caller {
    http: reqwest::Client,
    base: String,
}

impl Caller {
    fn new(world: &World) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, base: format!("{}/2010-04-01/Accounts", world.url) }
    }

    async fn call(&self, method: Method, path: &str, form: Option<&[(&str, &str)]>) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}/{path}", self.base)).basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN));
        if let Some(form) = form {
            request = request.form(form);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn messages_are_checked() {
    let world = World::new().await;
    let caller = Caller::new(&world);
    let path = format!("{ACCOUNT_SID}/Messages.json");
    let code = async |change: &[(&'static str, Option<&str>)]| {
        let mut form = vec![("To", "+15550100001"), ("From", NUMBER), ("Body", "Hi")];
        for (name, value) in change {
            form.retain(|(key, _)| key != name);
            form.extend(value.map(|value| (*name, value)));
        }
        let (status, answer) = caller.call(Method::POST, &path, Some(&form)).await;
        assert_eq!(answer["status"].as_u64().unwrap_or(400), if status == 201 { 400 } else { u64::from(status) });
        (status != 201).then(|| answer["code"].as_u64().unwrap())
    };
    let long = "ä".repeat(1601);
    for (change, expected) in [
        (vec![], None),
        (vec![("To", None)], Some(21_604)),
        (vec![("To", Some("15550100001"))], Some(21_211)),
        (vec![("To", Some("whatsapp:Ada"))], Some(21_211)),
        (vec![("From", None)], Some(21_603)),
        (vec![("From", Some("+15005550009"))], Some(21_606)),
        (vec![("To", Some("whatsapp:+15550100001"))], Some(21_910)),
        (vec![("From", None), ("MessagingServiceSid", Some(SERVICE_SID))], None),
        (vec![("From", None), ("MessagingServiceSid", Some("MG1"))], Some(21_705)),
        (vec![("Body", None)], Some(21_602)),
        (vec![("Body", Some(&long))], Some(21_617)),
        (vec![("Body", Some(&long[2..]))], None),
        (vec![("MediaUrl", Some("file.png"))], Some(21_620)),
        (vec![("StatusCallback", Some("https://under_score.example/"))], Some(21_609)),
        (vec![("Extra", Some("1"))], Some(20_001)),
    ] {
        assert_eq!(code(&change).await, expected, "{change:?}");
    }
    let mut form = vec![("To", "+15550100001"), ("From", NUMBER)];
    form.extend([("MediaUrl", "https://x.example/f"); 11]);
    assert_eq!(caller.call(Method::POST, &path, Some(&form)).await.1["code"], 21_623);
    let (status, answer) = caller.call(Method::POST, &path, None).await;
    assert_eq!((status, &answer["code"]), (400, &json!(20_001)), "no form");
    assert_eq!(world.twilio.sent().len(), 3);
}

#[tokio::test]
async fn only_the_account_itself_may_look() {
    let world = World::new().await;
    let caller = Caller::new(&world);
    let sid = world.twilio.customer_writes("+15550100001", "", "Hi");
    let account = caller.call(Method::GET, &format!("{ACCOUNT_SID}.json"), None).await;
    assert_eq!((account.0, &account.1["status"]), (200, &json!("active")));
    let message = caller.call(Method::GET, &format!("{ACCOUNT_SID}/Messages/{sid}.json"), None).await.1;
    assert_eq!((&message["direction"], &message["num_media"]), (&json!("inbound"), &json!("0")));
    for path in ["AC00000000000000000000000000000002.json", &format!("{ACCOUNT_SID}/Messages/SM1.json"), "x/y/z", ACCOUNT_SID] {
        let (status, answer) = caller.call(Method::GET, path, None).await;
        assert_eq!((status, &answer["code"]), (404, &json!(20_404)), "{path}");
    }
    world.twilio.set_auth_token("another");
    let (status, answer) = caller.call(Method::GET, &format!("{ACCOUNT_SID}.json"), None).await;
    assert_eq!((status, &answer["code"]), (401, &json!(20_003)));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let world = World::new().await;
    let caller = Caller::new(&world);
    for text in ["1", "2", "3"] {
        world.twilio.customer_writes("+15550100001", "", text);
    }
    world.twilio.customer_writes("+15550100002", "", "other");
    let list = async |query: &str| caller.call(Method::GET, &format!("{ACCOUNT_SID}/Messages.json?{query}"), None).await;
    let count = |answer: &(u16, Value)| answer.1["messages"].as_array().map(Vec::len);
    let first = list("From=%2B15550100001&PageSize=2").await;
    assert_eq!(count(&first), Some(2));
    let next = first.1["next_page_uri"].as_str().unwrap();
    let (_, query) = next.split_once("Messages.json?").unwrap();
    let second = list(query).await;
    assert_eq!((count(&second), &second.1["next_page_uri"]), (Some(1), &Value::Null));
    assert_eq!(count(&list("DateSent%3E=2020-01-01").await), Some(4));
    assert_eq!(count(&list("DateSent%3C=2020-01-01").await), Some(0));
    assert_eq!(count(&list("To=%2B15005550001&DateSent%3E=2020-01-01").await), Some(4));
    assert_eq!(list("Since=2020").await.0, 400);
    assert_eq!(list("Page=x").await.0, 400);
}

#[tokio::test]
async fn the_store_behind_it_takes_no_credentials() {
    let world = World::new().await;
    let caller = Caller::new(&world);
    let file = crate::handset::GivenFile {
        name: String::new(),
        mime: "image/png".to_owned(),
        voice: false,
        bytes: Bytes::from_static(b"picture"),
        caption: String::new(),
    };
    let incoming = Incoming { from: "+15550100001", name: "", text: "", files: &[file], at: SystemClock.now() };
    let sid = world.twilio.receive(&incoming, &[]);
    let media = world.twilio.message(&sid).unwrap().media[0].clone();
    let path = format!("{}/{ACCOUNT_SID}/Messages/{sid}/Media/{media}", caller.base);
    let unknown = caller.http.get(&path).send().await.unwrap();
    assert_eq!(unknown.status(), 401);
    let known = caller.http.get(&path).basic_auth(ACCOUNT_SID, Some(AUTH_TOKEN)).send().await.unwrap();
    assert_eq!(known.status(), 307);
    let link = known.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(caller.http.get(&link).basic_auth("a", Some("b")).send().await.unwrap().status(), 400);
    assert_eq!(caller.http.get(&link).send().await.unwrap().bytes().await.unwrap(), "picture");
    assert_eq!(caller.http.get(format!("{}/cdn/x", world.url)).send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_number_is_changed_by_its_sid() {
    let world = World::new().await;
    let caller = Caller::new(&world);
    let number = world.twilio.numbers()[0].sid.clone();
    let path = format!("{ACCOUNT_SID}/IncomingPhoneNumbers/{number}.json");
    let code = async |name: &'static str, value: &'static str| {
        caller.call(Method::POST, &path, Some(&[(name, value)])).await.1["code"].as_u64()
    };
    assert_eq!(code("SmsUrl", "https://x.example/#rc=1").await, None);
    assert_eq!(code("SmsUrl", "x.example").await, Some(21_502));
    assert_eq!(code("SmsMethod", "PUT").await, Some(20_001));
    assert_eq!(code("VoiceUrl", "https://x.example/").await, Some(20_001));
    assert_eq!(world.twilio.numbers()[0].sms_url, "https://x.example/#rc=1");
    let missing = caller.call(Method::POST, &format!("{ACCOUNT_SID}/IncomingPhoneNumbers/PN1.json"), Some(&[])).await;
    assert_eq!(missing.0, 404);
    let list = async |number: &str| {
        let path = format!("{ACCOUNT_SID}/IncomingPhoneNumbers.json?PhoneNumber={number}");
        caller.call(Method::GET, &path, None).await.1["incoming_phone_numbers"].as_array().map(Vec::len)
    };
    assert_eq!((list("%2B15005550001").await, list("%2B15005550002").await), (Some(1), Some(0)));
}
