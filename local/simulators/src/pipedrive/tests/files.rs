//! Files of the simulated Pipedrive.

use reqwest::{
    Method as Verb,
    multipart::{Form, Part},
};

use super::{records::Api, *};

async fn upload(api: &Api, form: Form) -> (u16, Value) {
    let request = http().post(format!("{}/api/v1/files", api.sim.url()));
    let answer = request.bearer_auth(api.token()).multipart(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn file(bytes: &[u8]) -> Part {
    Part::bytes(bytes.to_vec()).file_name("Angebot für Ada.pdf").mime_str("application/pdf").unwrap()
}

#[tokio::test]
async fn a_file_is_kept_with_what_it_belongs_to() {
    let api = Api::new().await;
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    let (status, answer) = upload(&api, Form::new().text("person_id", "1").part("file", file(b"%PDF-1.7"))).await;
    assert_eq!((status, &answer["success"]), (200, &json!(true)));
    let data = &answer["data"];
    assert_eq!((&data["id"], &data["name"], &data["file_size"]), (&json!(1), &json!("Angebot für Ada.pdf"), &json!(8)));
    assert_eq!((&data["person_id"], &data["file_type"]), (&json!(1), &json!("pdf")));
    let kept = &api.sim.files(DEMO_COMPANY)[0];
    assert_eq!((kept.content.as_ref(), kept.mime.as_str(), kept.person_id), (&b"%PDF-1.7"[..], "application/pdf", Some(1)));
    assert_eq!(api.get("v1/files?limit=5").await["data"][0]["id"], 1);
    assert_eq!(api.call(Verb::DELETE, "v1/files/1", None).await.0, 200);
    assert_eq!(api.get("v1/files/1").await["data"]["active_flag"], false);
    assert_eq!(api.sim.tokens_spent(DEMO_COMPANY), 5 + 10 + 20 + 6 + 2);
}

#[tokio::test]
async fn forms_that_do_not_fit_are_refused() {
    let api = Api::new().await;
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    api.sim.change(|settings| settings.largest_file = 4);
    let form = || Form::new().text("person_id", "1");
    for (form, status) in [
        (form().part("file", file(b"1234")), 200),
        (form().part("file", file(b"12345")), 413),
        (form(), 400),
        (form().part("file", file(b"1")).part("file", file(b"2")), 400),
        (form().part("picture", file(b"1")), 400),
        (form().text("colour", "red").part("file", file(b"1")), 400),
        (Form::new().text("person_id", "7").part("file", file(b"1")), 400),
        (Form::new().text("lead_id", "adf21080-0e10-11eb-879b-05d71fb426ec").part("file", file(b"1")), 400),
    ] {
        assert_eq!(upload(&api, form).await.0, status);
    }
    assert_eq!(api.call(Verb::POST, "v1/files", Some(&json!({"person_id": 1}))).await.0, 400);
    assert_eq!(api.sim.files(DEMO_COMPANY).len(), 1);
}

#[tokio::test]
async fn the_page_gives_a_file_away_to_be_saved_only() {
    let api = Api::new().await;
    api.post("v2/persons", &json!({"name": "Ada"})).await;
    upload(&api, Form::new().text("person_id", "1").part("file", file(b"<script>"))).await;
    let get = |id: u64| http().get(format!("{}/file?{id}", api.sim.url())).send();
    let answer = get(1).await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/octet-stream");
    let disposition = answer.headers()[header::CONTENT_DISPOSITION].to_str().unwrap();
    assert!(disposition.starts_with("attachment; filename*=UTF-8''Angebot%20f%C3%BCr%20Ada"), "{disposition}");
    assert_eq!(answer.bytes().await.unwrap().as_ref(), b"<script>");
    assert_eq!(get(2).await.unwrap().status(), 404);
}
